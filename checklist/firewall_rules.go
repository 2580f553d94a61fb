package checklist

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// The families of a rule.
const (
	bothFamilies = 0
	onlyIPv4     = 4
	onlyIPv6     = 6
)

// filterPolicy is what the packet filter is to do, whatever the family.
type filterPolicy struct {
	SSHPort  int
	SSHFrom  []netip.Prefix // none: anywhere
	Services []string
	Ports    []string       // "8080/tcp"
	Peers    []netip.Addr   // the other ends of IPsec tunnels
	NMS      []netip.Prefix // who asks SNMP without a tunnel
	Blocks   []netip.Prefix // from where nothing is let in
	Limited  []limitedOpen
	Cards    []string // what the main network card is called now and after the reboot
}

// packetRule is one rule, as iptables-save(8) prints it: "-A chain -s from rest".
type packetRule struct {
	why    string // for the reader of the script; rules that share it stand under one comment
	family int
	chain  string       // "": chainIn
	from   netip.Prefix // zero: anybody
	rest   string
}

// The page's malformed packets: all TCP flags set, or none (nmap's Xmas and null
// scans).
const (
	allFlags = "-p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG FIN,SYN,RST,PSH,ACK,URG -j " + chainLog
	noFlags  = "-p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE -j " + chainLog
)

const (
	replies   = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
	ping4     = "-p icmp -m icmp --icmp-type 8"
	ping6     = "-p ipv6-icmp -m icmp6 --icmpv6-type 128"
	pingLimit = " -m limit --limit 4/sec --limit-burst 3 -j ACCEPT"
)

// defaultDeny is the last rule of chainIn, in both families. The policy of INPUT
// stays ACCEPT: with DROP, iptables -F would shut out whoever typed it.
const defaultDeny = "-A " + chainIn + " -j " + chainLog

// policyOf is the policy that answers and facts ask for.
func policyOf(in In) (filterPolicy, error) {
	a, f := in.Answers.Firewall, in.Facts
	p := filterPolicy{SSHPort: f.SSHPort, Services: a.Services, Ports: a.Ports, Peers: PeerAddrs(in.Answers)}
	if f.SSHPort < 1 {
		return p, errors.New("the SSH port in use is not known, and a firewall without it would lock you out")
	}
	for _, s := range a.SSHFrom {
		prefix, err := parsePrefix(s)
		if err != nil {
			return p, fmt.Errorf("firewall.ssh_from: %w", err)
		}
		p.SSHFrom = append(p.SSHFrom, prefix)
	}
	if err := p.readLimits(in); err != nil {
		return p, err
	}
	for _, n := range in.Answers.SNMP.NMS {
		prefix, err := parsePrefix(n)
		if err != nil {
			return p, fmt.Errorf("snmp.nms: %w", err)
		}
		// What a peer asks comes through its tunnel, and is let in with it.
		if !slices.Contains(p.Peers, prefix.Addr()) {
			p.NMS = append(p.NMS, prefix)
		}
	}
	if problems := in.Answers.ProblemsOn(f); len(problems) > 0 {
		path, _, _ := strings.Cut(problems[0].Path, "[")
		return p, fmt.Errorf("%s: %s", path, problems[0].Text)
	}
	return p, nil
}

// parsePrefix reads an address or a prefix; host bits are dropped.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

