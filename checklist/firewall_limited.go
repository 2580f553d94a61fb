package checklist

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// limitedOpen is an element of firewall.limited: a service or port that is open to
// some addresses, or on one network card.
type limitedOpen struct {
	what  string
	ports []string // "5038/tcp"
	from  []netip.Prefix
	on    string // a network card
}

// parseLimited reads "iax2 from 198.51.100.0/24 2001:db8:7::/48", "5038/tcp on eth1",
// or both conditions.
func parseLimited(s string) (limitedOpen, error) {
	words := strings.Fields(s)
	if len(words) == 0 {
		return limitedOpen{}, errors.New("is empty: write a service or port, and who may reach it")
	}
	l := limitedOpen{what: words[0]}
	if strings.Contains(l.what, "/") {
		if err := CheckPort(l.what); err != nil {
			return l, err
		}
		l.ports = []string{l.what}
	} else if err := CheckService(l.what); err != nil {
		return l, err
	} else {
		service, _ := ServiceByName(l.what)
		l.ports = service.Ports
	}
	which := ""
	for _, w := range words[1:] {
		switch {
		case w == "from" || w == "on":
			which = w
		case which == "from":
			if err := CheckPrefix(w); err != nil {
				return l, err
			}
			p, _ := parsePrefix(w)
			l.from = append(l.from, p)
		case which == "on" && l.on == "" && w != "lo" && zoneChars.MatchString(w):
			l.on = w
		case which == "on" && l.on != "":
			return l, fmt.Errorf("%q: only one network card per entry; this entry already names %s", w, l.on)
		case which == "on":
			return l, fmt.Errorf("%q is not the name of a network card such as eth1", w)
		default:
			return l, fmt.Errorf("%q: after %s comes from, with addresses, or on, with a network card", w, l.what)
		}
	}
	if len(l.from) == 0 && l.on == "" {
		return l, fmt.Errorf("%s: say who may reach it, as in %q or %q", l.what, l.what+" from 198.51.100.0/24", l.what+" on eth1")
	}
	return l, nil
}

// firewallProblems are those of the answers about the firewall.
func firewallProblems(a Answers, add func(path string, err error)) {
	w := a.Firewall
	for i, s := range w.Services {
		add(fmt.Sprintf("firewall.services[%d]", i), errors.Join(CheckService(s), again(w.Services, i)))
	}
	for i, p := range w.Ports {
		add(fmt.Sprintf("firewall.ports[%d]", i), errors.Join(CheckPort(p), again(w.Ports, i)))
	}
	for i, s := range w.Limited {
		l, err := parseLimited(s)
		if err == nil && slices.ContainsFunc(filterPolicy{Services: w.Services, Ports: w.Ports}.everybodys(), func(o string) bool {
			return slices.ContainsFunc(l.ports, func(p string) bool { return coversPort(o, p) })
		}) {
			err = fmt.Errorf("%s is open to everybody already, by firewall.services or firewall.ports: take it out there, or here", l.what)
		}
		add(fmt.Sprintf("firewall.limited[%d]", i), errors.Join(err, again(w.Limited, i)))
	}
	for i, p := range w.SSHFrom {
		add(fmt.Sprintf("firewall.ssh_from[%d]", i), errors.Join(CheckPrefix(p), again(w.SSHFrom, i)))
	}
	for i, p := range w.Blocks {
		add(fmt.Sprintf("firewall.blocks[%d]", i), errors.Join(checkBlock(a, p), again(w.Blocks, i)))
	}
}

// checkBlock says why the prefix s must not be shut out.
func checkBlock(a Answers, s string) error {
	if err := CheckPrefix(s); err != nil {
		return err
	}
	block, err := parsePrefix(s)
	if err != nil {
		return err
	}
	if block.Bits() == 0 {
		return fmt.Errorf("%s would block every address", s)
	}
	for _, n := range neededByAnswers(a) {
		if p, err := parsePrefix(n.address); err == nil && block.Bits() <= p.Bits() && block.Contains(p.Addr()) {
			return fmt.Errorf("%s holds %s, %s", s, n.address, n.what)
		}
	}
	return nil
}

// needed is somebody who must not be shut out.
type needed struct{ address, what string }

