package checklist

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"aslwiz/remote"
	"aslwiz/templates"
)

const (
	snmpConf        = "/etc/snmp/snmpd.conf"
	snmpState       = "/var/lib/snmp/snmpd.conf"
	snmpCredentials = "/etc/snmp/aslwiz-nms.credentials"
	snmpCommunity   = "/etc/snmp/snmpd.conf.d/aslwiz-community.conf"
	hostsAllow      = "/etc/hosts.allow"
)

// stepSNMP lets the monitoring system, and nobody else, ask for the server's
// state.
//
// The passwords are made on the server and never leave it by way of aslwiz: the
// admin reads them there, in snmpCredentials, and hands them to the monitoring
// team. snmpd keeps only keys made of them: at its start it replaces the
// createUser line in its own state file by a usmUser line, which is what the
// step looks for.
//
// Sources: the page, "Please ensure SNMP is configured"; snmpd.conf(5),
// "SNMPv3 Users"; hosts_access(5), which Debian's snmpd obeys.
var stepSNMP = Step{
	ID:       "snmp",
	Title:    "let the monitoring system ask by SNMP",
	Why:      "the monitoring team sees load, disks and traffic only if the server answers their system",
	Limit:    20 * time.Minute,
	Follows:  []string{"python", "users", "packages", "bash-completion", "postfix"},
	Services: snmpServices,
	Want:     wantSNMP,
}

func snmpServices(in In) []string {
	if !in.Answers.SNMP.Given() {
		return nil
	}
	return []string{"snmpd.service"}
}

func wantSNMP(in In) ([]Resource, error) {
	s := in.Answers.SNMP
	if !s.Given() {
		return []Resource{manual("monitoring", "the answers name no monitoring system: snmp.nms are the addresses that it asks from, snmp.user its SNMPv3 user")}, nil
	}
	data := map[string]any{"Listen": snmpListen(s), "Location": s.Location, "Contact": s.Contact, "User": s.User}
	if s.V2() {
		data["User"] = ""
	}
	conf, err := templates.Render(in.Facts.Release.Dir, snmpConf, data)
	if err != nil {
		return nil, err
	}
	access := snmpUser(s)
	if s.V2() {
		access = snmpCommunityFor(s)
	}
	return []Resource{
		packagesFor(in, "snmpd"),
		BroughtEdit{
			Path: hostsAllow, What: "snmpd answers " + strings.Join(s.NMS, ", ") + " alone",
			Apply: func(old string) (string, error) { return setHostsAllow(old, s.NMS), nil },
			Note:  "the firewall lets them in as well; this holds also where traffic comes through a tunnel",
		},
		snmpFile{File{
			Path: snmpConf, Content: conf,
			After: []string{"systemctl --no-block try-restart snmpd.service"},
			Note:  "the package's own file answers everybody on this machine who says \"public\"; that is gone",
		}},
		access,
		Service{Unit: "snmpd.service", Restart: true},
	}, nil
}

// snmpFile is snmpd.conf. An older one may hold communities and passwords of
// somebody's: the diff shows the words before them alone.
type snmpFile struct{ File }

var snmpSecret = regexp.MustCompile(`(?mi)^([-+ ]\s*(?:r[ow]community6?|com2sec6?|createUser|trap\w*community|trap2?sink|informsink|trapsess|authcommunity|proxy)\s).*$`)

// Compare implements Resource.
func (f snmpFile) Compare(answers []remote.Answer) (Change, error) {
	c, err := f.File.Compare(answers)
	c.Diff = snmpSecret.ReplaceAllString(c.Diff, "$1[not shown]")
	return c, err
}

// snmpListen is where snmpd listens: by the families that the monitoring asks in.
func snmpListen(s SNMP) string {
	v4, v6 := false, false
	for _, n := range s.NMS {
		a, _ := netip.ParseAddr(n)
		v4, v6 = v4 || a.Is4(), v6 || a.Is6()
	}
	var out []string
	if v4 {
		out = append(out, "udp:161")
	}
	if v6 {
		out = append(out, "udp6:161")
	}
	return strings.Join(out, ",")
}

