package checklist

import (
	"strings"
	"testing"
)

const debianNTP = `driftfile /var/lib/ntpsec/ntp.drift
tos maxclock 11
tos minclock 4 minsane 3
# pool.ntp.org maps to about 1000 low-stratum NTP servers.
pool 0.debian.pool.ntp.org iburst
pool 1.debian.pool.ntp.org iburst

restrict default kod nomodify nopeer noquery limited
`

const debianBashrc = `#*)
#    ;;
#esac

# enable bash completion in interactive shells
#if ! shopt -oq posix; then
#  if [ -f /usr/share/bash-completion/bash_completion ]; then
#    . /usr/share/bash-completion/bash_completion
#  elif [ -f /etc/bash_completion ]; then
#    . /etc/bash_completion
#  fi
#fi

# if the command-not-found package is installed, use it
`

const labInterfaces = `# This file describes the network interfaces available on your system
# and how to activate them. For more information, see interfaces(5).

source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

allow-hotplug ens3 wg0
iface ens3 inet static
	address 198.51.100.11/24
	gateway 198.51.100.1
	# a word about the gateway
	up ip route add 203.0.113.0/24 via 198.51.100.2 \
	   dev ens3
iface ens3 inet6 static
	address 2001:db8:51::11/64

iface wg0 inet static
	address 10.0.0.1/24
`

const block = "# Begin aslwiz: x\nauto eth0\nauto mac/52:54:00:51:00:11=eth0\n\niface eth0 inet static\n\taddress 198.51.100.11/24\n# End aslwiz\n"

