package checklist

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"aslwiz/remote"
	"aslwiz/templates"
)

// snmpd's own configuration belongs to its package and to the admin. aslwiz keeps
// its lines in snmpDropIn, and of snmpd.conf it changes only what the package wrote.

// packageLines are the lines of the package's snmpd.conf that let somebody ask, that
// keep snmpd from being asked from outside, or that are not true, word by word. They
// are the same on Debian 12 and 13.
var packageLines = []string{
	"sysLocation Sitting on the Dock of the Bay",
	"sysContact Me <me@example.org>",
	"agentaddress 127.0.0.1,[::1]",
	"rocommunity public default -V systemonly",
	"rocommunity6 public default -V systemonly",
	"rouser authPrivUser authpriv -V systemonly",
}

const (
	includeDropIns = "includeDir /etc/snmp/snmpd.conf.d"
	packageLineOff = "# aslwiz: "
)

// setSNMPConf switches the package's lines off and has snmpd read the drop-ins.
// Every other line stays. fresh is the file where there is none.
func setSNMPConf(old, fresh string) string {
	if old == "" {
		return fresh
	}
	var b strings.Builder
	reads := false
	for l := range strings.Lines(old) {
		words := strings.Join(strings.Fields(l), " ")
		reads = reads || strings.EqualFold(words, includeDropIns)
		if slices.Contains(packageLines, words) {
			b.WriteString(packageLineOff)
		}
		b.WriteString(l)
	}
	if !reads {
		if !strings.HasSuffix(old, "\n") {
			b.WriteString("\n")
		}
		b.WriteString(includeDropIns + "\n")
	}
	return b.String()
}

// snmpMain is snmpd.conf. It may hold communities and passwords of somebody's: the
// diff shows the words before them alone.
type snmpMain struct{ BroughtEdit }

var snmpSecret = regexp.MustCompile(`(?mi)^([-+ ]\s*(?:r[ow]community6?|com2sec(?:6|unix)?|createUser|trap\w*community|trap2?sink|informsink|trapsess|authcommunity|proxy)\s).*$`)

// Compare implements Resource.
func (m snmpMain) Compare(answers []remote.Answer) (Change, error) {
	c, err := m.BroughtEdit.Compare(answers)
	c.Diff = snmpSecret.ReplaceAllString(c.Diff, "$1[not shown]")
	return c, err
}

// snmpDropIn is the file with aslwiz's lines for snmpd. What else snmpd is told about
// who may ask, and where it listens, is shown beside it.
type snmpDropIn struct {
	release Release
	answers SNMP
}

var _ Resource = snmpDropIn{}

// Name implements Resource.
func (snmpDropIn) Name() string { return snmpAslwiz }

// Probes implements Resource.
func (d snmpDropIn) Probes() []remote.Probe {
	return []remote.Probe{remote.ReadFile(snmpAslwiz), remote.ReadSetting("who may ask snmpd", snmpAccessRead(d.answers))}
}

// snmpAccessRead prints the lines by which snmpd lets somebody ask, and those that say
// where it listens, each behind its file's name; aslwiz's own are left out. What is
// secret in them is not read.
func snmpAccessRead(s SNMP) string {
	own := snmpAslwiz
	if s.V2() {
		own += " | " + snmpCommunity
	}
	return `for f in ` + snmpConf + ` /etc/snmp/snmpd.local.conf /etc/snmp/snmpd.conf.d/*.conf; do
  case $f in ` + own + `) continue ;; esac
  [ ! -f "$f" ] || awk -v f="$f" '
    { sub(/[ \t]#.*/, ""); word = tolower($1); secret = 0 }
    word !~ /^(agentaddress|r[ow]community6?|com2sec6?|com2secunix|r[ow]user|auth(community|user|group|access))$/ { next }
    word ~ /^r[ow]community/ { secret = 2 }
    word ~ /^com2sec/ { secret = NF }
    word == "authcommunity" { secret = 3 }
    $secret == "public" { secret = 0 }
    secret && /["\047]/ { print f ": " $1 " [not shown]"; next }
    secret { $secret = "[not shown]" }
    { $1 = $1; print f ": " $0 }' "$f"
done`
}

// Compare implements Resource.
func (d snmpDropIn) Compare(answers []remote.Answer) (Change, error) {
	text, err := answers[1].Text()
	if err != nil {
		return Change{}, err
	}
	var listens, lets []string
	for l := range strings.Lines(text) {
		file, line, _ := strings.Cut(strings.TrimSpace(l), ": ")
		switch word, rest, _ := strings.Cut(line, " "); {
		case line == "" || slices.Contains(packageLines, line):
		case strings.EqualFold(word, "agentaddress"):
			listens = append(listens, rest)
		default:
			lets = append(lets, file+": "+line)
		}
	}
	listen, err := snmpListen(d.answers, strings.Join(listens, ","))
	if err != nil {
		return Change{}, err
	}
	user := d.answers.User
	if d.answers.V2() {
		user = ""
	}
	content, err := templates.Render(d.release.Dir, snmpAslwiz, map[string]any{
		"Listen": listen, "Location": d.answers.Location, "Contact": d.answers.Contact, "User": user,
	})
	if err != nil {
		return Change{}, err
	}
	c, err := File{
		Path: snmpAslwiz, Content: content, Public: "snmpd",
		After: []string{"systemctl --no-block try-restart snmpd.service"},
	}.Compare(answers)
	if len(lets) > 0 {
		c.Notes = append(c.Notes, "aslwiz did not write these lines. They let others ask too, and they stay; remove those that you do not want: "+strings.Join(lets, "; "))
	}
	return c, err
}

