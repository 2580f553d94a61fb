//go:build linux

package remote

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// killAt has everything of the program's process group killed at its n-th sync.
func (m *machine) killAt(n int) {
	m.stub("sync", `n=$(cat "${0%/*}/count" 2>/dev/null || echo 0); echo $((n + 1)) >"${0%/*}/count"
[ "$n" != `+strconv.Itoa(n)+` ] || kill -9 0
`+syncStub)
}

func (m *machine) stub(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.bin, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

// syncs is how often the program has synced since killAt.
func (m *machine) syncs() int {
	b, _ := os.ReadFile(filepath.Join(m.bin, "count"))
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return n
}

// startGuard does what systemd would, now or at a boot: it runs the guard when
// its unit is there and wanted.
func (m *machine) startGuard(boot bool) {
	m.t.Helper()
	if boot && (m.read(guardUnit) == Absent || m.read("/etc/systemd/system/sysinit.target.wants/aslwiz-guard.service") == Absent) {
		return
	}
	m.run("guard", "boot")
	m.run("guard", "wait")
}

// TestGuardKilledWhileItIsArmed: whenever the job is killed, with or without the
// power being cut, the server is as it was, and free for the next step.
func TestGuardKilledWhileItIsArmed(t *testing.T) {
	t.Parallel()
	for _, power := range []bool{false, true} {
		for at := 0; ; at += 2 { // TestFaults takes every one
			m := newMachine(t)
			tx := m.example()
			tx.Guard = &Guard{Seconds: 60}
			m.stage(tx)
			m.killAt(at)
			_ = m.command("run").Run()
			done := m.syncs() <= at
			m.stub("sync", syncStub)
			m.stub("systemctl", `echo "$*" >>"${0%/*}/systemctl.log"; case $1 in is-active) exit 3 ;; esac`)
			m.uptime(5000)
			if power {
				m.reboot("boot-2")
				m.startGuard(true)
			}
			m.run("status") // whoever asks sets a guard going that nobody runs
			log, _ := os.ReadFile(filepath.Join(m.bin, "systemctl.log"))
			if started := strings.Contains(string(log), "restart aslwiz-guard.service"); started && (!done || power) {
				m.startGuard(false)
			}
			if done && !power {
				m.run("disarm")
				m.want(TxDone)
				m.wantContents(exampleNew)
			} else {
				m.wantContents(exampleOld)
				if st := m.status(); !st.State.Ended() && st.State != TxStaged {
					t.Errorf("killed at %d, power cut %v: state %s", at, power, st.State)
				}
			}
			m.wantGuard(false)
			if done {
				break
			}
		}
	}
}

// TestGuardKilledWhileItIsDisarmed: the next step is not refused for ever.
func TestGuardKilledWhileItIsDisarmed(t *testing.T) {
	t.Parallel()
	for at := 0; ; at++ {
		m := guarded(t, nil)
		m.killAt(at)
		_ = m.command("disarm").Run()
		done := m.syncs() <= at
		m.stub("sync", syncStub)
		m.stub("systemctl", `case $1 in is-active) exit 3 ;; esac; echo "$*" >>"${0%/*}/systemctl.log"`)
		m.startGuard(true)
		first := m.id
		m.id = "20260102T000000Z-next"
		m.stage(Transaction{Step: "next", Script: "echo next\n"})
		m.run("run")
		m.want(TxDone)
		m.id = first
		m.want(TxDone)
		m.wantContents(exampleNew)
		m.wantGuard(false)
		if done {
			return
		}
	}
}

// TestNextJobSweeps: a job that was killed while it replaced a file leaves half
// of it, and room for a restore; the next step's job removes both.
func TestNextJobSweeps(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.stage(m.example())
	m.stub("sync", `case $1 in */etc/.aslwiz-*) kill -9 0 ;; esac
`+syncStub)
	_ = m.command("run").Run()
	m.stub("sync", syncStub)
	half := "/etc/.aslwiz-" + m.id + ".0"
	if m.read(half) == Absent {
		t.Fatal("nothing was left behind: the test is no good")
	}
	reserve := TxRoot + "/" + m.id + "/reserve"
	m.id = "20260102T000000Z-next"
	m.stage(Transaction{Step: "next", Script: "echo next\n"})
	m.run("run")
	m.want(TxDone)
	if m.read(half) != Absent || m.read(reserve) != Absent {
		t.Error("half a file, or its reserve, is still there")
	}
}

// TestTxKeepsWhatWasSavedMeanwhile: somebody saves a file between the look at it
// and its replacement.
func TestTxKeepsWhatWasSavedMeanwhile(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	tx := m.example()
	tx.Script = "echo precious >" + m.root + "/etc/plain\necho dear >" + m.root + "/etc/gone\n" + tx.Script
	m.stage(tx)
	m.run("run")
	m.want(TxDone)
	m.wantContents(exampleNew)
	if a, b := m.tx("aside/0.meanwhile"), m.tx("aside/2.meanwhile"); a != "precious\n" || b != "dear\n" {
		t.Errorf("kept: %q, %q", a, b)
	}
	if !strings.Contains(m.tx("log"), "/etc/plain: changed while this step ran") {
		t.Errorf("does not say so: %q", m.tx("log"))
	}
}

// TestTxStatusOnAFullDisk: the status has room of its own; the old one is never
// truncated in the hope of a block.
func TestTxStatusOnAFullDisk(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	status := m.root + TxRoot + "/" + m.id + "/status"
	m.stage(Transaction{Step: "s", Script: "ln -sf /dev/full " + status + "\n"})
	m.stub("sync", `case $1 in */status.*) [ ! -L `+status+` ] || exit 1 ;; esac
`+syncStub)
	m.run("run")
	m.want(TxDone)
}

// TestTxOwnerWithoutAName: what belongs to a user that is no more comes back.
func TestTxOwnerWithoutAName(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	tx := m.example()
	if os.Getuid() == 0 {
		if err := os.Chown(m.root+"/etc/plain", 54321, 54321); err != nil {
			t.Fatal(err)
		}
	}
	m.stage(tx)
	m.run("run")
	m.run("restore", "because")
	m.want(TxRestored)
	m.wantContents(exampleOld)
}

// TestTxDanglingLink: a link into a directory that is not there stays a link.
func TestTxDanglingLink(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("/etc/.keep", "")
	link := m.root + "/etc/far"
	if err := os.Symlink(m.root+"/srv/none/yet/file", link); err != nil {
		t.Fatal(err)
	}
	m.stage(Transaction{Step: "s", Script: "put /etc/far\n", Files: []FileChange{
		{Path: "/etc/far", Before: Absent, After: []byte("far\n"), Mode: 0o644, Owner: owner(t)},
	}})
	m.run("run")
	m.want(TxDone)
	if m.read("/srv/none/yet/file") != "far\n" {
		t.Error("not written where the link leads")
	}
	m.run("undo")
	m.want(TxUndone)
	if fi, err := os.Lstat(link); err != nil || fi.Mode()&fs.ModeSymlink == 0 || m.read("/srv/none") != Absent {
		t.Errorf("the link: %v, %v; below it %s", fi, err, m.read("/srv/none"))
	}
}

// TestUndoShowsNoEndlessDiff: what somebody made of a file may be of any size.
func TestUndoShowsNoEndlessDiff(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	tx := m.example()
	tx.Files[0].Mode = 0o644
	m.stage(tx)
	m.run("run")
	m.write("/etc/plain", strings.Repeat("long ", 200000)+"\n")
	m.run("undo")
	if n := len(m.tx("undo")); n > 16<<10 {
		t.Errorf("%d bytes of status", n)
	}
	st, err := (&follower{s: m.on(0), id: m.id, undo: "undo-", offset: noLog, on: func(Progress) {}, log: newLogReader(&masks{})}).run(limited(t))
	if err != nil || st.State != TxRefused {
		t.Errorf("%+v, %v", st.State, err)
	}
}

// TestRestoreNamesEveryFailure, not only the last.
func TestRestoreNamesEveryFailure(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	tx := m.example()
	tx.After = []string{"false # one", "true", "false # two"}
	m.stage(tx)
	m.run("run")
	m.run("restore", "because")
	all := strings.Join(m.want(TxBroken).Detail, "\n")
	if !strings.Contains(all, "false # one") || !strings.Contains(all, "false # two") {
		t.Errorf("detail %q", all)
	}
}

// TestSessionKeepsNoData: what a request brings may be secret, and is not to be
// found beside the session afterwards; nor is what a killed session left.
func TestSessionKeepsNoData(t *testing.T) {
	t.Parallel()
	s := localSession(t)
	r, err := s.do(t.Context(), request{script: `cat; ls "$ASLWIZ_DIR"; echo "$ASLWIZ_DIR"; ulimit -c`, data: []byte("hunter2\n"), limit: 5 * time.Second, max: 1000})
	f := strings.Fields(string(r.out))
	if err != nil || len(f) < 4 || f[0] != "hunter2" || f[len(f)-1] != "0" {
		t.Fatalf("%q, %v", r.out, err)
	}
	for _, name := range f[1 : len(f)-2] {
		if name == "d" {
			t.Error("the data is still there")
		}
	}
	dead := exec.CommandContext(t.Context(), "/bin/sh", "-c", `echo $$`)
	pid, err := dead.Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(f[len(f)-2]) + "/aslwiz-session." + strings.TrimSpace(string(pid)) + ".leftover"
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(dir+"/d", []byte("hunter2"), 0o600)); err != nil {
		t.Fatal(err)
	}
	s = localSession(t)
	if _, err := s.do(t.Context(), request{script: "true", limit: 5 * time.Second, max: 10}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

// TestAptAfterDpkgWasCutOff: any step that installs finishes what an earlier one
// left half done; apt-get itself refuses to.
func TestAptAfterDpkgWasCutOff(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	half := "/var/lib/dpkg/updates/0001"
	m.write(half, "half")
	m.stub("apt-get", `[ ! -e `+m.root+half+` ] || { echo "E: dpkg was interrupted, you must manually run 'dpkg --configure -a'"; exit 100; }
echo "installed"`)
	m.stub("dpkg", `[ "$1" != --audit ] || exit 0; echo "dpkg $*"; rm -f `+m.root+half)
	m.stage(Transaction{Step: "s", Script: "apt_get install -y mailutils\necho after\n"})
	m.run("run")
	m.want(TxDone)
	if log := m.tx("log"); !strings.Contains(log, "--configure -a\n") || !strings.Contains(log, "--no-remove --fix-broken install\n") || !strings.HasSuffix(log, "installed\nafter\n") {
		t.Errorf("%q", log)
	}
	// Another failure is one.
	m.id = "20260102T000000Z-fails"
	m.stub("apt-get", `exit 100`)
	m.stage(Transaction{Step: "s", Script: "apt_get install -y mailutils\necho never\n"})
	m.run("run")
	if st := m.want(TxFailed); st.Code != 100 || strings.Contains(m.tx("log"), "configure") {
		t.Errorf("%+v %q", st, m.tx("log"))
	}
}

// On a disk on which nothing can be decided, what needs no disk comes back all the same.
func TestGuardThatCannotDecide(t *testing.T) {
	t.Parallel()
	m := guarded(t, nil)
	m.stub("ln", "exit 1\n")
	m.stub("sleep", "exit 0\n")
	if err := errors.Join(os.Remove(m.root+TxRoot+"/"+m.id+"/log"), os.Mkdir(m.root+TxRoot+"/"+m.id+"/log", 0o700)); err != nil {
		t.Fatal(err) // the log cannot be written either
	}
	m.uptime(5000)
	m.run("guard", "wait")
	m.want(TxRestored)
	m.wantContents(exampleOld)
	m.wantGuard(false)
}

// What runs as another user has a pipe for its output: the log it could empty.
func TestTheLogIsNoOtherUsers(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.stub("runuser", `shift 3; exec "$@"`)
	m.stage(Transaction{Step: "s", Script: "echo before\nas_user anna sh -c 'truncate -s 0 /dev/stdout; truncate -s 0 /dev/stderr; echo said'\n"})
	m.run("run")
	m.want(TxDone)
	if log := m.tx("log"); !strings.HasPrefix(log, "before\n") || !strings.HasSuffix(log, "said\n") {
		t.Errorf("%q", log)
	}
}

// TestScriptActsAsAnotherUser: with that user's rights, and nothing of root's left open.
func TestScriptActsAsAnotherUser(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.stub("runuser", `echo "as $*"; shift 3; exec "$@"`)
	m.stage(Transaction{Step: "s", Script: "run as_user anna sh -c 'cat <&9 || echo closed; cat' <<E 9<$T/meta\nhello\nE\n"})
	m.run("run")
	m.want(TxDone)
	if log := m.tx("log"); !strings.Contains(log, "as -u anna -- sh -c") || !strings.HasSuffix(log, "closed\nhello\n") {
		t.Errorf("%q", log)
	}
}
