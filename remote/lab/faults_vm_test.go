//go:build lab

package lab

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// vmFaults pull the plug in the middle of what a container cannot carry out, or
// where it counts what had reached the disk.
var vmFaults = []struct {
	name, step string
	todo       string // makes the provisioned server one on which the step has something to do
	was, is    string // a change of the answers
	also       string // a step that has to follow
}{
	{name: "a file's replacement", step: "hostname", todo: "hostnamectl set-hostname wrong; sed -i s/stats/wrong/ /etc/hosts"},
	{name: "packages", step: "packages", todo: "DEBIAN_FRONTEND=noninteractive apt-get -y -qq purge haveged ncdu pbzip2 >/dev/null"},
	{name: "firewall", step: "firewall", was: "hostname: stats\n", is: "hostname: stats\nfirewall:\n  ports: [8081/tcp]\n"},
	{name: "network", step: "network", was: "search: [example.net]", is: "search: [example.net, example.org]", also: "reboot"},
	{name: "the card's name", step: "nic-name", todo: "rm /etc/udev/rules.d/70-persistent-net.rules", also: "reboot"},
	{name: "IPsec", step: "ipsec", todo: "sed -i 's/^conn two-4/conn gone-4/' /etc/ipsec.d/*.conf /etc/ipsec.conf 2>/dev/null; ipsec reload"},
	{name: "the restart", step: "reboot", todo: "rm /etc/udev/rules.d/70-persistent-net.rules", also: "nic-name"},
}

// TestFaultsVM runs only with ASLWIZ_FAULTS_VM=1: each case takes minutes.
func TestFaultsVM(t *testing.T) {
	if os.Getenv("ASLWIZ_FAULTS_VM") == "" {
		t.Log("power cuts on the server are run with ASLWIZ_FAULTS_VM=1")
		return
	}
	provisioned(t)
	calm, err := SSH(t.Context(), Server, fingerprintScript())
	must(t, err)
	for _, c := range vmFaults {
		t.Run("power cut in "+c.name, func(t *testing.T) {
			provisioned(t)
			w := newWizard(t, strings.Replace(serverAnswers(t), c.was, c.is, 1))
			if c.todo != "" {
				sh(t, c.todo)
			}
			if c.step == "reboot" {
				w.must(0, "apply", "--yes", "--plain", "--only", c.also)
			}
			cutIn(t, w, c.step)
			steps := []string{c.step}
			if c.also != "" {
				steps = []string{"network", "nic-name", "reboot"}
			}
			w.must(0, append([]string{"apply", "--yes", "--plain"}, onlyThese(steps)...)...)
			if c.is != "" { // back to the answers of the others
				plain := newWizard(t, serverAnswers(t))
				plain.must(0, append([]string{"apply", "--yes", "--plain"}, onlyThese(steps)...)...)
			}
			if d := differences(strings.Split(strings.TrimSpace(calm), "\n"), fingerprint(t, Server)); len(d) > 0 {
				t.Errorf("the end is not that of an undisturbed run:\n%s", strings.Join(d, "\n"))
			}
			if l := left(t, Server); l != "" {
				t.Errorf("left behind:\n%s", l)
			}
		})
	}
}

// cutIn begins a step and pulls the plug once its script is at work.
func cutIn(t *testing.T, w *wizard, step string) {
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
	must(t, PowerCut(ctx, Server))
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	must(t, Start(ctx, Server))
	calm := 0 // what takes effect only at boot is taken back through one more
	until(t, 6*time.Minute, "the server has taken back what it had to", func() bool {
		_, err := SSH(ctx, Server, `cd /etc/systemd/system && [ ! -e aslwiz-guard.service ] && [ ! -e aslwiz-unproved.service ] && [ "$(systemctl is-system-running)" != stopping ]`)
		if calm++; err != nil {
			calm = 0
		}
		return calm == 5
	})
}
