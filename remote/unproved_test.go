//go:build unix

package remote

import (
	"strings"
	"testing"
)

const watchUnit = "/etc/systemd/system/aslwiz-unproved.service"

func (m *machine) wantWatch(there bool) {
	m.t.Helper()
	for _, f := range []string{watchUnit, "/etc/systemd/system/sysinit.target.wants/aslwiz-unproved.service"} {
		if got := m.read(f) != Absent; got != there {
			m.t.Errorf("%s there: %v, want %v", f, got, there)
		}
	}
}

// atBoot is the example as a step that only a reboot proves, proved as far as it can be.
func atBoot(t *testing.T) *machine {
	t.Helper()
	m := guarded(t, func(tx *Transaction) { tx.AtBoot = true })
	m.run("disarm")
	m.want(TxDone)
	m.wantGuard(false)
	m.wantWatch(true)
	return m
}

// write is a guarded step that changes one file, done.
func (m *machine) wrote(id, from, to string, guard *Guard, atBoot bool) {
	m.t.Helper()
	m.id = id
	m.stage(Transaction{Step: "s", Script: "put /etc/one\n", AtBoot: atBoot, Guard: guard, Files: []FileChange{
		{Path: "/etc/one", Before: hashOf([]byte(from)), After: []byte(to), Mode: 0o644, Owner: owner(m.t)},
	}})
	m.run("run")
	m.run("disarm")
	m.want(TxDone)
}

// rebootStep begins the step reboot, and the machine is up again.
func (m *machine) rebootStep() (before string) {
	m.t.Helper()
	before = m.id
	m.id = "20260109T000000Z-reboot"
	m.stage(Transaction{Step: "reboot", Script: "run systemctl reboot\n", Reboots: true, Guard: &Guard{Seconds: 60, ThroughBoot: true}})
	m.run("run")
	m.want(TxProving)
	m.reboot("boot-2")
	m.run("guard", "boot")
	return before
}

// A restart that nobody watches takes back what it was to prove, before the network
// reads it.
func TestUnprovedIsTakenBackByAnyRestart(t *testing.T) {
	t.Parallel()
	m := atBoot(t)
	m.run("poll", "0", "0") // somebody reads that it is done
	m.run("unproved", "files")
	m.run("unproved", "settings")
	m.wantContents(exampleNew) // in the same boot there is nothing to do
	m.wantWatch(true)
	m.write("/etc/plain", "an admin's\n")
	m.reboot("boot-2")
	m.run("unproved", "files")
	if m.read("/etc/plain") != "old plain\n" || m.read("/etc/value") != "new value\n" {
		t.Errorf("after the first half: %q", m.contents())
	}
	m.run("unproved", "settings")
	if st := m.want(TxRestored); !strings.Contains(st.Reason, "restarted") || !strings.Contains(strings.Join(st.Detail, "\n"), "aside/0") {
		t.Errorf("%+v", st)
	}
	if got := m.tx("aside/0"); got != "an admin's\n" {
		t.Errorf("kept aside: %q", got)
	}
	m.wantContents(exampleOld)
	m.wantWatch(false)
	if !strings.HasSuffix(m.told(), "--no-block reboot\n") {
		t.Errorf("systemctl %q", m.told())
	}
	// Somebody later is told.
	if st, ok, err := m.on(0).Current(limited(t)); err != nil || !ok || st.State != TxRestored {
		t.Errorf("%+v, %v, %v", st, ok, err)
	}
}

func TestUnprovedIsProvedByTheStepReboot(t *testing.T) {
	t.Parallel()
	m := atBoot(t)
	first := m.rebootStep()
	reboot := m.id
	m.id = first
	m.run("unproved", "files")
	m.run("unproved", "settings")
	m.want(TxDone)
	m.wantContents(exampleNew)
	m.wantWatch(true)
	m.id = reboot
	m.run("disarm")
	m.want(TxDone)
	m.wantWatch(false)
	m.id = first
	m.reboot("boot-3")
	m.run("unproved", "files")
	m.run("unproved", "settings")
	m.want(TxDone)
	m.wantContents(exampleNew)
}

// What was changed twice in a boot goes all the way back, in the order on the server
// and not by what the clocks said.
func TestUnprovedGoesAllTheWayBack(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("/etc/one", "proved\n")
	m.wrote("20260103T000000Z-s", "proved\n", "wrong\n", &Guard{Seconds: 60}, true)
	m.wrote("20260102T000000Z-s", "wrong\n", "wrong too\n", &Guard{Seconds: 60}, true)
	m.rebootStep()
	m.uptime(100)
	m.run("guard", "wait")
	m.want(TxRestored)
	if got := m.read("/etc/one"); got != "proved\n" {
		t.Errorf("the file is %q", got)
	}
	m.wantWatch(false)
	// One who reads of the reboot reads of all.
	s := m.on(0)
	if _, ok, err := s.Current(limited(t)); err != nil || !ok {
		t.Error(ok, err)
	}
	if st, ok, err := s.Current(limited(t)); err != nil || ok {
		t.Errorf("told twice: %+v, %v", st, err)
	}
}

// A step that was proved as it ran stays after any restart; the one that was not goes.
func TestUnprovedLeavesWhatWasProved(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.write("/etc/one", "old\n")
	m.wrote("20260102T000000Z-s", "old\n", "live\n", &Guard{Seconds: 60}, false)
	m.wantWatch(false)
	m.wrote("20260103T000000Z-s", "live\n", "at boot\n", &Guard{Seconds: 60}, true)
	m.reboot("boot-2")
	m.run("unproved", "files")
	m.run("unproved", "settings")
	if got := m.read("/etc/one"); got != "live\n" {
		t.Errorf("the file is %q", got)
	}
}

// Nothing watches where nothing is left to prove.
func TestUnprovedStaysOnlyAsLongAsNeeded(t *testing.T) {
	t.Parallel()
	m := atBoot(t)
	m.run("undo")
	m.want(TxUndone)
	m.wantWatch(false)
	if got := m.read("/var/lib/aslwiz/changed"); got != "boot-1\n" {
		t.Errorf("what the step reboot goes by: %q", got)
	}
	m = guarded(t, func(tx *Transaction) { tx.AtBoot = true; tx.Script += "exit 5\n" })
	m.run("guard", "wait")
	m.want(TxRestored)
	m.wantWatch(false)
}
