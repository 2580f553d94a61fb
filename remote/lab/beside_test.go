//go:build lab

package lab

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// besideOthers is what Docker, libvirt and an administrator have put into the tables;
// fail2ban is real, and has banned somebody.
const besideOthers = `export DEBIAN_FRONTEND=noninteractive
apt-get -qq update && apt-get -qq install iptables fail2ban python3-systemd >/dev/null
printf '[DEFAULT]\nbanaction = iptables-multiport\nbackend = systemd\n[sshd]\nenabled = true\n' >/etc/fail2ban/jail.d/lab.local
systemctl restart fail2ban
for n in $(seq 60); do fail2ban-client set sshd banip 203.0.113.77 >/dev/null 2>&1 && break; sleep 0.5; done
iptables-restore --noflush <<'EOF'
*nat
:DOCKER -
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
COMMIT
*filter
:FORWARD DROP
:DOCKER -
:LIBVIRT_INP -
-I INPUT -j LIBVIRT_INP
-A INPUT -s 203.0.113.66/32 -j DROP
-A FORWARD -o docker0 -j DOCKER
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A LIBVIRT_INP -i virbr0 -p udp -m udp --dport 53 -j ACCEPT
COMMIT
EOF
ip6tables -A INPUT -s 2001:db8::66/128 -j DROP
for t in iptables ip6tables; do $t -t raw -A PREROUTING -p udp -j RETURN; done
iptables -S f2b-sshd | grep -q 203.0.113.77`

// foreignRules prints all that is not aslwiz's, policies included.
const foreignRules = `{ iptables-save; ip6tables-save; } | grep -v -e aslwiz -e '^#' | sed 's/ \[[0-9:]*\]$//'`

// newContainer is what Docker does when one more container starts, while the step
// firewall is at work.
const newContainer = `systemd-run -q --collect --unit=docker-run sh -c 'until grep -qs ^state=running /var/lib/aslwiz/tx/*-firewall/status; do sleep 0.05; done
iptables -w 10 -A DOCKER -d 172.17.0.3/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 443 -j ACCEPT'`

// besideTheFirewall runs the step firewall where others have rules: through apply, a
// start of the unit, a roll-back, rules that cannot be loaded, and undo, theirs stay.
func besideTheFirewall(t *testing.T) {
	must(t, Up(t.Context(), Container))
	must(t, Reset(t.Context(), Container))
	answers := fmt.Sprintf("host: %s\nuser: admin\nidentity: %s\nhostname: stats\ndomain: example.net\nfirewall: {ports: [8080/tcp]}\n", Container.IPv4(), Key("admin"))
	w := newWizard(t, answers)
	on(t, Container, besideOthers)
	before := on(t, Container, foreignRules)
	same := func(when string) {
		t.Helper()
		if now := on(t, Container, foreignRules); now != before {
			t.Errorf("%s, the rules of others are\n%s\nwere\n%s", when, now, before)
		}
	}

	on(t, Container, newContainer)
	w.must(0, applyOnly("firewall")...)
	before = strings.Replace(before, "--dport 80 -j ACCEPT\n", "--dport 80 -j ACCEPT\n-A DOCKER -d 172.17.0.3/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 443 -j ACCEPT\n", 1)
	same("after apply, while a container started")
	if code, out, errs := w.run("verify", "--plain", "--only", "firewall"); strings.Contains(out, "RED") || code != 0 {
		t.Errorf("exit %d: it is not green:\n%s\n%s", code, out, errs)
	}
	on(t, Container, "systemctl restart aslwiz-firewall")
	same("after the unit's start")
	if in := on(t, Container, "iptables -S INPUT | tail -n 1"); in != "-A INPUT -j aslwiz-in" {
		t.Errorf("INPUT ends in %s", in)
	}

	narrow := w.in(t)
	must(t, os.WriteFile(w.answers, []byte(strings.Replace(answers, "8080/tcp", "8080/tcp, 8081/tcp", 1)), 0o600))
	on(t, Container, jam("0.0.0.0/0", "::/0"))
	if code, out, errs := narrow.run(append(applyOnly("firewall"), "--guard", "30s")...); code != 3 || !strings.Contains(out+errs, "restored") {
		t.Errorf("exit %d, want 3 and the word restored:\n%s\n%s", code, out, errs)
	}
	until(t, time.Minute, "a login", func() bool { _, err := SSH(t.Context(), Container, "true"); return err == nil })
	same("after a roll-back")
	must(t, os.WriteFile(w.answers, []byte(answers), 0o600))

	on(t, Container, `sed -i.kept 's/--log-level 7/--log-level 7 --no-such-word/' /etc/network/firewall.sh
iptables -F aslwiz-in; ip6tables -F aslwiz-in # as after a boot
! systemctl restart aslwiz-firewall`)
	same("after rules that could not be loaded")
	if got := on(t, Container, "iptables -S aslwiz-in; ip6tables -S aslwiz-in; systemctl is-failed aslwiz-firewall"); strings.Count(got, "-A aslwiz-in -j DROP") != 2 || strings.Count(got, "--dport 22 -j ACCEPT") != 2 || !strings.HasSuffix(got, "failed") {
		t.Errorf("rules that cannot be loaded leave\n%s", got)
	}
	if _, out, _ := w.run("verify", "--plain", "--only", "firewall"); !strings.Contains(out, "only SSH and what a network needs are let in") {
		t.Errorf("verify does not say so:\n%s", out)
	}
	on(t, Container, "mv /etc/network/firewall.sh.kept /etc/network/firewall.sh; systemctl restart aslwiz-firewall")

	w.must(0, applyOnly("firewall")...)
	w.must(0, "undo", "firewall")
	same("after undo")
	if got := on(t, Container, "iptables-save | grep aslwiz; ip6tables-save | grep aslwiz; :"); got != "" {
		t.Errorf("undo leaves\n%s", got)
	}
}
