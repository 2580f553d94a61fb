//go:build unix

package remote

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// guarded is the example under a guard of 60 seconds, run to its proof.
func guarded(t *testing.T, change func(*Transaction)) *machine {
	t.Helper()
	m := newMachine(t)
	tx := m.example()
	tx.Guard = &Guard{Seconds: 60}
	if change != nil {
		change(&tx)
	}
	m.stage(tx)
	m.run("run")
	return m
}

const guardUnit = "/etc/systemd/system/aslwiz-guard.service"

func (m *machine) wantGuard(armed bool) {
	m.t.Helper()
	for _, f := range []string{guardUnit, "/etc/systemd/system/sysinit.target.wants/aslwiz-guard.service"} {
		if got := m.read(f) != Absent; got != armed {
			m.t.Errorf("%s there: %v, want %v", f, got, armed)
		}
	}
}

func (m *machine) reboot(id string) {
	m.write("/proc/sys/kernel/random/boot_id", id+"\n")
	m.uptime(3)
}

func TestGuardDisarmed(t *testing.T) {
	t.Parallel()
	m := guarded(t, nil)
	m.want(TxProving)
	m.wantGuard(true)
	if !strings.Contains(m.read(guardUnit), m.id+"/tx.sh guard wait") {
		t.Error("the unit does not run this transaction's guard")
	}
	m.run("disarm")
	m.want(TxDone)
	m.wantGuard(false)
	m.uptime(5000)
	m.run("guard", "wait")
	m.want(TxDone)
	m.wantContents(exampleNew)
}

func TestGuardRestoresInTime(t *testing.T) {
	t.Parallel()
	m := guarded(t, nil)
	cmd := m.command("guard", "wait")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	m.uptime(1059) // one second to go: the clock on the wall plays no part
	m.want(TxProving)
	m.uptime(1061)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if st := m.want(TxRestored); st.Reason != "the way in was not proved within 60 s" {
		t.Errorf("reason %q", st.Reason)
	}
	m.wantContents(exampleOld)
	m.wantGuard(false)
	if out := m.run("disarm"); !strings.Contains(out, "state is restored") {
		t.Errorf("disarmed after the restore: %q", out)
	}
	m.want(TxRestored)
}

func TestGuardAndDisarmAtOnce(t *testing.T) {
	t.Parallel()
	for range 6 {
		m := guarded(t, nil)
		m.uptime(1061)
		guard, disarm := m.command("guard", "wait"), m.command("disarm")
		if err := guard.Start(); err != nil {
			t.Fatal(err)
		}
		err := disarm.Run()
		_ = guard.Wait()
		if err == nil {
			m.want(TxDone)
			m.wantContents(exampleNew)
		} else {
			m.want(TxRestored)
			m.wantContents(exampleOld)
		}
		m.wantGuard(false)
	}
}

func TestGuardOfAFailedScript(t *testing.T) {
	t.Parallel()
	m := guarded(t, func(tx *Transaction) { tx.Script += "exit 5\n" })
	m.want(TxProving)
	m.run("guard", "wait")
	if st := m.want(TxRestored); st.Code != 5 || st.Reason != "the script ended with status 5" {
		t.Errorf("%+v", st)
	}
	m.wantContents(exampleOld)
}

func TestGuardAfterAPowerCut(t *testing.T) {
	t.Parallel()
	m := guarded(t, nil)
	m.reboot("boot-2")
	m.run("guard", "boot")
	// The files are back before the network comes up; the rest follows.
	if m.read("/etc/plain") != "old plain\n" || m.read("/etc/value") != "new value\n" {
		t.Errorf("after the first half: %q", m.contents())
	}
	m.run("guard", "wait")
	if st := m.want(TxRestored); !strings.Contains(st.Reason, "restarted") {
		t.Errorf("%+v", st)
	}
	m.wantContents(exampleOld)
	m.wantGuard(false)
}

func TestGuardThroughTheBoot(t *testing.T) {
	t.Parallel()
	through := func(tx *Transaction) { tx.Guard.ThroughBoot, tx.Reboots = true, true }
	m := guarded(t, through)
	m.reboot("boot-2")
	m.run("guard", "boot")
	m.want(TxProving)
	m.wantContents(exampleNew)
	m.run("disarm")
	if st := m.want(TxDone); st.BootID != "boot-2" {
		t.Errorf("%+v", st)
	}
	m.wantGuard(false)

	// Not proved in time: back, and once more through the boot.
	m = guarded(t, through)
	m.reboot("boot-2")
	m.run("guard", "boot")
	m.uptime(100)
	m.run("guard", "wait")
	m.want(TxRestored)
	m.wantContents(exampleOld)
	if !strings.HasSuffix(m.told(), "--no-block reboot\n") {
		t.Errorf("systemctl %q", m.told())
	}

	// Restarted once too often: back at once.
	m = guarded(t, through)
	m.reboot("boot-2")
	m.run("guard", "boot")
	m.reboot("boot-3")
	m.run("guard", "boot")
	m.run("guard", "wait")
	m.want(TxRestored)
	m.wantContents(exampleOld)
}

