package checklist

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"aslwiz/remote"
)

// itemAddress looks at the card itself, and knocks from outside at each of the
// server's addresses.
// Source: the page, "Is the IP address configured on the server on eth0?".
var itemAddress = Item{
	ID:    "address",
	Title: "Is the IP address configured on the server on eth0?",
	Probes: func(In) []remote.Probe {
		return []remote.Probe{
			remote.ReadCommand("ip", "-j", "address"),
			remote.ReadCommand("ip", "-j", "-4", "route", "show", "default"),
			remote.ReadSetting("IPv6 default route", "ip -j -6 route show default 2>/dev/null || echo '[]'"),
		}
	},
	Outside: func(in In) []netip.AddrPort {
		var out []netip.AddrPort
		for _, a := range wantedAddrs(in) {
			out = append(out, netip.AddrPortFrom(a.Addr(), uint16(in.Facts.SSHPort)))
		}
		return out
	},
	Judge: judgeAddress,
}

// wantedAddrs are the addresses that the card must have: those of the answers,
// else those that it has.
func wantedAddrs(in In) []netip.Prefix {
	var out []netip.Prefix
	n := in.Answers.Network
	for _, p := range []netip.Prefix{n.Addr4(), n.Addr6()} {
		if p.IsValid() {
			out = append(out, p)
		}
	}
	if n.Given() {
		return out
	}
	if card, err := findCard(in); err == nil {
		return card.Addrs
	}
	return nil
}

// linkState is what ip -j address prints of an interface.
type linkState struct {
	Name string `json:"ifname"`
	MAC  string `json:"address"`
	Addr []struct {
		Local     netip.Addr `json:"local"`
		Bits      int        `json:"prefixlen"`
		Tentative bool       `json:"tentative"`
		Failed    bool       `json:"dadfailed"`
	} `json:"addr_info"`
}

type routeState struct {
	Dev     string `json:"dev"`
	Gateway string `json:"gateway"`
}

func judgeAddress(in In, seen Seen) Finding {
	f := Finding{Want: cardName + " has " + joinPrefixes(wantedAddrs(in)) + ", each reached from here, and default routes"}
	var links []linkState
	var routes4, routes6 []routeState
	for i, v := range []any{&links, &routes4, &routes6} {
		if err := seen.Answers[i].JSON(v); err != nil {
			return unknown(f, err)
		}
	}
	i := slices.IndexFunc(links, func(l linkState) bool { return l.Name == cardName })
	if i < 0 && !in.Answers.Network.Given() {
		f.Status, f.Got = Manual, "there is no "+cardName+", and the answers leave the network as it is (network)"
		for _, l := range links {
			f.Evidence = append(f.Evidence, l.Name+" "+l.MAC)
		}
		return f
	}
	if i < 0 {
		f.Status, f.Got = Failed, "there is no "+cardName
		for _, l := range links {
			f.Evidence = append(f.Evidence, l.Name+" "+l.MAC)
		}
		f.Fix = &Fix{Kind: FixStep, Step: "nic-name", Text: "run the step nic-name, then the step reboot"}
		return f
	}
	wrong := cardWrong(in, links[i], &f)
	wrong = append(wrong, routesWrong(in, routes4, routes6, &f)...)
	var unseen []string
	for _, r := range seen.Outside {
		f.Evidence = append(f.Evidence, fmt.Sprintf("from here, %s: %s", r.Addr, strings.TrimSpace(string(r.Outcome)+" "+r.Err)))
		if r.Outcome != remote.ReachOpen {
			unseen = append(unseen, r.Addr.Addr().String())
		}
	}
	switch {
	case len(wrong) > 0:
		f.Status, f.Got = Failed, strings.Join(wrong, "; ")
		f.Fix = &Fix{Kind: FixStep, Step: "network", Text: "run the step network; then, where it is still so, the step reboot"}
	case len(unseen) > 0:
		f.Status, f.Got = Unknown, "the card is as it should be; from here "+strings.Join(unseen, " and ")+" was not reached"
		f.Fix = &Fix{Kind: FixHand, Text: "run aslwiz verify from a computer that has IPv4 and IPv6; if it is not reached from there either, ask the provider"}
	default:
		f.Status, f.Got = Passed, joinPrefixes(wantedAddrs(in))+" on "+cardName+", reached from here"
	}
	return f
}

// cardWrong compares the card with the answers.
func cardWrong(in In, l linkState, f *Finding) (wrong []string) {
	if mac := in.Answers.Network.MAC; mac != "" && !strings.EqualFold(mac, l.MAC) {
		wrong = append(wrong, fmt.Sprintf("%s is the card %s, not %s", cardName, l.MAC, mac))
	}
	f.Evidence = append(f.Evidence, cardName+" "+l.MAC)
	for _, want := range wantedAddrs(in) {
		at := -1
		for i, have := range l.Addr {
			if have.Local == want.Addr() {
				at = i
			}
		}
		if at < 0 {
			wrong = append(wrong, want.Addr().String()+" is not on it")
			continue
		}
		have := l.Addr[at]
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s: %s/%d", cardName, have.Local, have.Bits))
		switch {
		case have.Failed:
			wrong = append(wrong, want.Addr().String()+" is in use by another machine on the same link")
		case have.Tentative:
			wrong = append(wrong, want.Addr().String()+" is still tentative")
		case have.Bits != want.Bits():
			wrong = append(wrong, fmt.Sprintf("%s has the prefix /%d, not /%d", have.Local, have.Bits, want.Bits()))
		}
	}
	return wrong
}

// routesWrong wants a default route for each family that the server has.
func routesWrong(in In, routes4, routes6 []routeState, f *Finding) (wrong []string) {
	has := func(v6 bool) bool {
		return slices.ContainsFunc(wantedAddrs(in), func(p netip.Prefix) bool { return p.Addr().Is6() == v6 })
	}
	for _, family := range []struct {
		name   string
		want   bool
		routes []routeState
	}{{"IPv4", has(false), routes4}, {"IPv6", has(true), routes6}} {
		if !family.want {
			continue
		}
		i := slices.IndexFunc(family.routes, func(r routeState) bool { return r.Dev == cardName })
		if i < 0 {
			wrong = append(wrong, "no "+family.name+" default route through "+cardName)
			continue
		}
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s default route: %s", family.name, strings.TrimSpace(family.routes[i].Gateway+" "+family.routes[i].Dev)))
	}
	return wrong
}

func joinPrefixes(list []netip.Prefix) string {
	if len(list) == 0 {
		return "its addresses"
	}
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.String()
	}
	return strings.Join(out, " and ")
}
