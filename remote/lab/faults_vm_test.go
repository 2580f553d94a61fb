//go:build lab

package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// vmFault is a strike in the middle of a step of the provisioned server.
type vmFault struct {
	name, step string
	todo       string                      // makes the server one on which the step has something to do
	was, is    string                      // a change of the answers
	also       string                      // a step that has to follow
	strike     func(*testing.T, *exec.Cmd) // nil: the plug is pulled
}

// widerFirewall is a change of the answers that gives the step firewall something to do.
const widerFirewall = "hostname: stats\nfirewall:\n  ports: [8081/tcp]\n"

// vmFaults strike in the middle of what a container cannot carry out, or where it
// counts what had reached the disk, or what the clock says.
var vmFaults = []vmFault{
	{name: "a file's replacement", step: "hostname", todo: "hostnamectl set-hostname wrong; sed -i s/stats/wrong/ /etc/hosts"},
	{name: "packages", step: "packages", todo: "DEBIAN_FRONTEND=noninteractive apt-get -y -qq purge haveged ncdu pbzip2 >/dev/null"},
	{name: "firewall", step: "firewall", was: "hostname: stats\n", is: widerFirewall},
	{name: "network", step: "network", was: "search: [example.net]", is: "search: [example.net, example.org]", also: "reboot"},
	{name: "the card's name", step: "nic-name", todo: "rm /etc/udev/rules.d/70-persistent-net.rules", also: "reboot"},
	{name: "users", step: "users", todo: "rm /home/anna/.ssh/authorized_keys"},
	{name: "fail2ban", step: "fail2ban", todo: "sed -i 's/^maxretry.*/maxretry = 9/' /etc/fail2ban/jail.local; systemctl restart fail2ban"},
	{name: "IPsec", step: "ipsec", todo: "sed -i 's/^conn two-4/conn gone-4/' /etc/ipsec.d/*.conf /etc/ipsec.conf 2>/dev/null; ipsec reload"},
	{name: "time", step: "time", todo: "systemctl disable --now ntpsec"},
	{name: "the restart", step: "reboot", todo: "rm /etc/udev/rules.d/70-persistent-net.rules", also: "nic-name"},
	{name: "hostname, a day ahead", step: "hostname", todo: "hostnamectl set-hostname wrong", strike: clockJumps("+1 day")},
	{name: "hostname, a day back", step: "hostname", todo: "hostnamectl set-hostname wrong", strike: clockJumps("-1 day")},
	{name: "firewall, a day ahead", step: "firewall", was: "hostname: stats\n", is: widerFirewall, strike: clockJumps("+1 day")},
	{name: "firewall, a day back", step: "firewall", was: "hostname: stats\n", is: widerFirewall, strike: clockJumps("-1 day")},
}

// clockJumps moves the server's clock by as much as date(1) is told, and leaves aslwiz
// to it.
func clockJumps(by string) func(*testing.T, *exec.Cmd) {
	return func(t *testing.T, cmd *exec.Cmd) {
		sh(t, `date -s "`+by+`"`)
		if err := cmd.Wait(); err != nil {
			t.Errorf("aslwiz, with a clock that jumped by %s: %v", by, err)
		}
		// ntpd ends when it is more than 1000 s off.
		sh(t, fmt.Sprintf("date -s @%d && systemctl reset-failed && systemctl restart ntpsec", time.Now().Unix()))
	}
}

// powerFails pulls the plug, which ends aslwiz too, and waits until the server has
// started and taken back what it had to.
func powerFails(t *testing.T, cmd *exec.Cmd) {
	must(t, PowerCut(t.Context(), Server))
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	must(t, Start(t.Context(), Server))
	calm := 0 // what takes effect only at boot is taken back through one more
	until(t, 6*time.Minute, "the server has taken back what it had to", func() bool {
		_, err := SSH(t.Context(), Server, `cd /etc/systemd/system && [ ! -e aslwiz-guard.service ] && [ ! -e aslwiz-unproved.service ] && [ "$(systemctl is-system-running)" != stopping ]`)
		if calm++; err != nil {
			calm = 0
		}
		return calm == 5
	})
}

// TestFaultsVM runs only with ASLWIZ_FAULTS_VM=1: each case takes minutes.
func TestFaultsVM(t *testing.T) {
	if os.Getenv("ASLWIZ_FAULTS_VM") == "" {
		t.Log("faults on the emulated server are made with ASLWIZ_FAULTS_VM=1")
		return
	}
	provisioned(t)
	calm := fingerprint(t, Server)
	cases := []part{
		{"the link cut and aslwiz killed in turn", func(t *testing.T) { kernelSteps(t, 0, calm) }},
		{"the same, the other way round", func(t *testing.T) { kernelSteps(t, 1, calm) }},
	}
	for _, c := range vmFaults {
		kind := "power cut in "
		if c.strike != nil {
			kind = "clock in "
		}
		cases = append(cases, part{kind + c.name, func(t *testing.T) { c.run(t, calm) }})
	}
	for _, l := range lockouts() {
		cases = append(cases, part{"SSH shut, " + l.name, l.shutOut})
	}
	for _, m := range mistakes() {
		cases = append(cases, part{m.name, m.comesBack})
	}
	var table strings.Builder
	survived, made := 0, 0
	for _, c := range cases {
		how := "" // left out with -run
		ok := t.Run(c.name, func(t *testing.T) { made++; how = "NOT SURVIVED"; c.test(t) })
		if ok && how != "" {
			how = "survived"
			survived++
		}
		fmt.Fprintf(&table, "  %-50s %s\n", c.name, how)
	}
	t.Logf("%d of %d faults on the emulated server survived\n%s", survived, made, table.String())
}

