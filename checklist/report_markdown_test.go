package checklist

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"aslwiz/remote"
)

// reportSaying is a report of a server that says text wherever it says anything.
func reportSaying(text string) string {
	in := In{Answers: labAnswers(), Facts: Facts{Pretty: text, Kernel: text, Arch: text, Virt: text, NICs: []NIC{{Name: text, MAC: text}}}}
	in.Answers.Mail = Mail{Relay: text, Root: text}
	in.Answers.SNMP = SNMP{NMS: []string{text}, User: text}
	in.Answers.Peers = []Peer{{Name: text, Addresses: []string{text}}}
	r := newReport(in, []Finding{
		{Item: "dns", Title: text, Status: Failed, Want: text, Got: text, Evidence: []string{text, "", text}, Fix: &Fix{Text: text}},
		{Item: "mail", Title: text, Status: Manual, Got: text},
	}, nil, time.Time{})
	r.Listeners = []Listener{{Port: text, Addr: text, Program: text, Open: text}}
	r.Admins = []string{text}
	return r.Markdown()
}

// fenceLine is a line that begins or ends a block of code: CommonMark 0.31, 4.5. It may
// stand in an element of a list.
var fenceLine = regexp.MustCompile("^(?:- )? {0,3}(`{3,}|~{3,})([^`]*)$")

// outside is what a reader of Markdown interprets, and how many blocks of code there are.
func outside(md string) (text string, blocks int) {
	var out []string
	fence := ""
	for line := range strings.SplitSeq(md, "\n") {
		m := fenceLine.FindStringSubmatch(line)
		switch {
		case fence == "" && m != nil:
			fence = m[1]
			blocks++
		case fence == "":
			out = append(out, line)
		case m != nil && m[1][0] == fence[0] && len(m[1]) >= len(fence) && strings.TrimSpace(m[2]) == "":
			fence = ""
		}
	}
	if fence != "" {
		blocks = -1
	}
	return strings.Join(out, "\n"), blocks
}

// obeyed is what of a text outside of code is more than text: HTML, a link, an image,
// code, or a heading, a quote and a list within an element of a list.
var obeyed = regexp.MustCompile(`(?m)(?:^|[^\\])(?:\\\\)*(?:<|\[|` + "`" + `)|^- (?:[#>~]|[-+*] |\d+[.)] )`)

// wantHarmlessReport fails where a server's text changes what the report consists of.
func wantHarmlessReport(t *testing.T, hostile string) {
	t.Helper()
	md := reportSaying(hostile)
	text, blocks := outside(md)
	plain, wantBlocks := outside(reportSaying("plain"))
	if blocks != wantBlocks {
		t.Errorf("%.80q: %d blocks of code, want %d:\n%.2000s", hostile, blocks, wantBlocks, md)
		return
	}
	if got, want := strings.Count("\n"+text, "\n#"), strings.Count("\n"+plain, "\n#"); got != want {
		t.Errorf("%.80q: %d headings, want %d", hostile, got, want)
	}
	if got, want := strings.Count(text, "\n"), strings.Count(plain, "\n"); got != want {
		t.Errorf("%.80q: %d lines outside of code, want %d", hostile, got, want)
	}
	if m := obeyed.FindString(text); m != "" {
		t.Errorf("%.80q: %.80q is obeyed:\n%.2000s", hostile, m, text)
	}
	if len(hostile) < 500 && md != remote.CleanText(md) { // a longer line is cut
		t.Errorf("%.80q is not clean in the report", hostile)
	}
	for line := range strings.SplitSeq(text, "\n") {
		cells := len(regexp.MustCompile(`\\.|\|`).FindAllString(line, -1)) - len(regexp.MustCompile(`\\.`).FindAllString(line, -1))
		if cells != 0 && (!strings.HasPrefix(line, "|") || cells != 4 && cells != 5) {
			t.Errorf("%.80q: a line of %d cells: %s", hostile, cells, line)
		}
	}
}

var hostileMarkdown = []string{
	"plain", "", "```", "~~~~", "````", "``````````", "a ``` b", "```\n# Ready\n```", "~~~\n~~~", "x\n```\n\n# pwned\n```", " ```", "   ~~~ x",
	"<script>alert(1)</script>", "<!--", "</details>", "<img src=x>", `\<script>`, `\\<script>`, "![](http://x/p.png)", "[ok](javascript:alert(1))", `\[ok](x)`, "[ok]: http://x", "![x][ok]",
	"a | b", `a \| b`, `a \\| b`, "|", "# Ready", "> quoted", "- [x] done", "1. one", "2) two", "---", "***", "===", "* * *", "    code", "\tcode", "`code", "&lt;b&gt;",
	"a\r\n# b", "a\u2028# b", "\x1b[2J", strings.Repeat("`", 5000), strings.Repeat("[", 5000),
}

// TestReportOfAHostileServer: what a server says is shown in the report and changes
// nothing of it. A fence of four tildes left its block; HTML and images were passed on.
func TestReportOfAHostileServer(t *testing.T) {
	t.Parallel()
	for _, text := range hostileMarkdown {
		wantHarmlessReport(t, text)
	}
}

func FuzzReportMarkdown(f *testing.F) {
	for _, text := range hostileMarkdown {
		f.Add(text)
	}
	f.Fuzz(wantHarmlessReport)
}

// What is no markup stays as it is typed.
func TestPlainTextInTheReport(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"198.51.100.11 is free", "10.0.0.1", "-v is set", "2 of 20", "snmp_user's *.conf & more", "5.1 GiB (a/b)", "_dmarc is there", "#"} {
		if got := inline(s); got != s && s != "#" {
			t.Errorf("%.80q became %.80q", s, got)
		}
	}
	if got := inline("#"); got != `\#` {
		t.Errorf("# became %.80q", got)
	}
}
