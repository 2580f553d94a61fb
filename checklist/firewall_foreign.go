package checklist

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// foreign looks in a family's tables for rules of others that open a port which no
// answer opens, or shut one that an answer opens. aslwiz changes none of them.
type foreign struct {
	family string // "IPv4"
	policy filterPolicy
	cards  []string // the server's network cards; what comes by a bridge is not from outside
	tables map[string]*savedTable
	red    []string
	aside  []string // worth knowing, and nothing wrong
}

// read goes through all tables that a packet from outside passes before a program gets it.
func (f *foreign) read(forwarding bool) {
	f.input()
	for _, name := range []string{"raw", "mangle"} {
		for _, chain := range []string{"PREROUTING", "INPUT"} {
			f.walk(name, chain, func(r savedRule, m ruleMatch) bool { return f.shuts(name, r, m) })
		}
	}
	f.published()
	if forwarding && !f.guarded() {
		f.red = append(f.red, f.family+": the server forwards packets between networks (ip_forward is on), and no rule in FORWARD drops any")
	}
}

// walk calls visit for each rule of a chain, and of the chains that it leads to, until
// visit says that no packet comes further.
func (f *foreign) walk(table, chain string, visit func(savedRule, ruleMatch) (ends bool)) {
	t := f.tables[table]
	if t == nil {
		return
	}
	steps := 0 // chains may lead to each other in many ways
	var into func(chain string, jump ruleMatch, depth int) bool
	into = func(chain string, jump ruleMatch, depth int) bool {
		for _, r := range t.rules {
			if steps++; steps > 1_000_000 || r.chain != chain {
				continue
			}
			m := parseMatch(r.text).within(jump)
			if _, ok := t.policy[m.target]; ok && depth < 8 && !slices.Contains(ownChains, m.target) {
				if into(m.target, m, depth+1) {
					return true
				}
				continue
			}
			if m.target == "RETURN" && m == (ruleMatch{target: "RETURN"}).within(jump) {
				return false
			}
			if visit(r, m) {
				return true
			}
		}
		return false
	}
	into(chain, ruleMatch{}, 0)
}

// input looks at what stands in INPUT ahead of aslwiz's rules, and behind them.
func (f *foreign) input() {
	f.walk("filter", "INPUT", func(r savedRule, m ruleMatch) bool {
		if r.text == jumpIn {
			return true
		}
		if m.target == "ACCEPT" && m.begins(f.cards) && !f.lets(m) {
			f.red = append(f.red, f.named("filter", r)+" lets in "+m.what()+", which no answer opens")
		}
		return f.shuts("filter", r, m)
	})
	t := f.tables["filter"]
	if t == nil {
		return
	}
	ours := false
	var behind []string
	for _, r := range t.rules {
		switch {
		case r.chain != "INPUT":
		case r.text == jumpIn:
			ours = true
		case ours:
			behind = append(behind, r.text)
		}
	}
	if len(behind) > 0 {
		f.aside = append(f.aside, fmt.Sprintf("%s filter INPUT: rules behind aslwiz's have no effect: %s", f.family, atMost(behind)))
	}
}

// lets is whether the answers open all that a rule matches.
func (f *foreign) lets(m ruleMatch) bool {
	spans := m.portSpans()
	return len(spans) > 0 && !slices.ContainsFunc(spans, func(s string) bool {
		return !slices.ContainsFunc(f.policy.opened(), func(o string) bool { return coversPort(o, s) })
	})
}

// shuts notes a rule that drops what an answer opens. It returns whether nothing comes
// further.
func (f *foreign) shuts(table string, r savedRule, m ruleMatch) bool {
	if m.target != "DROP" && m.target != "REJECT" || m.src != "" || m.dst != "" || m.narrowed || !m.begins(f.cards) {
		return false // a ban, a limit
	}
	if m.proto == "" {
		f.red = append(f.red, f.named(table, r)+" drops all packets before they reach aslwiz's rules")
		return true
	}
	var shut []string
	for _, o := range append([]string{f.policy.ssh22()}, f.policy.opened()...) {
		_, _, proto := spanOf(o)
		meets := slices.ContainsFunc(m.portSpans(), func(s string) bool { return meetsPort(s, o) })
		if proto == m.proto && (m.ports == "" || meets) && !slices.Contains(shut, o) {
			shut = append(shut, o)
		}
	}
	if len(shut) > 0 {
		f.red = append(f.red, f.named(table, r)+" drops "+strings.Join(shut, ", ")+", which the answers open")
	}
	return false
}

// published looks at the ports that lead past INPUT: Docker's, and those that somebody
// redirects.
func (f *foreign) published() {
	limited := false
	f.walk("filter", "DOCKER-USER", func(_ savedRule, m ruleMatch) bool {
		limited = limited || m.stops(f.cards)
		return false
	})
	f.walk("nat", "PREROUTING", func(r savedRule, m ruleMatch) bool {
		if m.target != "DNAT" && m.target != "REDIRECT" || !m.begins(f.cards) || f.lets(m) {
			return false
		}
		to := "port " + m.to
		if m.target == "DNAT" {
			to = m.to
		}
		text := fmt.Sprintf("%s forwards %s to %s and bypasses aslwiz's rules", f.named("nat", r), m.what(), to)
		if limited && r.chain == "DOCKER" {
			f.aside = append(f.aside, text+"; rules in DOCKER-USER limit who gets there")
		} else {
			f.red = append(f.red, text)
		}
		return false
	})
}

// guarded is whether anybody drops what passes through.
func (f *foreign) guarded() bool {
	t := f.tables["filter"]
	if t == nil {
		return false
	}
	drops := t.policy["FORWARD"] == "DROP"
	f.walk("filter", "FORWARD", func(_ savedRule, m ruleMatch) bool {
		drops = drops || m.stops(f.cards)
		return false
	})
	return drops
}