func TestStatusAfterTheMachineWentDown(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.stage(m.example())
	m.run("run")
	status := m.tx("status")
	m.write(TxRoot+"/"+m.id+"/status", strings.Replace(status, "state=done", "state=running", 1))
	if st := m.want(TxLost); st.Reason != "it was killed" {
		t.Errorf("%+v", st)
	}
	m.reboot("boot-2")
	if st := m.want(TxLost); !strings.Contains(st.Reason, "went down") {
		t.Errorf("%+v", st)
	}
	m.run("undo")
	m.want(TxUndone)
	m.wantContents(exampleOld)

	m = newMachine(t)
	m.stage(Transaction{Step: "reboot", Script: "run systemctl reboot\n", Reboots: true})
	m.run("run")
	m.want(TxRunning) // however long it takes to go down
	m.reboot("boot-2")
	if st := m.want(TxDone); st.BootID != "boot-2" {
		t.Errorf("%+v", st)
	}
}

func TestGuardRefusesAnother(t *testing.T) {
	t.Parallel()
	m := guarded(t, nil)
	first := m.id
	m.id = "20260102T000000Z-other"
	m.stage(Transaction{Step: "other", Script: "echo never\n"})
	m.run("run")
	if st := m.want(TxRefused); !strings.Contains(st.Reason, "guard") || strings.Contains(m.tx("log"), "never") {
		t.Errorf("%+v", st)
	}
	m.id = first
	m.wantGuard(true)
}

// told is what systemctl was told.
func (m *machine) told() string {
	b, err := os.ReadFile(filepath.Join(m.bin, "systemctl.log"))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b)
}

// TestGuardSeesTheScriptEnd: between the guard's look at the status and its look
// at the process, the script ends well.
func TestGuardSeesTheScriptEnd(t *testing.T) {
	t.Parallel()
	m := guarded(t, nil)
	proving := m.tx("status")
	status := TxRoot + "/" + m.id + "/status"
	m.write(status, strings.Replace(proving, "state=proving", "state=running", 1))
	m.write(status, strings.Replace(m.tx("status"), "ended=1000", "ended=", 1))
	uptime := filepath.Join(m.root, "proc/uptime")
	if err := errors.Join(os.Remove(uptime), syscall.Mkfifo(uptime, 0o600)); err != nil {
		t.Fatal(err)
	}
	cmd := m.command("guard", "wait")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The guard has read the status and now waits for the time.
	pipe, err := os.OpenFile(uptime, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	m.write(status, proving)
	_ = os.Remove(uptime)
	m.uptime(1001)
	_, _ = pipe.WriteString("1001.00 1.00\n")
	_ = pipe.Close()
	eventually(t, func() bool { return cmd.Process.Signal(syscall.Signal(0)) == nil })
	time.Sleep(50 * time.Millisecond)
	m.run("disarm")
	_ = cmd.Wait()
	m.want(TxDone)
	m.wantContents(exampleNew)
}

func TestGuardThatWasDisarmedComesTooLate(t *testing.T) {
	t.Parallel()
	m := guarded(t, nil)
	m.run("disarm")
	if err := m.command("disarm").Run(); err != nil {
		t.Errorf("asked again, because the answer was lost: %v", err)
	}
	m.undo()
	m.run("undo-disarm")
	eventually(t, func() bool { return strings.Contains(m.tx("undo"), "state=undone") })
	m.want(TxUndone)
	m.run("guard", "wait")
	m.want(TxUndone)
}

// undo begins one, and waits until the way in is to be proved.
func (m *machine) undo() *exec.Cmd {
	m.t.Helper()
	cmd := m.command("undo")
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = cmd.Wait() })
	eventually(m.t, func() bool { return strings.Contains(m.tx("undo"), "state=proving") })
	return cmd
}

