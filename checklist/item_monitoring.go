package checklist

import (
	"fmt"
	"slices"
	"strings"

	"aslwiz/remote"
)

// itemMonitoring measures what can be seen from here, and leaves to a person
// what the monitoring team alone sees.
// Source: the page, "Network Monitoring".
var itemMonitoring = Item{
	ID:    "monitoring",
	Title: "Is the server handed to the monitoring team?",
	Act: func(in In) []string {
		if in.Answers.Logging.Host == "" {
			return nil
		}
		return []string{`run logger -t aslwiz -p user.notice "test line of aslwiz verify --try from ` + in.Answers.FQDN() + `, boot $(cat /proc/sys/kernel/random/boot_id)"`}
	},
	Probes: func(in In) []remote.Probe {
		probes := []remote.Probe{
			remote.ReadUnit("snmpd.service"),
			remote.ReadCommand("ss", "-Hlnu", "sport", "=", ":161"),
			remote.ReadUnit("rsyslog.service"),
			remote.ReadFile(logForward),
			remote.ReadSetting("log lines that wait", logWaits(in.Answers.Logging.LogPort())),
		}
		s := in.Answers.SNMP
		if s.Given() {
			probes = append(probes, remote.ReadFile(hostsAllow), remote.ReadFile(snmpConf), remote.ReadFile(snmpAslwiz))
		}
		if s.Given() && !s.V2() {
			probes = append(probes, snmpUser(s).Probes()...)
		}
		return probes
	},
	Judge: judgeMonitoring,
}

// logWaits prints how many files hold lines for the log host, and whether rsyslog has
// a connection to it. rsyslog keeps the file that it began with open until it is full:
// while it is connected, what is older than its start has gone. A log host may close
// an idle connection; rsyslog notices when it has something to send.
func logWaits(port int) string {
	return fmt.Sprintf(`n=0 since=0 connected=no
if [ -n "$(ss -Htn state established state close-wait dport = :%d)" ]; then
  connected=yes
  since=$(date -d "$(systemctl show -p ActiveEnterTimestamp --value rsyslog.service)" +%%s)
fi
for k in /var/spool/rsyslog/aslwiz-forward.0*; do
  [ ! -e "$k" ] || [ "$(stat -c %%Y "$k")" -lt "$since" ] || n=$((n + 1))
done
echo "$n $connected"`, port)
}

func judgeMonitoring(in In, seen Seen) Finding {
	f := Finding{Want: "SNMP answers the monitoring system, the log goes to the log host, and the team watches"}
	for _, a := range seen.Answers {
		if err := a.Err(); err != nil {
			return unknown(f, err)
		}
	}
	var wrong, todo []string
	var fix *Fix
	s, l := in.Answers.SNMP, in.Answers.Logging
	switch problem := snmpWrong(s, seen, &f); {
	case !s.Given():
		todo = append(todo, "SNMP is not set up: the answers name no monitoring system (snmp.nms)")
	case problem != "":
		wrong, fix = append(wrong, problem), &Fix{Kind: FixStep, Step: "snmp", Text: "run the step snmp"}
	default:
		todo = append(todo, "have them ask the server once by SNMP")
		todo = append(todo, nmsTunnel(in, &f)...)
	}
	switch problem, mend := logWrong(in, seen, &f); {
	case l.Host == "":
		todo = append(todo, "no log is forwarded: the answers name no log host (logging.host)")
	case problem != "":
		wrong = append(wrong, problem)
		if fix == nil {
			fix = mend
		}
	default:
		if !l.TLS() && peerAt(in.Answers.Peers, l.Host) == "" {
			todo = append(todo, "nothing is known to encrypt the log on its way to "+l.Host+" (logging.protocol: tls would)")
		}
		todo = append(todo, "look for the server's lines at "+l.Host+" (aslwiz verify --try --only monitoring writes one)")
	}
	if len(wrong) > 0 {
		f.Status, f.Got, f.Fix = Failed, strings.Join(wrong, "; "), fix
		return f
	}
	todo = append(todo, "ask on the admin list that LibreNMS watches it (aslwiz report has the message)")
	f.Status, f.Got = Manual, strings.Join(todo, "; ")
	return f
}

