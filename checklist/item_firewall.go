package checklist

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"aslwiz/remote"
)

// itemFirewall knocks from where aslwiz runs, as the page does with netcat. A
// port that is closed by the filter lets every knock time out; so does a network
// on the way that swallows it. So each address is knocked at twice: at a port that
// is let in, the control, and at one that is not. And the rule that drops must
// have counted the knock.
var itemFirewall = Item{
	ID:    "firewall",
	Title: "Is the firewall active?",
	Probes: func(In) []remote.Probe {
		return []remote.Probe{
			remote.ReadSetting("IPv4 packet filter", countedRead("iptables")),
			remote.ReadSetting("IPv6 packet filter", countedRead("ip6tables")),
			remote.ReadFile(firewallScript),
			remote.ReadCommand("ss", "-Htln"),
			remote.ReadSetting("around the firewall", aroundFirewall),
		}
	},
	Outside: func(in In) []netip.AddrPort {
		var out []netip.AddrPort
		for _, a := range serverAddrs(in) {
			out = append(out, netip.AddrPortFrom(a, uint16(in.Facts.SSHPort)), netip.AddrPortFrom(a, closedPort(in)))
		}
		return out
	},
	Again: true,
	Judge: judgeFirewall,
}

// countedRead prints a family's tables with their counters.
func countedRead(command string) string {
	return "command -v " + command + "-save >/dev/null || exit 127\n" + command + "-save -c"
}

// serverAddrs are the server's global addresses, and the one it is reached at
// where that is another, as behind a NAT.
func serverAddrs(in In) []netip.Addr {
	var out []netip.Addr
	for _, n := range in.Facts.NICs {
		for _, p := range n.Addrs {
			out = append(out, p.Addr())
		}
	}
	if a, err := netip.ParseAddr(in.Answers.Host); err == nil && !slices.Contains(out, a) {
		out = append(out, a)
	}
	return out
}

// closedPort is a high TCP port that no answer opens.
func closedPort(in In) uint16 {
	opened := func(port uint16) bool {
		text := fmt.Sprintf("%d/tcp", port)
		return int(port) == in.Facts.SSHPort || slices.Contains(in.Answers.Firewall.Ports, text) ||
			slices.ContainsFunc(in.Answers.Firewall.Limited, func(s string) bool { return strings.HasPrefix(s, text) })
	}
	port := uint16(65533)
	for opened(port) {
		port--
	}
	return port
}

func judgeFirewall(in In, seen Seen) Finding {
	f := Finding{Want: "in both families: the script's rules are in force, SSH opens from here, a port that is not let in times out"}
	for _, a := range append(slices.Clone(seen.Answers), seen.After...) {
		if err := a.Err(); err != nil {
			return unknown(f, err)
		}
	}
	if len(seen.After) < 2 {
		return unknown(f, fmt.Errorf("the rules were not read a second time"))
	}
	script, err := seen.Answers[2].File()
	if err != nil {
		return unknown(f, err)
	}
	a := parseAround(string(seen.Answers[4].Out))
	saved := [2]string{string(seen.Answers[0].Out), string(seen.Answers[1].Out)}
	a.local = a.localWrong(saved)
	foreign, aside := foreignRules(in, saved, a)
	f.Evidence = append(slices.Clone(foreign), aside...)
	wrong := rulesWrong(seen.Answers, string(script.Content))
	if len(wrong) == 0 && a.boot != "enabled" {
		wrong = append(wrong, firewallUnit+" does not start at boot, so that after a restart nothing would be dropped")
	}
	if len(wrong) > 0 {
		f.Status, f.Got = Failed, strings.Join(wrong, "; ")
		f.Fix = firewallFix()
		return f
	}
	listens := regexp.MustCompile(fmt.Sprintf(`:%d\s`, closedPort(in))).Match(seen.Answers[3].Out)
	var red, open []string
	for _, family := range []int{onlyIPv4, onlyIPv6} {
		i := map[int]int{onlyIPv4: 0, onlyIPv6: 1}[family]
		moved := denied(seen.After[i]) - denied(seen.Answers[i])
		k := knocks{family: family, moved: moved, listens: listens}
		verdict, evidence, ok := k.judge(in, seen.Outside)
		f.Evidence = append(f.Evidence, evidence...)
		switch {
		case verdict != "":
			red = append(red, verdict)
		case !ok:
			open = append(open, fmt.Sprintf("IPv%d", family))
		}
	}
	switch {
	case len(foreign) > 0 || len(a.local) > 0:
		f.Status, f.Got, f.Fix = Failed, atMost(append(append(a.local, foreign...), red...)), foreignFix(a)
	case len(red) > 0:
		// The rules are aslwiz's, and the unit's: the step would find nothing to do.
		f.Status, f.Got = Failed, strings.Join(red, "; ")
		f.Fix = &Fix{Kind: FixHand, Text: "aslwiz's rules are in force, so something else answers: look at nft list ruleset on the server, and at what stands in front of it, such as a NAT or a load balancer"}
	case len(open) > 0:
		f.Status = Unknown
		f.Got = fmt.Sprintf("the rules are in force; from here it could not be seen that they hold for %s", strings.Join(open, " and "))
		f.Fix = &Fix{Kind: FixHand, Text: "run aslwiz verify from a computer that reaches the server over " + strings.Join(open, " and ") + " and is not at the other end of a tunnel"}
	default:
		f.Status, f.Got = Passed, f.Want
	}
	return f
}

