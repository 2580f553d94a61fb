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
	Port     int    `yaml:"port,omitempty" json:"port,omitempty"`         // 0: 514, or 6514 by tls
	Protocol string `yaml:"protocol,omitempty" json:"protocol,omitempty"` // "udp", "tcp" or "tls"; "": tcp
	// TLSCA is the file on the server with the certificate of the log host's authority;
	// empty: the authorities that the server trusts.
	TLSCA string `yaml:"tls_ca,omitempty" json:"tls_ca,omitempty"`
	// TLSName is the name in the log host's certificate; empty: Host.
	TLSName string `yaml:"tls_name,omitempty" json:"tls_name,omitempty"`
}

// Where a log host listens unless the answers say otherwise. Sources: RFC 5426
// section 3.3; RFC 5425 section 4.1, for TLS.
const (
	defaultLogPort    = 514
	defaultLogPortTLS = 6514
)

// LogPort is the port of the log host.
func (l Logging) LogPort() int {
	switch {
	case l.Port != 0:
		return l.Port
	case l.TLS():
		return defaultLogPortTLS
	}
	return defaultLogPort
}

// LogProtocol is how the log travels.
func (l Logging) LogProtocol() string { return orElse(l.Protocol, "tcp") }

// TLS says whether the log is encrypted on its way.
func (l Logging) TLS() bool { return l.Protocol == "tls" }

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
		loggingProblems(a.Logging, add)
	}
}

func loggingProblems(l Logging, add addProblem) {
	add("logging.host", CheckServerName(l.Host))
	if p := l.Port; p < 0 || p > 65535 {
		add("logging.port", fmt.Errorf("%d is not a port: they go from 1 to 65535", p))
	}
	if p := l.Protocol; p != "" && p != "udp" && p != "tcp" && p != "tls" {
		add("logging.protocol", fmt.Errorf("%q is not a protocol: use tcp, tls or udp", p))
		return
	}
	if !l.TLS() {
		for path, set := range map[string]bool{"logging.tls_ca": l.TLSCA != "", "logging.tls_name": l.TLSName != ""} {
			if set {
				add(path, errors.New("only works with logging.protocol: tls"))
			}
		}
		return
	}
	if l.TLSCA != "" {
		add("logging.tls_ca", checkServerFile(l.TLSCA))
	}
	_, err := netip.ParseAddr(l.Host)
	switch {
	case l.TLSName != "":
		add("logging.tls_name", CheckDomain(strings.ToLower(l.TLSName)))
	case err == nil:
		add("logging.tls_name", fmt.Errorf("is missing: a certificate is checked by its name, and %s is an address", l.Host))
	}
}

var serverFile = regexp.MustCompile(`^/(?:etc|usr)(?:/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)+$`)

// checkServerFile says why s is not a file of the server's that only root can change.
func checkServerFile(s string) error {
	if !serverFile.MatchString(s) {
		return errors.New("is not a file on the server below /etc or /usr, where only root writes; letters, digits and . _ + - are allowed in its path")
	}
	return nil
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
