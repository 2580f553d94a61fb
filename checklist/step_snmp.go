package checklist

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"aslwiz/remote"
	"aslwiz/templates"
)

const (
	snmpConf        = "/etc/snmp/snmpd.conf"
	snmpState       = "/var/lib/snmp/snmpd.conf"
	snmpCredentials = "/etc/snmp/aslwiz-nms.credentials"
	snmpAslwiz      = "/etc/snmp/snmpd.conf.d/aslwiz.conf"
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
// step looks for. That file lies in a folder of snmpd's user, so it is edited as
// that user: root would follow a link that somebody planted there.
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
	fresh, err := templates.Render(in.Facts.Release.Dir, snmpConf, nil)
	if err != nil {
		return nil, err
	}
	access := snmpUser(s)
	if s.V2() {
		access = snmpCommunityFor(s, in.Answers.Peers)
	}
	return []Resource{
		packagesFor(in, "snmpd"),
		wantAskers(s),
		snmpMain{BroughtEdit{
			Path: snmpConf, What: "the package's own lines are off, the files in snmpd.conf.d are read",
			Apply: func(old string) (string, error) { return setSNMPConf(old, fresh), nil },
			Mode:  0o640, Owner: "root:Debian-snmp", // as the package has it
			After: []string{"systemctl --no-block try-restart snmpd.service"},
			Note:  "the package's own lines answer everybody on this machine who says \"public\", and nobody outside; every other line stays",
		}},
		snmpDropIn{release: in.Facts.Release, answers: s},
		access,
		Service{Unit: "snmpd.service", Restart: true},
	}, nil
}

// newPassword is shell text that prints 32 random characters, none of which needs
// quoting: 160 bits.
const newPassword = "head -c 20 /dev/urandom | base32 | tr 'A-Z' 'a-z'"

// usmSHA256AES are HMAC-SHA-256 and AES-128, as the OIDs of RFC 7860 and RFC 3826.
const usmSHA256AES = ".1.3.6.1.6.3.10.1.1.5 .1.3.6.1.6.3.10.1.2.4"

// usmUser is the SNMPv3 user in snmpd's own state. One that is there with other
// algorithms is somebody's, who knows its passwords: it is not replaced.
type usmUser struct {
	BroughtSetting
	name string
}

// snmpUser is the monitoring system's user. Read prints the algorithms, never the keys.
func snmpUser(s SNMP) Resource {
	return usmUser{name: s.User, BroughtSetting: BroughtSetting{
		Title: "SNMPv3 user " + s.User, Path: snmpCredentials,
		Read: "[ -e " + snmpState + " ] || exit 127\n" +
			runAs("Debian-snmp", `awk -v user="\"$1\"" '$1 == "usmUser" && $5 == user { print $8, $10 }' `+snmpState, quote(s.User)),
		Want: usmSHA256AES,
		Show: func(v string) string {
			switch v {
			case usmSHA256AES:
				return "authenticates by SHA-256, encrypts by AES"
			case "":
				return "not there"
			}
			return "there, with other algorithms (" + v + ")"
		},
		Note: "its two passwords are made on the server and kept in " + snmpCredentials +
			", which only root can read: hand them to the monitoring team, then delete the file",
		Set: fmt.Sprintf(`echo "+ make the passwords of %[1]s: %[2]s"
auth=$(%[3]s) priv=$(%[3]s)
(
  umask 077
  rm -f %[2]s
  printf '%%s\n' 'user %[1]s' "authentication SHA-256 $auth" "privacy AES $priv" >%[2]s
)
run systemctl stop snmpd.service
printf 'createUser %[1]s SHA-256 "%%s" AES "%%s"\n' "$auth" "$priv" | %[4]s || {
  systemctl start snmpd.service
  exit 1
}
auth= priv=
run systemctl start snmpd.service`, s.User, snmpCredentials, newPassword, editSNMPState(s.User)),
		// The only value that this can follow is none: see Compare.
		Takes: true,
		Write: fmt.Sprintf(`was=$(systemctl is-active snmpd.service || :)
systemctl stop snmpd.service
%s </dev/null || exit 1
rm -f %s
[ "$was" != active ] || systemctl start snmpd.service`, editSNMPState(s.User), snmpCredentials),
	}}
}

