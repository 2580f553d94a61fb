package practice

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"strings"

	"aslwiz/remote"
)

// ini is what a configuration file says, by "section/key".
func ini(text string) map[string]string {
	out := map[string]string{}
	section, last := "", ""
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#':
		case trimmed[0] == '[':
			section, last = strings.Trim(trimmed, "[]"), ""
		case (line[0] == ' ' || line[0] == '\t') && last != "":
			out[last] += " " + trimmed
		default:
			k, v, _ := strings.Cut(trimmed, "=")
			last = section + "/" + strings.TrimSpace(k)
			out[last] = strings.TrimSpace(v)
		}
	}
	return out
}

const jailFile = "/etc/fail2ban/jail.local"

// jailError says why fail2ban would not start: Debian 12 has no log file of sshd's,
// so the jail that the package switches on finds none until it is told of the journal.
func (m *machine) jailError() error {
	conf := ini(m.text(jailFile))
	switch {
	case conf["sshd/backend"] != "systemd":
		return errors.New("Have not found any log file for sshd jail") //nolint:staticcheck // fail2ban's own words
	case !m.installed("python3-systemd"):
		return errors.New("Unable to initialize server: no module named systemd") //nolint:staticcheck // fail2ban's own words
	}
	return nil
}

// noJail is what fail2ban's client says without its server.
const noJail = "Failed to access socket path: /var/run/fail2ban/fail2ban.sock. Is fail2ban running?"

// jailAnswer is what fail2ban-client -i says to the questions of the item.
func (m *machine) jailAnswer(p remote.Probe) remote.Answer {
	if !m.installed("fail2ban") {
		return remote.Answer{Probe: p, Code: 127}
	}
	const (
		hello = "Fail2Ban v1.0.2 reads log file that contains password failure report\nand bans the corresponding IP addresses using firewall rules.\n\n"
		wrong = "fail2ban> 2026-11-22 14:39:05,401 fail2ban                [1789]: ERROR   "
		end   = wrong + "EOF when reading a line\n\n"
	)
	if !m.active("fail2ban.service") {
		return said(p, hello+strings.Repeat(wrong+noJail+"\n", 7)+end)
	}
	conf := ini(m.text(jailFile))
	get := func(key, other string) string {
		for _, section := range []string{"sshd/", "DEFAULT/"} {
			if v := conf[section+key]; v != "" {
				return v
			}
		}
		return other
	}
	const journal = "_SYSTEMD_UNIT=sshd.service + _COMM=sshd"
	var b strings.Builder
	b.WriteString(hello)
	for _, answer := range []string{
		"Status for the jail: sshd\n|- Filter\n|  |- Currently failed:\t0\n|  |- Total failed:\t0\n|  `- Journal matches:\t" + journal +
			"\n`- Actions\n   |- Currently banned:\t0\n   |- Total banned:\t0\n   `- Banned IP list:\t",
		"The jail sshd has the following actions:\n" + get("banaction", "iptables-multiport"),
		"These IP addresses/networks are ignored:\n" + ignored(get("ignoreip", "")),
		"Current match filter:\n" + journal,
		get("bantime", "600"), get("findtime", "600"), get("maxretry", "5"),
	} {
		b.WriteString("fail2ban> " + answer + "\n")
	}
	b.WriteString(end)
	return said(p, b.String())
}

var banList = regexp.MustCompile(`(?m)^list='([^']+)'$`)

// banAnswer is what comes of banning addresses that nobody has: with the action
// route they are in the tables of routes, and gone again.
func (m *machine) banAnswer(p remote.Probe) remote.Answer {
	list := banList.FindStringSubmatch(p.Args[1])
	switch {
	case list == nil:
		return m.notModelled(p)
	case !m.installed("fail2ban"):
		return remote.Answer{Probe: p, Code: 127}
	case !m.active("fail2ban.service"):
		return said(p, "not tried: "+noJail+"\n")
	}
	var banned, freed string
	for a := range strings.FieldsSeq(list[1]) {
		route := "unreachable " + a
		if strings.Contains(a, ":") {
			route += " dev lo metric 1024 pref medium"
		} else {
			route += " " // as ip(8) ends it
		}
		if ini(m.text(jailFile))["DEFAULT/banaction"] == "route" {
			banned += "banned " + a + " " + route + "\n"
		}
		freed += "freed " + a + "\n"
	}
	return said(p, banned+freed)
}

func ignored(list string) string {
	w := strings.Fields(strings.ReplaceAll(list, ",", " "))
	var out []string
	for i, a := range w {
		mark := "|- "
		if i == len(w)-1 {
			mark = "`- "
		}
		if p, err := netip.ParsePrefix(a); err == nil {
			a = p.Masked().String()
		}
		out = append(out, mark+a)
	}
	return strings.Join(out, "\n")
}

// screenAnswer is which buffer screen uses in each kind of xterm.
func (m *machine) screenAnswer(p remote.Probe) remote.Answer {
	if !m.installed("screen") {
		return remote.Answer{Probe: p, Code: 127}
	}
	var b strings.Builder
	for _, term := range []string{"xterm", "xterm-256color"} {
		buffer := "alternate"
		for line := range strings.Lines(m.text("/etc/screenrc")) {
			w := strings.Fields(line)
			if len(w) < 3 || w[0] != "termcapinfo" || !strings.Contains(w[2], "ti@") {
				continue
			}
			for pattern := range strings.SplitSeq(w[1], "|") {
				if ok, err := path.Match(pattern, term); ok && err == nil {
					buffer = "normal"
				}
			}
		}
		fmt.Fprintf(&b, "%s %s\n", term, buffer)
	}
	return said(p, b.String())
}
