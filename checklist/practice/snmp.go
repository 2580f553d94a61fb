package practice

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

const (
	snmpState       = "/var/lib/snmp/snmpd.conf"
	snmpMain        = "/etc/snmp/snmpd.conf"
	snmpDropIn      = "/etc/snmp/snmpd.conf.d/aslwiz.conf"
	snmpCredentials = "/etc/snmp/aslwiz-nms.credentials"
)

var createUser = regexp.MustCompile(`(?m)^createUser (\S+) SHA-256 "[^"]+" AES "[^"]+"$`)

// startSNMP is snmpd's start: it turns passwords in its state into keys.
func (m *machine) startSNMP() error {
	if m.text(snmpMain) == "" {
		return errors.New("no configuration")
	}
	if m.has(snmpState) {
		m.edit(snmpState, func(old string) string {
			return createUser.ReplaceAllStringFunc(old, func(line string) string {
				name := createUser.FindStringSubmatch(line)[1]
				return fmt.Sprintf("usmUser 1 3 0x80001f8880%s %q %[2]q NULL .1.3.6.1.6.3.10.1.1.5 0x%s .1.3.6.1.6.3.10.1.2.4 0x%s \"\"", "0c5d2a6b", name, hashOf(line)[:64], hashOf(line)[:32])
			})
		})
	}
	return nil
}

// snmpUser is what the step's awk prints of a user in snmpd's state.
func (m *machine) snmpUser(name string) string {
	var b strings.Builder
	for line := range strings.Lines(m.text(snmpState)) {
		if w := strings.Fields(line); len(w) > 9 && w[0] == "usmUser" && w[4] == `"`+name+`"` {
			fmt.Fprintln(&b, w[7], w[9])
		}
	}
	return b.String()
}

// dropSNMPUser is snmpd's state without a user, as after an undo.
func (m *machine) dropSNMPUser(name string) {
	m.edit(snmpState, func(old string) string {
		var b strings.Builder
		for line := range strings.Lines(old) {
			if w := strings.Fields(line); len(w) < 5 || w[0] != "usmUser" || w[4] != `"`+name+`"` {
				b.WriteString(line)
			}
		}
		return b.String()
	})
}

// snmpAccess are the lines of other files than aslwiz's that let somebody ask snmpd, or
// say where it listens. What is secret in them is not said.
func (m *machine) snmpAccess() string {
	var b strings.Builder
	for _, path := range append([]string{snmpMain}, m.paths("/etc/snmp/snmpd.conf.d/")...) {
		if path == snmpDropIn || path == communityFile {
			continue
		}
		for line := range strings.Lines(m.text(path)) {
			switch w := strings.Fields(line); {
			case len(w) < 2:
			case w[0] == "agentaddress", w[0] == "rouser":
				fmt.Fprintf(&b, "%s: %s\n", path, strings.Join(w, " "))
			case w[0] == "rocommunity", w[0] == "rocommunity6":
				w[1] = "[not shown]"
				fmt.Fprintf(&b, "%s: %s\n", path, strings.Join(w, " "))
			}
		}
	}
	return b.String()
}

// listensSNMP are the families in which snmpd listens.
func (m *machine) listensSNMP() (v4, v6 bool) {
	if !m.active("snmpd.service") {
		return false, false
	}
	for line := range strings.Lines(m.text(snmpMain) + m.text(snmpDropIn)) {
		if w := strings.Fields(line); len(w) > 1 && strings.EqualFold(w[0], "agentaddress") {
			for a := range strings.SplitSeq(w[1], ",") {
				v4 = v4 || a == "udp:161"
				v6 = v6 || a == "udp6:161"
			}
		}
	}
	return v4, v6
}

// askedBySNMP is the monitoring system asking once, over each family: its packets
// are in the counters of the rules. It says how many were let in and answered.
func (m *machine) askedBySNMP() (answered int) {
	nms := m.w.machine(nmsName)
	v4, v6 := m.listensSNMP()
	for a, listens := range map[netip.Addr]bool{nms.home4().Addr(): v4, nms.home6().Addr(): v6} {
		tunnel := m.tunnelUp(a)
		if m.verdict(packet{from: a, proto: "udp", port: 161, tunnel: tunnel}) && listens {
			answered++
		}
	}
	return answered
}
