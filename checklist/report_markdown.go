package checklist

import (
	"fmt"
	"regexp"
	"strings"

	"aslwiz/remote"
)

// Markdown is the report for people.
func (r Report) Markdown() string {
	var b strings.Builder
	verdict := "ready for production, except for the manual items below"
	if !r.Ready {
		verdict = "NOT ready for production"
	}
	fmt.Fprintf(&b, "# %s\n\nMeasured by aslwiz at %s: %s.\n", inline(r.Server), r.At.Format("2006-01-02 15:04 UTC"), verdict)
	b.WriteString("\n## Items\n\n| item | verdict | seen |\n|---|---|---|\n")
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", inline(f.Title), f.Status, inline(f.Got))
	}
	section(&b, "Still to do, by a person", r.Open)
	section(&b, "The server", []string{
		r.System + ", kernel " + r.Kernel, r.Machine, fmt.Sprintf("SSH on port %d", r.SSHPort),
		"gateways " + strings.Join(r.Gateways, ", ") + "; resolvers " + strings.Join(r.DNS, ", "),
		"mail: " + r.Mail, "log: " + r.Logging,
	})
	var cards []string
	for _, c := range r.Cards {
		line := c.Name + " " + c.MAC
		for _, a := range c.Addrs {
			line += " " + a.String()
		}
		cards = append(cards, line)
	}
	section(&b, "Addresses", cards)
	section(&b, "Tunnels", r.Tunnels)
	section(&b, "SNMP", r.SNMP)
	section(&b, "Admins", r.Admins)
	b.WriteString("\n## Entry for the infrastructure repository\n\n" + fenced(r.Inventory))
	b.WriteString("\n## Listening ports\n\n| port | address | program | open to |\n|---|---|---|---|\n")
	for _, l := range r.Listeners {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", inline(l.Port), inline(l.Addr), inline(l.Program), inline(l.Open))
	}
	b.WriteString("\n## Evidence\n\n")
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "### %s: %s\n\n- want: %s\n- got: %s\n", f.Item, f.Status, inline(f.Want), inline(f.Got))
		if f.Fix != nil {
			fmt.Fprintf(&b, "- fix: %s\n", inline(f.Fix.Text))
		}
		if len(f.Evidence) > 0 {
			b.WriteString("\n" + fenced(strings.Join(f.Evidence, "\n")))
		}
		b.WriteString("\n")
	}
	section(&b, "What the page does not install", r.NotHere)
	b.WriteString("\n## Message for the admin list\n\n" + fenced(r.Message))
	return b.String()
}

func section(b *strings.Builder, title string, lines []string) {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if len(lines) == 0 {
		b.WriteString("None.\n")
	}
	for _, l := range lines {
		fmt.Fprintf(b, "- %s\n", inline(l))
	}
}

// fenced is text as a block of code. Its fence is longer than any inside: nothing that
// a server says ends the block.
func fenced(s string) string {
	s = strings.TrimRight(remote.CleanText(s), "\n")
	longest := 2
	for _, run := range backticks.FindAllString(s, -1) {
		longest = max(longest, len(run))
	}
	fence := strings.Repeat("`", longest+1)
	return fence + "\n" + s + "\n" + fence + "\n"
}

var (
	backticks = regexp.MustCompile("`+")
	// blockMark begins a list, a quote, a heading, a rule or a block of code.
	blockMark = regexp.MustCompile(`^(\d{1,9}[.)](\s|$)|[-+*_](\s|$)|[-*_]{3}|[#>~=])`)
	// marks make a link, an image, HTML, code or a table's cell of a line's text.
	marks = strings.NewReplacer(`\`, `\\`, "`", "\\`", "[", `\[`, "<", "&lt;", "|", `\|`)
)

// inline is text within a line of Markdown, which shows it and obeys none of it: it may
// be a server's.
func inline(s string) string {
	s = strings.TrimSpace(remote.CleanLine(strings.ReplaceAll(s, "\n", " ")))
	if !blockMark.MatchString(s) {
		return marks.Replace(s)
	}
	rest := strings.TrimLeft(s, "0123456789")
	return s[:len(s)-len(rest)] + `\` + marks.Replace(rest)
}
