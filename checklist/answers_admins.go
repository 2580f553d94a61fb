package checklist

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"

	"aslwiz/remote"
)

// Admin is somebody who administers the server.
type Admin struct {
	Name string   `yaml:"name" json:"name"`
	Keys []string `yaml:"keys" json:"keys"` // lines as in authorized_keys: the content of id_ed25519.pub
}

// SNMP is who may ask the server for its state.
type SNMP struct {
	NMS     []string `yaml:"nms,omitempty" json:"nms,omitempty"`         // addresses of the monitoring system
	User    string   `yaml:"user,omitempty" json:"user,omitempty"`       // SNMPv3 user
	Version string   `yaml:"version,omitempty" json:"version,omitempty"` // "3" or "2c"; "": 3
	// InsistV2c lets version 2c be used where no tunnel leads to the monitoring system.
	InsistV2c bool `yaml:"insist_v2c,omitempty" json:"insist_v2c,omitempty"`
	// Location and Contact are what the server says of itself.
	Location string `yaml:"location,omitempty" json:"location,omitempty"`
	Contact  string `yaml:"contact,omitempty" json:"contact,omitempty"`
}

// Given says whether the answers are about SNMP at all.
func (s SNMP) Given() bool { return len(s.NMS) > 0 }

// V2 says that the monitoring system speaks only the version without encryption.
func (s SNMP) V2() bool { return s.Version == "2c" }

// withoutTunnel are those of the addresses to which no tunnel leads.
func withoutTunnel(peers []Peer, addresses []string) []string {
	var out []string
	for _, s := range addresses {
		if peerAt(peers, s) == "" {
			out = append(out, s)
		}
	}
	return out
}

// peerAt names the tunnel that leads to an address, "" where none does.
func peerAt(peers []Peer, address string) string {
	a, err := netip.ParseAddr(address)
	for _, p := range peers {
		for _, s := range p.Addresses {
			if b, err2 := netip.ParseAddr(s); err == nil && err2 == nil && a == b {
				return p.Name
			}
		}
	}
	return ""
}

var loginName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// adminProblems validates the answers about admins, monitoring and look-ups.
func adminProblems(a Answers, add addProblem) {
	names := make([]string, len(a.Admins))
	for i, p := range a.Admins {
		path := fmt.Sprintf("admins[%d]", i)
		names[i] = p.Name
		add(path+".name", errors.Join(CheckLogin(p.Name), again(names[:i+1], i)))
		if len(p.Keys) == 0 {
			add(path+".keys", fmt.Errorf("%s has no key: there would be no way to log in", orElse(p.Name, "this admin")))
		}
		for j, k := range p.Keys {
			_, err := ParseKey(k)
			add(fmt.Sprintf("%s.keys[%d]", path, j), err)
		}
	}
	s := a.SNMP
	for i, n := range s.NMS {
		add(fmt.Sprintf("snmp.nms[%d]", i), errors.Join(checkAddr(n), again(s.NMS, i)))
	}
	if s.Version != "" && s.Version != "3" && s.Version != "2c" {
		add("snmp.version", fmt.Errorf("%q is neither 3 nor 2c", s.Version))
	}
	if far := withoutTunnel(a.Peers, s.NMS); s.V2() && !s.InsistV2c && len(far) > 0 {
		add("snmp.insist_v2c", fmt.Errorf("no tunnel in peers leads to %s, and version 2c is not encrypted: anybody on the way could read the community, "+
			"which works as a password, and every answer. Use version 3, add the tunnel, or set insist_v2c to true", strings.Join(far, ", ")))
	}
	if s.Given() && !s.V2() && !loginName.MatchString(s.User) {
		add("snmp.user", errors.New("is not a user's name for SNMPv3: lower case letters, digits, - and _"))
	}
	if !s.Given() && (s.User != "" || s.Version != "") {
		add("snmp.nms", errors.New("is missing: the addresses that the monitoring system asks from"))
	}
	add("snmp.location", checkLine(s.Location))
	add("snmp.contact", checkLine(s.Contact))
	if a.Resolver != "" {
		add("resolver", checkAddr(a.Resolver))
	}
}

// CheckLogin says why s cannot be the login name of an admin.
// Source: useradd(8), CAVEATS.
func CheckLogin(s string) error {
	switch {
	case s == "":
		return errors.New("name is missing: the admin's login name")
	case s == "root":
		return errors.New("root is always there; name the people instead")
	case !loginName.MatchString(s):
		return fmt.Errorf("%q is not a login name: lower case letters, digits, - and _, 32 at most", s)
	}
	return nil
}

func checkAddr(s string) error {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return fmt.Errorf("%q is not an address", s)
	}
	return checkFamily(a)
}

