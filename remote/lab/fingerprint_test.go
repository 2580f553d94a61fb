//go:build lab

package lab

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// excluded are the files that are not compared between a disturbed and an
// undisturbed run, as a pattern of find's -path, and why.
var excluded = []struct{ path, why string }{
	{"/etc/*-", "copies that passwd's tools keep of the version before"},
	{"/etc/.pwd.lock", "an empty lock"},
	{"/etc/aliases.db", "made of /etc/aliases, which is compared; the order in it is chance"},
	{"/etc/ld.so.cache", "made of the libraries, whose packages are compared"},
	{"/etc/snmp/aslwiz-nms.credentials", "random passwords; its mode is compared below"},
	{"/etc/ssl/certs/*", "links and a bundle made when a package is installed"},
	{"/etc/ssl/private/*", "a random key made when a package is installed"},
	{"/etc/mtab", "a link into /proc"},
	{"/etc/machine-id", "the machine's own"},
	{"/etc/resolv.conf", "the lab's"},
	{"/root/.*", "the lab's own way in, and what its shells leave"},
	{"/etc/shadow", "holds the day on which a user was made; the rest of it is compared below"},
}

// fingerprintScript prints what an undisturbed run and a disturbed one must have
// in common: files with owner, mode and hash, packages, units, rules; and what
// must not be there at all.
func fingerprintScript() string {
	var skip strings.Builder
	for _, e := range excluded {
		fmt.Fprintf(&skip, " ! -path '%s'", e.path)
	}
	return `
cd /
find /etc /usr/local /root /home /opt /srv -xdev -type f` + skip.String() + ` -printf '%m %U:%G %p\n' -exec sha256sum {} + | sort -k 3
find /etc -xdev -type l` + skip.String() + ` -printf 'link %p %l\n' | sort
cut -d : -f 1,2,4- /etc/shadow | sed 's/^/shadow /'
stat -c 'mode %a %U:%G %n' /etc/shadow /etc/snmp/aslwiz-nms.credentials /etc/snmp/snmpd.conf /var/lib/aslwiz 2>&1
dpkg-query -W -f 'package ${Package} ${Version} ${db:Status-Status}\n'
systemctl list-unit-files --no-legend --no-pager --type=service,socket,timer | awk '{ print "unit", $1, $2 }' | sort
systemctl list-units --no-legend --no-pager --plain --failed | awk '$1 !~ /^session-/ { print "failed", $1 }' # a session whose sshd was killed
for u in haveged fail2ban ssh postfix snmpd rsyslog; do echo "active $u $(systemctl is-active $u)"; done
for t in iptables ip6tables; do $t-save | grep '^-A' | grep -v f2b | sed "s/^/$t /"; done
hostname
`
}

// leftScript prints what no run may leave behind. What was kept aside keeps its mode, in
// a folder that only root may enter.
const leftScript = `
find /etc /var/lib /home /root /usr/local -xdev \( -name '.aslwiz-*' -o -name '*.aslwiz' -o -path '/var/lib/aslwiz/tx/*.tmp' \) -print
find /run/aslwiz -type f -print 2>/dev/null
find /var/lib/aslwiz ! -path '*/aside/*' -perm /077 -printf 'mode %m %p\n' 2>/dev/null
for u in guard unproved; do
  ls -d /etc/systemd/system/aslwiz-$u.service /etc/systemd/system/*.wants/aslwiz-$u.service 2>/dev/null
done
systemctl list-units --all --no-legend --plain 'aslwiz-job*' 'aslwiz-guard*' 'aslwiz-unproved*' 'jammer*' | awk '{ print "unit", $1 }'
for p in /proc/[0-9]*; do
  tr '\0' ' ' <$p/cmdline 2>/dev/null | grep -a -e 'tx\.sh' -e 'aslwiz [0-9a-f]' | grep -av 'grep ' | cut -c 1-80 | sed "s|^|process ${p#/proc/} |"
done
dpkg --audit
awk 'seen[$0]++ && NF && !/^#/ { print FILENAME ": twice: " $0 }' /etc/hosts /etc/hosts.allow /etc/aliases /etc/environment 2>/dev/null
true
`

// fingerprint is the state of a machine, line by line.
func fingerprint(t *testing.T, m Machine) []string {
	t.Helper()
	out, err := SSH(t.Context(), m, fingerprintScript())
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(out), "\n")
}

// differences lists the lines of one fingerprint that the other has not.
func differences(calm, now []string) []string {
	var out []string
	for _, l := range now {
		if !slices.Contains(calm, l) {
			out = append(out, "+ "+l)
		}
	}
	for _, l := range calm {
		if !slices.Contains(now, l) {
			out = append(out, "- "+l)
		}
	}
	return out
}

// left lists what should not be there. A session ends by itself once its
// connection has.
func left(t *testing.T, m Machine) string {
	t.Helper()
	out := ""
	for range 20 {
		var err error
		if out, err = SSH(t.Context(), m, leftScript); err != nil {
			t.Fatal(err)
		}
		if out = strings.TrimSpace(out); out == "" {
			return ""
		}
	}
	return out
}
