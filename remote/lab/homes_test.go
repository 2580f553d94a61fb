//go:build lab

package lab

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aslwiz/remote/ptytest"
)

// plant is what a user without rights leaves in their home, in the hope that root follows
// it. after is whether the step still does its work.
type plant struct {
	name, script string
	after        bool
	either       bool   // it is a race: whether the step does its work is not known
	begin        string // what the home is like when the plan is made; "": there are keys
}

// plants, each by anna herself, in a shell of hers.
var plants = []plant{
	{"links with the names of temporary files", `for s in $(seq 0 60); do for n in 0 1 2; do
		ln -sf /etc/shadow ~/.ssh/.aslwiz-$(date -u -d "+$s seconds" +%Y%m%dT%H%M%SZ)-users.$n; done; done
		ln -sf /etc/shadow ~/.ssh/.aslwiz.12345678`, true, false, ""},
	{"the keys lead to what is not there", `rm -f ~/.ssh/authorized_keys; ln -s /etc/ld.so.preload ~/.ssh/authorized_keys`, false, false, ""},
	{"the keys lead to what is root's", `rm -f ~/.ssh/authorized_keys; ln -s /etc/shadow ~/.ssh/authorized_keys`, false, false, ""},
	{"the folder leads to root's", `rm -rf ~/.ssh; mkdir ~/x; ln -s /etc ~/.ssh`, false, false, ""},
	{"all of it turns round and round", `nohup sh -c 'for i in $(seq 4000); do
		ln -sfn /etc/shadow ~/.ssh/authorized_keys; mv ~/.ssh ~/y; ln -s /etc ~/.ssh; rm ~/.ssh; mv ~/y ~/.ssh; rm -f ~/.ssh/authorized_keys; done' >/dev/null 2>&1 &`, false, true, ""},
	{"the keys are a FIFO", `rm -f ~/.ssh/authorized_keys; mkfifo ~/.ssh/authorized_keys`, false, false, ""},
	{"no keys, and a link to what is not there", `rm -f ~/.ssh/authorized_keys; ln -s /etc/ld.so.preload ~/.ssh/authorized_keys`, false, false, `mkdir ~/.ssh`},
	{"no folder, and a link to root's", `rm -rf ~/.ssh; ln -s /etc ~/.ssh`, false, false, `:`},
}

// homes lets a user without rights plant links and pipes in her home: after the plan, before
// the step is taken back, and before it is undone. Nothing of root's is read, written or
// given away, and nothing hangs.
func homes(t *testing.T) {
	must(t, Up(t.Context(), Container))
	must(t, Reset(t.Context(), Container))
	w := newWizard(t, fmt.Sprintf("host: %s\nuser: admin\nidentity: %s\nhostname: stats\ndomain: example.net\nadmins:\n  - name: anna\n    keys:\n      - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEgoZzwKZnxrUA5GYkzOho0VL+vnMQoSHWrbfnrj5g+Z anna\n",
		Container.IPv4(), Key("admin")))
	on(t, Container, "cp -a /etc/shadow /root/shadow.kept")
	rootsOwn := `stat -c '%n %U %G %a' /etc /etc/shadow; sha256sum </etc/shadow; ls -d /etc/ld.so.preload /etc/authorized_keys 2>/dev/null; ls -A /etc | grep aslwiz-; :`
	for _, p := range plants {
		for _, when := range []string{"after the plan", "before a roll-back", "before an undo"} {
			t.Run(p.name+", "+when, func(t *testing.T) {
				w := w.in(t)
				on(t, Container, `cp -a --remove-destination /root/shadow.kept /etc/shadow; rm -f /etc/ld.so.preload /etc/authorized_keys
chown root:root /etc; chmod 755 /etc
pkill -KILL -u anna; sleep 0.2; rm -rf /home/anna /etc/sudoers.d/aslwiz-admins /var/lib/aslwiz/tx; userdel -f anna 2>/dev/null
useradd --create-home --shell /bin/bash anna
`)
				begin := p.begin
				if begin == "" {
					begin = `mkdir ~/.ssh; echo "# mine" >~/.ssh/authorized_keys`
				}
				as := func(script string) {
					on(t, Container, "runuser -u anna -- sh <<'PLANT'\ncd ~anna; HOME=$PWD\n"+script+"\nPLANT")
				}
				as("umask 077; " + begin)
				before := on(t, Container, rootsOwn)
				anna := func() { as(p.script) }
				switch when {
				case "after the plan":
					x := ptytest.Start(t, w.command(t.Context(), "apply", "--only", "users"), 100, 60)
					x.Patience = 2 * time.Minute
					x.Until("Run this step?")
					anna()
					x.Type("yes\n")
					code := x.End()
					if (code == nil) != p.after && !p.either {
						t.Errorf("aslwiz ended with %v:\n%s", code, x.Output())
					}
				case "before a roll-back":
					w.must(0, applyOnly("users")...)
					anna()
					on(t, Container, `timeout 120 sh /var/lib/aslwiz/tx/*-users/tx.sh restore because >/dev/null 2>&1; [ $? != 124 ]`)
				case "before an undo":
					w.must(0, applyOnly("users")...)
					anna()
					code, out, errs := w.run("undo", "users")
					if (code == 0) != p.after && !p.either {
						t.Errorf("undo: exit %d\n%s%s", code, out, errs)
					}
				}
				if now := on(t, Container, rootsOwn); now != before {
					t.Errorf("root's files were\n%s\nand are\n%s", before, now)
				}
				if got := on(t, Container, `cat /var/lib/aslwiz/tx/*/before/* /var/lib/aslwiz/tx/*/aside/* 2>/dev/null | grep -c '^root:' || :`); got != "0" {
					t.Error("what is root's was read")
				}
				if p.after && when == "after the plan" && !strings.Contains(on(t, Container, `stat -c '%U %a' ~anna/.ssh/authorized_keys; cat ~anna/.ssh/authorized_keys`), "anna 600\n# mine\nssh-ed25519") {
					t.Error("her keys are not hers")
				}
			})
		}
	}
	t.Run("immutable", func(t *testing.T) {
		w := w.in(t)
		on(t, Container, "chattr +i /etc/hostname")
		defer on(t, Container, "chattr -i /etc/hostname")
		_, out, errs := w.run("plan", "--only", "hostname")
		if !strings.Contains(out+errs, "`chattr -ia /etc/hostname`") {
			t.Errorf("the plan does not say it:\n%s%s", out, errs)
		}
	})
}
