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
				r.Admins = append(r.Admins, p.Name+": "+k.note())
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
