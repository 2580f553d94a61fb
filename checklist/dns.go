package checklist

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"aslwiz/remote"
)

// LookerUp is a Host that can ask a resolver from where aslwiz runs.
type LookerUp interface {
	LookUp(ctx context.Context, questions []remote.Lookup) []remote.LookupAnswer
}

var _ LookerUp = (*remote.Server)(nil)

// publicAddrs are the server's addresses as DNS should know them: those of the
// answers, else those of its card, IPv4 first.
func publicAddrs(in In) []netip.Addr {
	var out []netip.Addr
	n := in.Answers.Network
	for _, p := range []netip.Prefix{n.Addr4(), n.Addr6()} {
		if p.IsValid() {
			out = append(out, p.Addr())
		}
	}
	if n.Given() {
		return out
	}
	if card, err := findCard(in); err == nil {
		for _, p := range card.Addrs {
			out = append(out, p.Addr())
		}
	}
	slices.SortStableFunc(out, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	return out
}

// reverseName is the name in the DNS tree that an address is looked up by.
// Sources: RFC 1035 section 3.5, RFC 3596 section 2.5.
func reverseName(a netip.Addr) string {
	var b strings.Builder
	if a.Is4() {
		o := a.As4()
		return fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa", o[3], o[2], o[1], o[0])
	}
	o := a.As16()
	for i := 15; i >= 0; i-- {
		fmt.Fprintf(&b, "%x.%x.", o[i]&15, o[i]>>4)
	}
	return b.String() + "ip6.arpa"
}

// ptrName is where the page wants the reverse look-up to lead: $NAME.PTR.<domain>.
func ptrName(a Answers) string { return a.Hostname + ".PTR." + a.Domain }

func recordType(a netip.Addr) string {
	if a.Is4() {
		return "A"
	}
	return "AAAA"
}

// zoneRecords are the lines for the domain's own zone.
func zoneRecords(in In) []string {
	var out []string
	for _, a := range publicAddrs(in) {
		out = append(out, fmt.Sprintf("%s. IN %s %s", in.Answers.FQDN(), recordType(a), a))
	}
	return append(out, fmt.Sprintf("%s. IN PTR %s.", ptrName(in.Answers), in.Answers.FQDN()))
}

// providerRecords are the lines to ask the provider for.
func providerRecords(in In) []string {
	var out []string
	for _, a := range publicAddrs(in) {
		out = append(out, fmt.Sprintf("%s. IN CNAME %s.", reverseName(a), ptrName(in.Answers)))
	}
	return out
}

// serverLookups ask the server's own resolver, past /etc/hosts, forward and then
// backward. getent ends with 2 where there is no such name.
func serverLookups(in In) []remote.Probe {
	var out []remote.Probe
	for _, a := range publicAddrs(in) {
		db := "ahostsv4"
		if a.Is6() {
			db = "ahostsv6"
		}
		out = append(out,
			remote.ReadCommand("getent", "-s", "dns", db, in.Answers.FQDN()),
			remote.ReadCommand("getent", "-s", "dns", "hosts", a.String()))
	}
	return out
}

// getentValues are the addresses or the names that getent printed.
func getentValues(a remote.Answer, want netip.Addr, names bool) ([]string, error) {
	if err := a.Err(); err != nil {
		return nil, err
	}
	if a.Code == 2 {
		return nil, nil
	}
	text, err := a.Text()
	if err != nil {
		return nil, err
	}
	var out []string
	for l := range strings.Lines(text) {
		w := strings.Fields(l)
		if names {
			out = append(out, w[min(1, len(w)):]...)
			continue
		}
		if len(w) == 0 {
			continue
		}
		ip, err := netip.ParseAddr(w[0])
		// Without an AAAA record, glibc shows the A record as an IPv6 address.
		if err == nil && ip.Is4() == want.Is4() && !ip.Is4In6() && !slices.Contains(out, ip.String()) {
			out = append(out, ip.String())
		}
	}
	return out, nil
}

// lookUpAll asks the items' questions to DNS, by item. A host that cannot ask
// leaves them without an answer.
func lookUpAll(ctx context.Context, h Host, in In, items []Item) [][]remote.LookupAnswer {
	out := make([][]remote.LookupAnswer, len(items))
	var all []remote.Lookup
	for _, it := range items {
		if it.Lookups != nil {
			all = append(all, it.Lookups(in)...)
		}
	}
	l, ok := h.(LookerUp)
	if !ok || len(all) == 0 {
		return out
	}
	answers := l.LookUp(ctx, all)
	for i, it := range items {
		if it.Lookups != nil {
			n := len(it.Lookups(in))
			out[i], answers = answers[:n], answers[n:]
		}
	}
	return out
}
