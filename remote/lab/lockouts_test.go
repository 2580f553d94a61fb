//go:build lab

package lab

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// twinShut is SSH shut out of the twin by rules that aslwiz cannot foresee.
type twinShut struct {
	name      string
	meanwhile func(*faults, *exec.Cmd) // once it is shut; nil: aslwiz watches on
	also      string                   // what is wrong with the twin besides
	via       Machine                  // the jump host, whom alone it is shut to
	open      string                   // the family that stays open, "IPv4" or "IPv6"
}

// TestFaultsLockouts shuts SSH as soon as aslwiz's firewall step has run: the twin
// lets in again within the guard's time, with the rules that it had, and the next
// aslwiz is told so. guard does the same on a server with a kernel of its own.
func TestFaultsLockouts(t *testing.T) {
	f := newFaults(t, seedOf(t))
	f.step = "firewall"
	lockouts := []twinShut{
		{name: "aslwiz watches"},
		{name: "IPv4 alone", open: "IPv6"},
		{name: "IPv6 alone", open: "IPv4"},
		{name: "aslwiz killed", meanwhile: func(_ *faults, cmd *exec.Cmd) { _ = cmd.Process.Kill() }},
		{name: "power cut", meanwhile: (*faults).powerCut},
		{name: "restart", meanwhile: func(f *faults, _ *exec.Cmd) { f.inside("systemctl --no-block reboot") }},
		{name: "connection reset", meanwhile: (*faults).resetConnection},
		{name: "the guard killed", meanwhile: func(f *faults, _ *exec.Cmd) { f.inside("systemctl kill -s KILL aslwiz-guard.service") }},
		{name: "the guard's disk full", meanwhile: (*faults).fillGuard},
		{name: "from a jump host", via: Container},
		{name: "its DNS dead", also: deadDNS},
		{name: "its DNS dead, power cut", also: deadDNS, meanwhile: (*faults).powerCut},
	}
	t.Run("own address banned", func(t *testing.T) {
		sub := *f
		sub.wizard, sub.step = f.in(t), "fail2ban"
		sub.banOwnAddress()
	})
	if os.Getenv("ASLWIZ_FAULTS") != "all" {
		lockouts = pick(f.rnd, lockouts, 2)
	}
	for _, l := range lockouts {
		t.Run(l.name, func(t *testing.T) {
			sub := *f
			sub.wizard = f.in(t)
			sub.shutOutTwin(l)
		})
	}
}

// deadDNS leaves the twin with one name server, which takes every question and never
// answers: its address has a neighbour that is nobody's.
const deadDNS = `ip neigh replace 198.51.100.99 lladdr 02:00:00:00:00:99 dev "$(ip -o route get 198.51.100.99 | sed 's/.* dev \([^ ]*\).*/\1/')"
echo nameserver 198.51.100.99 >/etc/resolv.conf`

// who are the senders that it is shut to.
func (l twinShut) who() (from4, from6 string) {
	from4, from6 = "0.0.0.0/0", "::/0"
	if l.via != "" {
		from4, from6 = l.via.IPv4(), l.via.IPv6()
	}
	switch l.open {
	case "IPv4":
		from4 = ""
	case "IPv6":
		from6 = ""
	}
	return from4, from6
}

