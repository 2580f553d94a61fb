package practice

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// brk is something that breaks on a machine that was in order, as in the lab's
// table, which says what must turn red.
type brk struct {
	name string
	do   func(*World)
	mend func(*World) // what a person does by hand; nil: a step mends it
}

// Breaks are the names of what can be broken.
func Breaks() []string {
	var out []string
	for _, b := range breaks() {
		out = append(out, b.name)
	}
	return out
}

// Break breaks something by its name.
func (w *World) Break(name string) error {
	return w.with(name, func(b brk) { b.do(w) })
}

// Mend does by hand what no step does; nothing where a step mends it.
func (w *World) Mend(name string) error {
	return w.with(name, func(b brk) {
		if b.mend != nil {
			b.mend(w)
		}
	})
}

func (w *World) with(name string, do func(brk)) error {
	i := slices.IndexFunc(breaks(), func(b brk) bool { return b.name == name })
	if i < 0 {
		return fmt.Errorf("there is no break %q: %s", name, strings.Join(Breaks(), ", "))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	do(breaks()[i])
	w.settleTunnels()
	return nil
}

// off is systemctl disable --now.
func off(machine, unit string) func(*World) {
	return func(w *World) {
		m := w.machine(machine)
		m.stopUnit(unit)
		_ = m.systemctl("disable", unit) // it is there
	}
}

// changed edits a file of the server and lets a service read it again.
func changed(path, pattern, with, unit string) func(*World) {
	return func(w *World) {
		m := w.server()
		m.edit(path, func(old string) string { return regexp.MustCompile(`(?m)`+pattern).ReplaceAllString(old, with) })
		if unit != "" {
			_ = m.startUnit(unit) // as it is
		}
	}
}

// flushed is ip6tables -P INPUT ACCEPT and -F INPUT.
func flushed(w *World) {
	open := ""
	for _, r := range w.server().rules[6] {
		switch {
		case strings.HasPrefix(r.line, ":INPUT "):
			open += ":INPUT ACCEPT\n"
		case !strings.HasPrefix(r.line, "-A INPUT "):
			open += r.line + "\n"
		}
	}
	w.server().setRules(6, open)
}

func breaks() []brk {
	return []brk{
		{name: "host name changed", do: func(w *World) {
			w.server().kernelName = "wrong"
			w.server().write("/etc/hostname", "wrong\n")
		}},
		{name: "name missing in /etc/hosts", do: changed("/etc/hosts", `^127\.0\.1\.1.*\n`, "", "")},
		{name: "IPv6 rules flushed", do: flushed},
		{name: "screenrc line commented", do: changed("/etc/screenrc", `^(.*ti@:te@)`, "#$1", "")},
		{name: "a needed service stopped and disabled", do: off(serverName, "haveged.service")},
		{name: "the jail stopped", do: off(serverName, "fail2ban.service")},
		{name: "the jail more patient than the page", do: changed("/etc/fail2ban/jail.local", `^maxretry.*`, "maxretry = 9", "fail2ban.service")},
		{name: "the zone not UTC", do: func(w *World) { w.server().zone = "Europe/Berlin" }},
		{name: "the time daemon stopped", do: off(serverName, "ntpsec.service")},
		{name: "the peer's tunnel stopped", do: off(peerName, "strongswan-starter.service")},
		{name: "the keys differ", do: func(w *World) {
			m := w.machine(peerName)
			for _, path := range m.tunnelFiles("/etc/ipsec.secrets", ".secrets") {
				m.edit(path, func(old string) string {
					return secretKey.ReplaceAllLiteralString(old, "0sAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
				})
			}
			m.readSecrets()
		}},
		{
			name: "no AAAA record", do: func(w *World) { w.names.missing["AAAA"] = true },
			mend: func(w *World) { delete(w.names.missing, "AAAA") },
		},
		{
			name: "a PTR record to another name",
			do: func(w *World) {
				for _, a := range []netip.Addr{w.server().home4().Addr(), w.server().home6().Addr()} {
					w.names.wrong[a] = "two." + domain
				}
			},
			mend: func(w *World) { clear(w.names.wrong) },
		},
		{
			name: "the relay out of reach",
			do:   func(w *World) { w.relay.away = true; w.server().mailRoot("lost") },
			mend: func(w *World) { w.relay.away = false; w.server().deliver() },
		},
		{name: "postfix stopped", do: off(serverName, "postfix.service")},
		{name: "snmpd silent", do: off(serverName, "snmpd.service")},
		{name: "the log kept to itself", do: func(w *World) { w.server().remove("/etc/rsyslog.d/60-aslwiz.conf") }},
		{name: "no default route", do: func(w *World) { w.server().card.gateway4 = "" }},
		{name: "the IPv6 address gone", do: func(w *World) {
			c := &w.server().card
			c.addrs = slices.DeleteFunc(c.addrs, func(p netip.Prefix) bool { return p.Addr().Is6() })
		}},
	}
}
