package checklist

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"aslwiz/remote"
)

// farFirewall is that the packet filter of the other server admits IKE, ESP and
// what came through the tunnel. aslwiz's own script gets the rules, which touches
// nothing but aslwiz's own chains there; what another program or a person manages is
// only read, and the rules to add are shown.
type farFirewall struct {
	Us   []netip.Addr // this server, as the other one sees it
	Host string
}

var _ Resource = farFirewall{}

// Name implements Resource.
func (f farFirewall) Name() string { return "firewall on " + f.Host + " for " + f.us() }

func (f farFirewall) us() string {
	var out []string
	for _, a := range f.Us {
		out = append(out, a.String())
	}
	return strings.Join(out, ", ")
}

// Probes implements Resource.
func (f farFirewall) Probes() []remote.Probe {
	out := []remote.Probe{
		remote.ReadFile(firewallScript),
		remote.ReadSetting("other firewalls on "+f.Host, firewallsRead).Within(farPatience),
	}
	for _, a := range f.Us {
		save := tablesOf(a) + "-save"
		out = append(out, remote.ReadSetting(save+" on "+f.Host, "command -v "+save+" >/dev/null || exit 0; "+save+" -t filter").Within(farPatience))
	}
	return out
}

// farPatience is for programs that start slowly on a busy machine, as ufw does.
const farPatience = 30 * time.Second

// tablesOf is the command for the rules of an address's family.
func tablesOf(a netip.Addr) string {
	if a.Is4() {
		return "iptables"
	}
	return "ip6tables"
}

// tunnelLines are the rules that let in the tunnel with a, for a firewall that is not
// aslwiz's.
func tunnelLines(a netip.Addr) []string { return tunnelRules("INPUT", a) }

func tunnelRules(chain string, a netip.Addr) []string {
	var out []string
	for _, r := range peerRules(a) {
		r.chain = chain
		out = append(out, r.String())
	}
	return out
}

// Compare implements Resource.
func (f farFirewall) Compare(answers []remote.Answer) (Change, error) {
	c := Change{Resource: f.Name(), Kind: "check", Want: "IKE, ESP and the tunnel's own packets are let in"}
	script, err := answers[0].File()
	if err != nil {
		return c, err
	}
	if script.Exists && strings.Contains(string(script.Content), writtenByFirewallStep) {
		return f.own(script)
	}
	others, err := answers[1].Text()
	if err != nil {
		return c, err
	}
	if others = strings.Join(strings.Fields(others), ", "); others != "" {
		c.Now = others + " manages the packet filter"
		c.Short = f.advice("could not be judged: "+others+" manages it. If it does not admit the tunnel yet, add what these rules say", f.Us)
		return c, nil
	}
	var shut []netip.Addr
	for i, a := range f.Us {
		rules, err := answers[2+i].Text()
		if err != nil {
			return c, err
		}
		if !letsIn(rules, tunnelLines(a)) {
			shut = append(shut, a)
		}
	}
	if len(shut) == 0 {
		c.Same, c.Now = true, c.Want
		return c, nil
	}
	c.Now = "not let in"
	c.Short = f.advice("drops what the tunnel needs, and its rules are not aslwiz's. Add there, before the rule that drops", shut)
	return c, nil
}

// writtenByFirewallStep marks a script that the step firewall wrote.
const writtenByFirewallStep = "# Written by aslwiz, step firewall;"

func (f farFirewall) advice(why string, from []netip.Addr) string {
	var b strings.Builder
	fmt.Fprintf(&b, "the firewall on %s %s:", f.Host, why)
	for _, a := range from {
		for _, l := range tunnelLines(a) {
			fmt.Fprintf(&b, " %s %s;", tablesOf(a), strings.Replace(l, "-A INPUT", "-I INPUT", 1))
		}
	}
	return strings.TrimSuffix(b.String(), ";")
}

// own adds the rules to aslwiz's script, behind the one that lets replies in.
func (f farFirewall) own(script remote.FileState) (Change, error) {
	after := string(script.Content)
	for _, a := range f.Us {
		var err error
		if after, err = f.insert(after, a); err != nil {
			return Change{}, fmt.Errorf("%s: %w", firewallScript, err)
		}
	}
	c, err := replaceFile(script, remote.FileChange{Path: firewallScript, After: []byte(after), Mode: script.Mode.Perm(), Owner: script.Owner}, "")
	c.Resource, c.Kind = f.Name(), "edit"
	if err == nil && !c.Same {
		c.Script = append(c.Script, "run "+firewallScript+" test", "run "+firewallScript)
		c.After = []string{firewallScript}
		c.Notes = []string{"put it into the answers of " + f.Host + " as a peer too: the next run of the step firewall there writes its rules from them"}
	}
	return c, err
}

func (f farFirewall) insert(script string, us netip.Addr) (string, error) {
	var missing []string
	have := strings.Split(script, "\n")
	for _, l := range tunnelRules(chainIn, us) {
		if !slices.Contains(have, l) {
			missing = append(missing, l)
		}
	}
	if len(missing) == 0 {
		return script, nil
	}
	part := "rules6() {"
	if us.Is4() {
		part = "rules4() {"
	}
	at := slices.Index(have, part)
	if at < 0 {
		return script, fmt.Errorf("has no part %q: run the step firewall on %s", part, f.Host)
	}
	n := slices.Index(have[at:], "-A "+chainIn+" "+replies)
	if n < 0 {
		return script, fmt.Errorf("has no rule for replies: run the step firewall on %s", f.Host)
	}
	return strings.Join(slices.Insert(have, at+n+1, missing...), "\n"), nil
}

// letsIn judges what iptables-save printed: whether the wanted rules are there,
// or nothing is dropped at all.
func letsIn(rules string, want []string) bool {
	have := strings.Split(rules, "\n")
	drops := strings.Contains(rules, ":INPUT DROP")
	for _, l := range have {
		target := l[strings.LastIndexByte(l, ' ')+1:]
		if strings.HasPrefix(l, "-A INPUT") && (strings.Contains(l, "-j DROP") || strings.Contains(l, "-j REJECT") || strings.Contains(target, "drop")) {
			drops = true
		}
	}
	if !drops {
		return true
	}
	for _, w := range want {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}
