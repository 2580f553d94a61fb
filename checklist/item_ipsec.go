package checklist

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"aslwiz/remote"
)

// itemIPsec measures every tunnel of the answers: logged in, transport mode
// installed, and packets counted in both directions while it is pinged.
// Source: the page, "Verify IPsec"; ipsec(8), swanctl(8).
var itemIPsec = Item{
	ID:     "ipsec",
	Title:  "Are the tunnels up, and does traffic go through them?",
	Probes: ipsecProbes,
	Judge:  judgeIPsec,
}

// lookBreak stands between the parts of what tunnelLook prints.
const lookBreak = "=== aslwiz ==="

// tunnelLook prints the daemon's word, pings the other end, and prints the
// daemon's word again. The keys that `ip xfrm state` would show are not asked for.
func tunnelLook(d ipsecDaemon, remote netip.Addr) string {
	state := "ipsec statusall 2>/dev/null"
	have := "ipsec"
	if d.unit == swanctlDaemon.unit {
		state, have = "swanctl --list-sas --raw 2>/dev/null; swanctl --list-pols --trap --raw 2>/dev/null", "swanctl"
	}
	return "command -v " + have + " >/dev/null || { echo 'no " + have + " on this server'; exit 127; }\n" +
		state + "\necho '" + lookBreak + "'\nping -n -c 3 -i 0.5 -W 2 " + remote.String() + " || :\necho '" + lookBreak + "'\n" + state + "\n"
}

func ipsecProbes(in In) []remote.Probe {
	d := daemonOf(in.Facts.Release)
	var out []remote.Probe
	for _, p := range in.Answers.Peers {
		for _, a := range p.addrs() {
			out = append(out, tunnelProbe(d, p.Name, a))
		}
	}
	return out
}

// tunnelProbe looks at the connection to addr of the tunnel with name.
func tunnelProbe(d ipsecDaemon, name string, addr netip.Addr) remote.Probe {
	return remote.ReadSetting(fmt.Sprintf("tunnel %s-%d", name, familyOf(addr)), tunnelLook(d, addr)).Within(25 * time.Second)
}

// tunnelSA is what a daemon says of one connection.
type tunnelSA struct {
	Established bool
	Connecting  bool
	Installed   bool // a child in transport mode
	Trapped     bool // nothing that is sent leaves in clear, whatever becomes of the rest
	In, Out     int  // packets, of all of its installed children
	Lines       []string
}

func judgeIPsec(in In, seen Seen) Finding {
	f := Finding{Want: "every tunnel ROUTED (a trap: nothing leaves in clear), ESTABLISHED and INSTALLED, TRANSPORT, its packets counted in both directions"}
	if len(in.Answers.Peers) == 0 {
		f.Status, f.Want, f.Got = Passed, "no tunnels", "the answers name no peers"
		return f
	}
	var got []string
	n := 0
	for _, p := range in.Answers.Peers {
		for i, a := range p.addrs() {
			name := fmt.Sprintf("%s-%d", p.Name, familyOf(a))
			if n >= len(seen.Answers) {
				break
			}
			v := seenFar(in, p, i, a, judgeTunnel(in, p, name, seen.Answers[n]))
			n++
			got = append(got, name+": "+v.Got)
			f.Evidence = append(f.Evidence, v.Evidence...)
			if rank(v.Status) > rank(f.Status) {
				f.Status, f.Fix = v.Status, v.Fix
			}
		}
	}
	f.Got = strings.Join(got, "; ")
	if f.Status == Waiting {
		again := time.Now().Add(15 * time.Second)
		f.Again = &again
	}
	return f
}

// rank orders verdicts: the worst tunnel is the item's.
func rank(s ItemStatus) int {
	switch s {
	case Passed:
		return 1
	case Waiting:
		return 2
	case Unknown:
		return 3
	case Failed:
		return 4
	}
	return 0
}

func judgeTunnel(in In, p Peer, name string, a remote.Answer) Finding {
	if a.Err() == nil && a.Code == 127 {
		return Finding{Status: Failed, Got: "no tunnel program is installed", Fix: &Fix{Kind: FixStep, Step: "ipsec", Text: "run the steps packages and ipsec"}}
	}
	text, err := a.Text()
	parts := strings.Split(text, lookBreak)
	if err != nil || len(parts) != 3 {
		got := "not known: its look gave no whole answer"
		if err != nil {
			got = "not known: " + err.Error()
		}
		return Finding{Status: Unknown, Got: got}
	}
	parse := parseStatusall
	if daemonOf(in.Facts.Release).unit == swanctlDaemon.unit {
		parse = parseListSAs
	}
	before, after := parse(parts[0], name), parse(parts[2], name)
	v := Finding{Evidence: append(after.Lines, pingSummary(parts[1])...)}
	in1, out1 := after.In-before.In, after.Out-before.Out
	switch {
	case !after.Trapped && (after.Established || after.Connecting):
		v.Status, v.Got = Failed, "no trap: whenever the tunnel is down, what is sent leaves in clear"
		v.Fix = &Fix{Kind: FixStep, Step: "ipsec", Text: "run the step ipsec"}
	case !after.Established && after.Connecting:
		v.Status, v.Got = Waiting, "the two ends are still agreeing, or the other one does not answer"
		v.Fix = &Fix{Kind: FixPeer, Text: farFix(p)}
	case !after.Established:
		v.Status, v.Got = Failed, "down, and not being tried"
		v.Fix = &Fix{Kind: FixStep, Step: "ipsec", Text: "run the step ipsec; " + farFix(p)}
	case !after.Installed:
		v.Status, v.Got = Failed, "ESTABLISHED, and no transport mode is INSTALLED: nothing is encrypted"
		v.Fix = &Fix{Kind: FixPeer, Text: farFix(p)}
	case !before.Installed || in1 < 0 || out1 < 0:
		v.Status, v.Got = Waiting, "came up, or changed its keys, in this moment"
	case out1 == 0:
		v.Status, v.Got = Failed, "INSTALLED, and a ping did not go through it"
		v.Fix = &Fix{Kind: FixHand, Text: "compare the addresses with `ip xfrm policy` and `ip route get`"}
	case in1 == 0:
		v.Status, v.Got = Failed, fmt.Sprintf("INSTALLED, %d packets went out, and none came back", out1)
		v.Fix = &Fix{Kind: FixPeer, Text: "the firewall of " + p.Name + ", or one on the way, drops ESP or what came through the tunnel; " + farFix(p)}
	default:
		v.Status, v.Got = Passed, fmt.Sprintf("ROUTED, ESTABLISHED, INSTALLED, TRANSPORT; %d packets out and %d in with a ping", out1, in1)
	}
	return v
}

