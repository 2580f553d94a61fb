package checklist

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"aslwiz/remote"
	"aslwiz/templates"
)

const (
	logForward = "/etc/rsyslog.d/60-aslwiz.conf"
	logDiskMiB = 256 // how much may wait on disk
	systemCAs  = "/etc/ssl/certs/ca-certificates.crt"
)

// stepLogging sends the server's log to the log host.
//
// For TLS it is rsyslog-gnutls: against a log host with another name than the
// permitted one, Debian 12's rsyslog-openssl tries again at once and for ever, and
// logs each try.
//
// Sources: the page, "Logging will be sucked up by graylog"; rsyslog's omfwd and
// queue parameters; RFC 5424 for the form, which carries the time zone and the
// host's name.
var stepLogging = Step{
	ID:       "logging",
	Title:    "send the log to the log host",
	Why:      "what a server logged is of use when it is read beside the others', and when the server itself is gone",
	Limit:    20 * time.Minute,
	Follows:  []string{"python", "users", "packages", "bash-completion", "postfix", "snmp"},
	Services: loggingServices,
	Want:     wantLogging,
}

func loggingServices(in In) []string {
	if in.Answers.Logging.Host == "" {
		return nil
	}
	return []string{"rsyslog.service"}
}

func wantLogging(in In) ([]Resource, error) {
	l := in.Answers.Logging
	if l.Host == "" {
		return []Resource{manual("log host", "the answers name no log host: logging.host is where the log goes, by TCP to port 514 unless logging.protocol and logging.port say otherwise")}, nil
	}
	content, err := logForwarding(in)
	if err != nil {
		return nil, err
	}
	names := []string{"rsyslog"}
	var out []Resource
	if l.TLS() {
		names = append(names, "rsyslog-gnutls")
		if l.TLSCA == "" {
			names = append(names, "ca-certificates")
		} else {
			out = append(out, authority(l.TLSCA, time.Now))
		}
	}
	return append(out, packagesFor(in, names...),
		File{
			Path: logForward, Content: content,
			After: []string{"systemctl --no-block try-restart rsyslog.service"},
			Note:  strings.Join([]string{logLoses(l), logReadable(in)}, "; "),
		},
		Service{Unit: "rsyslog.service", Restart: true},
	), nil
}

// logForwarding is the content of logForward.
func logForwarding(in In) (string, error) {
	l := in.Answers.Logging
	return templates.Render(in.Facts.Release.Dir, logForward, map[string]any{
		"Host": l.Host, "Port": l.LogPort(), "Protocol": l.LogProtocol(), "DiskMiB": logDiskMiB,
		"CA": orElse(l.TLSCA, systemCAs), "TLSName": orElse(l.TLSName, l.Host),
	})
}

// logLoses says which lines the way to the log host may lose.
func logLoses(l Logging) string {
	if l.LogProtocol() == "udp" {
		return "UDP loses lines: what is sent while the log host, or the network on the way, is down is gone, and nobody is told"
	}
	return fmt.Sprintf("while the log host is down, lines wait on the server, %d MiB at most; the few that are under way when a connection breaks can be lost", logDiskMiB)
}

// logReadable says who can read the log on its way.
func logReadable(in In) string {
	l := in.Answers.Logging
	to := net.JoinHostPort(l.Host, strconv.Itoa(l.LogPort()))
	if l.TLS() {
		return "TLS encrypts the log on its way to " + to + " and checks the log host's certificate"
	}
	if name := peerAt(in.Answers.Peers, l.Host); name != "" {
		return "the tunnel " + name + " encrypts the log on its way to " + to
	}
	text := "nothing encrypts the log on its way to " + to + ": whoever can read the network in between sees who logs in, from where and by which key. " +
		"Use logging.protocol: tls, or a tunnel (peers)"
	if _, err := netip.ParseAddr(l.Host); err != nil {
		text += "; where a tunnel leads to the log host, give its address in logging.host"
	}
	return text
}

// authority is that the file on the server holds the certificate by which the log
// host's is checked. Without it rsyslog would send nothing.
func authority(path string, now func() time.Time) Check {
	return Check{
		Title: "the log host's certificate authority",
		Ask:   []remote.Probe{remote.ReadFile(path)},
		Judge: func(a []remote.Answer) (Change, error) {
			c := Change{Now: "there", Want: "a certificate in " + path}
			st, err := a[0].File()
			if err != nil {
				return c, err
			}
			if err := checkAuthority(st, now()); err != nil {
				c.Blocks, c.Now = true, err.Error()
				c.Short = fmt.Sprintf("%s %v: ask the log host's admin for the certificate of their authority, and copy it there; "+
					"without it rsyslog would send nothing", path, err)
			}
			return c, nil
		},
	}
}

func checkAuthority(st remote.FileState, now time.Time) error {
	if !st.Exists || !st.Regular {
		return errors.New("is not there")
	}
	late := errors.New("holds no certificate in PEM form")
	for rest := st.Content; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return late
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			late = errors.New("holds a certificate that cannot be read")
		case now.After(cert.NotAfter):
			late = fmt.Errorf("holds a certificate that was valid until %s", cert.NotAfter.UTC().Format(time.DateOnly))
		default:
			return nil
		}
	}
}
