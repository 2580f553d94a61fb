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
}

// packetRule is one rule, as iptables-save(8) prints it: "-A chain -s from rest".
type packetRule struct {
	why    string // for the reader of the script; rules that share it stand under one comment
	family int
	chain  string
	from   netip.Prefix // zero: anybody
	rest   string
}

// The page's malformed packets: all TCP flags set, or none (nmap's Xmas and null
// scans).
const (
	allFlags = "-p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG FIN,SYN,RST,PSH,ACK,URG -j log-and-drop"
	noFlags  = "-p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE -j log-and-drop"
)

const (
	ping4     = "-p icmp -m icmp --icmp-type 8"
	ping6     = "-p ipv6-icmp -m icmp6 --icmpv6-type 128"
	pingLimit = " -m limit --limit 4/sec --limit-burst 3 -j ACCEPT"
)

// defaultDeny is the last rule of INPUT, in both families.
const defaultDeny = "-A INPUT -j log-and-drop"

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
	if c := f.Client; c.IsValid() && len(p.SSHFrom) > 0 &&
		!slices.ContainsFunc(p.SSHFrom, func(x netip.Prefix) bool { return x.Contains(c) }) {
		return p, fmt.Errorf("firewall.ssh_from does not hold %s, the address that the server sees you come from: you would be locked out; add it", c)
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
	var out []packetRule
	add := func(why string, family int, chain string, rest ...string) {
		for _, r := range rest {
			out = append(out, packetRule{why: why, family: family, chain: chain, rest: r})
		}
	}
	add("the server talks to itself", bothFamilies, "INPUT", "-i lo -j ACCEPT")
	add("no honest packet has all TCP flags, or none", bothFamilies, "INPUT", allFlags, noFlags)
	add("replies to what the server asked, and errors about it", bothFamilies, "INPUT", "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
	for _, peer := range p.Peers {
		out = append(out, peerRules(peer)...)
	}
	out = append(out, allow("SSH, on the port in use", p.SSHFrom, fmt.Sprintf("%d/tcp", p.SSHPort))...)
	services, err := p.openPorts()
	if err != nil {
		return nil, err
	}
	out = append(out, services...)
	if len(p.NMS) > 0 {
		out = append(out, allow("SNMP, asked by the monitoring", p.NMS, "161/udp")...)
	}
	add("addresses from DHCP", onlyIPv4, "INPUT", "-p udp -m udp --sport 67 --dport 68 -j ACCEPT")
	add("addresses from DHCP", onlyIPv6, "INPUT", "-s fe80::/10 -d fe80::/10 -p udp -m udp --sport 547 --dport 546 -j ACCEPT")
	for _, kind := range []int{1, 2, 3, 4} {
		add("what IPv6 cannot do without (RFC 4890): errors", onlyIPv6, "INPUT", fmt.Sprintf("-p ipv6-icmp -m icmp6 --icmpv6-type %d -j ACCEPT", kind))
	}
	for _, kind := range []int{133, 134, 135, 136} {
		add("neighbours and routers, from this link only", onlyIPv6, "INPUT", fmt.Sprintf("-p ipv6-icmp -m icmp6 --icmpv6-type %d -m hl --hl-eq 255 -j ACCEPT", kind))
	}
	for _, kind := range []int{130, 131, 132, 143} {
		add("multicast listeners", onlyIPv6, "INPUT", fmt.Sprintf("-s fe80::/10 -p ipv6-icmp -m icmp6 --icmpv6-type %d -j ACCEPT", kind))
	}
	add("ping, 4 a second", onlyIPv4, "INPUT", ping4+pingLimit, ping4+" -j log-and-drop")
	add("ping, 4 a second", onlyIPv6, "INPUT", ping6+pingLimit, ping6+" -j log-and-drop")
	add("everything else, on every interface", bothFamilies, "INPUT", "-j log-and-drop")
	add("what passes through", bothFamilies, "FORWARD", allFlags, noFlags)
	add("log some of it, drop all of it", bothFamilies, "log-and-drop",
		`-m limit --limit 10/min --limit-burst 20 -j LOG --log-prefix "[IPTables] Drop "`, "-j DROP")
	return out, nil
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
		out = append(out, packetRule{why: why, family: familyOf(peer), chain: "INPUT", from: netip.PrefixFrom(peer, peer.BitLen()), rest: rest})
	}
	return out
}

// allow lets a port in from prefixes, or from anywhere when there are none.
func allow(why string, from []netip.Prefix, port string) []packetRule {
	number, proto, _ := strings.Cut(port, "/")
	rest := fmt.Sprintf("-p %s -m %s --dport %s -j ACCEPT", proto, proto, number)
	if len(from) == 0 {
		return []packetRule{{why: why, chain: "INPUT", rest: rest}}
	}
	var out []packetRule
	for _, f := range from {
		out = append(out, packetRule{why: why, family: familyOf(f.Addr()), chain: "INPUT", from: f, rest: rest})
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
	return out, nil
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return onlyIPv4
	}
	return onlyIPv6
}

func (r packetRule) String() string {
	line := "-A " + r.chain + " "
	if r.from.IsValid() && r.from.Bits() > 0 {
		line += "-s " + r.from.String() + " "
	}
	return line + r.rest
}

// render writes a family's rules for iptables-restore(8), with the reasons as
// comments.
func (p filterPolicy) render(family int) (string, error) {
	rules, err := p.rules()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n:log-and-drop -\n")
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
	b.WriteString("COMMIT\n")
	return b.String(), nil
}

// bareRules are rules without comments and final newline: what rulesRead prints
// once they are loaded.
func bareRules(rules string) string {
	var out []string
	for line := range strings.Lines(rules) {
		if !strings.HasPrefix(line, "#") {
			out = append(out, strings.TrimRight(line, "\n"))
		}
	}
	return strings.Join(out, "\n")
}
