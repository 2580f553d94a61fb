//go:build lab

package lab

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"aslwiz/remote/ptytest"
)

// The answers of an admin whose server has a container that publishes port 8080, and the
// addresses that nobody else in the lab has, for fail2ban to ban.
const (
	busyAnswers = "host: 198.51.100.15\nuser: admin\nidentity: %s\nhostname: busy\ndomain: example.net\nfirewall:\n  ports: [8080/tcp]\n"
	bannedIPv4  = "203.0.113.77"
	guardTime   = 40 * time.Second
)

// neighbours sets up the firewall on a server where Docker, libvirt, fail2ban and an admin have
// rules in the packet filter. Whatever aslwiz does there, the rules, policies and chains of
// the others are the same before and after, and what they are for goes on working.
func neighbours(t *testing.T) {
	must(t, Up(t.Context(), Busy))
	must(t, Reset(t.Context(), Busy))
	answers := fmt.Sprintf(busyAnswers, Key("admin"))
	n := &neighbourhood{wizard: newWizard(t, answers), rules: foreign(t)}
	n.unharmed(t)
	more := n.in(t) // answers with one more port, so that the step has something to do
	more.answers = n.answers + ".more"
	must(t, os.WriteFile(more.answers, []byte(strings.Replace(answers, "8080/tcp", "8080/tcp, 9099/tcp", 1)), 0o600))
	inTurn(t, []part{
		{"containers start between plan and run, and while it runs", n.containersStart},
		{"everybody's rules are there, and the page's are in force", n.apart},
		{"bans", n.bans},
		{"the server restarts", n.restarts},
		{"SSH and the link are cut: rolled back", func(t *testing.T) { n.cut(t, more) }},
		{"the rules cannot be loaded: rolled back", func(t *testing.T) { n.refused(t, more) }},
		{"undo", n.undone},
	})
}

// neighbourhood is the busy machine, with the rules of others as they were at the beginning.
type neighbourhood struct {
	*wizard
	rules string // of others
	own   string // aslwiz's, once they are in force
}

// everyRule prints the packet filter, table by table, without counters.
const everyRule = `for c in iptables ip6tables; do for t in raw mangle nat filter; do
$c-save -t $t | sed -e '/^#/d' -e 's/ \[[0-9]*:[0-9]*\]$//' -e "s/^/$c $t /"
done; done`

// foreign is the packet filter without aslwiz's chains and the jumps to them.
func foreign(t *testing.T) string { return strings.Join(ruleLines(t, false), "\n") }

