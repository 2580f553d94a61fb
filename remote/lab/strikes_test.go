//go:build lab

package lab

import (
	"os/exec"
	"strings"
	"time"
)

func (f *faults) cutLink(_ *exec.Cmd) { f.cutLinkFor(500 + f.rnd.IntN(4000)) }

func (f *faults) cutLinkFor(milliseconds int) {
	must(f.t, CutLinkOf(f.t.Context(), Twin))
	f.wait(milliseconds, "the cut")
	must(f.t, RestoreLinkOf(f.t.Context(), Twin))
}

// wait lets time pass on purpose: the fault itself takes some.
func (f *faults) wait(milliseconds int, _ string) {
	select {
	case <-time.After(time.Duration(milliseconds) * time.Millisecond):
	case <-f.t.Context().Done():
	}
}

// inside runs a shell command on the twin; that it fails is no fault of the test.
func (f *faults) inside(script string) { _, _ = SSH(f.t.Context(), Twin, script) }

func (f *faults) resetConnection(_ *exec.Cmd) {
	f.inside(`for p in $(pgrep -f '^sshd: admin'); do kill -9 $p; done`)
}

func (f *faults) killJob(_ *exec.Cmd) { f.inside("systemctl kill -s KILL aslwiz-job.service") }

func (f *faults) powerCut(_ *exec.Cmd) {
	must(f.t, PowerCut(f.t.Context(), Twin))
	must(f.t, Start(f.t.Context(), Twin))
}

// second is another admin's aslwiz, on the same step.
func (f *faults) second(_ *exec.Cmd) {
	_, _, _ = f.run("apply", "--yes", "--plain", "--guard", "40s", "--only", f.step)
}

// smallDisk puts /etc and the transactions on a disk of their own, which can be
// filled without filling this host's.
const smallDisk = `set -e
mkdir -p /small && mount -t tmpfs -o size=60m small /small
cp -a /etc /small/ && mount --bind /small/etc /etc
mkdir -p -m 700 /var/lib/aslwiz && cp -a /var/lib/aslwiz /small/ && mount --bind /small/aslwiz /var/lib/aslwiz`

// fillDisk leaves no block free for a while, for root neither.
func (f *faults) fillDisk(_ *exec.Cmd) {
	left, err := SSH(f.t.Context(), Twin, "cat /dev/zero >/small/fill 2>/dev/null; stat -f -c %a /small")
	if err != nil || strings.TrimSpace(left) != "0" {
		f.t.Errorf("the disk is not full: %q, %v", left, err)
	}
	f.wait(3000, "the disk is full")
	f.inside("rm -f /small/fill")
}

// banned is the admin's address banned by the server's own fail2ban, or, before
// that is set up, dropped.
func (f *faults) banned(_ *exec.Cmd) {
	f.inside(`iptables -I INPUT -s 198.51.100.9 -j DROP; fail2ban-client set sshd banip 198.51.100.9`)
	f.wait(6000, "the ban")
	f.inside(`iptables -D INPUT -s 198.51.100.9 -j DROP; fail2ban-client set sshd unbanip 198.51.100.9`)
}
