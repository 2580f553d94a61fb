package checklist

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"aslwiz/templates"
)

// The algorithms of every tunnel: one proposal at each stage, so that nobody can
// talk the two ends into a weaker one. Debian 12 and 13 have both. Source:
// ipsec.conf(5) and swanctl.conf(5), "proposals"; RFC 8247, RFC 8221.
const (
	tunnelIKE = "aes256gcm16-prfsha384-ecp384"
	tunnelESP = "aes256gcm16-ecp384"
)

// tunnel is one end of a tunnel, as the server that it is on sees it.
type tunnel struct {
	Name  string // of the other end
	Pairs []tunnelPair
}

// tunnelPair is a connection of a tunnel: transport mode knows one address at
// each end.
type tunnelPair struct {
	Family        int
	Local, Remote netip.Addr
}

// tunnelTo is this server's end of the tunnel with p.
func tunnelTo(in In, p Peer) (tunnel, error) {
	t := tunnel{Name: p.Name}
	for _, remote := range p.addrs() {
		if local := ownAddr(in, remote.Is4()); local.IsValid() {
			t.Pairs = append(t.Pairs, tunnelPair{Family: familyOf(remote), Local: local, Remote: remote})
		}
	}
	if len(t.Pairs) == 0 {
		return t, fmt.Errorf("peer %s: this server has no address of the family of %s", p.Name, strings.Join(p.Addresses, ", "))
	}
	return t, nil
}

// mirrored is the far end of the tunnel, where this server is called name.
func (t tunnel) mirrored(name string) tunnel {
	m := tunnel{Name: name, Pairs: slices.Clone(t.Pairs)}
	for i, p := range m.Pairs {
		m.Pairs[i].Local, m.Pairs[i].Remote = p.Remote, p.Local
	}
	return m
}

// ownAddr is the server's own address of a family: the answered one, else the
// first of the card that has the default route, else the first of any.
func ownAddr(in In, v4 bool) netip.Addr {
	given := in.Answers.Network.Addr6().Addr()
	if v4 {
		given = in.Answers.Network.Addr4().Addr()
	}
	host, _ := netip.ParseAddr(in.Answers.Host)
	var first netip.Addr
	for _, n := range in.Facts.NICs {
		for _, a := range n.Addrs {
			switch {
			case a.Addr().Is4() != v4:
			case given == a.Addr() || !given.IsValid() && host == a.Addr():
				return a.Addr()
			case !first.IsValid():
				first = a.Addr()
			}
		}
	}
	if given.IsValid() {
		return given
	}
	return first
}

// conns are the names of the tunnel's connections.
func (t tunnel) conns() []string {
	var out []string
	for _, p := range t.Pairs {
		out = append(out, fmt.Sprintf("%s-%d", t.Name, p.Family))
	}
	return out
}

// ids are the addresses of both ends, in an order that both ends agree on.
func (t tunnel) ids() []string {
	var all []netip.Addr
	for _, p := range t.Pairs {
		all = append(all, p.Local, p.Remote)
	}
	slices.SortFunc(all, netip.Addr.Compare)
	var out []string
	for _, a := range all {
		out = append(out, a.String())
	}
	return out
}

// render fills the template that stands for the tunnel's file at path.
func (t tunnel) render(r Release, path string) (string, error) {
	return templates.Render(r.Dir, path, map[string]any{
		"Name": t.Name, "Pairs": t.Pairs, "IKE": tunnelIKE, "ESP": tunnelESP,
		"Selectors": strings.Join(t.ids(), " "), "IDs": t.ids(), "Key": secretMark,
	})
}

// blocks says what the trap means for whoever sets the tunnel up, at the end that has
// facts.
func (t tunnel) blocks(f Facts) string {
	note := "while the tunnel is down, nothing at all passes between the two servers: set up both ends"
	if slices.ContainsFunc(t.Pairs, func(p tunnelPair) bool { return p.Remote == f.Client }) {
		note += "; your own login comes from there: unless that end is set up while the guard waits (--guard 10m), this one is rolled back"
	}
	return note
}

// tunnelName makes a server's host name one that a tunnel can have.
func tunnelName(host string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, strings.ToLower(host))
	if name == "" || name[0] < 'a' {
		name = "s" + name
	}
	return strings.TrimRight(name[:min(len(name), 20)], "-")
}
