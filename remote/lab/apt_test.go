//go:build lab

package lab

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// asRoot is the container's answers file for somebody who logs in as root.
func asRoot(more string) string {
	return fmt.Sprintf("host: %s\nuser: root\nidentity: %s\nhostname: stats\ndomain: example.net\n%s", Container.IPv4(), Key("root"), more)
}

// locks begins a step that installs while others are at work: apt fetches its lists, and
// unattended-upgrades installs an upgrade. The step waits, says for whom, and ends well;
// what the others were doing is done as well.
func locks(t *testing.T) {
	must(t, Up(t.Context(), Container))
	must(t, Reset(t.Context(), Container))
	w := newWizard(t, asRoot(""))
	apply := applyOnly("bash-completion")
	locked := func(path string) func() bool {
		return func() bool {
			return on(t, Container, `grep -q ":$(stat -c %i `+path+`) " /proc/locks && echo yes || echo no`) == "yes"
		}
	}
	for _, c := range []struct{ name, begin, lock, says, after string }{
		{
			"the lists", `systemd-run -q --collect --unit=lists apt-get -o APT::Update::Pre-Invoke::='sleep 20' update`,
			"/var/lib/apt/lists/lock", `waiting for apt-get \(pid \d+\), which holds apt's lists`, "systemctl is-active lists; :",
		},
		{
			"the downloads", `systemd-run -q --collect --unit=downloads perl -e '
use Fcntl; open F, ">>", "/var/cache/apt/archives/lock";
my $l = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $l) or die; sleep 20'`,
			"/var/cache/apt/archives/lock", `waiting for perl \(pid \d+\), which holds apt's downloads`, "systemctl is-active downloads; :",
		},
		{
			"unattended-upgrades", `apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install unattended-upgrades >/dev/null
systemd-run -q --collect --unit=nightly unattended-upgrade -v`,
			"/var/lib/dpkg/lock-frontend", `waiting for unattended-upgrade \(pid \d+\), which holds dpkg's lock`,
			"cat /usr/share/lab-canary/version",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := w.in(t)
			on(t, Container, "DEBIAN_FRONTEND=noninteractive apt-get -qq purge bash-completion >/dev/null; :")
			on(t, Container, c.begin)
			until(t, 2*time.Minute, "the lock is held", locked(c.lock))
			begun := time.Now()
			out := w.must(0, apply...)
			if !regexp.MustCompile(c.says).MatchString(out) {
				t.Errorf("nobody says %s:\n%s", c.says, out)
			}
			t.Logf("ended after %s", time.Since(begun).Round(time.Second))
			if got := on(t, Container, "dpkg-query -W -f '${db:Status-Status}' bash-completion"); got != "installed" {
				t.Errorf("bash-completion is %q", got)
			}
			if got := on(t, Container, c.after); got != "inactive" && got != "1.1" {
				t.Errorf("%s: %q", c.after, got)
			}
		})
	}
}

// clock makes and installs a package that, like chrony, sets the clock: ntpsec cannot be
// installed beside it.
const clock = `mkdir -p /root/clock/DEBIAN && cd /root && printf '%s\n' 'Package: lab-clock' 'Version: 1' 'Architecture: all' 'Maintainer: aslwiz <root@localhost>' \
  'Provides: time-daemon' 'Conflicts: time-daemon' 'Replaces: time-daemon' 'Description: a package of the lab' >clock/DEBIAN/control
dpkg-deb --root-owner-group --build clock >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get -qq install ./clock.deb >/dev/null`

// removals lets a package of the page stand against one of the admin's: nothing is
// installed before the answers agree, first by the script, then by the plan.
func removals(t *testing.T) {
	must(t, Up(t.Context(), Container))
	must(t, Reset(t.Context(), Container))
	on(t, Container, clock)
	apply := applyOnly("packages")
	state := func() string {
		return on(t, Container, "dpkg-query -W -f '${Package} ${db:Status-Status}, ' lab-clock haveged ntpsec 2>/dev/null; :")
	}
	before := state()
	w := newWizard(t, asRoot(""))
	for _, says := range []string{
		"apt would remove lab-clock, which the plan does not name; nothing was installed",
		"lab-clock cannot be installed beside ntpsec",
	} {
		if out := plainly(w.must(3, apply...)); !strings.Contains(out, says) {
			t.Errorf("nobody says %q:\n%s", says, out)
		}
		if got := state(); got != before {
			t.Errorf("something was installed or removed: %q, before %q", got, before)
		}
	}
	if out := plainly(w.must(2, "plan", "--only", "packages")); !strings.Contains(out, "-lab-clock") || !strings.Contains(out, "packages: {remove: [lab-clock]}") {
		t.Errorf("the plan does not name it:\n%s", out)
	}
	w = newWizard(t, asRoot("packages:\n  remove: [lab-clock]\n"))
	if out := plainly(w.must(0, apply...)); !strings.Contains(out, "apt removes lab-clock, as the plan says") {
		t.Errorf("the log does not name it:\n%s", out)
	}
	if got := state(); strings.Contains(got, "lab-clock installed") || !strings.Contains(got, "ntpsec installed") {
		t.Errorf("afterwards: %q", got)
	}
}

// plainly is text without its line breaks.
func plainly(text string) string { return strings.Join(strings.Fields(text), " ") }

// sudoRemoved packs sudo as it is installed into a repository on the machine itself, which
// the lab's mirror does not have, and removes it.
const sudoRemoved = `mkdir -p /srv/repo/sudo/DEBIAN && cd /srv/repo
dpkg -L sudo | sed -nE 's#^/(usr|etc)#./\1#p' | tar -C / --no-recursion --ignore-failed-read -cf - -T - 2>/dev/null | tar -C sudo -xf -
dpkg-query -s sudo | sed -e '/^Status:/d' -e '/^Conffiles:/,/^[^ ]/{/^Conffiles:/d;/^ /d}' >sudo/DEBIAN/control
dpkg-deb --build sudo >/dev/null && rm -r sudo && apt-ftparchive packages . >Packages
echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list.d/sudo.list
SUDO_FORCE_REMOVE=yes DEBIAN_FRONTEND=noninteractive apt-get -qq purge sudo >/dev/null
rm -rf /etc/sudoers.d`

// noSudo applies the step users on a server where root alone logs in and nobody installed
// sudo: it comes with the step, and the new admin can use it.
func noSudo(t *testing.T) {
	must(t, Up(t.Context(), Container))
	must(t, Reset(t.Context(), Container))
	on(t, Container, sudoRemoved)
	w := newWizard(t, asRoot("admins:\n  - name: anna\n    keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEgoZzwKZnxrUA5GYkzOho0VL+vnMQoSHWrbfnrj5g+Z ops@lab]\n"))
	w.must(0, applyOnly("users")...)
	if got := on(t, Container, "runuser -u anna -- sudo -n id -un 2>/dev/null"); got != "root" {
		t.Errorf("anna's sudo says %q", got)
	}
	if out := w.must(0, applyOnly("users")...); !strings.Contains(out, "nothing to do") {
		t.Errorf("a second run:\n%s", out)
	}
}
