package practice

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rule is a line of iptables-save and what it has counted.
type rule struct {
	line    string
	packets int
}

// packet is one that comes in, as far as the rules look at it.
type packet struct {
	from   netip.Addr
	proto  string // "tcp", "udp", "esp", "icmp"
	port   int
	tunnel bool // it came through IPsec
}

const packetBytes = 60

func family(a netip.Addr) int {
	if a.Is4() {
		return 4
	}
	return 6
}

var tables = map[int]string{4: "iptables", 6: "ip6tables"}

// verdict takes a packet through INPUT and counts it. No rules let everything in.
func (m *machine) verdict(p packet) (let bool) {
	return m.through(p, "INPUT", "ACCEPT") == "ACCEPT"
}

func (m *machine) through(p packet, chain, policy string) string {
	rules := m.rules[family(p.from)]
	for i, r := range rules {
		if name, end, ok := strings.Cut(r.line, " "); ok && name == ":"+chain && end != "-" {
			policy = end
		}
		target, ok := matches(r.line, chain, p)
		if !ok {
			continue
		}
		rules[i].packets++
		switch target {
		case "ACCEPT", "DROP", "REJECT":
			return target
		case "LOG", "":
		default:
			if v := m.through(p, target, ""); v != "" {
				return v
			}
		}
	}
	return policy
}

// matches says whether a rule is of the chain and about the packet, and where it
// leads. What it does not know never matches: then nothing is let in by mistake.
func matches(line, chain string, p packet) (target string, ok bool) {
	w := strings.Fields(line)
	if len(w) < 2 || w[0] != "-A" || w[1] != chain {
		return "", false
	}
	for i := 2; i < len(w); i += 2 {
		v := ""
		if i+1 < len(w) {
			v = w[i+1]
		}
		switch w[i] {
		case "-j":
			return v, true
		case "-m", "--limit", "--limit-burst", "--dir":
		case "-s":
			from, err := netip.ParsePrefix(v)
			if a, e := netip.ParseAddr(v); e == nil {
				from, err = netip.PrefixFrom(a, a.BitLen()), nil
			}
			if err != nil || !from.Contains(p.from) {
				return "", false
			}
		case "-p":
			if v != p.proto && (v != "ipv6-icmp" || p.proto != "icmp") {
				return "", false
			}
		case "--dport":
			if !inSpan(v, p.port) {
				return "", false
			}
		case "--pol":
			if v != "ipsec" || !p.tunnel {
				return "", false
			}
		case "--icmp-type", "--icmpv6-type":
			if v != "8" && v != "128" {
				return "", false
			}
		default: // -i lo, --ctstate ESTABLISHED, --tcp-flags, --sport, -d, --hl-eq
			return "", false
		}
	}
	return "", false
}

func inSpan(span string, port int) bool {
	from, to, ok := strings.Cut(span, ":")
	if !ok {
		to = from
	}
	lo, err1 := strconv.Atoi(from)
	hi, err2 := strconv.Atoi(to)
	return err1 == nil && err2 == nil && lo <= port && port <= hi
}

// loadRules is the firewall script's work: both families, or nothing. The admin's own
// rules in firewall.local are not modelled.
func (m *machine) loadRules() error {
	script := m.files["/etc/network/firewall.sh"]
	switch {
	case script == nil || script.mode&0o100 == 0:
		return errors.New("/etc/network/firewall.sh is not there, or may not be run")
	case !m.installed("iptables"):
		return errors.New("iptables is not installed: apt-get install iptables")
	}
	for _, f := range []int{4, 6} {
		if _, ok := scriptRules(script.text, f); !ok {
			return errors.New("the rules could not be loaded; what was in force stays")
		}
	}
	for _, f := range []int{4, 6} {
		rules, _ := scriptRules(script.text, f)
		m.setOwn(f, rules)
	}
	m.rpFilter = "2"
	m.firewallTrouble()
	return nil
}

// scriptRules are the rules in the script's here document.
func scriptRules(script string, f int) (string, bool) {
	_, rest, ok := strings.Cut(script, fmt.Sprintf("rules%d() {\n  cat <<'RULES'\n", f))
	rules, _, ok2 := strings.Cut(rest, "RULES\n")
	return rules, ok && ok2 && strings.HasPrefix(rules, ":aslwiz-in -\n")
}

