package checklist

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"aslwiz/remote"
)

// itemServicesOther lists what listens, for a person to look through.
// Source: the page, "You may need to check your other services on this server now."
var itemServicesOther = Item{
	ID:     "services-other",
	Title:  "Do the other services on this server work?",
	Probes: func(In) []remote.Probe { return []remote.Probe{remote.ReadCommand("ss", "-Hlntup")} },
	Judge:  judgeServicesOther,
}

// Listener is a program that waits for others to connect.
type Listener struct {
	Port    string `json:"port"` // "22/tcp"
	Addr    string `json:"address"`
	Program string `json:"program"`
	// Open says who may reach it: "everybody", "nobody outside", or a list.
	Open string `json:"open"`
}

var ssProgram = regexp.MustCompile(`\(\("([^"]*)"`)

// parseListeners reads ss -Hlntup.
func parseListeners(in In, text string) []Listener {
	policy, _ := policyOf(in)
	var out []Listener
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) < 5 {
			continue
		}
		i := strings.LastIndexByte(w[4], ':')
		if i < 0 {
			continue
		}
		l := Listener{Addr: w[4][:i], Port: w[4][i+1:] + "/" + w[0]}
		if m := ssProgram.FindStringSubmatch(line); m != nil {
			l.Program = m[1]
		}
		l.Open = openTo(in, policy, l)
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b Listener) int { return strings.Compare(a.Open+a.Port, b.Open+b.Port) })
	return out
}

// openTo is whom the page's firewall lets through to a listener.
func openTo(in In, policy filterPolicy, l Listener) string {
	host, _, _ := strings.Cut(strings.Trim(l.Addr, "[]"), "%")
	if a, err := netip.ParseAddr(host); err == nil && a.IsLoopback() {
		return "this machine alone"
	}
	switch {
	case l.Port == fmt.Sprintf("%d/tcp", policy.SSHPort):
		if len(in.Answers.Firewall.SSHFrom) > 0 {
			return strings.Join(in.Answers.Firewall.SSHFrom, ", ")
		}
		return "everybody"
	case slices.Contains(policy.Ports, l.Port):
		return "everybody"
	case (l.Port == "500/udp" || l.Port == "4500/udp") && len(policy.Peers) > 0:
		return "the other ends of the tunnels"
	case l.Port == "161/udp" && len(policy.NMS) > 0:
		return "the monitoring system"
	}
	for _, o := range policy.Limited {
		if slices.ContainsFunc(o.ports, func(p string) bool { return inPorts(p, l.Port) }) {
			return o.who()
		}
	}
	for _, name := range policy.Services {
		if s, ok := ServiceByName(name); ok && slices.ContainsFunc(s.Ports, func(p string) bool { return inPorts(p, l.Port) }) {
			return "everybody"
		}
	}
	return "nobody outside, but for tunnels"
}

// inPorts reports whether "5198:5199/udp" or "80/tcp" holds a port.
func inPorts(ports, port string) bool {
	span, proto, _ := strings.Cut(ports, "/")
	number, of, _ := strings.Cut(port, "/")
	from, to, ok := strings.Cut(span, ":")
	if !ok {
		to = from
	}
	var n, lo, hi int
	if _, err := fmt.Sscan(number+" "+from+" "+to, &n, &lo, &hi); err != nil {
		return false
	}
	return proto == of && lo <= n && n <= hi
}

func judgeServicesOther(in In, seen Seen) Finding {
	f := Finding{Want: "a person has looked through what listens", Status: Manual}
	text, err := seen.Answers[0].Text()
	if err != nil {
		return unknown(f, err)
	}
	list := parseListeners(in, text)
	for _, l := range list {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s on %s, %s: open to %s", l.Port, l.Addr, orElse(l.Program, "the kernel"), l.Open))
	}
	f.Got = fmt.Sprintf("%d listening ports; see that each is meant to be there and works", len(list))
	return f
}
