package checklist

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"aslwiz/remote"
)

// itemDNS looks up name and addresses, at the server's own resolver and at one
// outside.
// Source: the page, "Is it configured in DNS both forward and reverse?".
var itemDNS = Item{
	ID:      "dns",
	Title:   "Is it configured in DNS both forward and reverse?",
	Probes:  serverLookups,
	Lookups: func(in In) []remote.Lookup { return append(outsideLookups(in), insideLookups(in)...) },
	Judge:   judgeDNS,
}

func outsideLookups(in In) []remote.Lookup {
	var out []remote.Lookup
	for _, a := range publicAddrs(in) {
		out = append(out,
			remote.Lookup{Resolver: in.Answers.Resolver, Name: in.Answers.FQDN(), Type: recordType(a)},
			remote.Lookup{Resolver: in.Answers.Resolver, Name: reverseName(a), Type: "PTR"})
	}
	return out
}

// insideLookups put the same questions to the server's own resolver: getent shows where
// a name leads, and not by which hops.
func insideLookups(in In) []remote.Lookup {
	if len(in.Facts.DNS) == 0 {
		return nil
	}
	out := outsideLookups(in)
	for i := range out {
		out[i].Resolver, out[i].FromServer = in.Facts.DNS[0].String(), true
	}
	return out
}

// dnsVerdict gathers what is wrong, from where.
type dnsVerdict struct {
	wrong, unsure, evidence, notes []string
	here, there                    int  // how many answers were right: at the server, outside
	other                          bool // a record is there and says something else
}

func judgeDNS(in In, seen Seen) Finding {
	addrs, name := publicAddrs(in), in.Answers.FQDN()
	f := Finding{Want: fmt.Sprintf("%s and its addresses lead to each other, the reverse by %s", name, ptrName(in.Answers))}
	if len(addrs) == 0 || in.Answers.Hostname == "" {
		return unknown(f, fmt.Errorf("the server's name or addresses are not known"))
	}
	var v dnsVerdict
	for i, addr := range addrs {
		v.fromServer(addr, name, seen.Answers[2*i], seen.Answers[2*i+1])
		if len(seen.Lookups) >= 2*len(addrs) {
			v.fromOutside(addr, name, ptrName(in.Answers), seen.Lookups[2*i], seen.Lookups[2*i+1])
		} else {
			v.unsure = append(v.unsure, "not asked from outside")
		}
	}
	for _, a := range seen.Lookups[min(2*len(addrs), len(seen.Lookups)):] {
		if a.Issue == "" { // else getent's answer above is all there is
			v.evidence = append(v.evidence, fmt.Sprintf("at the server (%s): %s", a.Asked, lookupLine(a)))
		}
	}
	f.Evidence = v.evidence
	all := 2 * len(addrs)
	switch {
	case len(v.wrong) > 0 && !v.other && (v.here == all || v.there == all) && len(v.unsure) == 0:
		// One side knows it all: what is new takes its time to get everywhere.
		return waiting(f, strings.Join(v.wrong, "; ")+"; the other side knows it already: caches keep old answers for a while", time.Minute)
	case len(v.wrong) > 0:
		f.Status, f.Got = Failed, strings.Join(v.wrong, "; ")
		f.Fix = &Fix{Kind: FixHand, Step: "dns", Text: "enter the records that the step dns shows, and ask the provider for the reverse ones"}
	case len(v.unsure) > 0:
		f.Status, f.Got = Unknown, strings.Join(v.unsure, "; ")
	default:
		f.Status, f.Got = Passed, strings.Join(append([]string{"forward and reverse agree, here and outside"}, v.notes...), "; ")
	}
	return f
}

func (v *dnsVerdict) fromServer(addr netip.Addr, name string, forward, back remote.Answer) {
	addrs, err := getentValues(forward, addr, false)
	names, err2 := getentValues(back, addr, true)
	if err != nil || err2 != nil {
		v.unsure = append(v.unsure, "the server's resolver: no answer about "+addr.String())
		return
	}
	v.evidence = append(v.evidence,
		fmt.Sprintf("at the server: %s %s %s", name, recordType(addr), orElse(strings.Join(addrs, " "), "nothing")),
		fmt.Sprintf("at the server: %s PTR %s", addr, orElse(strings.Join(names, " "), "nothing")))
	v.here += v.check("at the server", recordType(addr), addrs, addr.String())
	v.here += v.check("at the server", "PTR of "+addr.String(), names, name)
}

func (v *dnsVerdict) fromOutside(addr netip.Addr, name, ptr string, forward, back remote.LookupAnswer) {
	for _, a := range []remote.LookupAnswer{forward, back} {
		if a.Issue != "" || a.Code != "ok" && a.Code != "no such name" {
			v.unsure = append(v.unsure, fmt.Sprintf("outside: %s %s: %s", a.Name, a.Type, orElse(a.Issue, a.Code)))
			return
		}
		v.evidence = append(v.evidence, fmt.Sprintf("outside (%s): %s", a.Asked, lookupLine(a)))
	}
	v.there += v.check("outside", recordType(addr), forward.Values, addr.String())
	right := v.check("outside", "PTR of "+addr.String(), back.Values, name)
	v.there += right
	hop := reverseName(addr) + " -> " + ptr
	if right == 1 && (len(back.Hops) == 0 || !strings.EqualFold(back.Hops[0], hop)) {
		v.notes = append(v.notes, fmt.Sprintf("the provider answers for %s without the page's CNAME to %s", addr, ptr))
	}
}

// check is 1 when the only value is the wanted one.
func (v *dnsVerdict) check(where, what string, got []string, want string) int {
	if len(got) == 1 && strings.EqualFold(got[0], want) {
		return 1
	}
	v.other = v.other || len(got) > 0
	v.wrong = append(v.wrong, fmt.Sprintf("%s: %s is %s", where, what, orElse(strings.Join(got, " and "), "not there")))
	return 0
}

// lookupLine is an answer hop by hop.
func lookupLine(a remote.LookupAnswer) string {
	line := a.Name
	for _, h := range a.Hops {
		_, to, _ := strings.Cut(h, " -> ")
		line += " -> CNAME " + to
	}
	if len(a.Values) == 0 {
		return line + " " + a.Type + ": " + a.Code + ", no such record"
	}
	return line + " -> " + a.Type + " " + strings.Join(a.Values, " ")
}