// named is a rule with its place.
func (f *foreign) named(table string, r savedRule) string {
	return fmt.Sprintf("%s %s %s: '%s'", f.family, table, r.chain, r.text)
}

// atMost joins a few lines and counts the others.
func atMost(lines []string) string {
	const most = 5
	if len(lines) <= most {
		return strings.Join(lines, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(lines[:most], "; "), len(lines)-most)
}

// aroundFirewall prints what else decides what gets in: whether packets are forwarded,
// whether the unit starts at boot, what is wrong with firewall.local, rules that iptables
// does not show because they were loaded by iptables-legacy, and nft's own tables. A
// script that somebody else put at the place of aslwiz's is not run: the page's own
// loads its rules whatever it is told.
const aroundFirewall = `echo "forward4 $(cat /proc/sys/net/ipv4/ip_forward)"
echo "forward6 $(cat /proc/sys/net/ipv6/conf/all/forwarding 2>/dev/null || echo 0)"
if systemctl -q is-enabled aslwiz-firewall.service 2>/dev/null; then echo boot enabled; else echo boot disabled; fi
if grep -qs '^` + writtenByFirewallStep + `' ` + firewallScript + `; then
  sh ` + firewallScript + ` local 2>/dev/null | head -n 20 | sed 's/^/local /'
fi
[ ! -e ` + firewallLocal + ` ] || echo "locals $(grep -c '^-A ` + chainLocal + ` ' ` + firewallLocal + `)"
for t in ip ip6; do
  case $(${t}tables -V 2>/dev/null) in *nf_tables*) ;; *) continue ;; esac
  [ ! -s /proc/net/${t}_tables_names ] || ${t}tables-legacy-save 2>/dev/null | head -n 500 | sed "s/^/legacy $t /"
done
if command -v nft >/dev/null; then
  nft list tables | grep -vxE 'table ip6? (filter|nat|mangle|raw|security)' | head -n 20 | sed 's/^/nft /'
fi
exit 0`

// around is what aroundFirewall printed.
type around struct {
	forward map[string]bool   // by family, "IPv4"
	boot    string            // whether the unit starts at boot: "enabled"
	local   []string          // what is wrong with firewall.local
	locals  int               // how many rules are in it
	legacy  map[string]string // what iptables-legacy-save printed, by family
	nft     []string          // nft's own tables
}

func parseAround(text string) around {
	a := around{forward: map[string]bool{}, legacy: map[string]string{}}
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		switch word {
		case "forward4":
			a.forward["IPv4"] = rest != "0"
		case "forward6":
			a.forward["IPv6"] = rest != "0"
		case "boot":
			a.boot = rest
		case "local":
			a.local = append(a.local, rest)
		case "locals":
			a.locals, _ = strconv.Atoi(rest)
		case "legacy":
			t, rule, _ := strings.Cut(rest, " ")
			family := map[string]string{"ip": "IPv4", "ip6": "IPv6"}[t]
			a.legacy[family] += rule + "\n"
		case "nft":
			a.nft = append(a.nft, strings.TrimPrefix(rest, "table "))
		}
	}
	return a
}

// localWrong says what is wrong with firewall.local: a line of it, or that none of its
// rules is in force, because the kernel refused them or nobody loaded them.
func (a around) localWrong(saved [2]string) []string {
	if len(a.local) > 0 || a.locals == 0 {
		return a.local
	}
	for _, text := range saved {
		t := parseSaved(text)["filter"]
		if t != nil && slices.ContainsFunc(t.rules, func(r savedRule) bool { return r.chain == chainLocal }) {
			return nil
		}
	}
	return []string{fmt.Sprintf("%s has %d rules, and none of them is in force", firewallLocal, a.locals)}
}

// foreignRules are the findings about others' rules in both families.
func foreignRules(in In, saved [2]string, a around) (red, aside []string) {
	policy, _ := policyOf(in)
	cards := []string{"eth0"}
	for _, n := range in.Facts.NICs {
		cards = append(cards, n.Name)
	}
	for i, family := range []string{"IPv4", "IPv6"} {
		f := foreign{family: family, policy: policy, cards: cards, tables: parseSaved(saved[i])}
		f.read(a.forward[family])
		old := foreign{family: family + " iptables-legacy", policy: policy, cards: cards, tables: parseSaved(a.legacy[family])}
		old.legacy()
		red, aside = append(red, append(f.red, old.red...)...), append(aside, append(f.aside, old.aside...)...)
	}
	if len(a.nft) > 0 {
		aside = append(aside, "nft has tables of its own, whose rules hold as well: "+atMost(a.nft))
	}
	return bounded(red), bounded(aside)
}

// bounded keeps a list to what a person reads through: somebody may publish a hundred
// ports.
func bounded(list []string) []string {
	const most = 30
	if len(list) <= most {
		return list
	}
	return append(list[:most:most], fmt.Sprintf("and %d more of them", len(list)-most))
}

// legacy looks at the tables of the kernel's older packet filter: a packet passes them
// as well, so they can shut a port and not open one.
func (f *foreign) legacy() {
	rules := 0
	for _, t := range f.tables {
		rules += len(t.rules)
	}
	t := f.tables["filter"]
	if t != nil && t.policy["INPUT"] == "DROP" {
		f.red = append(f.red, f.family+" filter: the policy of INPUT is DROP")
	}
	f.walk("filter", "INPUT", func(r savedRule, m ruleMatch) bool { return f.shuts("filter", r, m) })
	if rules > 0 {
		f.aside = append(f.aside, fmt.Sprintf("%s holds %d rules, which iptables does not show: iptables-legacy-save does", f.family, rules))
	}
}