// ownChain is whether a chain is aslwiz's.
func ownChain(name string) bool {
	return slices.Contains([]string{"aslwiz-in", "aslwiz-forward", "aslwiz-local", "aslwiz-log"}, name)
}

// isOwn is whether a line is aslwiz's: of one of its chains, or a jump to one.
func isOwn(line string) bool {
	w := strings.Fields(line)
	if w[0] != "-A" {
		return ownChain(w[0][1:])
	}
	return ownChain(w[1]) || isJump(line)
}

// isJump is whether a line of another chain leads to one of aslwiz's.
func isJump(line string) bool {
	w := strings.Fields(line)
	return w[0] == "-A" && !ownChain(w[1]) && w[len(w)-2] == "-j" && ownChain(w[len(w)-1])
}

// setOwn makes what is aslwiz's of a family's filter table what text says. A jump that
// is there stays where it is, and what others have put there stays as well.
func (m *machine) setOwn(f int, text string) {
	var want []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\n"); line != "" && line[0] != '#' {
			want = append(want, line)
		}
	}
	old := m.rules[f]
	if len(old) == 0 {
		for _, line := range freshRules {
			old = append(old, rule{line: line})
		}
	}
	var now []rule
	for _, r := range old {
		i := slices.Index(want, r.line)
		switch {
		case !isOwn(r.line):
			now = append(now, r)
		case isJump(r.line) && i >= 0:
			now = append(now, r)
			want = slices.Delete(want, i, i+1)
		}
	}
	for _, line := range want {
		now = append(now, rule{line: line})
	}
	slices.SortStableFunc(now, func(a, b rule) int { return cmp.Compare(savedOrder(a.line), savedOrder(b.line)) })
	m.rules[f] = now
	m.settleTunnels()
}

// savedOrder is where iptables-save prints a line: the chains before the rules, the
// kernel's own before those that somebody made, and those by their names.
func savedOrder(line string) string {
	w := strings.Fields(line)
	kind, chain := "1", w[0][1:]
	if w[0] == "-A" {
		kind, chain = "2", w[1]
	}
	switch i := slices.Index([]string{"INPUT", "FORWARD", "OUTPUT"}, chain); {
	case i >= 0:
		return kind + strconv.Itoa(i)
	default:
		return kind + "3" + chain
	}
}

// ownRules are what is aslwiz's of a family's filter table.
func (m *machine) ownRules(f int) string {
	var chains, jumps, rules string
	for _, c := range []string{"aslwiz-in", "aslwiz-forward", "aslwiz-local", "aslwiz-log"} {
		for _, r := range m.rules[f] {
			switch {
			case strings.HasPrefix(r.line, ":"+c+" "):
				chains += r.line + "\n"
			case strings.HasPrefix(r.line, "-A "+c+" "):
				rules += r.line + "\n"
			}
		}
	}
	for _, r := range m.rules[f] {
		if isJump(r.line) {
			jumps += r.line + "\n"
		}
	}
	return chains + jumps + rules
}

// setRules replaces a family's filter table.
func (m *machine) setRules(f int, text string) {
	m.rules[f] = nil
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\n"); line != "" && line[0] != '#' && line != "*filter" && line != "COMMIT" {
			m.rules[f] = append(m.rules[f], rule{line: line})
		}
	}
	m.settleTunnels()
}

// freshRules is a table that nobody has put anything into.
var freshRules = []string{":INPUT ACCEPT", ":FORWARD ACCEPT", ":OUTPUT ACCEPT"}

// savedRules is what iptables-save prints: with counters before each rule when
// counted, and else only behind the chains.
func (m *machine) savedRules(f int, counted bool) string {
	if len(m.rules[f]) == 0 {
		return ""
	}
	at := m.w.clock.Now().UTC().Format(time.ANSIC)
	var b strings.Builder
	fmt.Fprintf(&b, "# Generated by %s-save v1.8.9 (nf_tables) on %s\n*filter\n", tables[f], at)
	for _, r := range m.rules[f] {
		switch {
		case r.line[0] == ':':
			fmt.Fprintf(&b, "%s [0:0]\n", r.line)
		case counted:
			fmt.Fprintf(&b, "[%d:%d] %s\n", r.packets, r.packets*packetBytes, r.line)
		default:
			fmt.Fprintln(&b, r.line)
		}
	}
	fmt.Fprintf(&b, "COMMIT\n# Completed on %s\n", at)
	return b.String()
}