// checkLine says why s cannot follow a word of snmpd.conf as it is. Source:
// snmp_config(5): a # after the word begins a comment, a quote a quoted text.
func checkLine(s string) error {
	switch {
	case len(s) > 200 || strings.ContainsAny(s, `"\`) || !printable(s):
		return errors.New("is not one short line without quotes and backslashes")
	case s != strings.TrimSpace(s) || strings.HasPrefix(s, "#") || strings.HasPrefix(s, "'"):
		return errors.New("begins with #, a quote or a space, or ends with a space")
	}
	return nil
}

// printable says whether a screen and a file show the same of s: no control
// characters, none that change the direction, and no line ends.
func printable(s string) bool { return !strings.Contains(s, "\n") && remote.CleanText(s) == s }

// Key is a public key that may log in.
type Key struct {
	Line        string // as in authorized_keys
	Fingerprint string // "SHA256:..."
	Type        string // "ssh-ed25519"
	Comment     string
	Options     []string // what sshd is to heed when this key logs in: "from=\"198.51.100.0/24\""
	blob        string
}

// note tells people which key it is, and what its options are.
func (k Key) note() string {
	text := strings.TrimRight("key "+k.Fingerprint+" "+k.Type+" "+k.Comment, " ")
	if len(k.Options) > 0 {
		text += ", with the options " + strings.Join(k.Options, ",") + ": sshd(8) says under AUTHORIZED_KEYS what they allow and forbid"
	}
	return text
}

// ParseKey reads a line of authorized_keys.
func ParseKey(line string) (Key, error) {
	line = strings.TrimSpace(line)
	if strings.Contains(line, "PRIVATE KEY") {
		return Key{}, errors.New("is a private key: it never leaves the computer it was made on; the public one is in the file ending in .pub")
	}
	if strings.ContainsAny(line, "\n\r") {
		return Key{}, errors.New("is more than one line: write each key as its own element of the list")
	}
	if !printable(line) {
		return Key{}, errors.New("has characters that cannot be seen: copy it again, from the file ending in .pub")
	}
	pub, comment, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return Key{}, errors.New("is not a public key as ssh-keygen writes it: \"ssh-ed25519 AAAA... comment\"")
	}
	if strings.HasPrefix(pub.Type(), "ssh-dss") {
		return Key{}, errors.New("is a DSA key, which OpenSSH no longer takes: make one with ssh-keygen -t ed25519")
	}
	if _, ok := pub.(*ssh.Certificate); ok {
		return Key{}, errors.New("is a certificate, which sshd takes for no key here: the key itself is in the file ending in .pub, without -cert")
	}
	for _, o := range options {
		if err := checkKeyOption(o); err != nil {
			return Key{}, err
		}
	}
	return Key{
		Line: line, Fingerprint: ssh.FingerprintSHA256(pub), Type: pub.Type(), Comment: comment, Options: options, blob: string(pub.Marshal()),
	}, nil
}

// keyOptions are the options of a key, and whether each has a value. sshd ignores the
// whole line of a key with another one. Source: sshd(8), "AUTHORIZED_KEYS FILE FORMAT".
var keyOptions = map[string]bool{
	"command": true, "environment": true, "expiry-time": true, "from": true, "permitlisten": true, "permitopen": true, "tunnel": true,
	"agent-forwarding": false, "no-agent-forwarding": false, "port-forwarding": false, "no-port-forwarding": false,
	"pty": false, "no-pty": false, "user-rc": false, "no-user-rc": false, "x11-forwarding": false, "no-x11-forwarding": false,
	"no-touch-required": false, "verify-required": false, "restrict": false,
}

// expiryTime is YYYYMMDD or YYYYMMDDHHMM[SS], with a Z where it is UTC.
var expiryTime = regexp.MustCompile(`^"[0-9]{8}([0-9]{4}([0-9]{2})?)?Z?"$`)

// checkKeyOption says why an option makes a key useless, or too powerful.
func checkKeyOption(option string) error {
	written, value, has := strings.Cut(option, "=")
	name := strings.ToLower(written)
	valued, known := keyOptions[name]
	switch {
	case name == "cert-authority":
		return errors.New("has the option cert-authority: whoever holds that key could let anybody in, by signing a key for them; give each admin's own key")
	case !known:
		return fmt.Errorf("has the option %q, which sshd does not know for a key: it would ignore the whole line", written)
	case has && !valued:
		return fmt.Errorf("has a value for the option %s, which takes none: sshd would ignore the whole line", written)
	case valued && (len(value) < 3 || value[0] != '"' || value[len(value)-1] != '"'):
		return fmt.Errorf(`has the option %s without a value in double quotes, as in %s="...": sshd would ignore the whole line`, written, written)
	case name == "expiry-time" && !expiryTime.MatchString(value):
		return errors.New(`has an expiry-time that is not YYYYMMDD or YYYYMMDDHHMM in double quotes: sshd would ignore the whole line`)
	}
	return nil
}