// snmpListen is where snmpd must listen beside where it is told to already: by the
// families that the monitoring asks in.
func snmpListen(s SNMP, already string) (string, error) {
	var need []string
	for _, family := range []string{"udp:161", "udp6:161"} {
		if slices.ContainsFunc(s.NMS, func(n string) bool { return strings.Contains(n, ":") == (family == "udp6:161") }) {
			need = append(need, family)
		}
	}
	for at := range strings.FieldsFuncSeq(already, func(r rune) bool { return r == ',' || r == ' ' }) {
		family, loopback := snmpEndpoint(at)
		if i := slices.Index(need, family); i >= 0 {
			if loopback {
				return "", fmt.Errorf("agentaddress %s: snmpd's files tell it to listen on this machine alone, where the monitoring system cannot ask it; "+
					"remove that line, and aslwiz adds one that fits", at)
			}
			need = slices.Delete(need, i, i+1)
		}
	}
	return strings.Join(need, ","), nil
}

// snmpEndpoint is the family of an element of agentaddress, on port 161, and whether
// it is the machine itself alone. Source: snmpd(8), "LISTENING ADDRESSES".
func snmpEndpoint(at string) (family string, loopback bool) {
	family, rest, ok := strings.Cut(strings.ToLower(at), ":")
	switch {
	case ok && (family == "udp" || family == "udp4"):
		family = "udp:161"
	case ok && (family == "udp6" || family == "udpv6" || family == "udpipv6"):
		family = "udp6:161"
	case strings.HasPrefix(at, "["):
		family, rest = "udp6:161", at
	case slices.Contains([]string{"tcp", "tcp6", "tcpv6", "tcpipv6", "unix", "dtlsudp", "tlstcp", "ssh", "alias"}, family):
		return "", false
	case strings.Count(at, ":") < 2:
		family, rest = "udp:161", at
	default:
		return "", false
	}
	if _, err := strconv.Atoi(rest); err == nil && rest != "161" ||
		strings.Contains(rest, ":") && !strings.HasSuffix(rest, ":161") && !strings.HasSuffix(rest, "]") {
		return "", false // another port
	}
	host := strings.Trim(strings.TrimSuffix(rest, ":161"), "[]")
	a, err := netip.ParseAddr(host)
	return family, host == "localhost" || err == nil && a.IsLoopback()
}

// askers is /etc/hosts.allow with the monitoring system's addresses.
type askers struct{ BroughtEdit }

func wantAskers(s SNMP) askers {
	return askers{BroughtEdit{
		Path: hostsAllow, What: "snmpd answers " + strings.Join(s.NMS, ", "), Public: "snmpd",
		Apply: func(old string) (string, error) { return setHostsAllow(old, s.NMS), nil },
		Note:  "the firewall lets them in as well; this holds also where traffic comes through a tunnel. snmpd answers everybody when it cannot read this file",
	}}
}

// Compare implements Resource.
func (a askers) Compare(answers []remote.Answer) (Change, error) {
	c, err := a.BroughtEdit.Compare(answers)
	if err != nil {
		return c, err
	}
	st, err := answers[0].File()
	if text, _ := a.Apply(string(st.Content)); len(hostsAllowOthers(text)) > 0 {
		c.Notes = append(c.Notes, "aslwiz did not write these lines. They let others ask too, and they stay; remove those that you do not want: "+strings.Join(hostsAllowOthers(text), "; "))
	}
	return c, err
}

const (
	allowMark = "# aslwiz, step snmp: who may ask\n"
	denyMark  = "# aslwiz, step snmp: nobody else\n"
)

// setHostsAllow lets the monitoring system ask snmpd before all other lines, since the
// first that matches counts, and nobody else after the last line about snmpd that is
// somebody's. Those stay, in their order.
func setHostsAllow(old string, nms []string) string {
	var list []string
	for _, n := range nms {
		if strings.Contains(n, ":") {
			n = "[" + n + "]"
		}
		list = append(list, n)
	}
	var comments, about, rest string
	own := false
	for _, l := range logicalLines(old) {
		daemons, _, _ := strings.Cut(l, ":")
		isSNMP := slices.Contains(strings.FieldsFunc(daemons, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }), "snmpd")
		switch {
		case l == allowMark || l == denyMark:
			own = true
			continue
		case own && isSNMP:
		case isSNMP && !strings.HasPrefix(strings.TrimSpace(l), "#"):
			about, rest = about+rest+l, ""
		case about == "" && rest == "" && (strings.HasPrefix(l, "#") || strings.TrimSpace(l) == ""):
			comments += l
		default:
			rest += l
		}
		own = false
	}
	for _, part := range []*string{&comments, &about} {
		if *part != "" && !strings.HasSuffix(*part, "\n") {
			*part += "\n"
		}
	}
	return comments + allowMark + "snmpd: " + strings.Join(list, " ") + " : ALLOW\n" + about + denyMark + "snmpd: ALL : DENY\n" + rest
}

// logicalLines are a text's lines, each with those that go on after a backslash.
// Source: hosts_access(5), "ACCESS CONTROL RULES".
func logicalLines(text string) (out []string) {
	goesOn := false
	for l := range strings.Lines(text) {
		if goesOn {
			out[len(out)-1] += l
		} else {
			out = append(out, l)
		}
		goesOn = strings.HasSuffix(l, "\\\n")
	}
	return out
}

// hostsAllowOthers are the lines by which others than the monitoring system may ask.
func hostsAllowOthers(text string) []string {
	var out []string
	_, after, _ := strings.Cut(text, allowMark)
	_, after, _ = strings.Cut(after, "\n") // aslwiz's own line
	about, _, _ := strings.Cut(after, denyMark)
	for l := range strings.Lines(about) {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "#") {
			out = append(out, l)
		}
	}
	return out
}
