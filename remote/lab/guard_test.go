//go:build lab

package lab

import (
	"context"
	"strings"
	"testing"
	"time"
)

// lockout is a change of the firewall after which SSH is shut, and what happens to
// the admin then.
type lockout struct {
	name string
	host string // the address that aslwiz dials
	from string // whom the firewall lets in by SSH
	// jam has somebody else drop every new SSH connection, of both families, as
	// soon as the new rules are in force: aslwiz itself refuses rules that shut out
	// the address it comes from.
	jam bool
	// meanwhile happens once the rules are in force; nil: aslwiz watches on.
	meanwhile func(*testing.T, *wizard)
	// within is how soon the admin is let in again after that: the guard's time of a
	// minute, and half a minute for the restore, with a boot where there is one.
	within time.Duration
}

// jam waits for the firewall step to have run, and shuts SSH then, to the senders of each
// family; to none of one that is "". While the step runs nobody is let in either, or the
// way in could be proved before it is shut; that is where the step's rules are not. SSH
// is shut inside the step's own rules: those of others a roll-back leaves alone.
func jam(from4, from6 string) string {
	shut := ""
	for command, from := range map[string]string{"iptables": from4, "ip6tables": from6} {
		if from != "" {
			shut += command + " -I aslwiz-in -s " + from + " -p tcp --dport 22 -m conntrack --ctstate NEW -j DROP\n"
		}
	}
	return `systemd-run -q --collect --unit=jammer sh -c '
wait="-t raw -p tcp --dport 22 --syn -j DROP"
until grep -qs -e ^state=running -e ^state=proving /var/lib/aslwiz/tx/*-firewall/status; do sleep 0.1; done
for t in iptables ip6tables; do $t -I PREROUTING $wait; done
until grep -qs ^state=proving /var/lib/aslwiz/tx/*-firewall/status; do sleep 0.1; done
` + shut + `for t in iptables ip6tables; do $t -D PREROUTING $wait; done'`
}

// lockouts are the ways in which guard shuts the server.
func lockouts() []lockout {
	both := `["198.51.100.0/24", "2001:db8:51::/64"]`
	kill := func(t *testing.T, w *wizard) { t.Helper(); killAslwiz(t, w) }
	return []lockout{
		{name: "IPv6", host: Server.IPv4(), from: `["198.51.100.0/24"]`, within: time.Minute},
		{name: "IPv4", host: Server.IPv6(), from: `["2001:db8:51::/64"]`, within: time.Minute},
		{name: "both, aslwiz killed", host: Server.IPv4(), from: both, jam: true, meanwhile: kill, within: 90 * time.Second},
		{name: "both, power cut", host: Server.IPv4(), from: both, jam: true, within: time.Minute, meanwhile: func(t *testing.T, w *wizard) {
			kill(t, w)
			must(t, PowerCut(t.Context(), Server))
			must(t, Start(t.Context(), Server))
		}},
		{name: "both, reboot", host: Server.IPv4(), from: both, jam: true, within: 3 * time.Minute, meanwhile: func(t *testing.T, w *wizard) {
			kill(t, w)
			restart(t, Server)
		}},
	}
}

// guard shuts SSH out on purpose: the server takes the rules back by itself
// within the guard's time, and aslwiz says so.
func guard(t *testing.T) {
	provisioned(t)
	for _, l := range lockouts() {
		t.Run(l.name, l.shutOut)
	}
}