// rules are the policy's rules in their order. What the page's script does is
// all here: see page.md for what is done another way, and why.
func (p filterPolicy) rules() ([]packetRule, error) {
	services, err := p.openPorts()
	if err != nil {
		return nil, err
	}
	var out rulesBuilder
	out.add("the server talks to itself", bothFamilies, "-i lo -j ACCEPT")
	for _, b := range p.Blocks {
		out.rules = append(out.rules, packetRule{why: "from where nothing is let in", family: familyOf(b.Addr()), from: b, rest: "-j DROP"})
	}
	out.add("no honest packet has all TCP flags, or none", bothFamilies, allFlags, noFlags)
	out.add("replies to what the server asked, and errors about it", bothFamilies, replies)
	out.icmp6()
	// After what IPv6 needs: its errors about a connection that the kernel no longer
	// knows are invalid too. Neighbour discovery is not tracked, so it never is.
	out.add("packets that belong to no connection and begin none", bothFamilies, "-m conntrack --ctstate INVALID -j DROP")
	for _, peer := range p.Peers {
		out.rules = append(out.rules, peerRules(peer)...)
	}
	out.rules = append(out.rules, p.ssh()...)
	out.dhcp()
	out.add("your own rules, from /etc/network/firewall.local", bothFamilies, "-j "+chainLocal)
	out.rules = append(out.rules, services...)
	if len(p.NMS) > 0 {
		out.rules = append(out.rules, allow("SNMP, asked by the monitoring", p.NMS, "161/udp")...)
	}
	out.add("ping, 4 a second", onlyIPv4, ping4+pingLimit, ping4+" -j "+chainLog)
	out.add("ping, 4 a second", onlyIPv6, ping6+pingLimit, ping6+" -j "+chainLog)
	out.add("everything else, on every interface", bothFamilies, "-j "+chainLog)
	out.chain = chainForward
	out.add("what passes through", bothFamilies, allFlags, noFlags)
	out.chain = chainLog
	// Level 7, debug: the kernel's own default is 7, and it prints on the console what is
	// below. The usual level, 4, would fill the screen of whoever repairs the network there.
	out.add("log some of it, off the console, and drop all of it", bothFamilies,
		`-m limit --limit 10/min --limit-burst 20 -j LOG --log-prefix "[IPTables] Drop " --log-level 7`, "-j DROP")
	return out.rules, nil
}

// least are the rules that are loaded where the others cannot be: no more matches and
// targets of the kernel's than what they are for.
func (p filterPolicy) least() []packetRule {
	var out rulesBuilder
	out.add("the server talks to itself", bothFamilies, "-i lo -j ACCEPT")
	out.add("replies to what the server asked, and errors about it", bothFamilies, replies)
	out.add("what IPv6 cannot do without", onlyIPv6, "-p ipv6-icmp -j ACCEPT")
	for _, peer := range p.Peers { // SSH may come through the tunnel
		out.rules = append(out.rules, peerRules(peer)[:3]...)
	}
	out.rules = append(out.rules, p.ssh()...)
	out.dhcp()
	out.add("everything else", bothFamilies, "-j DROP")
	return out.rules
}

func (p filterPolicy) ssh() []packetRule {
	return allow("SSH, on the port in use", p.SSHFrom, fmt.Sprintf("%d/tcp", p.SSHPort))
}

// rulesBuilder collects rules of a chain, chainIn unless it is told another.
type rulesBuilder struct {
	chain string
	rules []packetRule
}

func (b *rulesBuilder) add(why string, family int, rest ...string) {
	for _, r := range rest {
		b.rules = append(b.rules, packetRule{why: why, family: family, chain: b.chain, rest: r})
	}
}

// icmp6 adds what IPv6 cannot do without.
func (b *rulesBuilder) icmp6() {
	for _, kind := range []int{1, 2, 3, 4} {
		b.add("what IPv6 cannot do without (RFC 4890): errors", onlyIPv6, fmt.Sprintf("-p ipv6-icmp -m icmp6 --icmpv6-type %d -j ACCEPT", kind))
	}
	for _, kind := range []int{133, 134, 135, 136} {
		b.add("neighbours and routers, from this link only", onlyIPv6, fmt.Sprintf("-p ipv6-icmp -m icmp6 --icmpv6-type %d -m hl --hl-eq 255 -j ACCEPT", kind))
	}
	for _, kind := range []int{130, 131, 132, 143} {
		b.add("multicast listeners", onlyIPv6, fmt.Sprintf("-s fe80::/10 -p ipv6-icmp -m icmp6 --icmpv6-type %d -j ACCEPT", kind))
	}
}

