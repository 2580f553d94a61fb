package checklist

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// stepIPsec builds the tunnels to the other servers, at both ends.
// Source: the page, "Configure IPSEC": transport mode, a pre-shared key, auto=start
// (here a trap beside it, so that nothing leaves in clear before the tunnel is up),
// conn and secret on both servers. ipsec.conf(5), ipsec.secrets(5), ipsec(8) of
// strongSwan 5.9 for Debian 12; swanctl.conf(5), swanctl(8) of 6.0 for Debian 13.
var stepIPsec = Step{
	ID:      "ipsec",
	Title:   "build the tunnels",
	Why:     "servers that trust each other talk over the open internet, where everybody on the way can read and forge",
	Follows: []string{"packages", "network", "hostname"},
	Limit:   10 * time.Minute,
	GuardIf: comesFromPeer,
	Services: func(in In) []string {
		if len(in.Answers.Peers) == 0 {
			return nil
		}
		return []string{daemonOf(in.Facts.Release).unit}
	},
	Want: wantIPsec,
	Peer: wantFarEnd,
}

// comesFromPeer says whether the admin's connection comes from the other end of a
// tunnel: the jump host, or the computer that aslwiz runs on, is that server. What
// goes wrong with the tunnel then takes the way in with it.
func comesFromPeer(in In) bool {
	return in.Facts.Client.IsValid() && slices.Contains(PeerAddrs(in.Answers), in.Facts.Client)
}

func wantIPsec(in In) ([]Resource, error) {
	d := daemonOf(in.Facts.Release)
	var out []Resource
	for _, p := range in.Answers.Peers {
		t, err := tunnelTo(in, p)
		if err != nil {
			return nil, err
		}
		r, err := d.tunnel(in, t, p.Name, "packages")
		if err != nil {
			return nil, err
		}
		out = append(out, d.rivals(t), r)
	}
	if len(out) == 0 {
		return nil, nil
	}
	starters, err := d.starters(in.Facts.Release)
	if err != nil {
		return nil, err
	}
	return slices.Concat(d.includes("packages"), starters, []Resource{Service{Unit: d.unit, Step: "packages"}}, out), nil
}

// wantFarEnd is what must be true on the other server, p: the same tunnel seen
// from there, the programs for it, and a firewall that lets it through.
func wantFarEnd(in In, p Peer, far Facts) ([]Resource, error) {
	if far.Release.Dir == "" {
		return nil, fmt.Errorf("peer %s: runs %s, for which no tunnel is known; give its answer far and no ssh, and paste the text there", p.Name, far.Pretty)
	}
	t, err := tunnelTo(in, p)
	if err != nil {
		return nil, err
	}
	for _, pair := range t.Pairs {
		if !hasAddr(far, pair.Remote) {
			return nil, fmt.Errorf("peer %s: the server that the login reaches does not have the address %s", p.Name, pair.Remote)
		}
	}
	d := daemonOf(far.Release)
	at := in
	at.Facts = far
	mirror := t.mirrored(tunnelName(in.Answers.Hostname))
	r, err := d.tunnel(at, mirror, p.Name, "")
	if err != nil {
		return nil, err
	}
	firewall := farFirewall{Host: p.Name}
	for _, pair := range t.Pairs {
		firewall.Us = append(firewall.Us, pair.Local)
	}
	starters, err := d.starters(far.Release)
	if err != nil {
		return nil, err
	}
	return slices.Concat([]Resource{d.rivals(mirror), Packages{Names: d.packages, Remove: in.Answers.Packages.Remove}, firewall}, d.includes(""), starters, []Resource{Service{Unit: d.unit}, r}), nil
}

func hasAddr(f Facts, a netip.Addr) bool {
	for _, n := range f.NICs {
		for _, p := range n.Addrs {
			if p.Addr() == a {
				return true
			}
		}
	}
	return false
}

// PeerAddrs are the other ends of the server's tunnels, for its firewall.
func PeerAddrs(a Answers) []netip.Addr {
	var out []netip.Addr
	for _, p := range a.Peers {
		out = append(out, p.addrs()...)
	}
	return out
}

// FarEndText is what somebody does by hand at the other end of a tunnel that
// aslwiz cannot log in to: text to paste into a root shell there. The key is not
// in it: it is typed there, and the text says where to take it from.
func FarEndText(in In, p Peer) (string, error) {
	r := in.Facts.Release // servers are mostly set up alike
	if p.Far != "" {
		r = farRelease(p.Far)
	}
	t, err := tunnelTo(in, p)
	if err != nil {
		return "", err
	}
	return daemonOf(r).handText(r, in, p, t.mirrored(tunnelName(in.Answers.Hostname)))
}
