package practice

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"aslwiz/remote"
)

// names is DNS as everybody sees it. It knows the server by the name that was
// asked for last, as if its admin entered each record as soon as it is wanted.
type names struct {
	name    string                // of the server
	missing map[string]bool       // record types that are not entered: "A", "AAAA"
	wrong   map[netip.Addr]string // where the reverse of an address leads instead
}

// reachesDNS says whether the machine's resolv.conf names the world's resolver.
func (m *machine) reachesDNS() bool {
	for line := range strings.Lines(m.text("/etc/resolv.conf")) {
		if w := strings.Fields(line); len(w) > 1 && w[0] == "nameserver" && w[1] == resolver {
			return len(m.card.addrs) > 0
		}
	}
	return false
}

// addresses are the records of a name.
func (w *World) addresses(name string, v4 bool) (netip.Addr, bool) {
	if !strings.HasSuffix(name, "."+domain) {
		return netip.Addr{}, false
	}
	of := w.server()
	for _, m := range w.machines[1:] {
		if name == m.name+"."+domain {
			of = m
		}
	}
	if of == w.server() {
		w.names.name = name
	}
	if v4 {
		return of.home4().Addr(), of != w.server() || !w.missing("A")
	}
	return of.home6().Addr(), of != w.server() || !w.missing("AAAA")
}

// nameOf is where the reverse of an address leads.
func (w *World) nameOf(a netip.Addr) (string, bool) {
	for i, m := range w.machines {
		if a != m.home4().Addr() && a != m.home6().Addr() {
			continue
		}
		if wrong := w.names.wrong[a]; wrong != "" {
			return wrong, true
		}
		if i > 0 {
			return m.name + "." + domain, true
		}
		return w.names.name, true
	}
	return "", false
}

// getent answers what glibc's own client prints about DNS.
func (m *machine) getent(p remote.Probe) remote.Answer {
	db, what := p.Args[3], p.Args[4]
	none := remote.Answer{Probe: p, Code: 2}
	if !m.reachesDNS() {
		return none
	}
	switch db {
	case "hosts":
		a, err := netip.ParseAddr(what)
		if name, ok := m.w.nameOf(a); err == nil && ok {
			return said(p, fmt.Sprintf("%-15s %s\n", a, name))
		}
	case "ahostsv4", "ahostsv6":
		a, ok := m.w.addresses(what, db == "ahostsv4")
		text := a.String()
		if !ok && db == "ahostsv6" { // glibc then shows the A record as an IPv6 address
			a, ok = m.w.addresses(what, true)
			text = "::ffff:" + a.String()
		}
		if ok {
			return said(p, fmt.Sprintf("%-15s STREAM %s\n%-15[1]s DGRAM  \n%-15[1]s RAW    \n", text, what))
		}
	}
	return none
}

// LookUp answers questions to DNS as the world's resolver does.
func (h *Host) LookUp(_ context.Context, questions []remote.Lookup) []remote.LookupAnswer {
	w := h.m.w
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]remote.LookupAnswer, len(questions))
	for i, q := range questions {
		out[i] = remote.LookupAnswer{Lookup: q, Asked: resolver + ":53", Code: "no such name"}
		switch q.Type {
		case "A", "AAAA":
			if a, ok := w.addresses(q.Name, q.Type == "A"); ok {
				out[i].Code, out[i].Values = "ok", []string{a.String()}
			}
		case "PTR":
			a, ok := addrOf(q.Name)
			name, known := w.nameOf(a)
			if ok && known {
				host, rest, _ := strings.Cut(name, ".")
				out[i].Code, out[i].Values = "ok", []string{name}
				out[i].Hops = []string{q.Name + " -> " + host + ".PTR." + rest}
			}
		}
	}
	return out
}

// addrOf reads the name that an address is looked up by.
func addrOf(name string) (netip.Addr, bool) {
	if s, ok := strings.CutSuffix(name, ".in-addr.arpa"); ok {
		w := strings.Split(s, ".")
		slices.Reverse(w)
		a, err := netip.ParseAddr(strings.Join(w, "."))
		return a, err == nil
	}
	s, ok := strings.CutSuffix(name, ".ip6.arpa")
	w := strings.Split(s, ".")
	if !ok || len(w) != 32 {
		return netip.Addr{}, false
	}
	slices.Reverse(w)
	var b strings.Builder
	for i, nibble := range w {
		if i > 0 && i%4 == 0 {
			b.WriteByte(':')
		}
		b.WriteString(nibble)
	}
	a, err := netip.ParseAddr(b.String())
	return a, err == nil
}