// nmsTunnel is what is left to do about the tunnel to the monitoring system, which
// the page asks for. Item ipsec measures the one that is there.
func nmsTunnel(in In, f *Finding) (todo []string) {
	for _, s := range in.Answers.SNMP.NMS {
		if name := peerAt(in.Answers.Peers, s); name != "" {
			f.Evidence = append(f.Evidence, s+": through the tunnel "+name+", which item ipsec measures")
		}
	}
	without := withoutTunnel(in.Answers.Peers, in.Answers.SNMP.NMS)
	if len(without) > 0 {
		todo = append(todo, "no tunnel leads to "+strings.Join(without, ", ")+": the page asks for one, by the answers peers")
	}
	return todo
}

// snmpWrong says why the monitoring system would get no answer.
func snmpWrong(s SNMP, seen Seen, f *Finding) string {
	if !s.Given() {
		return ""
	}
	unit, err := seen.Answers[0].Unit()
	if err != nil || unit.Active != "active" {
		return "snmpd.service is " + describeUnit(unit)
	}
	listening, _ := seen.Answers[1].Text()
	f.Evidence = append(f.Evidence, "snmpd: "+describeUnit(unit))
	for line := range strings.Lines(listening) {
		f.Evidence = append(f.Evidence, "listens: "+strings.Join(strings.Fields(line), " "))
	}
	if listening == "" {
		return "nothing listens on UDP port 161"
	}
	allow, err := seen.Answers[5].File()
	if err != nil || setHostsAllow(string(allow.Content), s.NMS) != string(allow.Content) {
		return hostsAllow + " does not let " + strings.Join(s.NMS, ", ") + " ask"
	}
	if others := hostsAllowOthers(string(allow.Content)); len(others) > 0 {
		f.Evidence = append(f.Evidence, hostsAllow+" lets more ask: "+strings.Join(others, "; "))
	}
	conf, err := seen.Answers[6].File()
	if err != nil || !conf.Exists || setSNMPConf(string(conf.Content), "") != string(conf.Content) {
		return snmpConf + " does not read the files in snmpd.conf.d, or has the package's lines"
	}
	if s.V2() {
		return ""
	}
	own, err := seen.Answers[7].File()
	if err != nil || !slices.ContainsFunc(strings.Split(string(own.Content), "\n"), func(l string) bool {
		return strings.HasPrefix(strings.Join(strings.Fields(l), " "), "rouser -s usm "+s.User+" authpriv")
	}) {
		return snmpAslwiz + " does not let the SNMPv3 user " + s.User + " read"
	}
	c, err := snmpUser(s).Compare(seen.Answers[8:])
	if err != nil || !c.Same {
		return fmt.Sprintf("the SNMPv3 user %s is %s", s.User, c.Now)
	}
	f.Evidence = append(f.Evidence, "user "+s.User+": "+c.Now)
	return ""
}

// logWrong says why the log would not get to the log host, and what mends it.
func logWrong(in In, seen Seen, f *Finding) (string, *Fix) {
	l := in.Answers.Logging
	if l.Host == "" {
		return "", nil
	}
	step := &Fix{Kind: FixStep, Step: "logging", Text: "run the step logging"}
	unit, err := seen.Answers[2].Unit()
	if err != nil || unit.Active != "active" {
		return "rsyslog.service is " + describeUnit(unit), step
	}
	conf, err := seen.Answers[3].File()
	want, err2 := logForwarding(in)
	if err != nil || err2 != nil || string(conf.Content) != want {
		return logForward + " does not send the log to " + l.Host + " as the answers say", step
	}
	to := fmt.Sprintf("%s:%d/%s", l.Host, l.LogPort(), l.LogProtocol())
	f.Evidence = append(f.Evidence, fmt.Sprintf("rsyslog: %s, sends to %s", describeUnit(unit), to), "log: "+logReadable(in))
	text, err := seen.Answers[4].Text()
	if err != nil || l.LogProtocol() == "udp" { // who sends by UDP hears nothing
		return "", nil
	}
	hand := &Fix{Kind: FixHand, Text: "see on the server why: journalctl -u rsyslog; and ask the log host's admin whether it takes lines on that port"}
	if l.TLS() {
		hand.Text += ", by which certificate"
	}
	switch waits, connected, _ := strings.Cut(text, " "); {
	case connected != "yes":
		return "rsyslog has no connection to " + to, hand
	case waits != "0":
		return fmt.Sprintf("the log host does not take the log: %s files of it wait in /var/spool/rsyslog", waits), hand
	}
	return "", nil
}
