package checklist

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"aslwiz/remote"
)

// Report is the hand-off: what the monitoring team, and whoever comes next, must
// know of a server. It holds no secret, since nothing that it is made of does.
type Report struct {
	Server   string    `json:"server"` // the full host name
	At       time.Time `json:"at"`
	Ready    bool      `json:"ready"` // nothing is red, waiting or unknown
	System   string    `json:"system"`
	Kernel   string    `json:"kernel"`
	Machine  string    `json:"machine"`
	Cards    []NIC     `json:"cards"`
	Gateways []string  `json:"gateways"`
	DNS      []string  `json:"dns"`
	SSHPort  int       `json:"ssh_port"`

	Findings  []Finding  `json:"findings"`
	Listeners []Listener `json:"listeners"`
	Tunnels   []string   `json:"tunnels"`
	SNMP      []string   `json:"snmp"`
	Logging   string     `json:"logging"`
	Mail      string     `json:"mail"`
	Admins    []string   `json:"admins"`
	Inventory string     `json:"inventory"` // the line for the infrastructure repository
	// Open is what a person has still to do.
	Open []string `json:"open"`
	// NotHere is what the page does not install.
	NotHere []string `json:"not_here"`
	// Message is the text for the admin list.
	Message string `json:"message"`
}

// notHere is what a reader might expect of the page and will not find.
var notHere = []string{
	"AllStarLink itself (asterisk, app_rpt): the page is about the server under it",
	"backups of the server",
	"automatic security updates",
	"TLS certificates",
}

// MakeReport measures all items and writes down the rest.
func MakeReport(ctx context.Context, h Host, in In, emit Emit) (Report, error) {
	items := Items()
	findings, seen, err := measure(ctx, h, in, items, emit)
	if err != nil {
		return Report{}, err
	}
	i := slices.IndexFunc(items, func(it Item) bool { return it.ID == itemServicesOther.ID })
	return newReport(in, findings, seen[i].Answers, time.Now()), nil
}

func newReport(in In, findings []Finding, listening []remote.Answer, at time.Time) Report {
	a, f := in.Answers, in.Facts
	r := Report{
		Server: a.FQDN(), At: at.UTC().Truncate(time.Second), Ready: true,
		System: f.Pretty, Kernel: f.Kernel,
		Machine: fmt.Sprintf("%d cores, %.1f GiB memory, %.0f GiB disk, %s %s", f.Cores, float64(f.MemKiB)/(1<<20), float64(f.DiskKiB)/(1<<20), f.Virt, f.Arch),
		Cards:   f.NICs, SSHPort: f.SSHPort, Findings: findings, NotHere: notHere,
		Inventory: inventoryLine(in),
		Logging:   "not forwarded", Mail: "not sent anywhere",
	}
	if f.Gateway4.IsValid() {
		r.Gateways = append(r.Gateways, f.Gateway4.String())
	}
	if f.Gateway6.IsValid() {
		r.Gateways = append(r.Gateways, f.Gateway6.String())
	}
	for _, d := range f.DNS {
		r.DNS = append(r.DNS, d.String())
	}
	for _, x := range findings {
		r.add(x)
	}
	if len(listening) == 1 {
		if text, err := listening[0].Text(); err == nil {
			r.Listeners = parseListeners(in, text)
		}
	}
	r.services(a)
	r.Message = r.message()
	return r
}

// add notes what a finding leaves to do.
func (r *Report) add(f Finding) {
	switch f.Status {
	case Passed:
		return
	case Manual:
		r.Open = append(r.Open, f.Item+": "+f.Got)
		return
	}
	r.Ready = false
	line := f.Item + " (" + string(f.Status) + "): " + f.Got
	if f.Fix != nil {
		line += "; " + f.Fix.Text
	}
	r.Open = append(r.Open, line)
}