func neededByAnswers(a Answers) []needed {
	var out []needed
	all := func(what string, list ...string) {
		for _, x := range list {
			out = append(out, needed{x, what})
		}
	}
	all("the server itself (host)", a.Host)
	for _, p := range a.Peers {
		all("an address of the peer "+p.Name, p.Addresses...)
	}
	all("which snmp.nms lets ask", a.SNMP.NMS...)
	all("which firewall.ssh_from lets in", a.Firewall.SSHFrom...)
	all("a name server (network.dns)", a.Network.DNS...)
	all("the gateway", a.Network.Gateway4, a.Network.Gateway6)
	all("where the log goes (logging.host)", a.Logging.Host)
	return out
}

// firewallProblemsOn are those of the answers about the firewall of one server:
// they would lock the admin out, or the server's name servers. What cannot be read
// is among firewallProblems.
func firewallProblemsOn(a Answers, f Facts, add func(path string, err error)) {
	w, c := a.Firewall, f.Client
	for i, s := range w.Limited {
		if l, err := parseLimited(s); err == nil && slices.Contains(l.ports, filterPolicy{SSHPort: f.SSHPort}.ssh22()) {
			add(fmt.Sprintf("firewall.limited[%d]", i), fmt.Errorf("%s is SSH's port: say in firewall.ssh_from who may use it", l.what))
		}
	}
	for i, s := range w.Blocks {
		block, err := parsePrefix(s)
		if err != nil {
			continue
		}
		path := fmt.Sprintf("firewall.blocks[%d]", i)
		if c.IsValid() && block.Contains(c) {
			add(path, fmt.Errorf("%s holds %s, the address you come from: blocking it would lock you out", s, c))
		} else if d := slices.IndexFunc(f.DNS, block.Contains); d >= 0 {
			add(path, fmt.Errorf("%s holds %s, a name server that the server asks", s, f.DNS[d]))
		}
	}
	if c.IsValid() && len(w.SSHFrom) > 0 && !slices.ContainsFunc(w.SSHFrom, func(s string) bool {
		p, err := parsePrefix(s)
		return err != nil || p.Contains(c)
	}) {
		add("firewall.ssh_from", fmt.Errorf("%s, the address you come from, is not in this list: you would be locked out. Add it", c))
	}
}

// readLimits reads who is shut out, and what is open to some.
func (p *filterPolicy) readLimits(in In) error {
	for _, s := range in.Answers.Firewall.Blocks {
		block, err := parsePrefix(s)
		if err != nil {
			return fmt.Errorf("firewall.blocks: %w", err)
		}
		p.Blocks = append(p.Blocks, block)
	}
	for _, s := range in.Answers.Firewall.Limited {
		l, err := parseLimited(s)
		if err != nil {
			return fmt.Errorf("firewall.limited: %w", err)
		}
		p.Limited = append(p.Limited, l)
	}
	p.Cards = mainCard(in)
	return nil
}

// mainCard is what the server's card is called now, and what it is called after the
// reboot that makes it eth0: a rule for it has to match before and after. Where another
// card is eth0 now, none of the names is safe for both.
func mainCard(in In) []string {
	card, err := findCard(in)
	if err != nil || card.Name == "eth0" || slices.ContainsFunc(in.Facts.NICs, func(n NIC) bool { return n.Name == "eth0" }) {
		return nil
	}
	return []string{card.Name, "eth0"}
}

// rules are the rules of l, one for each address and card.
func (l limitedOpen) rules(cards []string) []packetRule {
	var on []string
	switch {
	case l.on == "":
		on = []string{""}
	case slices.Contains(cards, l.on):
		on = cards
	default:
		on = []string{l.on}
	}
	why := l.what + ", for some alone"
	var out []packetRule
	for _, port := range l.ports {
		for _, card := range on {
			for _, r := range allow(why, l.from, port) {
				if card != "" {
					r.rest = "-i " + card + " " + r.rest
				}
				out = append(out, r)
			}
		}
	}
	return out
}

// who says who may reach what l opens.
func (l limitedOpen) who() string {
	var out []string
	for _, p := range l.from {
		if p.IsSingleIP() {
			out = append(out, p.Addr().String())
			continue
		}
		out = append(out, p.String())
	}
	text := orElse(strings.Join(out, ", "), "everybody")
	if l.on != "" {
		text += " on " + l.on
	}
	return text
}
