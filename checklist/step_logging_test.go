package checklist

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"aslwiz/remote"
)

// What the log's way loses, and who can read it there, is said as it is.
func TestLoggingSaysWhatItsWayIs(t *testing.T) {
	t.Parallel()
	peers := []Peer{{Name: "log", Addresses: []string{"198.51.100.7", "2001:db8:51::7"}}}
	for _, c := range []struct {
		name   string
		l      Logging
		peers  []Peer
		has    []string // in the file or the note
		hasNot []string
	}{
		{
			name: "by default", l: Logging{Host: "log.example.net"},
			has:    []string{`port="514" protocol="tcp"`, "waits, in memory and then on disk", "can be lost", "nothing encrypts the log on its way to log.example.net:514", "who logs in", "give its address in logging.host"},
			hasNot: []string{"StreamDriver", "UDP", "nor loses"},
		},
		{
			name: "UDP", l: Logging{Host: "198.51.100.8", Protocol: "udp"}, peers: peers,
			has:    []string{`port="514" protocol="udp"`, "UDP loses lines", "is lost, and nobody is told", "nothing encrypts"},
			hasNot: []string{"waits, in memory", "lines wait", "give its address"},
		},
		{
			name: "a tunnel", l: Logging{Host: "2001:db8:51:0::7", Protocol: "udp"}, peers: peers,
			has: []string{"the tunnel log encrypts"}, hasNot: []string{"nothing encrypts"},
		},
		{
			name: "TLS", l: Logging{Host: "log.example.net", Protocol: "tls"},
			has: []string{
				`port="6514" protocol="tcp"`, `StreamDriverMode="1"`, `StreamDriver.CAFile="/etc/ssl/certs/ca-certificates.crt"`,
				`StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="log.example.net"`, "queue.maxDiskSpace", "TLS encrypts the log",
			},
			hasNot: []string{"nothing encrypts"},
		},
		{
			name: "TLS of one's own", l: Logging{Host: "198.51.100.8", Port: 1514, Protocol: "tls", TLSCA: "/etc/ssl/log-ca.pem", TLSName: "graylog.example.net"},
			has: []string{`port="1514"`, `StreamDriver.CAFile="/etc/ssl/log-ca.pem"`, `StreamDriverPermittedPeers="graylog.example.net"`},
		},
	} {
		in := In{Answers: Answers{Logging: c.l, Peers: c.peers}, Facts: Facts{Release: releaseDebian12}}
		wants, err := wantLogging(in)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(wants, func(r Resource) bool { return r.Name() == logForward })
		f := wants[i].(File)
		all := f.Content + "\n" + f.Note
		for _, s := range c.has {
			if !strings.Contains(strings.Join(strings.Fields(all), " "), strings.Join(strings.Fields(s), " ")) {
				t.Errorf("%s: no %q in\n%s", c.name, s, all)
			}
		}
		for _, s := range c.hasNot {
			if strings.Contains(all, s) {
				t.Errorf("%s: %q in\n%s", c.name, s, all)
			}
		}
		packages := wants[slices.IndexFunc(wants, func(r Resource) bool { _, ok := r.(Packages); return ok })].(Packages)
		if c.l.TLS() != slices.Contains(packages.Names, "rsyslog-gnutls") {
			t.Errorf("%s: %v", c.name, packages.Names)
		}
	}
}

// Without the certificate that the log host's is checked by, the step does not begin.
func TestLoggingNeedsItsAuthority(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	good := testCertificate(t, now.Add(time.Hour))
	for _, c := range []struct{ content, says string }{
		{"", "is not there"},
		{"nothing\n", "holds no certificate"},
		{"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"},
		{testCertificate(t, now.Add(-48*time.Hour)), "valid until 2026-11-29"},
		{good, ""},
		{"# both\n" + testCertificate(t, now.Add(-time.Hour)) + good, ""},
	} {
		check := authority("/etc/ssl/log-ca.pem", func() time.Time { return now })
		ch, err := check.Compare([]remote.Answer{fileAnswer("/etc/ssl/log-ca.pem", c.content)})
		if err != nil || ch.Blocks != (c.says != "") || !strings.Contains(ch.Short, c.says) || ch.Same != (c.says == "") {
			t.Errorf("%q: %+v, %v", c.says, ch, err)
		}
	}
}

func testCertificate(t *testing.T, until time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotBefore: until.Add(-time.Hour * 999), NotAfter: until, IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