// An undo that shuts the way in is taken back as the step itself would be.
func TestGuardedUndo(t *testing.T) {
	t.Parallel()
	fails := []string{"exit 1"}
	for name, end := range map[string]struct {
		do    func(*machine)
		why   string
		want  TxState
		after []string
	}{
		"proved":       {func(m *machine) { m.run("undo-disarm") }, "taken back on request", TxUndone, nil},
		"not in time":  {func(m *machine) { m.uptime(1061) }, "the way in was not proved within 60 s; what the step had left is back", TxRestored, nil},
		"not reached":  {func(m *machine) { m.run("undo-hurry", "i/o timeout") }, "i/o timeout; what the step had left is back", TxRestored, nil},
		"aslwiz is up": {func(m *machine) { m.uptime(1059); m.run("undo-disarm") }, "taken back on request", TxUndone, nil},
		// A service that does not come back may be the one that lets the admin in.
		"broken, proved":      {func(m *machine) { m.run("undo-disarm") }, "taken back on request", TxBroken, fails},
		"broken, not in time": {func(m *machine) { m.uptime(1061) }, "the way in was not proved within 60 s; not all of what the step had left is back", TxBroken, fails},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := guarded(t, func(tx *Transaction) { tx.After = end.after })
			m.run("disarm")
			cmd := m.undo()
			m.wantContents(exampleOld)
			proved := end.why == "taken back on request"
			if !proved {
				m.write("/etc/plain", "an admin's\n")
			}
			if st := parseReport([]byte(m.run("undo-poll", "0", "0"))); st.State != TxProving || st.guard != 60 {
				t.Errorf("%+v", st)
			}
			end.do(m)
			_ = cmd.Wait()
			if st := parseReport([]byte(m.run("undo-poll", "0", "0"))); st.State != end.want || st.Reason != end.why {
				t.Errorf("%+v", st)
			}
			if proved {
				m.want(end.want)
				m.wantContents(exampleOld)
				return
			}
			m.want(TxDone) // and can be undone again
			m.wantContents(exampleNew)
			if got := m.tx("aside/0"); got != "an admin's\n" {
				t.Errorf("kept aside: %q", got)
			}
		})
	}
}

// Somebody who saves a file again while it is taken back loses neither version.
func TestRestoreKeepsEveryVersion(t *testing.T) {
	t.Parallel()
	m := guarded(t, nil)
	m.write("/etc/plain", "first\n")
	m.run("files")
	m.write("/etc/plain", "second\n")
	m.uptime(5000)
	m.run("guard", "wait")
	m.want(TxRestored)
	m.wantContents(exampleOld)
	if a, b := m.tx("aside/0"), m.tx("aside/0+"); a != "first\n" || b != "second\n" {
		t.Errorf("kept: %q and %q", a, b)
	}
}

func TestGuardThatCannotBeArmed(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	if err := os.WriteFile(filepath.Join(m.bin, "systemctl"), []byte("#!/bin/sh\necho \"$*\" >>\"${0%/*}/systemctl.log\"\n[ \"$2\" != is-active ]\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	tx := m.example()
	tx.Guard = &Guard{Seconds: 60}
	m.stage(tx)
	m.run("run")
	m.want(TxRefused)
	m.wantGuard(false)
	m.wantContents(exampleOld)
	if told := m.told(); !toldAfter(told, "is-active", "stop aslwiz-guard.service") {
		t.Errorf("the guard that may run all the same was not stopped: %q", told)
	}
	// One that does must leave alone what others did since.
	m.write("/etc/plain", "later\n")
	m.uptime(100000)
	m.run("guard", "wait")
	m.want(TxRefused)
	if m.read("/etc/plain") != "later\n" {
		t.Errorf("%q", m.contents())
	}
}

func TestGuardWhoseUnitIsGone(t *testing.T) {
	t.Parallel()
	m := guarded(t, nil)
	if err := os.Remove(m.root + guardUnit); err != nil {
		t.Fatal(err)
	}
	if st := m.want(TxLost); !strings.Contains(st.Reason, "guard") {
		t.Errorf("%+v", st)
	}
}

// TestGuardTellsOfAChainThatBroke: two steps are proved by one reboot; what the
// earlier one changed does not come back.
func TestGuardTellsOfAChainThatBroke(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	tx := m.example()
	tx.Guard = &Guard{Seconds: 60}
	m.stage(tx)
	m.run("run")
	m.run("disarm")
	first := m.id
	m.id = "20260102T000000Z-reboot"
	m.stage(Transaction{Step: "reboot", Script: "exit 5\n", Guard: &Guard{Seconds: 60, ThroughBoot: true}})
	m.run("run")
	if err := errors.Join(os.Remove(m.root+"/etc/plain"), os.MkdirAll(m.root+"/etc/plain/x", 0o755)); err != nil {
		t.Fatal(err)
	}
	m.run("guard", "wait")
	if st := m.want(TxBroken); !strings.Contains(strings.Join(st.Detail, "\n"), first) {
		t.Errorf("%+v", st)
	}
	m.wantGuard(false)
}

// toldAfter says whether text has then somewhere after first.
func toldAfter(text, first, then string) bool {
	_, rest, ok := strings.Cut(text, first)
	return ok && strings.Contains(rest, then)
}

// TestGuardWithADecisionThatIsLost: a power cut left the file without what was written
// to it. Only the word disarm disarms.
func TestGuardWithADecisionThatIsLost(t *testing.T) {
	t.Parallel()
	m := guarded(t, nil)
	m.write(TxRoot+"/"+m.id+"/decision", "")
	m.reboot("boot-2")
	m.run("guard", "boot")
	m.run("guard", "wait")
	m.want(TxRestored)
	m.wantContents(exampleOld)
}