// dhcp adds the answers of DHCP. A server of DHCPv6 may send from any port (RFC 8415).
func (b *rulesBuilder) dhcp() {
	b.add("addresses from DHCP", onlyIPv4, "-p udp -m udp --sport 67 --dport 68 -j ACCEPT")
	b.add("addresses from DHCP", onlyIPv6, "-s fe80::/10 -d fe80::/10 -p udp -m udp --dport 546 -j ACCEPT")
}

// peerRules let in what a tunnel needs, and what came through it. AH, which the
// page allows too, is not used beside ESP.
func peerRules(peer netip.Addr) []packetRule {
	why := "the IPsec tunnel with " + peer.String()
	var out []packetRule
	for _, rest := range []string{
		"-p udp -m udp --dport 500 -j ACCEPT",
		"-p udp -m udp --dport 4500 -j ACCEPT",
		"-p esp -j ACCEPT",
		"-m policy --dir in --pol ipsec -j ACCEPT",
	} {
		out = append(out, packetRule{why: why, family: familyOf(peer), from: netip.PrefixFrom(peer, peer.BitLen()), rest: rest})
	}
	return out
}

// allow lets a port in from prefixes, or from anywhere when there are none.
func allow(why string, from []netip.Prefix, port string) []packetRule {
	number, proto, _ := strings.Cut(port, "/")
	rest := fmt.Sprintf("-p %s -m %s --dport %s -j ACCEPT", proto, proto, number)
	if len(from) == 0 {
		return []packetRule{{why: why, rest: rest}}
	}
	var out []packetRule
	for _, f := range from {
		out = append(out, packetRule{why: why, family: familyOf(f.Addr()), from: f, rest: rest})
	}
	return out
}

// openPorts are the rules of the ticked services and ports, in the order of
// Services whatever order they were ticked in; each port once.
func (p filterPolicy) openPorts() ([]packetRule, error) {
	for _, name := range p.Services {
		if err := CheckService(name); err != nil {
			return nil, fmt.Errorf("firewall.services: %w", err)
		}
	}
	var out []packetRule
	seen := map[string]bool{}
	open := func(why string, ports []string) {
		for _, port := range ports {
			if !seen[port] {
				seen[port] = true
				out = append(out, allow(why, nil, port)...)
			}
		}
	}
	for _, s := range Services {
		if slices.Contains(p.Services, s.Name) {
			open(s.Name+": "+s.What, s.Ports)
		}
	}
	for _, port := range p.Ports {
		if err := CheckPort(port); err != nil {
			return nil, fmt.Errorf("firewall.ports: %w", err)
		}
		open("asked for by port", []string{port})
	}
	for _, l := range p.Limited {
		out = append(out, l.rules(p.Cards)...)
	}
	return out, nil
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return onlyIPv4
	}
	return onlyIPv6
}

func (r packetRule) String() string {
	line := "-A " + orElse(r.chain, chainIn) + " "
	if r.from.IsValid() && r.from.Bits() > 0 {
		line += "-s " + r.from.String() + " "
	}
	return line + r.rest
}

// render is a family's rules as own prints them once they are loaded, and comments.
func (p filterPolicy) render(family int) (string, error) {
	rules, err := p.rules()
	if err != nil {
		return "", err
	}
	return ownHead + renderRules(rules, family), nil
}

// renderLeast is a family's least rules.
func (p filterPolicy) renderLeast(family int) string {
	return ":" + chainIn + " -\n-A INPUT -j " + chainIn + "\n" + renderRules(p.least(), family)
}

func renderRules(rules []packetRule, family int) string {
	var b strings.Builder
	why := ""
	for _, r := range rules {
		if r.family != bothFamilies && r.family != family {
			continue
		}
		if r.why != why {
			why = r.why
			fmt.Fprintf(&b, "# %s\n", why)
		}
		fmt.Fprintln(&b, r)
	}
	return b.String()
}

// bareRules are rules without comments and final newline: what own prints once they
// are loaded.
func bareRules(rules string) string {
	var out []string
	for line := range strings.Lines(rules) {
		if !strings.HasPrefix(line, "#") {
			out = append(out, strings.TrimRight(line, "\n"))
		}
	}
	return strings.Join(out, "\n")
}
