package practice

import (
	"maps"
	"strings"

	"aslwiz/remote"
)

// read answers a setting.
type read func(*machine, remote.Probe) remote.Answer

// reads are the settings that are answered by their name.
func reads() map[string]read {
	all := systemReads()
	maps.Copy(all, networkReads())
	maps.Copy(all, serviceReads())
	return all
}

func printed(f func(*machine) string) read {
	return func(m *machine, p remote.Probe) remote.Answer { return said(p, f(m)) }
}

func always(text string) read {
	return func(_ *machine, p remote.Probe) remote.Answer { return said(p, text) }
}

// of is what a package's own program prints; it ends with 127 where that is not there.
func of(pack string, f func(*machine) string) read {
	return func(m *machine, p remote.Probe) remote.Answer {
		if !m.installed(pack) {
			return remote.Answer{Probe: p, Code: 127}
		}
		return said(p, f(m))
	}
}

// either is one of two lines.
func either(cond func(*machine) bool, yes, no string) func(*machine) string {
	return func(m *machine) string {
		if cond(m) {
			return yes + "\n"
		}
		return no + "\n"
	}
}

func systemReads() map[string]read {
	return map[string]read{
		"machine":                  printed((*machine).machineText),
		"Secure Boot":              always("none\n"),
		"cloud-init":               always("absent\n"),
		"apt's sources":            printed((*machine).sources),
		"dpkg's state":             printed((*machine).dpkgState),
		"what apt would remove":    (*machine).removalsAnswer,
		"security updates":         printed(either(func(m *machine) bool { return m.lists }, "0", "no lists")),
		"root's password":          always("fine\n"),
		"your own key":             always("admin 1 .ssh/authorized_keys .ssh/authorized_keys2\n"),
		"apt's lists":              printed(func(m *machine) string { return strings.Join(m.lines(m.paths("/var/lib/apt/lists/")), "") }),
		"python as a command":      of("python-is-python3", func(*machine) string { return "Python 3\n" }),
		"kernel host name":         printed(func(m *machine) string { return m.kernelName + "\n" }),
		"default editor":           of("vim", func(m *machine) string { return m.editor + "\n" }),
		"time zone":                printed(func(m *machine) string { return m.zone + "\n" }),
		"age of the initramfs":     printed((*machine).initramfsAge),
		"initramfs":                printed((*machine).initramfsHash),
		"boots":                    printed((*machine).boots),
		"system state":             printed(either(func(m *machine) bool { return len(m.failedUnits()) == 0 }, "running", "degraded")),
		"failed before the reboot": printed((*machine).failedBefore),
		"screen in an xterm":       (*machine).screenAnswer,
		"passwords":                (*machine).passwordsAnswer,
	}
}

func networkReads() map[string]read {
	return map[string]read{
		"firewalls":           always(""),
		"firewalld":           always("disabled inactive\n"),
		"ufw":                 always("absent\n"),
		"IPv4 rules in force": of("iptables", func(m *machine) string { return m.ownRules(4) }),
		"IPv6 rules in force": of("iptables", func(m *machine) string { return m.ownRules(6) }),
		"IPv4 packet filter":  of("iptables", func(m *machine) string { return m.savedRules(4, true) }),
		"IPv6 packet filter":  of("iptables", func(m *machine) string { return m.savedRules(6, true) }),
		"around the firewall": printed(func(m *machine) string {
			boot, _, _ := strings.Cut(m.twoWords("aslwiz-firewall.service"), " ")
			return "forward4 0\nforward6 0\nboot " + boot + "\n"
		}),
		"rp_filter":                   printed(func(m *machine) string { return m.rpFilter + "\n" }),
		"who writes /etc/resolv.conf": always("nobody\n"),
		"who configures the network":  always(""),
		"IPv6 default route":          printed(func(m *machine) string { return m.ipRoute(6) }),
	}
}

func serviceReads() map[string]read {
	return map[string]read{
		"postfix's own configuration": of("postfix", either(func(m *machine) bool { return m.has(mainCF) }, "there", "missing")),
		"aliases that postfix uses":   of("postfix", (*machine).aliasesInUse),
		"mail system":                 of("postfix", either((*machine).mailRuns, "running", "stopped")),
		"relay":                       of("postfix", func(m *machine) string { return m.postconf("relayhost") + "\n" }),
		"mail queue":                  (*machine).queueAnswer,
		"mail sent":                   (*machine).sentAnswer,
		"the sshd jail":               (*machine).jailAnswer,
		"a ban, tried":                (*machine).banAnswer,
		"log lines that wait":         printed(either((*machine).logConnected, "0 yes", "0 no")),
		"who may ask snmpd":           printed((*machine).snmpAccess),
		"ntptime":                     (*machine).ntptimeAnswer,
		"ntpq":                        (*machine).ntpqAnswer,
		"SNMPv2c community":           of("snmpd", (*machine).community),
		"/etc/ipsec.conf":             (*machine).includesAnswer,
		"/etc/ipsec.secrets":          (*machine).includesAnswer,
	}
}