// Each edit makes exactly its change, and none on what it made.
func TestEdits(t *testing.T) {
	t.Parallel()
	two := []string{"ntp1.example.net", "ntp2.example.net"}
	mail := Mail{Root: "noc@example.net"}
	completion := func(s string) string { out, _ := enableCompletion(s); return out }
	servers := func(list ...string) func(string) string {
		return func(s string) string { return setTimeServers(s, list) }
	}
	aliases := func(s string) string { return setAliases(s, mail) }
	interfaces := func(s string) string { return setInterfaces(s, block, "eth0", "ens3") }
	udev := func(s string) string { return setUdevRule(s, "RULE NAME=\"eth0\"\n", "52:54:00:51:00:11") }
	hosts := func(s string) string { return setHostsAllow(s, []string{"198.51.100.9", "2001:db8::9"}) }
	snmpd := func(s string) string { return setSNMPConf(s, "fresh\nincludeDir /etc/snmp/snmpd.conf.d\n") }
	cases := []struct {
		name      string
		edit      func(string) string
		old, want string
	}{
		{"completion as Debian ships it", completion, debianBashrc, strings.Replace(debianBashrc,
			"#if ! shopt -oq posix; then\n#  if [ -f /usr/share/bash-completion/bash_completion ]; then\n#    . /usr/share/bash-completion/bash_completion\n"+
				"#  elif [ -f /etc/bash_completion ]; then\n#    . /etc/bash_completion\n#  fi\n#fi\n", completionBlock, 1)},
		{"completion without its block", completion, "PS1=x", "PS1=x\n\n# enable bash completion in interactive shells\n" + completionBlock},
		{"completion in somebody's own words", completion, "  source /usr/share/bash-completion/bash_completion\n", "  source /usr/share/bash-completion/bash_completion\n"},
		{"two time servers", servers(two...), debianNTP, strings.NewReplacer(
			"minclock 4 minsane 3", "minclock 2 minsane 1",
			"pool 0.debian.pool.ntp.org iburst\npool 1.debian.pool.ntp.org iburst\n", "server ntp1.example.net iburst\nserver ntp2.example.net iburst\n").Replace(debianNTP)},
		{"a pool of the admin's", servers("2.pool.ntp.org"), debianNTP, strings.NewReplacer(
			"pool 0.debian.pool.ntp.org iburst\npool 1.debian.pool.ntp.org iburst\n", "pool 2.pool.ntp.org iburst\n").Replace(debianNTP)},
		{"a local clock stays", servers("198.51.100.1"), "server 127.127.1.0\nserver a\n", "server 127.127.1.0\nserver 198.51.100.1 iburst\n"},
		{"aliases from nothing", aliases, "", "# See man 5 aliases for format\npostmaster: root\nroot: noc@example.net\n"},
		{"aliases of others stay", aliases, "postmaster:    root\nroot:\tanna,\n  bert\nweb: root\nROOT: x\n", "postmaster:    root\nroot: noc@example.net\nweb: root\n"},
		{
			"an alias over two lines that is right stays", func(s string) string { return setAliases(s, Mail{Root: "a@example.net,  b@example.net"}) },
			"postmaster: root\nroot: a@example.net,\n b@example.net\n", "postmaster: root\nroot: a@example.net,\n b@example.net\n",
		},
		{"interfaces", interfaces, labInterfaces, `# This file describes the network interfaces available on your system
# and how to activate them. For more information, see interfaces(5).

source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

allow-hotplug wg0

iface wg0 inet static
	address 10.0.0.1/24

` + block},
		{"interfaces, an older block", interfaces, "auto lo\n\n" + strings.ReplaceAll(block, "100.11", "100.99"), "auto lo\n\n" + block},
		{"interfaces from nothing", interfaces, "", block},
		{"interfaces, something after the block", interfaces, block + "auto wg1\n", "auto wg1\n\n" + block},
		{"udev from nothing", udev, "", "RULE NAME=\"eth0\"\n"},
		{
			"udev, another card stays", udev,
			"# old\nATTR{address}==\"52:54:00:51:00:11\", NAME=\"lan0\"\nATTR{address}==\"52:54:00:51:00:12\", NAME=\"eth1\"\n",
			"# old\nRULE NAME=\"eth0\"\nATTR{address}==\"52:54:00:51:00:12\", NAME=\"eth1\"\n",
		},
		{"udev, a wrong card named eth0", udev, "ATTR{address}==\"52:54:00:99:99:99\", NAME=\"eth0\"\n", "RULE NAME=\"eth0\"\n"},
		{
			"hosts.allow", hosts, "# comment\n\nALL: LOCAL\n",
			"# comment\n\n" + allowMark + "snmpd: 198.51.100.9 [2001:db8::9] : ALLOW\n" + denyMark + "snmpd: ALL : DENY\nALL: LOCAL\n",
		},
		{
			"hosts.allow with lines about snmpd", hosts, "# comment\n\nsshd: LOCAL\n# old\nsnmpd, sshd: 192.0.2.1 \\\n 192.0.2.2\nsnmpd: 192.0.2.3 : ALLOW\nALL: LOCAL",
			"# comment\n\n" + allowMark + "snmpd: 198.51.100.9 [2001:db8::9] : ALLOW\nsshd: LOCAL\n# old\nsnmpd, sshd: 192.0.2.1 \\\n 192.0.2.2\nsnmpd: 192.0.2.3 : ALLOW\n" +
				denyMark + "snmpd: ALL : DENY\nALL: LOCAL",
		},
		{
			"hosts.allow with another monitoring system", hosts, allowMark + "snmpd: 192.0.2.9 : ALLOW\nsnmpd: 192.0.2.3\n" + denyMark + "snmpd: ALL : DENY\n",
			allowMark + "snmpd: 198.51.100.9 [2001:db8::9] : ALLOW\nsnmpd: 192.0.2.3\n" + denyMark + "snmpd: ALL : DENY\n",
		},
		{
			"snmpd.conf as Debian ships it", snmpd,
			"# a\nsysLocation    Sitting on the Dock of the Bay\nagentaddress  127.0.0.1,[::1]\nrocommunity  public default -V systemonly\nrouser authPrivUser authpriv -V systemonly\nincludeDir /etc/snmp/snmpd.conf.d\n",
			"# a\n# aslwiz: sysLocation    Sitting on the Dock of the Bay\n# aslwiz: agentaddress  127.0.0.1,[::1]\n# aslwiz: rocommunity  public default -V systemonly\n" +
				"# aslwiz: rouser authPrivUser authpriv -V systemonly\nincludeDir /etc/snmp/snmpd.conf.d\n",
		},
		{
			"snmpd.conf of an admin's", snmpd, "rocommunity hunter2 192.0.2.9\nextend load /bin/uptime\nrocommunity public 192.0.2.9\nagentaddress udp:161",
			"rocommunity hunter2 192.0.2.9\nextend load /bin/uptime\nrocommunity public 192.0.2.9\nagentaddress udp:161\nincludeDir /etc/snmp/snmpd.conf.d\n",
		},
		{"snmpd.conf from nothing", snmpd, "", "fresh\nincludeDir /etc/snmp/snmpd.conf.d\n"},
		{
			"sudoers", func(s string) string { return addSudoers(s, []string{"anna"}) }, "bert ALL=(ALL:ALL) NOPASSWD: ALL",
			"bert ALL=(ALL:ALL) NOPASSWD: ALL\nanna ALL=(ALL:ALL) NOPASSWD: ALL\n",
		},
		{"a variable", func(s string) string { return setShellVar(s, "IGNORE_DHCP", "yes") }, "A=1\nIGNORE_DHCP=\"\"\nB=2\n", "A=1\nIGNORE_DHCP=\"yes\"\nB=2\n"},
		{"a variable that is not there", func(s string) string { return setShellVar(s, "IGNORE_DHCP", "yes") }, "A=1\n", "A=1\nIGNORE_DHCP=\"yes\"\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := c.edit(c.old)
			if got != c.want {
				t.Errorf("%s", unifiedDiff("got", c.want, got, true))
			}
			if again := c.edit(got); again != got {
				t.Errorf("a second run changes it again:\n%s", unifiedDiff("again", got, again, true))
			}
		})
	}
}