// Compare implements Resource.
func (u usmUser) Compare(answers []remote.Answer) (Change, error) {
	c, err := u.BroughtSetting.Compare(answers)
	if err != nil || c.Same || len(bytes.TrimSpace(answers[0].Out)) == 0 {
		return c, err
	}
	return c, fmt.Errorf("the SNMPv3 user %s is %s: it already exists and may be in use; replacing it would break its clients. "+
		"Give another name in snmp.user, or remove this one on the server", u.name, c.Now)
}

// editSNMPState is shell text that takes a user out of snmpd's state and puts standard
// input at its end, as the user whom that file belongs to. A name cannot hold what
// grep or the shell reads as anything else; see loginName.
func editSNMPState(user string) string {
	return `as_user Debian-snmp sh -c 'umask 077
cd /var/lib/snmp || exit
rm -f snmpd.conf.aslwiz
{
  [ ! -e snmpd.conf ] || grep -a -v -e "^createUser $1 " -e "^usmUser [^ ]* [^ ]* [^ ]* \"$1\" " snmpd.conf || [ $? = 1 ] || exit
  cat
} >snmpd.conf.aslwiz && mv -f snmpd.conf.aslwiz snmpd.conf' sh ` + user
}

// snmpCommunityFor is the password of SNMP's old version, which travels in the
// clear: each line holds it for one address alone. Where there is one already it stays.
func snmpCommunityFor(s SNMP, peers []Peer) Resource {
	note := "made on the server: it is the second word of each line of " + snmpCommunity + "; it travels in the clear, inside the tunnel"
	if far := withoutTunnel(peers, s.NMS); len(far) > 0 {
		note = "made on the server: it is the second word of each line of " + snmpCommunity + "; as you insist (snmp.insist_v2c), it and all that is asked cross the network readable on the way from " + strings.Join(far, ", ")
	}
	return BroughtSetting{
		Title: "SNMPv2c community", Path: snmpCommunity,
		Read: "command -v snmpd >/dev/null || exit 127; [ -e " + snmpCommunity + " ] || exit 0\n" +
			"stat -c '%a %U:%G' " + snmpCommunity + "\nsed -n 's/^rocommunity6\\{0,1\\} [^ ]* \\([^ ]*\\) .*/\\1/p' " + snmpCommunity,
		Want: "640 root:Debian-snmp\n" + strings.Join(s.NMS, "\n"),
		Show: func(v string) string {
			_, who, _ := strings.Cut(v, "\n")
			return orElse(strings.ReplaceAll(who, "\n", ", "), "none")
		},
		Note:  note,
		Set:   "echo '+ make the community: " + snmpCommunity + "'\nprintf '%s\\n' '640 root:Debian-snmp' " + strings.Join(s.NMS, " ") + " | (\n" + writeCommunity + "\n)",
		Takes: true,
		Write: writeCommunity,
	}
}

// writeCommunity makes the community's file from what Read prints of it: nothing for
// no file. The community itself stays, if there is one.
const writeCommunity = `umask 077
rm -f ` + snmpCommunity + `.new
read -r mode owner || { rm -f ` + snmpCommunity + `; exit; }
community=$(sed -n 's/^rocommunity6\{0,1\} \([^ ]*\) .*/\1/p' ` + snmpCommunity + ` 2>/dev/null | head -n 1)
[ -n "$community" ] || community=$(` + newPassword + `)
while read -r nms; do
  case $nms in *:*) word=rocommunity6 ;; *) word=rocommunity ;; esac
  printf '%s %s %s -V all\n' "$word" "$community" "$nms"
done >` + snmpCommunity + `.new
chown "$owner" ` + snmpCommunity + `.new &&
  chmod "$mode" ` + snmpCommunity + `.new &&
  mv -f ` + snmpCommunity + `.new ` + snmpCommunity
