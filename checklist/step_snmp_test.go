package checklist

import (
	"strings"
	"testing"

	"aslwiz/remote"
)

// What an older snmpd.conf kept secret is in no plan, journal or report.
func TestSNMPDiffShowsNoSecret(t *testing.T) {
	t.Parallel()
	old := "# ours\nrocommunity hunter2 198.51.100.40\n  rwcommunity6 hunter2\ncreateUser joe SHA hunter2 AES hunter2\ncom2sec readonly default hunter2\n" +
		"trapcommunity hunter2\ntrap2sink 198.51.100.40 hunter2\nsysLocation Tampa\n"
	st := remote.FileState{Path: snmpConf, Exists: true, Regular: true, Mode: 0o600, Owner: "root:root", Content: []byte(old), SHA256: hashOf([]byte(old))}
	f := snmpMain{BroughtEdit{Path: snmpConf, Apply: func(string) (string, error) { return "# Written by aslwiz\nrouser monitor\n", nil }}}
	c, err := f.Compare([]remote.Answer{st.Answer(remote.ReadFile(snmpConf))})
	if err != nil || c.Same {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, want := range []string{"-rocommunity [not shown]\n", "-  rwcommunity6 [not shown]\n", "-createUser [not shown]\n", "-sysLocation Tampa\n", "+rouser monitor\n"} {
		if !strings.Contains(c.Diff, want) {
			t.Errorf("no %q in\n%s", want, c.Diff)
		}
	}
	if strings.Contains(c.Diff, "hunter2") {
		t.Errorf("a secret is shown:\n%s", c.Diff)
	}
	if got := string(c.Files[0].After); !strings.HasPrefix(got, "# Written by aslwiz\nrouser") {
		t.Errorf("what will be written changed: %q", got)
	}
}

// What the admin has in snmpd's files stays, decides where snmpd listens already, and is
// said when it lets more ask.
func TestSNMPBesideAnAdminsLines(t *testing.T) {
	t.Parallel()
	s := SNMP{NMS: []string{"198.51.100.9", "2001:db8:51::9"}, User: "monitor"}
	d := snmpDropIn{release: releaseDebian12, answers: s}
	for _, c := range []struct {
		said         string
		listen, note string
		err          string
	}{
		{said: "", listen: "agentaddress udp:161,udp6:161\n"},
		{said: "/etc/snmp/snmpd.conf: agentaddress 127.0.0.1,[::1]\n/etc/snmp/snmpd.conf: rocommunity public default -V systemonly\n/etc/snmp/snmpd.conf: rouser authPrivUser authpriv -V systemonly", listen: "agentaddress udp:161,udp6:161\n"},
		{said: "/etc/snmp/snmpd.conf: agentaddress udp:161", listen: "agentaddress udp6:161\n"},
		{said: "/etc/snmp/snmpd.conf: agentaddress 198.51.100.11,udp6:[2001:db8:51::11]:161"},
		{said: "/etc/snmp/snmpd.conf: agentaddress tcp:161,udp:1161,unix:/run/x", listen: "agentaddress udp:161,udp6:161\n"},
		{said: "/etc/snmp/snmpd.conf: agentAddress 127.0.0.1", err: "tell it to listen on this machine alone"},
		{said: "/etc/snmp/snmpd.conf: agentaddress udp6:[::1]:161", err: "where the monitoring system cannot ask it"},
		{
			said: "/etc/snmp/snmpd.conf.d/old.conf: rocommunity [not shown] default\n/etc/snmp/snmpd.conf: rouser joe", listen: "agentaddress udp:161,udp6:161\n",
			note: "/etc/snmp/snmpd.conf.d/old.conf: rocommunity [not shown] default; /etc/snmp/snmpd.conf: rouser joe",
		},
	} {
		ch, err := d.Compare([]remote.Answer{fileAnswer(snmpAslwiz, ""), text(c.said)})
		if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v", c.said, err)
		}
		if err != nil {
			continue
		}
		got, notes := string(ch.Files[0].After), strings.Join(ch.Notes, "\n")
		if strings.Contains(got, "agentaddress") != (c.listen != "") || !strings.Contains(got, c.listen) || !strings.Contains(got, "rouser -s usm monitor authpriv") {
			t.Errorf("%s:\n%s", c.said, got)
		}
		if (notes != "") != (c.note != "") || !strings.Contains(notes, c.note) {
			t.Errorf("%s: %s", c.said, notes)
		}
	}
}

// hosts.allow says who else may ask, and has to be readable by snmpd's user.
func TestHostsAllowSaysWhoElse(t *testing.T) {
	t.Parallel()
	c, err := wantAskers(SNMP{NMS: []string{"198.51.100.9"}}).Compare([]remote.Answer{
		ownedFile(hostsAllow, "snmpd: 192.0.2.7\nALL: LOCAL\n", 0o600, "root:adm"),
	})
	if err != nil || len(c.Files) != 1 || c.Files[0].Mode != 0o644 || c.Files[0].Owner != "root:adm" {
		t.Fatalf("%+v, %v", c, err)
	}
	if notes := strings.Join(c.Notes, "\n"); !strings.Contains(notes, "remove those that you do not want: snmpd: 192.0.2.7") || !strings.Contains(notes, "mode 0600 becomes 0644: snmpd") {
		t.Error(notes)
	}
}

// Somebody's SNMPv3 user is not given other passwords.
func TestSNMPUserOfSomebody(t *testing.T) {
	t.Parallel()
	u := snmpUser(SNMP{User: "monitor"})
	if _, err := u.Compare([]remote.Answer{text(".1.3.6.1.6.3.10.1.1.2 .1.3.6.1.6.3.10.1.2.2")}); err == nil || !strings.Contains(err.Error(), "Give another name in snmp.user") {
		t.Errorf("%v", err)
	}
	if c, err := u.Compare([]remote.Answer{text(usmSHA256AES)}); err != nil || !c.Same {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := u.Compare([]remote.Answer{ended(127)}); err != nil || len(c.Settings) != 1 || c.Settings[0].Before != hashOf(nil) {
		t.Errorf("an undo of a first run would leave the user there: %+v, %v", c, err)
	}
	if c, err := u.Compare([]remote.Answer{text("")}); err != nil || len(c.Settings) != 1 || c.Settings[0].Write == "" {
		t.Errorf("an undo would leave the user there: %+v, %v", c, err)
	}
}
