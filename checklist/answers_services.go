package checklist

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// Time is where the server gets the time from.
type Time struct {
	// Servers replace the release's own; at least four let the daemon outvote one
	// that is wrong.
	Servers []string `yaml:"servers,omitempty" json:"servers,omitempty"`
}

// Mail is where the server's own mail goes.
type Mail struct {
	Relay string `yaml:"relay,omitempty" json:"relay,omitempty"` // "mail.example.net", "mail.example.net:587", "198.51.100.1"
	Root  string `yaml:"root,omitempty" json:"root,omitempty"`   // who reads root's mail
	// Postmaster reads postmaster's mail; empty: whoever reads root's.
	Postmaster string `yaml:"postmaster,omitempty" json:"postmaster,omitempty"`
	// MX says that Relay is a mail domain, whose MX record names the relay.
	MX bool `yaml:"mx,omitempty" json:"mx,omitempty"`
}

// Logging is where the server's log goes.
type Logging struct {
	Host     string `yaml:"host,omitempty" json:"host,omitempty"`
	Port     int    `yaml:"port,omitempty" json:"port,omitempty"`         // 0: 514
	Protocol string `yaml:"protocol,omitempty" json:"protocol,omitempty"` // "udp" or "tcp"; "": udp
}

// DefaultLogPort is where a log host listens unless the answers say otherwise.
// Source: RFC 5426 section 3.3.
const DefaultLogPort = 514

// LogPort is the port of the log host.
func (l Logging) LogPort() int {
	if l.Port == 0 {
		return DefaultLogPort
	}
	return l.Port
}

// LogProtocol is how the log travels.
func (l Logging) LogProtocol() string { return orElse(l.Protocol, "udp") }

// addProblem notes an error at a path of the answers.
type addProblem func(path string, err error)

// serviceProblems validates the answers about time, mail and log.
func serviceProblems(a Answers, add addProblem) {
	for i, s := range a.Time.Servers {
		add(fmt.Sprintf("time.servers[%d]", i), errors.Join(CheckServerName(s), again(a.Time.Servers, i)))
	}
	if a.Mail != (Mail{}) {
		add("mail.relay", CheckRelay(a.Mail.Relay, a.Mail.MX))
		add("mail.root", CheckMailAddress(a.Mail.Root))
		if a.Mail.Postmaster != "" {
			add("mail.postmaster", CheckMailAddress(a.Mail.Postmaster))
		}
		if strings.EqualFold(a.Mail.Root, "root@"+a.FQDN()) || a.Mail.Root == "root" {
			add("mail.root", errors.New("is this server's root itself: the mail would go round in a circle"))
		}
	}
	if a.Logging != (Logging{}) {
		add("logging.host", CheckServerName(a.Logging.Host))
		if p := a.Logging.Port; p < 0 || p > 65535 {
			add("logging.port", fmt.Errorf("%d is not a port: they go from 1 to 65535", p))
		}
		if p := a.Logging.Protocol; p != "" && p != "udp" && p != "tcp" {
			add("logging.protocol", fmt.Errorf("%q is neither udp nor tcp", p))
		}
	}
}

// CheckServerName says why s is not the name or address of a server.
func CheckServerName(s string) error {
	if s == "" {
		return errors.New("is missing: the name or address of a server")
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return checkFamily(a)
	}
	if dottedNum.MatchString(s) {
		return fmt.Errorf("%s is not an IP address: it has four numbers from 0 to 255", s)
	}
	if len(s) > 253 {
		return fmt.Errorf("%d characters are too many: DNS ends at 253", len(s))
	}
	for l := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if err := checkLabel(l); err != nil {
			return err
		}
	}
	return nil
}

// CheckRelay says why s is not a relay host: a name or address, with a port or
// without.
func CheckRelay(s string, mx bool) error {
	host, port := splitRelay(s)
	if port != "" {
		if err := CheckPort(port + "/tcp"); err != nil {
			return err
		}
	}
	if err := CheckServerName(host); err != nil {
		return err
	}
	if _, err := netip.ParseAddr(host); err == nil && mx {
		return errors.New("an address has no MX record: leave mx out")
	}
	return nil
}

// splitRelay parts a relay from its port. Brackets, as postfix writes them, are
// taken off.
func splitRelay(s string) (host, port string) {
	if _, err := netip.ParseAddr(s); err == nil {
		return s, ""
	}
	if rest, ok := strings.CutPrefix(s, "["); ok {
		host, port, _ = strings.Cut(rest, "]")
		return host, strings.TrimPrefix(port, ":")
	}
	host, port, _ = strings.Cut(s, ":")
	return host, port
}

var mailLocal = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+=-]*$`)

// CheckMailAddress says why s is not a mail address that may stand in an alias.
func CheckMailAddress(s string) error {
	local, domain, ok := strings.Cut(s, "@")
	switch {
	case s == "":
		return errors.New("is missing: a mail address, such as noc@example.net")
	case !ok:
		return fmt.Errorf("%q is not a mail address: it has no @", s)
	case !mailLocal.MatchString(local):
		return fmt.Errorf("%q is not the first part of a mail address", local)
	}
	if err := CheckDomain(strings.ToLower(domain)); err != nil {
		return fmt.Errorf("%q: %w", domain, err)
	}
	return nil
}
