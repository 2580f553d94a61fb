package checklist

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Problem is an answer that cannot be right, whatever the server says.
type Problem struct {
	Path    string // "firewall.ports[1]"
	Text    string
	Example string
}

// Problems validates the answers, each alone and with its neighbours. readable
// is as in ParseAnswers.
func (a Answers) Problems(readable func(path string) error) []Problem {
	var out []Problem
	add := func(path string, err error) {
		if err != nil {
			out = append(out, Problem{Path: path, Text: err.Error(), Example: exampleOf(path)})
		}
	}
	add("host", CheckHost(a.Host))
	if a.Port < 0 || a.Port > 65535 {
		add("port", fmt.Errorf("%d is not a port: they go from 1 to 65535", a.Port))
	}
	if a.User != "" {
		add("user", CheckUser(a.User))
	}
	if a.Identity != "" && readable != nil {
		add("identity", readable(a.Identity))
	}
	for i, j := range a.Jump {
		add(fmt.Sprintf("jump[%d]", i), CheckJump(j))
	}
	add("hostname", CheckHostname(a.Hostname))
	add("domain", CheckDomain(a.Domain))
	if n := len(a.FQDN()); n > 253 {
		add("domain", fmt.Errorf("hostname and domain are %d characters together; DNS ends at 253", n))
	}
	firewallProblems(a, add)
	for i, p := range a.Fail2ban.Ignore {
		err := CheckPrefix(p)
		if err == nil && strings.HasSuffix(p, "/0") {
			err = fmt.Errorf("%s is everybody: nobody would ever be banned", p)
		}
		add(fmt.Sprintf("fail2ban.ignore[%d]", i), errors.Join(err, again(a.Fail2ban.Ignore, i)))
	}
	for i, p := range a.Packages.Remove {
		add(fmt.Sprintf("packages.remove[%d]", i), errors.Join(CheckPackage(p), again(a.Packages.Remove, i)))
	}
	networkProblems(a, add)
	adminProblems(a, add)
	serviceProblems(a, add)
	return append(out, a.peerProblems()...)
}

// ProblemsOn validates the answers against what is known of the server. Facts that
// are not known yet find nothing.
func (a Answers) ProblemsOn(f Facts) []Problem {
	var out []Problem
	firewallProblemsOn(a, f, func(path string, err error) {
		out = append(out, Problem{Path: path, Text: err.Error(), Example: exampleOf(path)})
	})
	return out
}

// again is an error when element i of list already came before.
func again(list []string, i int) error {
	if list[i] != "" && slices.Index(list, list[i]) < i {
		return fmt.Errorf("%q is already in the list", list[i])
	}
	return nil
}

var (
	hostChars = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)
	userChars = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}$`)
	zoneChars = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$`)
	dottedNum = regexp.MustCompile(`^[0-9.]+$`)
)

// CheckHost says why s is not something to connect to: an address, a DNS name or
// an alias of ssh's configuration.
func CheckHost(s string) error {
	if s == "" {
		return errors.New("host is missing: the server's address, its DNS name or its alias in ~/.ssh/config")
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return checkZone(a)
	}
	switch {
	case strings.Contains(s, "@"):
		return errors.New("the part before the @ belongs in the answer user")
	case strings.HasPrefix(s, "["):
		return errors.New("write an IPv6 address without brackets, and the port in the answer port")
	case strings.Count(s, ":") == 1:
		return errors.New("the part after the colon belongs in the answer port")
	case strings.Contains(s, "/"):
		return errors.New("is not an address or a name: take the slash out")
	case dottedNum.MatchString(s):
		return fmt.Errorf("%s is not an IP address: it has four numbers from 0 to 255", s)
	case !hostChars.MatchString(s) || len(s) > 253:
		return errors.New("is neither an address nor a name")
	}
	return nil
}

// CheckUser says why s is not a user's name.
func CheckUser(s string) error {
	if !userChars.MatchString(s) {
		return errors.New("is not a user's name: letters, digits, and _ . @ + - after the first")
	}
	return nil
}

