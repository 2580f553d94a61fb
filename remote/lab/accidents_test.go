//go:build lab

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"aslwiz/remote/ptytest"
)

// holder takes dpkg's lock for a while, as somebody else's apt would.
const holder = `systemd-run -q --collect --unit=holder perl -e '
use Fcntl; open F, ">", "/var/lib/dpkg/lock-frontend";
my $l = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $l) or die; sleep 45'
for n in $(seq 50); do systemctl -q is-active holder && break; sleep 0.1; done`

// accidents lets everything happen to one step that can: somebody holds dpkg's
// lock, aslwiz is killed in the middle of apt's work, and the link is cut while a
// second one follows it. The whole log is wanted, and the end of an undisturbed run.
func accidents(t *testing.T) {
	must(t, Up(t.Context(), Container))
	must(t, Reset(t.Context(), Container))
	w := newWizard(t, fmt.Sprintf("host: %s\nuser: admin\nidentity: %s\nhostname: stats\ndomain: example.net\n", Container.IPv4(), Key("admin")))
	apply := applyOnly("packages")
	on(t, Container, holder)
	first, log := w.start(apply...)
	until(t, 10*time.Minute, "apt unpacks", func() bool { return strings.Contains(log.String(), "Unpacking") })
	killAslwiz(t, w)
	_ = first.Wait()
	if !regexp.MustCompile(`waiting for perl \(pid \d+\), which holds dpkg's lock`).MatchString(log.String()) {
		t.Errorf("who held dpkg's lock is not said:\n%s", log)
	}

	second, log := w.start(apply...)
	until(t, time.Minute, "who runs what since when", func() bool {
		return strings.Contains(log.String(), "step packages is under way since")
	})
	must(t, CutLinkOf(t.Context(), Container))
	mend := time.AfterFunc(15*time.Second, func() { _ = RestoreLinkOf(context.WithoutCancel(t.Context()), Container) })
	defer mend.Stop()
	var exit *exec.ExitError
	if err := second.Wait(); err != nil && !errors.As(err, &exit) || second.ProcessState.ExitCode() != 0 {
		t.Fatalf("the second aslwiz: %v\n%s", err, log)
	}
	out := log.String()
	// Every line of apt's that the server kept was printed exactly once.
	want := on(t, Container, `cat /var/lib/aslwiz/tx/*-packages/log | grep -a '^Setting up'`)
	for line := range strings.Lines(want) {
		if n := strings.Count(out, strings.TrimSpace(line)); n != 1 {
			t.Errorf("%q was printed %d times, want once", strings.TrimSpace(line), n)
		}
	}
	if strings.Contains(out, SudoPassword) {
		t.Error("the sudo password is in the output")
	}
	if out := w.must(0, apply...); !strings.Contains(out, "nothing to do") {
		t.Errorf("not as an undisturbed run leaves it:\n%s", out)
	}
	// Packages stay; what was switched on with them is off again.
	w.must(0, "undo", "packages")
	if got := on(t, Container, "systemctl is-enabled haveged; systemctl is-active haveged; :"); got != "disabled\ninactive" {
		t.Errorf("haveged after the undo: %q", got)
	}
	ctrlC(t, w)
	undoneByWhom(t, w)
}

// undoneByWhom lets an undo take a while. Another aslwiz is told meanwhile what is
// going on, and who began it.
func undoneByWhom(t *testing.T, w *wizard) {
	on(t, Container, `sed -i 's/^bring_back() {/&\n  sleep 20/' /var/lib/aslwiz/tx/*-packages/tx.sh`)
	undo, log := w.start("undo", "packages")
	until(t, time.Minute, "the undo runs", func() bool {
		return on(t, Container, `grep -l '^state=running$' /var/lib/aslwiz/tx/*-packages/undo 2>/dev/null; :`) != ""
	})
	code, _, said := w.run(applyOnly("hostname")...)
	if code != 3 || !regexp.MustCompile(`step packages is being undone there, started by \S+ from 198\.51\.100\.9 at 20`).MatchString(said) {
		t.Errorf("exit %d; who undoes what is not said:\n%s", code, said)
	}
	if err := undo.Wait(); err != nil {
		t.Errorf("%v\n%s", err, log)
	}
}

// ctrlC presses it at a terminal while the step waits for dpkg's lock, and answers
// that it may be left running, and another time that it is to stop. The next aslwiz
// knows of it.
func ctrlC(t *testing.T, w *wizard) {
	for _, c := range []struct{ answer, said, next string }{
		{"l", "goes on running on the server", "step packages"},
		{"s", "stopped on your word", ""},
	} {
		on(t, Container, "DEBIAN_FRONTEND=noninteractive apt-get -qq purge ncdu >/dev/null; systemctl stop holder 2>/dev/null; "+holder)
		x := ptytest.Start(t, w.command(t.Context(), "apply", "--yes", "--only", "packages"), 100, 30)
		x.Patience = 2 * time.Minute
		x.Until("waiting for perl")
		x.Press("ctrl+c")
		x.Until("l = leave it running")
		x.Type(c.answer + "\n")
		x.Until(c.said)
		_ = x.End()
		on(t, Container, "systemctl stop holder 2>/dev/null || :")
		out := w.must(0, applyOnly("packages")...)
		if !strings.Contains(out, c.next) || on(t, Container, "dpkg-query -W -f '${db:Status-Status}' ncdu") != "installed" {
			t.Errorf("after %q and another apply:\n%s", c.answer, out)
		}
	}
}

// start runs aslwiz in the background.
func (w *wizard) start(arg ...string) (*exec.Cmd, *safeBuffer) {
	w.t.Helper()
	cmd, log := w.command(w.t.Context(), arg...), &safeBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	must(w.t, cmd.Start())
	return cmd, log
}

// killAslwiz ends every aslwiz of this test without a warning.
func killAslwiz(t *testing.T, w *wizard) {
	t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*/exe")
	must(t, err)
	killed := 0
	for _, p := range procs {
		if exe, err := os.Readlink(p); err == nil && exe == w.bin {
			var pid int
			if _, err := fmt.Sscanf(p, "/proc/%d/exe", &pid); err == nil {
				proc, _ := os.FindProcess(pid)
				must(t, proc.Kill())
				killed++
			}
		}
	}
	if killed == 0 {
		t.Fatal("no aslwiz was running")
	}
}