func (r *Report) services(a Answers) {
	for _, p := range a.Peers {
		r.Tunnels = append(r.Tunnels, p.Name+": "+strings.Join(p.Addresses, ", "))
	}
	if s := a.SNMP; s.Given() {
		how := "version 3, user " + s.User + ", SHA-256 and AES; the passwords are on the server in " + snmpCredentials
		if s.V2() {
			how = "version 2c; the community is on the server in " + snmpCommunity
		}
		r.SNMP = []string{how, "answers " + strings.Join(s.NMS, ", ")}
	}
	if l := a.Logging; l.Host != "" {
		r.Logging = "sent to " + net.JoinHostPort(l.Host, strconv.Itoa(l.LogPort())) + " by " + l.LogProtocol()
	}
	if m := a.Mail; m.Relay != "" {
		r.Mail = "handed to " + m.Relay + ", root's goes to " + m.Root
	}
	for _, p := range a.Admins {
		for _, line := range p.Keys {
			if k, err := ParseKey(line); err == nil {
				r.Admins = append(r.Admins, p.Name+": "+k.Fingerprint+" "+k.Type)
			}
		}
	}
}

// addresses are all of the server's, without their prefixes.
func (r Report) addresses() string {
	var out []string
	for _, c := range r.Cards {
		for _, a := range c.Addrs {
			out = append(out, a.Addr().String())
		}
	}
	return strings.Join(out, ", ")
}

// message asks the admin list for what only they can do.
func (r Report) message() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Subject: %s: please add to LibreNMS\n\n", r.Server)
	fmt.Fprintf(&b, "%s (%s) is set up by the Server Provisioning page.\n", r.Server, r.addresses())
	if len(r.SNMP) > 0 {
		fmt.Fprintf(&b, "SNMP: %s. I send what is secret another way.\n", strings.Join(r.SNMP, "; "))
	} else {
		b.WriteString("SNMP is not set up yet.\n")
	}
	fmt.Fprintf(&b, "Log: %s.\n", r.Logging)
	if len(r.Tunnels) > 0 {
		fmt.Fprintf(&b, "IPsec: %s.\n", strings.Join(r.Tunnels, "; "))
	}
	if !r.Ready {
		b.WriteString("Some items of the page are not green yet; please wait with it until I write again.\n")
	}
	b.WriteString("Please tell me when it is being watched.\n")
	return b.String()
}

// Markdown is the report for people.
func (r Report) Markdown() string {
	var b strings.Builder
	verdict := "ready for production, but for what a person has to see to"
	if !r.Ready {
		verdict = "NOT ready for production"
	}
	fmt.Fprintf(&b, "# %s\n\nMeasured by aslwiz at %s: %s.\n", r.Server, r.At.Format("2006-01-02 15:04 UTC"), verdict)
	b.WriteString("\n## Items\n\n| item | verdict | seen |\n|---|---|---|\n")
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(f.Title), f.Status, cell(f.Got))
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
	fmt.Fprintf(&b, "\n## Entry for the infrastructure repository\n\n```\n%s\n```\n", r.Inventory)
	b.WriteString("\n## Listening ports\n\n| port | address | program | open to |\n|---|---|---|---|\n")
	for _, l := range r.Listeners {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", l.Port, cell(l.Addr), cell(l.Program), cell(l.Open))
	}
	b.WriteString("\n## Evidence\n\n")
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "### %s: %s\n\n- want: %s\n- got: %s\n", f.Item, f.Status, remote.CleanLine(f.Want), remote.CleanLine(f.Got))
		if f.Fix != nil {
			fmt.Fprintf(&b, "- fix: %s\n", remote.CleanLine(f.Fix.Text))
		}
		if len(f.Evidence) > 0 {
			fence := "```"
			if slices.ContainsFunc(f.Evidence, func(l string) bool { return strings.Contains(l, fence) }) {
				fence = "~~~~"
			}
			fmt.Fprintf(&b, "\n%s\n%s\n%s\n", fence, remote.CleanText(strings.Join(f.Evidence, "\n")), fence)
		}
		b.WriteString("\n")
	}
	section(&b, "What the page does not install", r.NotHere)
	fmt.Fprintf(&b, "\n## Message for the admin list\n\n```\n%s```\n", r.Message)
	return b.String()
}

func section(b *strings.Builder, title string, lines []string) {
	fmt.Fprintf(b, "\n## %s\n\n", title)
	if len(lines) == 0 {
		b.WriteString("None.\n")
	}
	for _, l := range lines {
		fmt.Fprintf(b, "- %s\n", remote.CleanLine(l))
	}
}

// cell is text that does not break out of a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(remote.CleanText(s))
}
