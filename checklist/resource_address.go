package checklist

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"aslwiz/remote"
)

// address is that the card has an address of the answers now. A new one stands
// beside the one that it takes the place of, so that it is proved over a fresh
// connection before the old one goes, which happens at the reboot. One that
// somebody took from the card, of which the network file still tells, is put back.
type address struct {
	card     NIC
	old, new netip.Prefix // old is the zero value where none goes
}

// route is that a family has its default route.
type route struct {
	family  int
	gateway string
}

var _, _ Resource = address{}, route{}

// liveNetwork is what the card should have before the next boot: addresses that
// change, one of a family at most, and what it has lost since it is called eth0.
func liveNetwork(in In, card NIC) []Resource {
	n := in.Answers.Network
	var out []Resource
	for _, want := range []netip.Prefix{n.Addr6(), n.Addr4()} {
		if !want.IsValid() || card.has(want.Addr()) {
			continue
		}
		i := slices.IndexFunc(card.Addrs, func(p netip.Prefix) bool { return p.Addr().Is4() == want.Addr().Is4() && p.Bits() < p.Addr().BitLen() })
		switch {
		case i >= 0:
			out = append(out, address{card: card, old: card.Addrs[i], new: want})
		case card.Name == cardName:
			out = append(out, address{card: card, new: want})
		}
	}
	if card.Name != cardName {
		return out
	}
	if n.Gateway6 != "" && !in.Facts.Route6 {
		out = append(out, route{6, n.Gateway6})
	}
	if n.Gateway4 != "" && !in.Facts.Gateway4.IsValid() {
		out = append(out, route{4, n.Gateway4})
	}
	return out
}

func (n NIC) has(a netip.Addr) bool {
	return slices.ContainsFunc(n.Addrs, func(p netip.Prefix) bool { return p.Addr() == a })
}

// Name implements Resource.
func (r address) Name() string { return "address " + r.new.Addr().String() }

// Probes implements Resource: the facts have it all.
func (address) Probes() []remote.Probe { return nil }

// Compare implements Resource.
func (r address) Compare([]remote.Answer) (Change, error) {
	at, on := quote(r.new.String()), quote(r.card.Name)
	c := Change{
		Kind: "setting", Now: "not on " + r.card.Name, Want: "on " + r.card.Name,
		Script: []string{
			"if ping -n -c 1 -W 2 " + r.new.Addr().String() + " >/dev/null 2>&1; then die 'another machine answers at " + r.new.Addr().String() + " already'; fi",
			"run ip address add " + at + " dev " + on,
		},
		After: []string{"ip address del " + at + " dev " + on + " 2>/dev/null || :"},
	}
	if r.old.IsValid() {
		c.Now, c.Want = "the card has "+r.old.String(), r.new.String()+" beside it until the reboot"
		// Later, when the old one has gone, nothing else may be left to come in by.
		c.After = []string{`[ -z "$(ip -o address show dev ` + on + ` to ` + r.old.Addr().String() + `)" ] || ` + c.After[0]}
		c.Notes = []string{"aslwiz comes in by the new address before the old one goes"}
	}
	return c, nil
}

// Name implements Resource.
func (r route) Name() string { return fmt.Sprintf("IPv%d default route", r.family) }

// Probes implements Resource: the facts have it all.
func (route) Probes() []remote.Probe { return nil }

// Compare implements Resource.
func (r route) Compare([]remote.Answer) (Change, error) {
	args := fmt.Sprintf("default via %s dev %s", quote(r.gateway), cardName)
	return Change{
		Kind: "setting", Now: "none", Want: "via " + r.gateway,
		Script: []string{fmt.Sprintf("run ip -%d route replace %s onlink", r.family, args)},
		After:  []string{fmt.Sprintf("ip -%d route del %s 2>/dev/null || :", r.family, args)},
	}, nil
}

// newWayIn is the address by which aslwiz comes in once the one that it came in
// by has gone; the zero value where that one stays, or where the address dialled
// is another machine's, such as a router that hands connections on. A session that
// began before the move still comes in by the old one.
func newWayIn(in In) netip.AddrPort {
	card, err := findCard(in)
	if err != nil || !goesAtBoot(in, in.Facts.Server) {
		return netip.AddrPort{}
	}
	want := in.Answers.Network.Addr6().Addr()
	if in.Facts.Server.Is4() {
		want = in.Answers.Network.Addr4().Addr()
	}
	host, notIP := netip.ParseAddr(in.Answers.Host)
	elsewhere := notIP == nil && host != in.Facts.Server && host != want
	if elsewhere || !want.IsValid() || !card.has(in.Facts.Server) {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(want, uint16(in.Facts.SSHPort)) //nolint:gosec // a port
}

// goesAtBoot says whether the card has the address now, and not in the answers.
func goesAtBoot(in In, a netip.Addr) bool {
	card, err := findCard(in)
	n := in.Answers.Network
	return err == nil && n.Given() && card.has(a) && a != n.Addr4().Addr() && a != n.Addr6().Addr()
}

// addressesCheck is that aslwiz can come back after the reboot.
func addressesCheck(in In, card NIC) Check {
	return Check{Title: "addresses that stay", Judge: func([]remote.Answer) (Change, error) {
		var lost []string
		for _, have := range card.Addrs {
			if goesAtBoot(in, have.Addr()) {
				lost = append(lost, have.Addr().String())
			}
		}
		c := Change{Now: "all stay", Want: "all stay"}
		if len(lost) == 0 {
			return c, nil
		}
		c.Now = strings.Join(lost, ", ") + " would go"
		to := newWayIn(in)
		switch {
		case in.Facts.Server.IsValid() && !slices.Contains(lost, in.Facts.Server.String()):
			c.Notes = []string{strings.Join(lost, ", ") + ": not in the answers, and gone after the reboot"}
		case to.IsValid():
			c.Notes = []string{fmt.Sprintf("%s: gone after the reboot; aslwiz moves to %s before", strings.Join(lost, ", "), to.Addr())}
		default:
			c.Blocks = true
			c.Short = fmt.Sprintf("the answers take away %s, by which aslwiz comes in, and name no address in its place that can be reached from here; "+
				"connect by an address that stays, or change it at the provider's console", in.Facts.Server)
		}
		return c, nil
	}}
}