// ruleLines are the lines of the packet filter that are aslwiz's, or those that are not.
func ruleLines(t *testing.T, own bool) (lines []string) {
	t.Helper()
	for line := range strings.Lines(on(t, Busy, everyRule)) {
		if strings.Contains(line, "aslwiz-") == own {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// unharmed requires the others' rules as they were at the beginning, and what they are for.
func (n *neighbourhood) unharmed(t *testing.T) {
	t.Helper()
	if now := foreign(t); now != n.rules {
		t.Errorf("the rules of others are not what they were:\n%s", difference(n.rules, now))
	}
	n.served(t, Busy.IPv4(), 8080)
	n.served(t, Busy.IPv6(), 8080)
	if jail := on(t, Busy, "fail2ban-client status sshd"); !strings.Contains(jail, bannedIPv4) {
		t.Errorf("fail2ban has forgotten a ban:\n%s", jail)
	}
	if ps := on(t, Busy, "docker ps --format '{{.Names}}'"); ps != "web" {
		t.Errorf("containers: %q", ps)
	}
}

// served requires a container to answer at a port, as seen from the admin's computer.
func (n *neighbourhood) served(t *testing.T, address string, port int) {
	t.Helper()
	ask := fmt.Sprintf(`exec 3<>/dev/tcp/%s/%d && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && cat <&3`, address, port)
	out, err := Admin(t.Context(), "timeout", "20", "bash", "-c", ask).CombinedOutput()
	if !strings.Contains(string(out), "a container answers") {
		t.Errorf("%s port %d: %v %s", address, port, err, out)
	}
}

// newest is the folder of the step's newest transaction, as a function of the shell.
const newest = "newest() { ls -d /var/lib/aslwiz/tx/*-firewall 2>/dev/null | tail -n 1; }\n"

// containersStart applies the step as a person does, who starts a container while the plan is
// on the screen; another one starts as soon as the step runs.
func (n *neighbourhood) containersStart(t *testing.T) {
	on(t, Busy, `systemd-run -q --collect --unit=during sh -c '
until grep -qs ^state= /var/lib/aslwiz/tx/*-firewall/status; do sleep 0.1; done
docker run -d --name during -p 8082:80 web'`)
	x := ptytest.Start(t, n.in(t).command(t.Context(), "apply", "--plain", "--only", "firewall"), 120, 40)
	x.Patience = 5 * time.Minute
	x.Until("Run this step?")
	on(t, Busy, "docker run -d --name between -p 8081:80 web")
	x.Type("y\n")
	if err := x.End(); err != nil {
		t.Fatalf("%v\n%s", err, x.Output())
	}
	until(t, 2*time.Minute, "the container that started meanwhile runs", func() bool {
		return on(t, Busy, "docker ps -q --filter name=during") != "" && on(t, Busy, "systemctl is-active during; :") != "active"
	})
}

func (n *neighbourhood) apart(t *testing.T) {
	now := ruleLines(t, false)
	for line := range strings.Lines(n.rules) {
		if line = strings.TrimSpace(line); !slices.Contains(now, line) {
			t.Errorf("gone: %s", line)
		}
	}
	for _, port := range []int{8080, 8081, 8082} {
		n.served(t, Busy.IPv4(), port)
	}
	n.in(t).must(0, "apply", "--yes", "--plain", "--only", "firewall")
	on(t, Busy, "docker restart web && docker rm -f between during")
	n.unharmed(t)
	n.own = strings.Join(ruleLines(t, true), "\n")
	if n.own == "" {
		t.Error("no chain is aslwiz's own")
	}
	if red := n.in(t).red("--only", "firewall"); len(red) > 0 {
		t.Errorf("red: %v", red)
	}
}

// bans has fail2ban ban one more address, the admin's computer over IPv6.
func (n *neighbourhood) bans(t *testing.T) {
	admin := "2001:db8:51::9"
	refused := func() bool {
		out, err := Admin(t.Context(), "bash", "-c", "exec 3<>/dev/tcp/"+Busy.IPv6()+"/22").CombinedOutput()
		return err != nil && strings.Contains(string(out), "refused")
	}
	if refused() {
		t.Fatal("SSH over IPv6 is refused before the ban")
	}
	on(t, Busy, "fail2ban-client set sshd banip "+admin)
	until(t, time.Minute, "the ban is in force", refused)
	on(t, Busy, "fail2ban-client set sshd unbanip "+admin)
	until(t, time.Minute, "the ban is over", func() bool { return !refused() })
	n.unharmed(t)
}

// restarts has the server restart: the others' rules come back by their own units, and
// aslwiz's beside them.
func (n *neighbourhood) restarts(t *testing.T) {
	boot := on(t, Busy, "cat /proc/sys/kernel/random/boot_id")
	restart(t, Busy)
	until(t, 6*time.Minute, "the server restarts", func() bool {
		out, err := SSH(t.Context(), Busy, "cat /proc/sys/kernel/random/boot_id; systemctl is-system-running --wait")
		return err == nil && !strings.Contains(out, boot)
	})
	until(t, 3*time.Minute, "the container and the bans are back", func() bool {
		return on(t, Busy, "docker ps -q --filter name=web") != "" && on(t, Busy, "iptables-save | grep -c "+bannedIPv4+"; :") != "0"
	})
	n.unharmed(t)
	n.sameOwn(t)
}

// sameOwn requires aslwiz's rules to be those that the step has loaded.
func (n *neighbourhood) sameOwn(t *testing.T) {
	t.Helper()
	if own := strings.Join(ruleLines(t, true), "\n"); own != n.own {
		t.Errorf("aslwiz's rules are not what they were:\n%s", difference(n.own, own))
	}
}

// cut takes the admin's way in while the step runs, and the link with it, so that nothing can
// confirm the new rules.
func (n *neighbourhood) cut(t *testing.T, w *wizard) {
	on(t, Busy, `systemd-run -q --collect --unit=shutter sh -c '
`+newest+`was=$(newest)
until [ "$(newest)" != "$was" ] && grep -qs -e ^state=running -e ^state=proving "$(newest)/status"; do sleep 0.1; done
for c in iptables ip6tables; do $c -t raw -I PREROUTING -p tcp --dport 22 --syn -j DROP; done
n=0
until grep -qs ^state=restored "$(newest)/status" || [ $n -gt 3000 ]; do n=$((n + 1)); sleep 0.1; done
for c in iptables ip6tables; do $c -t raw -D PREROUTING -p tcp --dport 22 --syn -j DROP; done'`)
	was := on(t, Busy, newest+"newest")
	cmd, log := w.in(t).start(append(applyOnly("firewall"), "--guard", guardTime.String())...)
	until(t, 6*time.Minute, "the new rules are in force", func() bool {
		return on(t, Busy, newest+`[ "$(newest)" = "`+was+`" ] || grep ^state=proving "$(newest)/status"; :`) != ""
	})
	if !strings.Contains(strings.Join(ruleLines(t, true), "\n"), "9099") {
		t.Error("the new rule is not in force while the guard waits: there is nothing to roll back")
	}
	must(t, CutLinkOf(t.Context(), Busy))
	mend := func() { must(t, RestoreLinkOf(context.WithoutCancel(t.Context()), Busy)) }
	defer mend()
	time.Sleep(guardTime + 20*time.Second)
	mend()
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 3 && code != 5 {
		t.Errorf("exit %d, want 3 (rolled back) or 5 (not connected)\n%s", code, log)
	}
	n.rolledBack(t)
}

// rolledBack waits for the roll-back and requires everything to be as it was before.
func (n *neighbourhood) rolledBack(t *testing.T) {
	t.Helper()
	until(t, 5*time.Minute, "the step is rolled back", func() bool {
		out, err := SSH(t.Context(), Busy, newest+`cat "$(newest)/status"; ls /etc/systemd/system/aslwiz-guard.service 2>&1; systemctl is-active shutter; :`)
		return err == nil && strings.Contains(out, "state=restored") && strings.Contains(out, "No such file") && !strings.HasSuffix(strings.TrimSpace(out), "\nactive")
	})
	n.unharmed(t)
	n.sameOwn(t)
}

// refused has the kernel's loader refuse the new rules, and only them, once they have passed
// the check.
func (n *neighbourhood) refused(t *testing.T, w *wizard) {
	on(t, Busy, `rm /usr/sbin/iptables-restore; cat >/usr/sbin/iptables-restore <<'SH'
#!/bin/sh
rules=$(cat)
case "$* $rules" in
*--test*) ;;
*'--dport 9099 '*) echo 'iptables-restore: refused on purpose' >&2; exit 1 ;;
esac
printf '%s\n' "$rules" | /usr/sbin/xtables-nft-multi iptables-restore "$@"
SH
chmod 755 /usr/sbin/iptables-restore`)
	defer on(t, Busy, "ln -sf /etc/alternatives/iptables-restore /usr/sbin/iptables-restore")
	code, out, errs := w.in(t).run(append(applyOnly("firewall"), "--guard", guardTime.String())...)
	if code != 3 || !strings.Contains(out+errs, "refused on purpose") {
		t.Errorf("exit %d, want 3 and the loader's words:\n%s\n%s", code, out, errs)
	}
	n.rolledBack(t)
	if unit := on(t, Busy, "systemctl is-active aslwiz-firewall; :"); unit != "active" {
		t.Errorf("after the roll-back the unit is %s", unit)
	}
}

// undone takes aslwiz's rules away, and nothing else.
func (n *neighbourhood) undone(t *testing.T) {
	n.in(t).must(0, "undo", "firewall")
	n.unharmed(t)
	if own := ruleLines(t, true); len(own) > 0 {
		t.Errorf("left behind:\n%s", strings.Join(own, "\n"))
	}
}