// CheckJump says why s is not a jump host: [user@]host[:port].
func CheckJump(s string) error {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		if err := CheckUser(s[:i]); err != nil {
			return fmt.Errorf("%q: %w", s[:i], err)
		}
		s = s[i+1:]
	}
	if strings.Contains(s, ",") {
		return errors.New("write each jump host as its own element of the list")
	}
	host := s
	if _, err := netip.ParseAddr(s); err != nil && strings.Contains(s, ":") {
		h, port, err := net.SplitHostPort(s)
		if err != nil {
			return errors.New("is not [user@]host[:port]; an IPv6 address with a port stands in brackets")
		}
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("%q is not a port: they go from 1 to 65535", port)
		}
		host = h
	}
	if host == "" {
		return errors.New("is not [user@]host[:port]: the host is missing")
	}
	return CheckHost(host)
}

// CheckPort says why s is not a port with its protocol: "8080/tcp".
func CheckPort(s string) error {
	number, proto, ok := strings.Cut(s, "/")
	n, err := strconv.Atoi(number)
	switch {
	case strings.Contains(s, " from ") || strings.Contains(s, " on "):
		return fmt.Errorf("%q includes a restriction; move it to firewall.limited", s)
	case err != nil || number != strconv.Itoa(n):
		return fmt.Errorf("%q is not a port with its protocol", s)
	case n < 1 || n > 65535:
		return fmt.Errorf("%s is not a port: they go from 1 to 65535", number)
	case !ok:
		return fmt.Errorf("say the protocol too: %d/tcp or %d/udp", n, n)
	case proto != "tcp" && proto != "udp":
		return fmt.Errorf("%q is neither tcp nor udp", proto)
	}
	return nil
}

// CheckPackage says why s is not a package that may be removed.
func CheckPackage(s string) error {
	switch {
	case !packageChars.MatchString(s):
		return fmt.Errorf("%q is not the name of a package: small letters, digits, and + - . after the first", s)
	case s == "openssh-server":
		return errors.New("without openssh-server nobody could log in any more")
	case slices.Contains([]string{"sudo", "systemd", "systemd-sysv", "apt", "dpkg"}, s) || slices.Contains(pagePackages, s):
		return fmt.Errorf("%s is needed: the page or aslwiz uses it", s)
	}
	return nil
}

// CheckPrefix says why s is not an address or a prefix: "203.0.113.7",
// "2001:db8:7::/48".
func CheckPrefix(s string) error {
	if a, err := netip.ParseAddr(s); err == nil {
		return checkFamily(a)
	}
	addr, mask, _ := strings.Cut(s, "/")
	if bits, ok := netmaskBits(mask); ok {
		return fmt.Errorf("write the netmask as a length: %s/%d", addr, bits)
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return fmt.Errorf("%q is neither an address nor a prefix", s)
	}
	if p != p.Masked() {
		return fmt.Errorf("%s is an address inside a network: write %s for the whole network, or %s alone", s, p.Masked(), p.Addr())
	}
	return checkFamily(p.Addr())
}

// checkZone says why what follows the % of an address cannot be a network card:
// it may be any text, as far as the address is concerned.
func checkZone(a netip.Addr) error {
	if a.Zone() != "" && !zoneChars.MatchString(a.Zone()) {
		return fmt.Errorf("%q is not the name of a network card", a.Zone())
	}
	return nil
}

func checkFamily(a netip.Addr) error {
	switch {
	case a.Zone() != "":
		return errors.New("an address with a zone (%) is not known outside this computer")
	case a.Is4In6():
		return fmt.Errorf("write it as the IPv4 address that it is: %s", a.Unmap())
	}
	return nil
}

func netmaskBits(mask string) (int, bool) {
	a, err := netip.ParseAddr(mask)
	if err != nil || !a.Is4() {
		return 0, false
	}
	b := a.As4()
	ones, bits := net.IPMask(b[:]).Size()
	return ones, bits == 32
}