func (f *faults) shutOutTwin(l twinShut) {
	const guardTime = 30 * time.Second
	t := f.t
	must(t, Restore(t.Context(), Twin, almost))
	const rules = "cat /etc/network/firewall.sh 2>&1 | sha256sum; for c in iptables ip6tables; do $c-save -t filter | grep -e ^-A -e ^:; done | sed 's/ \\[.*//'"
	f.again() // rules that were proved
	before, err := SSH(t.Context(), Twin, rules)
	must(t, err)
	narrow := f.in(t)
	narrow.answers = f.narrowed()
	if l.via != "" {
		narrow.through(l.via)
	}
	// The guard that was disarmed looks once a second, and would look for ever for a
	// folder that has gone.
	f.inside("while systemctl is-active -q aslwiz-guard aslwiz-job; do sleep 0.1; done\nrm -rf /var/lib/aslwiz/tx/*\n" + jam(l.who()) + "\n" + l.also)

	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := narrow.command(ctx, "apply", "--yes", "--plain", "--guard", guardTime.String(), "--only", "firewall")
	log := &safeBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	must(t, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	defer func() {
		if t.Failed() {
			t.Logf("aslwiz said:\n%s", log)
		}
	}()
	until(t, time.Minute, "the new rules are in force", func() bool { return f.reached(atEnd, nil) })
	begun := time.Now()
	if l.meanwhile != nil {
		l.meanwhile(f, cmd)
	}
	until(t, guardTime+30*time.Second, "a login from the admin's computer, and the restore", func() bool {
		return f.login(Twin.IPv4()) && f.login(Twin.IPv6()) && f.restored()
	})
	t.Logf("reachable again after %s", time.Since(begun).Round(time.Second))
	<-ended
	if l.meanwhile == nil && (cmd.ProcessState.ExitCode() != 3 || !strings.Contains(log.String(), "restored")) {
		t.Errorf("exit %d, want 3 and the word restored:\n%s", cmd.ProcessState.ExitCode(), log)
	}
	after, err := SSH(t.Context(), Twin, rules)
	must(t, err)
	if after != before {
		t.Errorf("the rules are not what they were:\n%s\nwere\n%s", after, before)
	}
	f.inside("mountpoint -q /small && rm -f /small/fill && mount -o remount,size=100m /small") // the admin makes room
	out := narrow.must(0, "apply", "--yes", "--plain", "--only", "firewall")
	if !strings.Contains(log.String()+out, "restored") {
		t.Errorf("nobody tells that the step was restored:\n%s", out)
	}
	if l := left(t, Twin); l != "" {
		t.Errorf("left behind:\n%s", l)
	}
}

// banOwnAddress bans the admin's address as soon as the fail2ban step has run, and
// nobody lifts that: the ban is gone within the guard's time, with what the step did.
func (f *faults) banOwnAddress() {
	const guardTime = 30 * time.Second
	t := f.t
	must(t, Restore(t.Context(), Twin, almost)) // with fail2ban as it comes, which spares nobody
	text, err := os.ReadFile(f.answers)
	must(t, err)
	wider := f.in(t)
	wider.answers = filepath.Join(t.TempDir(), "stats.yaml")
	must(t, os.WriteFile(wider.answers, append(text, "fail2ban: {ignore: [203.0.113.77]}\n"...), 0o600))
	f.inside(`rm -rf /var/lib/aslwiz/tx/*
systemd-run -q --collect --unit=jammer sh -c '
status="/var/lib/aslwiz/tx/*-fail2ban/status" wait="-t raw -p tcp --dport 22 --syn -j DROP"
until grep -qs -e ^state=running -e ^state=proving $status; do sleep 0.1; done
iptables -I PREROUTING $wait
until grep -qs ^state=proving $status; do sleep 0.1; done
until fail2ban-client set sshd banip 198.51.100.9; do sleep 0.2; done
iptables -D PREROUTING $wait'`)
	code, out, errs := wider.run("apply", "--yes", "--plain", "--guard", guardTime.String(), "--only", "fail2ban")
	begun := time.Now()
	if !strings.Contains(out+errs, "restored") || code != 3 {
		t.Errorf("exit %d, want 3 and the word restored:\n%s\n%s", code, out, errs)
	}
	until(t, guardTime, "a login from the admin's computer", func() bool { return f.login(Twin.IPv4()) && f.login(Twin.IPv6()) })
	t.Logf("reachable %s after aslwiz said so", time.Since(begun).Round(time.Second))
	jail, err := SSH(t.Context(), Twin, "cat /etc/fail2ban/jail.local; fail2ban-client banned")
	must(t, err)
	if strings.Contains(jail, "203.0.113.77") || strings.Contains(jail, "'198.51.100.9'") {
		t.Errorf("not as it was:\n%s", jail)
	}
	wider.must(0, "apply", "--yes", "--plain", "--only", "fail2ban")
	if l := left(t, Twin); l != "" {
		t.Errorf("left behind:\n%s", l)
	}
}

// through has aslwiz come in through a jump host, where it logs in with a key that
// ssh would find by itself.
func (w *wizard) through(m Machine) {
	must(w.t, Reset(w.t.Context(), m))
	text, err := os.ReadFile(w.answers)
	must(w.t, err)
	must(w.t, os.WriteFile(w.answers, append(text, "jump: [admin@"+m.IPv4()+"]\n"...), 0o600))
	must(w.t, os.MkdirAll(filepath.Join(w.home, ".ssh"), 0o700))
	key, err := os.ReadFile(Key("admin"))
	must(w.t, err)
	must(w.t, os.WriteFile(filepath.Join(w.home, ".ssh", "id_ed25519"), key, 0o600))
}

// restored says whether the firewall step's last transaction was taken back and
// its guard has gone.
func (f *faults) restored() bool {
	out, err := SSH(f.t.Context(), Twin, "ls /etc/systemd/system/aslwiz-guard.service 2>/dev/null; cat /var/lib/aslwiz/tx/*-firewall/status")
	return err == nil && !strings.Contains(out, "aslwiz-guard") && strings.Contains(out, "state=restored")
}

func (f *faults) login(address string) bool {
	return Admin(f.t.Context(), "ssh", "-F", "none", "-i", Key("root"), "-o", "BatchMode=yes", "-o", "ConnectTimeout=3",
		"-o", "UserKnownHostsFile="+f.known, "root@"+address, "true").Run() == nil
}

// fillGuard leaves no room where the guard writes: its folder is moved to a small
// disk that is full.
func (f *faults) fillGuard(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	f.inside(`set -e
size=$(du -sk /var/lib/aslwiz | cut -f 1)
mkdir -p /small && mount -t tmpfs -o size=$((size + 400))k small /small
cp -a /var/lib/aslwiz /small/ && mount --bind /small/aslwiz /var/lib/aslwiz
cat /dev/zero >/small/fill 2>/dev/null || :
systemctl kill -s KILL aslwiz-guard.service`)
}