func firewallFix() *Fix {
	return &Fix{Kind: FixStep, Step: "firewall", Text: "run the step firewall"}
}

// foreignFix says what a person can do about rules that are not aslwiz's.
func foreignFix(a around) *Fix {
	if len(a.local) > 0 {
		return &Fix{Kind: FixHand, Text: "correct " + firewallLocal + ", all of which is left out until then, and run " + firewallScript + ", which says what it refuses"}
	}
	return &Fix{Kind: FixHand, Text: "aslwiz does not change rules or settings that others made. A port that is meant to be open: add it to firewall.ports. One that is not: remove the rule, or publish the container's port at 127.0.0.1. A network to trust, or anything else that is not a port: put it into " + firewallLocal + ". A server that is no router: switch ip_forward off, where /etc/sysctl.d switches it on"}
}

// knocks are the connection attempts over one family.
type knocks struct {
	family  int
	moved   int64 // packets that the last rule counted between the two looks
	listens bool  // something listens on the closed port
}

// judge says what is wrong, or whether one address at least proved the filter.
func (k knocks) judge(in In, outside []remote.Reach) (red string, evidence []string, ok bool) {
	by := map[netip.AddrPort]remote.Reach{}
	for _, r := range outside {
		by[r.Addr] = r
	}
	fromPeer := slices.ContainsFunc(in.Answers.Peers, func(p Peer) bool {
		return slices.Contains(p.addrs(), in.Facts.Client) &&
			slices.ContainsFunc(p.addrs(), func(a netip.Addr) bool { return familyOf(a) == k.family })
	})
	for _, a := range serverAddrs(in) {
		if familyOf(a) != k.family {
			continue
		}
		control, ok1 := by[netip.AddrPortFrom(a, uint16(in.Facts.SSHPort))]
		closed, ok2 := by[netip.AddrPortFrom(a, closedPort(in))]
		if !ok1 || !ok2 {
			continue
		}
		evidence = append(evidence, fmt.Sprintf("from here: %s %s, %s %s", control.Addr, control.Outcome, closed.Addr, closed.Outcome))
		if control.Outcome != remote.ReachOpen {
			continue
		}
		switch answers := closed.Outcome == remote.ReachRefused || closed.Outcome == remote.ReachOpen; {
		case answers && fromPeer:
			evidence = append(evidence, fmt.Sprintf("IPv%d: you come from the other end of a tunnel, which is let in to everything", k.family))
		case closed.Outcome == remote.ReachRefused:
			red = fmt.Sprintf("IPv%d: %s answers instead of keeping silent", k.family, closed.Addr)
		case closed.Outcome == remote.ReachOpen:
			red = fmt.Sprintf("IPv%d: %s opens, and is not let in by any rule", k.family, closed.Addr)
		case closed.Outcome == remote.ReachTimeout:
			ok = true
		}
	}
	evidence = append(evidence, fmt.Sprintf("IPv%d: the last rule counted %d packets meanwhile", k.family, k.moved))
	if ok && k.moved <= 0 {
		ok = false
		evidence = append(evidence, fmt.Sprintf("IPv%d: so something on the way swallowed the knock before the server saw it", k.family))
	}
	if red != "" && k.listens {
		evidence = append(evidence, fmt.Sprintf("something on the server listens on port %d", closedPort(in)))
	}
	return red, evidence, ok
}

// rulesWrong compares the rules in force with the script's, family by family.
func rulesWrong(answers []remote.Answer, script string) (wrong []string) {
	for i, family := range []string{"IPv4", "IPv6"} {
		if answers[i].Code == 127 {
			return []string{"iptables is not installed"}
		}
		loaded, err := answers[i].Text()
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		have := ownOf(parseSaved(loaded)["filter"])
		have = slices.DeleteFunc(have, func(l string) bool { return withoutLocal(l) == "" })
		want := scriptRules(script, "rules"+family[3:])
		switch {
		case slices.Contains(have, "-A "+chainIn+" -j DROP"):
			wrong = append(wrong, family+": only SSH and what a network needs are let in, because the rules could not be loaded: journalctl -u "+firewallUnit+" says why")
		case !slices.Contains(have, defaultDeny) || !slices.Contains(have, jumpIn):
			wrong = append(wrong, family+": no rule drops what is not let in")
		case want == nil:
			wrong = append(wrong, firewallScript+" is not there, or is not aslwiz's")
		case !slices.Equal(have, want):
			wrong = append(wrong, family+": the rules in force are not those of "+firewallScript)
		}
	}
	return slices.Compact(wrong)
}

// scriptRules are the rules that firewall.sh holds in a function, nil when there
// are none.
func scriptRules(script, function string) []string {
	_, rest, ok := strings.Cut(script, function+"() {\n  cat <<'RULES'\n")
	if !ok {
		return nil
	}
	rules, _, _ := strings.Cut(rest, "RULES\n")
	return strings.Split(bareRules(rules), "\n")
}

// denied is how many packets the default deny has counted.
func denied(a remote.Answer) int64 {
	t := parseSaved(string(a.Out))["filter"]
	if t == nil {
		return 0
	}
	for _, r := range t.rules {
		if r.text == defaultDeny {
			return r.packets
		}
	}
	return 0
}
