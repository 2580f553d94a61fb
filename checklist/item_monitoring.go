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
			probes = append(probes, remote.ReadFile(hostsAllow), remote.ReadFile(snmpConf))
		}
		if s.Given() && !s.V2() {
			probes = append(probes, snmpUser(s).Probes()...)
		}
		return probes
	},
	Judge: judgeMonitoring,
}

// logWaits counts the files that hold lines for the log host. rsyslog keeps the one
// that it began with open until it is full: while it is connected, what is older than
// its start has gone.
func logWaits(port int) string {
	return fmt.Sprintf(`n=0 since=0
[ -z "$(ss -Htn state established dport = :%d)" ] ||
  since=$(date -d "$(systemctl show -p ActiveEnterTimestamp --value rsyslog.service)" +%%s)
for k in /var/spool/rsyslog/aslwiz-forward.0*; do
  [ ! -e "$k" ] || [ "$(stat -c %%Y "$k")" -lt "$since" ] || n=$((n + 1))
done
echo $n`, port)
}

func judgeMonitoring(in In, seen Seen) Finding {
	f := Finding{Want: "SNMP answers the monitoring system, the log goes to the log host, and the team watches"}
	for _, a := range seen.Answers {
		if err := a.Err(); err != nil {
			return unknown(f, err)
		}
	}
	var wrong, todo []string
	step := ""
	s, l := in.Answers.SNMP, in.Answers.Logging
	switch problem := snmpWrong(s, seen, &f); {
	case !s.Given():
		todo = append(todo, "SNMP is not set up: the answers name no monitoring system (snmp.nms)")
	case problem != "":
		wrong, step = append(wrong, problem), "snmp"
	default:
		todo = append(todo, "have them ask the server once by SNMP")
		todo = append(todo, nmsTunnel(in, &f)...)
	}
	switch problem := logWrong(l, seen, &f); {
	case l.Host == "":
		todo = append(todo, "no log is forwarded: the answers name no log host (logging.host)")
	case problem != "":
		wrong, step = append(wrong, problem), orElse(step, "logging")
	default:
		todo = append(todo, "look for the server's lines at "+l.Host+" (aslwiz verify --try --only monitoring writes one)")
	}
	if len(wrong) > 0 {
		f.Status, f.Got = Failed, strings.Join(wrong, "; ")
		f.Fix = &Fix{Kind: FixStep, Step: step, Text: "run the step " + step}
		return f
	}
	todo = append(todo, "ask on the admin list that LibreNMS watches it (aslwiz report has the message)")
	f.Status, f.Got = Manual, strings.Join(todo, "; ")
	return f
}

// nmsTunnel is what is left to do about the tunnel to the monitoring system, which
// the page asks for. Item ipsec measures the one that is there.
func nmsTunnel(in In, f *Finding) (todo []string) {
	var without []string
	for _, s := range in.Answers.SNMP.NMS {
		i := slices.IndexFunc(in.Answers.Peers, func(p Peer) bool { return slices.Contains(p.Addresses, s) })
		if i < 0 {
			without = append(without, s)
			continue
		}
		f.Evidence = append(f.Evidence, s+": through the tunnel "+in.Answers.Peers[i].Name+", which item ipsec measures")
	}
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
		return hostsAllow + " does not let " + strings.Join(s.NMS, ", ") + " ask, and nobody else"
	}
	if s.V2() {
		return ""
	}
	conf, err := seen.Answers[6].File()
	if err != nil || !slices.ContainsFunc(strings.Split(string(conf.Content), "\n"), func(l string) bool {
		return strings.HasPrefix(strings.Join(strings.Fields(l), " "), "rouser -s usm "+s.User+" authpriv")
	}) {
		return snmpConf + " does not let the SNMPv3 user " + s.User + " read"
	}
	c, err := snmpUser(s).Compare(seen.Answers[7:])
	if err != nil || !c.Same {
		return fmt.Sprintf("the SNMPv3 user %s is %s", s.User, c.Now)
	}
	f.Evidence = append(f.Evidence, "user "+s.User+": "+c.Now)
	return ""
}

// logWrong says why the log would not get to the log host.
func logWrong(l Logging, seen Seen, f *Finding) string {
	if l.Host == "" {
		return ""
	}
	unit, err := seen.Answers[2].Unit()
	if err != nil || unit.Active != "active" {
		return "rsyslog.service is " + describeUnit(unit)
	}
	conf, err := seen.Answers[3].File()
	if err != nil || !strings.Contains(string(conf.Content), fmt.Sprintf("target=%q port=\"%d\" protocol=%q", l.Host, l.LogPort(), l.LogProtocol())) {
		return logForward + " does not send the log to " + l.Host
	}
	f.Evidence = append(f.Evidence, fmt.Sprintf("rsyslog: %s, sends to %s:%d/%s", describeUnit(unit), l.Host, l.LogPort(), l.LogProtocol()))
	if waits, err := seen.Answers[4].Text(); err == nil && waits != "0" {
		return fmt.Sprintf("the log host does not take the log: %s files of it wait in /var/spool/rsyslog", waits)
	}
	return ""
}
