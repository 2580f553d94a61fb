package checklist

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ruleMatch is what a rule that somebody else made looks at, as far as it matters for
// which ports are open. A condition that is turned around ("! -i docker0") excludes
// little, and counts as none.
type ruleMatch struct {
	target   string // "ACCEPT", a chain, "" for none
	to       string // of DNAT and REDIRECT
	in       string // interface
	src, dst string
	proto    string
	ports    string // "22", "80,443", "5198:5199"
	states   string
	ipsec    bool // what came through a tunnel
	narrowed bool // by something else: a limit, a set, flags
}

// harmlessModules are matches that add no condition beside those of ruleMatch.
var harmlessModules = []string{"tcp", "udp", "multiport", "conntrack", "state", "addrtype", "comment"}

// parseMatch reads a rule as iptables-save prints it.
func parseMatch(text string) ruleMatch {
	var m ruleMatch
	words := quotedWords(text)
	for i := 0; i < len(words); {
		option, not := words[i], i > 0 && words[i-1] == "!"
		end := i + 1
		for end < len(words) && words[end] != "!" && !strings.HasPrefix(words[end], "-") {
			end++
		}
		values := words[i+1 : end]
		i = end
		if len(values) == 0 || not || option == "!" {
			if option == "--syn" {
				continue
			}
			if option != "!" && option != "-A" && !not {
				m.narrowed = true
			}
			continue
		}
		m.set(option, values)
	}
	return m
}

func (m *ruleMatch) set(option string, values []string) {
	v := values[0]
	switch option {
	case "-A", "--comment", "--reject-with", "--dst-type", "--limit-iface-in":
	case "-j", "-g":
		m.target = v
	case "--to-destination", "--to-ports", "--to-port":
		m.to = v
	case "-i":
		m.in = v
	case "-s":
		m.src = v
	case "-d":
		m.dst = v
	case "-p":
		m.proto = v
	case "--dport", "--dports":
		m.ports = v
	case "--ctstate", "--state":
		m.states = v
	case "--pol":
		m.ipsec = v == "ipsec"
	case "--dir", "--sport", "--sports", "--log-prefix", "--log-level":
	case "-m":
		m.narrowed = m.narrowed || !slices.Contains(harmlessModules, v) && v != "policy"
	default:
		m.narrowed = true
	}
}

// quotedWords are the words of a line, those in double quotes as one.
func quotedWords(line string) []string {
	var out []string
	var word strings.Builder
	in, quoted, escaped := false, false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted, in = !quoted, true
		case r == ' ' && !quoted:
			if in {
				out = append(out, word.String())
			}
			word.Reset()
			in = false
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if in {
		out = append(out, word.String())
	}
	return out
}

// within is the match of a rule in a chain that is reached by a jump with conditions of
// its own.
func (m ruleMatch) within(jump ruleMatch) ruleMatch {
	m.in, m.src, m.dst = orElse(m.in, jump.in), orElse(m.src, jump.src), orElse(m.dst, jump.dst)
	m.proto, m.ports, m.states = orElse(m.proto, jump.proto), orElse(m.ports, jump.ports), orElse(m.states, jump.states)
	m.ipsec, m.narrowed = m.ipsec || jump.ipsec, m.narrowed || jump.narrowed
	return m
}

// begins is whether a packet that begins a connection from outside can match: what came
// through a tunnel, by a bridge or from the server itself is none.
func (m ruleMatch) begins(cards []string) bool {
	if m.states != "" && !strings.Contains(m.states, "NEW") {
		return false
	}
	start, many := strings.CutSuffix(m.in, "+") // "br+" is every interface that begins so
	if m.in != "" && !slices.ContainsFunc(cards, func(c string) bool { return c == m.in || many && strings.HasPrefix(c, start) }) {
		return false
	}
	if p, err := parsePrefix(m.dst); err == nil && p.Addr().IsLoopback() {
		return false
	}
	return !m.ipsec && (m.proto == "" || m.proto == "tcp" || m.proto == "udp")
}

// stops reports whether the rule drops whatever anybody sends from outside: one that drops
// a banned address, or what goes to one bridge, guards nothing else.
func (m ruleMatch) stops(cards []string) bool {
	return (m.target == "DROP" || m.target == "REJECT") && m.src == "" && m.dst == "" && !m.narrowed && m.begins(cards)
}

// portSpans are the ports of a rule, "80/tcp"; nil when it names none.
func (m ruleMatch) portSpans() []string {
	var out []string
	if m.ports == "" {
		return nil
	}
	for p := range strings.SplitSeq(m.ports, ",") {
		out = append(out, p+"/"+m.proto)
	}
	return out
}

func (m ruleMatch) what() string {
	switch {
	case m.ports != "":
		return strings.Join(m.portSpans(), ", ")
	case m.proto != "":
		return "all of " + strings.ToUpper(m.proto)
	}
	return "everything"
}

// spanOf reads "80/tcp" or "5198:5199/udp".
func spanOf(port string) (lo, hi int, proto string) {
	span, proto, _ := strings.Cut(port, "/")
	from, to, ok := strings.Cut(span, ":")
	if !ok {
		to = from
	}
	lo, _ = strconv.Atoi(from)
	hi, _ = strconv.Atoi(to)
	return lo, hi, proto
}

// coversPort is whether all ports of b are among a's.
func coversPort(a, b string) bool {
	alo, ahi, ap := spanOf(a)
	blo, bhi, bp := spanOf(b)
	return ap == bp && alo <= blo && bhi <= ahi
}

// meetsPort is whether a and b have a port in common.
func meetsPort(a, b string) bool {
	alo, ahi, ap := spanOf(a)
	blo, bhi, bp := spanOf(b)
	return ap == bp && alo <= bhi && blo <= ahi
}

// everybodys are the ports that the answers' services and ports open, "80/tcp".
func (p filterPolicy) everybodys() []string {
	out := slices.Clone(p.Ports)
	for _, name := range p.Services {
		if s, ok := ServiceByName(name); ok {
			out = append(out, s.Ports...)
		}
	}
	return out
}

// opened are the ports that are open to everybody, SSH's among them.
func (p filterPolicy) opened() []string {
	out := p.everybodys()
	if len(p.SSHFrom) == 0 || slices.ContainsFunc(p.SSHFrom, func(x netip.Prefix) bool { return x.Bits() == 0 }) {
		out = append(out, p.ssh22())
	}
	return out
}

func (p filterPolicy) ssh22() string { return fmt.Sprintf("%d/tcp", p.SSHPort) }