func farFix(p Peer) string {
	if p.SSH != "" {
		return "apply the step ipsec, which looks at both ends; then the daemon's log on " + p.Name
	}
	return "paste the other end's text on " + p.Name + " (the step ipsec, run alone, shows it again), and see that both have the same key"
}

func pingSummary(ping string) []string {
	for line := range strings.Lines(ping) {
		if strings.Contains(line, "packets transmitted") {
			return []string{strings.TrimSpace(line)}
		}
	}
	return nil
}

var (
	statusPkts = regexp.MustCompile(`\d+ bytes_(i|o)(?: \((\d+) pkts?)?`)
	rawChild   = regexp.MustCompile(`\{name=(\S+) ([^{}]*)`)
	rawNumber  = regexp.MustCompile(`packets-(in|out)=(\d+)`)
)

// parseStatusall reads `ipsec statusall`: lines "name[1]: ESTABLISHED ..." of the
// logins and "name{1}: INSTALLED, TRANSPORT, ..." of what they brought.
func parseStatusall(text, name string) tunnelSA {
	var sa tunnelSA
	installed := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		head, rest, _ := strings.Cut(line, ":")
		switch rest = strings.TrimSpace(rest); {
		case strings.HasPrefix(head, name+"["):
			sa.Established = sa.Established || strings.HasPrefix(rest, "ESTABLISHED")
			sa.Connecting = sa.Connecting || strings.HasPrefix(rest, "CONNECTING")
			if strings.HasPrefix(rest, "ESTABLISHED") || strings.HasPrefix(rest, "CONNECTING") {
				sa.Lines = append(sa.Lines, line)
			}
		case strings.HasPrefix(head, name+"{"):
			if strings.HasPrefix(rest, "INSTALLED, TRANSPORT") {
				sa.Installed, installed[head] = true, true
				sa.Lines = append(sa.Lines, line)
			}
			if strings.HasPrefix(rest, "ROUTED, TRANSPORT") {
				sa.Trapped = true
				sa.Lines = append(sa.Lines, line)
			}
			if !installed[head] {
				continue
			}
			for _, m := range statusPkts.FindAllStringSubmatch(rest, -1) {
				n, _ := strconv.Atoi(m[2])
				if m[1] == "i" {
					sa.In += n
				} else {
					sa.Out += n
				}
			}
			if statusPkts.MatchString(rest) {
				sa.Lines = append(sa.Lines, line)
			}
		}
	}
	return sa
}

// parseListSAs reads `swanctl --list-sas --raw`, a line an IKE_SA, and `swanctl
// --list-pols --raw`, a line a policy.
func parseListSAs(text, name string) tunnelSA {
	var sa tunnelSA
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "list-policy event {"+name+"/"+name+" {") && strings.Contains(line, " mode=TRANSPORT ") {
			sa.Trapped = true
			sa.Lines = append(sa.Lines, strings.TrimSuffix(strings.TrimPrefix(line, "list-policy event "), "}"))
			continue
		}
		rest, ok := strings.CutPrefix(line, "list-sa event {"+name+" {")
		if !ok {
			continue
		}
		head, _, _ := strings.Cut(rest, "child-sas")
		sa.Established = sa.Established || strings.Contains(head, " state=ESTABLISHED ")
		sa.Connecting = sa.Connecting || strings.Contains(head, " state=CONNECTING ")
		for _, m := range rawChild.FindAllStringSubmatch(rest, -1) {
			if m[1] != name || !strings.Contains(m[2], "state=INSTALLED mode=TRANSPORT ") {
				continue
			}
			sa.Installed = true
			for _, k := range rawNumber.FindAllStringSubmatch(m[2], -1) {
				n, _ := strconv.Atoi(k[2])
				if k[1] == "in" {
					sa.In += n
				} else {
					sa.Out += n
				}
			}
		}
		sa.Lines = append(sa.Lines, strings.TrimSuffix(strings.TrimPrefix(line, "list-sa event "), "}"))
	}
	return sa
}
