package checklist

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Network is the server's own network card and what it is given at boot.
type Network struct {
	MAC      string   `yaml:"mac,omitempty" json:"mac,omitempty"`   // the card that becomes eth0; empty: the server's only one
	IPv4     string   `yaml:"ipv4,omitempty" json:"ipv4,omitempty"` // "198.51.100.11/24", or with a netmask
	Gateway4 string   `yaml:"gateway4,omitempty" json:"gateway4,omitempty"`
	IPv6     string   `yaml:"ipv6,omitempty" json:"ipv6,omitempty"` // "2001:db8:51::11/64"
	Gateway6 string   `yaml:"gateway6,omitempty" json:"gateway6,omitempty"`
	DNS      []string `yaml:"dns,omitempty" json:"dns,omitempty"`       // resolvers, first asked first
	Search   []string `yaml:"search,omitempty" json:"search,omitempty"` // empty: the domain
}

// Given says whether the answers are about the network at all.
func (n Network) Given() bool { return n.IPv4 != "" || n.IPv6 != "" }

// Addr4 is the IPv4 address with its prefix; the zero value when there is none.
func (n Network) Addr4() netip.Prefix { p, _ := parseCIDR(n.IPv4); return p }

// Addr6 is the IPv6 address with its prefix; the zero value when there is none.
func (n Network) Addr6() netip.Prefix { p, _ := parseCIDR(n.IPv6); return p }

// Addresses are those that the answers give the server.
func (n Network) Addresses() (list []netip.Addr) {
	for _, p := range []netip.Prefix{n.Addr4(), n.Addr6()} {
		if p.IsValid() {
			list = append(list, p.Addr())
		}
	}
	return list
}

// parseCIDR reads an address with its prefix length, or with a netmask.
func parseCIDR(s string) (netip.Prefix, error) {
	addr, length, ok := strings.Cut(strings.TrimSpace(s), "/")
	if !ok {
		if addr, length, ok = strings.Cut(addr, " "); !ok {
			return netip.Prefix{}, fmt.Errorf("%q has no prefix length: write it as 198.51.100.11/24 or 2001:db8::11/64", s)
		}
	}
	if bits, is := netmaskBits(strings.TrimSpace(length)); is {
		length = strconv.Itoa(bits)
	}
	p, err := netip.ParsePrefix(addr + "/" + strings.TrimSpace(length))
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not an address with a prefix length", s)
	}
	return p, checkFamily(p.Addr())
}

// networkProblems validates the answers about the network.
func networkProblems(a Answers, add addProblem) {
	n := a.Network
	if n.MAC != "" {
		add("network.mac", CheckMAC(n.MAC))
	}
	if n.IPv4 != "" {
		add("network.ipv4", checkOwn(n.IPv4, true))
	}
	if n.IPv6 != "" {
		add("network.ipv6", checkOwn(n.IPv6, false))
	}
	add("network.gateway4", checkGateway(n.Gateway4, n.IPv4, n.Addr4(), "network.ipv4"))
	add("network.gateway6", checkGateway(n.Gateway6, n.IPv6, n.Addr6(), "network.ipv6"))
	for i, d := range n.DNS {
		add(fmt.Sprintf("network.dns[%d]", i), errors.Join(checkResolver(d), again(n.DNS, i)))
	}
	if len(n.DNS) > maxResolvers {
		add("network.dns", fmt.Errorf("%d resolvers: only the first %d are ever asked", len(n.DNS), maxResolvers))
	}
	for i, s := range n.Search {
		add(fmt.Sprintf("network.search[%d]", i), errors.Join(CheckDomain(s), again(n.Search, i)))
	}
}

func checkResolver(s string) error {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return fmt.Errorf("%q is not the address of a resolver; a name would need a resolver itself", s)
	}
	return checkZone(a)
}

// maxResolvers is how many resolvers the C library reads. Source: resolv.conf(5),
// MAXNS.
const maxResolvers = 3

// CheckMAC says why s is not the hardware address of a network card.
func CheckMAC(s string) error {
	m, err := net.ParseMAC(s)
	switch {
	case err != nil || len(m) != 6:
		return fmt.Errorf("%q is not a hardware address: six pairs, such as 52:54:00:73:86:06", s)
	case m[0]&1 != 0:
		return fmt.Errorf("%q is a group's address, not a card's", s)
	}
	return nil
}

func checkOwn(s string, v4 bool) error {
	p, err := parseCIDR(s)
	switch {
	case err != nil:
		return err
	case p.Addr().Is4() != v4:
		return fmt.Errorf("%s is of the other family", p)
	case p.Addr().IsLoopback(), p.Addr().IsMulticast(), p.Addr().IsUnspecified(), p.Addr().IsLinkLocalUnicast():
		return fmt.Errorf("%s is not an address that others could reach", p.Addr())
	case v4 && p.Bits() < 31 && p.Addr() == p.Masked().Addr():
		return fmt.Errorf("%s is the network itself, not an address in it", p.Addr())
	case v4 && p.Bits() < 31 && p.Addr() == lastOf(p):
		return fmt.Errorf("%s is the network's broadcast address", p.Addr())
	}
	return nil
}

// lastOf is the highest address of an IPv4 prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(b)
}

// checkGateway says why gw cannot be the way out for an address. One outside the
// prefix is taken for a mistake, but for a link-local one, which hosters use.
func checkGateway(gw, own string, p netip.Prefix, ownPath string) error {
	switch {
	case gw == "" && own == "":
		return nil
	case gw == "":
		return fmt.Errorf("is missing: the router that %s goes through", own)
	case own == "":
		return fmt.Errorf("has no %s beside it", ownPath)
	}
	a, err := netip.ParseAddr(gw)
	switch {
	case err != nil:
		return fmt.Errorf("%q is not an address", gw)
	case a.Is6() && a.IsLinkLocalUnicast() && a.Zone() == "" && p.Addr().Is6():
		return nil
	case p.IsValid() && a == p.Addr():
		return errors.New("is the server's own address")
	case p.IsValid() && !p.Contains(a):
		return fmt.Errorf("%s is not inside %s", a, p.Masked())
	}
	return checkFamily(a)
}

// Moved notes the server's new address as the one to dial. A host that is a name
// stays: DNS says where that is.
func (a *Answers) Moved(to string) {
	if _, err := netip.ParseAddr(a.Host); err == nil {
		a.Host = to
	}
}