// setHostsAllow puts the two lines about snmpd before all others: the first that
// matches counts.
func setHostsAllow(old string, nms []string) string {
	var list []string
	for _, n := range nms {
		if strings.Contains(n, ":") {
			n = "[" + n + "]"
		}
		list = append(list, n)
	}
	var comments, rest []string
	for l := range strings.Lines(old) {
		switch {
		case strings.HasPrefix(strings.ReplaceAll(l, " ", ""), "snmpd:"):
		case len(rest) == 0 && (strings.HasPrefix(l, "#") || strings.TrimSpace(l) == ""):
			comments = append(comments, l)
		default:
			rest = append(rest, l)
		}
	}
	own := "snmpd: " + strings.Join(list, " ") + " : ALLOW\nsnmpd: ALL : DENY\n"
	return strings.Join(comments, "") + own + strings.Join(rest, "")
}

// newPassword is shell text that prints 32 random characters, none of which needs
// quoting: 160 bits.
const newPassword = "head -c 20 /dev/urandom | base32 | tr 'A-Z' 'a-z'"

// snmpUser is the SNMPv3 user in snmpd's own state. Read prints the algorithms,
// never the keys: HMAC-SHA-256 and AES-128, as the OIDs of RFC 7860 and RFC 3826.
func snmpUser(s SNMP) Resource {
	return BroughtSetting{
		Title: "SNMPv3 user " + s.User,
		Read: "[ -e " + snmpState + ` ] || exit 127
awk -v user='"` + s.User + `"' '$1 == "usmUser" && $5 == user { print $8, $10 }' ` + snmpState,
		Want: ".1.3.6.1.6.3.10.1.1.5 .1.3.6.1.6.3.10.1.2.4",
		Show: func(v string) string {
			switch v {
			case ".1.3.6.1.6.3.10.1.1.5 .1.3.6.1.6.3.10.1.2.4":
				return "authenticates by SHA-256, encrypts by AES"
			case "":
				return "not there"
			}
			return "there, with other algorithms (" + v + ")"
		},
		Note: "its two passwords are made on the server and kept in " + snmpCredentials +
			", which only root can read: hand them to the monitoring team, then delete the file",
		Set: fmt.Sprintf(`echo "+ make the passwords of %[1]s: %[2]s"
auth=$(%[4]s) priv=$(%[4]s)
(
  umask 077
  printf '%%s\n' 'user %[1]s' "authentication SHA-256 $auth" "privacy AES $priv" >%[2]s
)
run systemctl stop snmpd.service
sed -i '/^usmUser [^ ]* [^ ]* [^ ]* "%[1]s" /d' %[3]s
printf 'createUser %[1]s SHA-256 "%%s" AES "%%s"\n' "$auth" "$priv" >>%[3]s
run systemctl start snmpd.service`, s.User, snmpCredentials, snmpState, newPassword),
	}
}

// snmpCommunityFor is the password of SNMP's old version, which travels in the
// clear: each line holds it for one address alone.
func snmpCommunityFor(s SNMP) Resource {
	var lines []string
	for _, n := range s.NMS {
		word := "rocommunity"
		if strings.Contains(n, ":") {
			word = "rocommunity6"
		}
		lines = append(lines, fmt.Sprintf("  printf '%s %%s %s -V all\\n' \"$community\"", word, n))
	}
	return BroughtSetting{
		Title: "SNMPv2c community",
		Read: "command -v snmpd >/dev/null || exit 127; [ -e " + snmpCommunity + " ] || exit 0\n" +
			"stat -c '%a %U:%G' " + snmpCommunity + "\nsed -n 's/^rocommunity6\\{0,1\\} [^ ]* \\([^ ]*\\) .*/\\1/p' " + snmpCommunity,
		Want: "640 root:Debian-snmp\n" + strings.Join(s.NMS, "\n"),
		Show: func(v string) string {
			_, who, _ := strings.Cut(v, "\n")
			return orElse(strings.ReplaceAll(who, "\n", ", "), "none")
		},
		Note: "made on the server: it is the second word of each line of " + snmpCommunity + "; it travels in the clear, through the tunnel where there is one",
		Set: "echo '+ make the community: " + snmpCommunity + "'\n(\n  umask 077\n  community=$(" + newPassword + ")\n  {\n  " +
			strings.Join(lines, "\n  ") + "\n  } >" + snmpCommunity + "\n)\nrun chown root:Debian-snmp " + snmpCommunity + "\nrun chmod 640 " + snmpCommunity,
	}
}