// kernelSteps carries out what a container cannot, each step disturbed: the link cut
// for as long as it takes to notice, or aslwiz killed.
func kernelSteps(t *testing.T, first int, calm []string) {
	provisioned(t)
	w := newWizard(t, strings.NewReplacer("search: [example.net]", "search: [example.net, example.org]", "hostname: stats\n", widerFirewall).Replace(serverAnswers(t)))
	sh(t, "rm /etc/udev/rules.d/70-persistent-net.rules; printf x >>/etc/ipsec.d/two.secrets")
	strikes := []func(*testing.T, *exec.Cmd){
		func(t *testing.T, cmd *exec.Cmd) {
			must(t, CutLinkOf(t.Context(), Server))
			select {
			case <-time.After(70 * time.Second):
			case <-t.Context().Done():
			}
			must(t, RestoreLinkOf(context.WithoutCancel(t.Context()), Server))
			_ = cmd.Wait()
		},
		func(_ *testing.T, cmd *exec.Cmd) { _ = cmd.Process.Kill(); _ = cmd.Wait() },
	}
	steps := []string{"firewall", "ipsec", "network", "nic-name", "reboot"}
	for i, step := range steps {
		strikeIn(t, w, step, strikes[(first+i)%2])
		w.untilDone(step)
	}
	w.untilDone(steps...)
	newWizard(t, serverAnswers(t)).untilDone(steps...) // back to the answers of the others
	if d := differences(calm, fingerprint(t, Server)); len(d) > 0 {
		t.Errorf("the end is not that of an undisturbed run:\n%s", strings.Join(d, "\n"))
	}
	if l := strings.TrimSpace(idleSession.ReplaceAllString(left(t, Server), "")); l != "" {
		t.Errorf("left behind:\n%s", l)
	}
}

// untilDone runs steps until they end well, as an admin would.
func (w *wizard) untilDone(steps ...string) {
	w.t.Helper()
	for range 4 {
		code, out, errs := w.run(append([]string{"apply", "--yes", "--plain"}, onlyThese(steps)...)...)
		if code == 0 {
			return
		}
		w.t.Logf("exit %d: %.1500s%.500s", code, out, errs)
		if code == 5 { // it restarts
			until(w.t, 6*time.Minute, "the server is there again", func() bool {
				_, err := SSH(w.t.Context(), Server, "systemctl is-system-running --wait || :")
				return err == nil
			})
		}
	}
	w.t.Fatalf("steps %v do not end well when they are run again", steps)
}

// run strikes in the step, runs it again, and wants the end of an undisturbed run.
func (c vmFault) run(t *testing.T, calm []string) {
	provisioned(t)
	w := newWizard(t, strings.Replace(serverAnswers(t), c.was, c.is, 1))
	if c.todo != "" {
		sh(t, c.todo)
	}
	if c.step == "reboot" {
		w.must(0, "apply", "--yes", "--plain", "--only", c.also)
	}
	if c.strike == nil {
		c.strike = powerFails
	}
	strikeIn(t, w, c.step, c.strike)
	steps := []string{c.step}
	if c.also != "" {
		steps = []string{"network", "nic-name", "reboot"}
	}
	w.must(0, append([]string{"apply", "--yes", "--plain"}, onlyThese(steps)...)...)
	if c.is != "" { // back to the answers of the others
		plain := newWizard(t, serverAnswers(t))
		plain.must(0, append([]string{"apply", "--yes", "--plain"}, onlyThese(steps)...)...)
	}
	if d := differences(calm, fingerprint(t, Server)); len(d) > 0 {
		t.Errorf("the end is not that of an undisturbed run:\n%s", strings.Join(d, "\n"))
	}
	if l := left(t, Server); l != "" {
		t.Errorf("left behind:\n%s", l)
	}
}

// strikeIn begins a step and strikes once its script is at work.
func strikeIn(t *testing.T, w *wizard, step string, strike func(*testing.T, *exec.Cmd)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	before := sh(t, "ls /var/lib/aslwiz/tx | grep -c -e -"+step+"'$' || :")
	cmd := w.command(ctx, "apply", "--yes", "--plain", "--guard", "60s", "--only", step)
	log := &safeBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	must(t, cmd.Start())
	until(t, 3*time.Minute, "the script of "+step+" is at work", func() bool {
		out, err := SSH(ctx, Server, "ls /var/lib/aslwiz/tx | grep -c -e -"+step+"'$'; cat /var/lib/aslwiz/tx/*-"+step+"/log | tail -n 1")
		return err == nil && !strings.HasPrefix(out, before+"\n") && strings.Contains(out, "+ ")
	})
	strike(t, cmd)
}