func (l lockout) shutOut(t *testing.T) {
	must(t, Restore(t.Context(), Server, "provisioned"))
	rules := "cat /etc/network/firewall.sh | sha256sum; iptables-save -t filter | grep ^-A; ip6tables-save -t filter | grep ^-A"
	before := sh(t, rules)
	// What an earlier firewall step left would let the jammer begin too soon.
	sh(t, "sed -i s/^state=proving/state=done/ /var/lib/aslwiz/tx/*-firewall/status; sync")
	if l.jam {
		sh(t, jam("0.0.0.0/0", "::/0"))
	}
	answers := strings.Replace(serverAnswers(t), "host: "+Server.IPv4(), `host: "`+l.host+`"`, 1)
	w := newWizard(t, answers+"\nfirewall:\n  ssh_from: "+l.from+"\n")
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	cmd, log := w.start(append(applyOnly("firewall"), "--guard", "60s")...)
	if l.meanwhile != nil {
		until(t, 3*time.Minute, "the new rules are in force", func() bool {
			out, err := SSH(ctx, Server, "grep -hs ^state= /var/lib/aslwiz/tx/*-firewall/status | tail -n1")
			return err == nil && strings.TrimSpace(out) == "state=proving"
		})
		l.meanwhile(t, w)
	}
	_ = cmd.Wait()
	if l.meanwhile == nil && (cmd.ProcessState.ExitCode() != 3 || !strings.Contains(log.String(), "restored")) {
		t.Errorf("exit %d, want 3 and the word restored:\n%s", cmd.ProcessState.ExitCode(), log)
	}
	// Reachable again, from where the admin is, in both families.
	for _, address := range []string{Server.IPv4(), Server.IPv6()} {
		until(t, l.within, "a login at "+address, func() bool {
			return Admin(ctx, "ssh", "-F", "none", "-i", Key("root"), "-o", "BatchMode=yes", "-o", "ConnectTimeout=5",
				"-o", "UserKnownHostsFile="+KnownHosts(), "root@"+address, "true").Run() == nil
		})
	}
	until(t, time.Minute, "the guard has gone", func() bool {
		out, err := SSH(ctx, Server, "ls /etc/systemd/system/aslwiz-guard.service 2>/dev/null; tail -n +1 /var/lib/aslwiz/tx/*-firewall/status")
		return err == nil && !strings.Contains(out, "aslwiz-guard") && strings.Contains(out, "state=restored")
	})
	if after := sh(t, rules); after != before {
		t.Errorf("the rules are not what they were:\n%s\nwere\n%s", after, before)
	}
	plain := w.in(t)
	plain.answers = Answers()
	out := plain.must(0, "apply", "--yes", "--plain", "--only", "firewall")
	if l.meanwhile != nil && !strings.Contains(out, "restored") {
		t.Errorf("the next aslwiz does not tell that the step was restored:\n%s", out)
	}
}

// leaveGreen says that all is green on the three machines, for a part that needs no more
// than that: see green. It is forgotten with their memory.
func leaveGreen(t *testing.T) {
	t.Helper()
	if t.Failed() {
		return
	}
	for _, m := range []Machine{Server, Peer, Third} {
		on(t, m, "touch /run/lab-green")
	}
}

// green makes sure that the server and the other ends of its tunnels have the page done
// and nothing wrong, by whatever way they came to that.
func green(t *testing.T) {
	t.Helper()
	must(t, Up(t.Context()))
	left := true
	for _, m := range []Machine{Server, Peer, Third} {
		_, err := SSH(t.Context(), m, "rm /run/lab-green")
		left = left && err == nil
	}
	if !left {
		provisioned(t)
		settled(t, newWizard(t, serverAnswers(t)))
	}
}

// provisioned makes sure that the server and the other ends of its tunnels are as
// they were when the page was done.
func provisioned(t *testing.T) {
	t.Helper()
	must(t, Up(t.Context()))
	for _, m := range []Machine{Server, Peer, Third} {
		if Restore(t.Context(), m, "provisioned") != nil {
			fresh(t)
			newWizard(t, serverAnswers(t)).must(0, "apply", "--yes", "--plain")
			keepProvisioned(t)
			break
		}
	}
	// What they remember of each other is of another moment, and the server's clock was
	// set, which the time daemon forgives only at its start.
	on(t, Peer, "systemctl restart strongswan")
	on(t, Third, "systemctl restart strongswan-starter")
	sh(t, "systemctl restart strongswan-starter ntpsec rsyslog")
}

// keepProvisioned keeps the machines as they are for provisioned.
func keepProvisioned(t *testing.T) {
	t.Helper()
	for _, m := range []Machine{Server, Peer, Third} {
		// They answer timedatectl and the like, and end when nobody asks. Taken back later,
		// systemd's watchdog would find them silent for too long: failed units.
		on(t, m, "systemctl stop systemd-timedated systemd-hostnamed systemd-localed 2>/dev/null || :")
		must(t, Snapshot(t.Context(), m, "provisioned"))
	}
}