// The rule before has RULE without an address; the real one must be recognised
// by its own.
func TestUdevRuleConverges(t *testing.T) {
	t.Parallel()
	r := loadRecording(t, "debian12-fresh")
	r.Facts.Virt = "kvm"
	in := In{Answers: labAnswers(), Facts: r.Facts}
	wants, err := wantNICName(in)
	if err != nil {
		t.Fatal(err)
	}
	edit := wants[1].(nicRule).edit
	once, _ := edit.Apply("")
	twice, _ := edit.Apply(once)
	if once != twice || strings.Count(once, "\n") != 1 {
		t.Errorf("not stable: %q, then %q", once, twice)
	}
}

func TestConfigures(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		block:                               true,
		"auto eth0\niface eth0 inet dhcp\n": true,
		"auto ens3\niface ens3 inet dhcp\n": false,
		"iface eth0 inet dhcp\n":            false,
		"auto mac/52:54:00:51:00:12=eth0\niface eth0 inet static\n":     false,
		"allow-hotplug eth0\niface eth0 inet static\n":                  true,
		"# auto eth0\n# iface eth0 inet static\nauto lo\niface lo inet": false,
	} {
		if got := configures(text, "52:54:00:51:00:11"); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestAddKeys(t *testing.T) {
	t.Parallel()
	k, err := ParseKey(labKey)
	if err != nil {
		t.Fatal(err)
	}
	const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGzaPEQVbsCg4Wtjv0EnfU8IPTRwIdTYUrxVEiU1Qm5B bert"
	old := "# mine\n" + other + "\nnot a key"
	text, added := addKeys(old, []Key{k, k})
	if len(added) != 1 || text != old+"\n"+labKey+"\n" {
		t.Errorf("added %d: %q", len(added), text)
	}
	withOptions := "from=\"198.51.100.0/24\" " + strings.TrimSuffix(labKey, " ops@lab") + " another comment\n"
	if text, added := addKeys(withOptions, []Key{k}); len(added) != 0 || text != withOptions {
		t.Errorf("a key that is there under options was added again: %q", text)
	}
	for _, bad := range []string{"", "ssh-ed25519 AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----", labKey + "\n" + other} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}
