package checklist

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"aslwiz/remote"
)

// Peer is the other end of a tunnel.
type Peer struct {
	Name      string   `yaml:"name" json:"name"`                   // as this server calls it: "two"
	Addresses []string `yaml:"addresses" json:"addresses"`         // its own, at most one of a family
	SSH       string   `yaml:"ssh,omitempty" json:"ssh,omitempty"` // user@host[:port]; empty: its end is pasted by hand
	Far       string   `yaml:"far,omitempty" json:"far,omitempty"` // release to write that text for: "debian13"
}

// peerName is short enough for a file, a connection and a swanctl section, and
// cannot be taken for a secrets file, whose name has a dot.
var peerName = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$`)

// CheckPeerName says why s cannot name the other end of a tunnel.
func CheckPeerName(s string) error {
	switch {
	case s == "":
		return errors.New("name is missing: how this server calls the other one")
	case s == "default" || s == "setup":
		return fmt.Errorf("%q has a meaning of its own in ipsec.conf: take another name", s)
	case !peerName.MatchString(s):
		return fmt.Errorf("%q is not a tunnel's name: a letter first, then letters a to z, digits and hyphens, 20 at most", s)
	}
	return nil
}

// CheckPeerSSH says why s is not a login: user@host[:port].
func CheckPeerSSH(s string) error {
	user, _, ok := strings.Cut(s, "@")
	if !ok || user == "" {
		return errors.New("is not user@host[:port]: say who logs in")
	}
	return CheckJump(s)
}

// Target is how to reach the other end; ok is false when its text is pasted.
func (p Peer) Target() (t remote.Target, ok bool) {
	if p.SSH == "" {
		return t, false
	}
	i := strings.LastIndexByte(p.SSH, '@')
	t.User, t.Host = p.SSH[:max(i, 0)], p.SSH[i+1:]
	if _, err := netip.ParseAddr(t.Host); err == nil {
		return t, true
	}
	if host, port, err := net.SplitHostPort(t.Host); err == nil {
		t.Host = host
		t.Port, _ = strconv.Atoi(port)
	}
	return t, true
}

// addrs are the peer's addresses, IPv4 first. What is not one is left out: the
// answers were validated.
func (p Peer) addrs() []netip.Addr {
	var out []netip.Addr
	for _, s := range p.Addresses {
		if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// peerProblems validates the peers.
func (a Answers) peerProblems() []Problem {
	var out []Problem
	add := func(path string, err error) {
		if err != nil {
			out = append(out, Problem{Path: path, Text: err.Error(), Example: exampleOf(path)})
		}
	}
	names, addresses := map[string]bool{}, map[string]string{}
	for i, p := range a.Peers {
		at := fmt.Sprintf("peers[%d]", i)
		err := CheckPeerName(p.Name)
		if err == nil && names[p.Name] {
			err = fmt.Errorf("%q is already a peer", p.Name)
		}
		names[p.Name] = true
		add(at+".name", err)
		if len(p.Addresses) == 0 {
			add(at+".addresses", errors.New("addresses are missing: the other server's IPv4 address, its IPv6 address, or both"))
		}
		family := map[bool]bool{}
		for j, s := range p.Addresses {
			err := a.checkPeerAddress(s, family)
			if other, used := addresses[s]; err == nil && used {
				err = fmt.Errorf("%s is already the address of %s: two tunnels between the same addresses fight", s, other)
			}
			addresses[s] = p.Name
			add(fmt.Sprintf("%s.addresses[%d]", at, j), err)
		}
		if p.SSH != "" {
			add(at+".ssh", CheckPeerSSH(p.SSH))
		}
		if p.Far != "" && farRelease(p.Far).Dir == "" {
			add(at+".far", fmt.Errorf("%q is not a release that is known: %s", p.Far, strings.Join(releaseDirs(), " or ")))
		}
	}
	return out
}

// checkPeerAddress wants one plain address of each family. It notes the family
// in seen.
func (a Answers) checkPeerAddress(s string, seen map[bool]bool) error {
	addr, err := netip.ParseAddr(s)
	switch {
	case err != nil:
		return fmt.Errorf("%q is not an address; a tunnel is between addresses, not names, because a name may begin to mean another machine", s)
	case checkFamily(addr) != nil:
		return checkFamily(addr)
	case addr.IsUnspecified() || addr.IsLoopback() || addr.IsMulticast() || addr.IsLinkLocalUnicast():
		return fmt.Errorf("%s is not an address of another server", s)
	case addr.String() == a.Host, addr == a.Network.Addr4().Addr(), addr == a.Network.Addr6().Addr():
		return fmt.Errorf("%s is this server's own address: give the other one's", s)
	case seen[addr.Is4()]:
		return errors.New("one IPv4 and one IPv6 address are enough")
	}
	seen[addr.Is4()] = true
	return nil
}

// farRelease is the release whose templates folder is dir.
func farRelease(dir string) Release {
	for _, r := range Releases() {
		if r.Dir == dir {
			return r
		}
	}
	return Release{}
}

func releaseDirs() []string {
	var out []string
	for _, r := range Releases() {
		out = append(out, r.Dir)
	}
	return out
}

// minPSK is the shortest pre-shared key that is taken, in bytes: IKEv2 lets who
// listens to one failed login guess the key offline (RFC 7296, 2.15).
const minPSK = 20

// maxPSK keeps a file pasted by mistake out of a place that takes a key.
const maxPSK = 1024

// PSKWord is a pre-shared key as ipsec.secrets(5) and swanctl.conf(5) both read
// it, "0s" and base64, whatever characters it has. A key that somebody copied
// from such a file, in quotes or with 0s or 0x, is the same key.
func PSKWord(typed string) (string, error) {
	s := strings.TrimRight(typed, "\r\n")
	key := []byte(s)
	var err error
	switch {
	case s != strings.TrimSpace(s): // whether it belongs to the key, nobody can tell
		return "", errors.New("the key begins or ends with a space: take it out, or put the key in double quotes to take it as it is")
	case len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"':
		key = []byte(s[1 : len(s)-1])
	case strings.HasPrefix(s, "0s"):
		key, err = base64.StdEncoding.DecodeString(s[2:])
	case strings.HasPrefix(s, "0x"):
		key, err = hex.DecodeString(s[2:])
	}
	switch {
	case err != nil:
		return "", errors.New("the key begins like an encoded one (0s, 0x), and is not: put it in double quotes to take it as it is")
	case len(key) > maxPSK:
		return "", fmt.Errorf("the key has %d bytes: %d are more than enough", len(key), maxPSK)
	case len(key) < minPSK:
		return "", fmt.Errorf("the key has %d bytes: at least %d are needed, or it can be guessed", len(key), minPSK)
	case string(key) == "This is the AllStarLink PSK":
		return "", errors.New("that is the key printed on the public page: everybody has it")
	}
	return "0s" + base64.StdEncoding.EncodeToString(key), nil
}
