package practice

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// Every step can be taken back: what it changed is as it was before, but for the
// packages, which stay, and with them their units: those cannot be "not there"
// again, here as on a real server.
func TestUndo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(t)
	steps := checklist.Steps()
	for i := range steps {
		s := steps[len(steps)-1-i]
		_, ok, err := w.Host().Last(t.Context(), s.ID)
		if err != nil || !ok || s.Reboots {
			continue
		}
		st, err := checklist.Undo(t.Context(), w.Host(), s.ID, nil)
		unitsStay := st.State == remote.TxBroken && !slices.ContainsFunc(st.Detail, func(d string) bool { return !strings.HasSuffix(d, ".service: not restored") })
		if err != nil || st.State != remote.TxUndone && !unitsStay {
			t.Errorf("%s: %s %s %v, %v", s.ID, st.State, st.Reason, st.Detail, err)
		}
	}
	if got := w.server().text("/etc/hostname") + w.server().kernelName; got != "debian\ndebian" {
		t.Errorf("the host name after undo: %q", got)
	}
	if w.server().has("/etc/network/firewall.sh") || w.server().ownRules(4) != "" {
		t.Error("the firewall is still there")
	}
}

// What somebody else changed since the plan stops a transaction before it begins,
// and what somebody changed since a step stops its undo.
func TestPreconditions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.server()
	w.mu.Lock()
	m.write("/etc/x", "theirs\n")
	w.mu.Unlock()
	tx := remote.Transaction{ID: "1-x", Step: "x", Script: "put /etc/x\n", Files: []remote.FileChange{{Path: "/etc/x", Before: remote.Absent, After: []byte("ours\n"), Mode: 0o644, Owner: "root:root"}}}
	run := func() remote.Status {
		t.Helper()
		if err := w.Host().Start(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
		st, err := w.Host().Follow(t.Context(), tx.ID, 0, func(remote.Progress) {})
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	if st := run(); st.State != remote.TxRefused || m.text("/etc/x") != "theirs\n" {
		t.Errorf("%+v, %q", st, m.text("/etc/x"))
	}
	tx.Files[0].Before = hashOf("theirs\n")
	if st := run(); st.State != remote.TxDone || m.text("/etc/x") != "ours\n" {
		t.Errorf("%+v, %q", st, m.text("/etc/x"))
	}
	m.write("/etc/x", "changed\n")
	if st, err := w.Host().Undo(t.Context(), tx.ID); err != nil || st.State != remote.TxRefused {
		t.Errorf("undo: %+v, %v", st, err)
	}
	tx.Files, tx.Script = nil, "frobnicate --now\n"
	if st := run(); st.State != remote.TxFailed || !strings.Contains(st.Reason, "does not know what this line does: frobnicate") {
		t.Errorf("%+v", st)
	}
	if a := m.answer(remote.ReadCommand("frobnicate")); a.Err() == nil {
		t.Errorf("a probe that is not modelled: %+v", a)
	}
}

// writes is a transaction that writes a file, under a guard.
func writes(guard int) remote.Transaction {
	return remote.Transaction{
		ID: "1-x", Step: "firewall", Script: "put /etc/x\n", Guard: &remote.Guard{Seconds: guard},
		Files: []remote.FileChange{{Path: "/etc/x", Before: remote.Absent, After: []byte("x\n"), Mode: 0o644, Owner: "root:root"}},
	}
}

// begin starts a transaction and waits until its script has ended.
func (w *World) begin(t *testing.T, tx remote.Transaction) remote.Status {
	t.Helper()
	if err := w.Host().Start(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	for {
		w.mu.Lock()
		r := w.server().record(tx.ID)
		st, news := r.status, r.news
		w.mu.Unlock()
		if st.State != remote.TxRunning {
			return st
		}
		<-news
	}
}

// A guard that nobody comes to disarm takes the step back, and that is told once.
func TestGuardIsNotDisarmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if st := w.begin(t, writes(120)); st.State != remote.TxProving {
		t.Fatalf("%+v", st)
	}
	var busy *remote.BusyError
	if err := w.Host().Start(t.Context(), writes(120)); !errors.As(err, &busy) || busy.Status.Step != "firewall" {
		t.Errorf("a second transaction beside it: %v", err)
	}
	_ = w.clock.Sleep(t.Context(), 3*time.Minute)
	st, ok, err := w.Host().Current(t.Context())
	if err != nil || !ok || st.State != remote.TxRestored || !strings.Contains(st.Reason, "not proved within 120 s") {
		t.Errorf("%+v %t %v", st, ok, err)
	}
	if w.server().has("/etc/x") {
		t.Error("the file is still there")
	}
	if st, ok, _ := w.Host().Current(t.Context()); ok {
		t.Errorf("told twice: %+v", st)
	}
}

// Who leaves while a step runs finds it again, with its whole log.
func TestPickedUpAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.begin(t, writes(120))
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := w.Host().Follow(gone, "1-x", 0, func(remote.Progress) {}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	var events []checklist.Event
	r, err := checklist.Apply(t.Context(), w.Host(), w.Answers(), checklist.ApplyOptions{Emit: func(e checklist.Event) { events = append(events, e) }})
	if err != nil || len(r.Steps) > 0 {
		t.Fatalf("%+v %v", r, err)
	}
	if text := told(events); !strings.Contains(text, "+ write /etc/x") || !strings.Contains(text, "is disarmed") || !strings.Contains(text, who) {
		t.Errorf("not followed: %s", text)
	}
	if st, ok, err := w.Host().Last(t.Context(), "firewall"); err != nil || !ok || st.State != remote.TxDone {
		t.Errorf("%+v %t %v", st, ok, err)
	}
}

// A step that is asked to stop ends between two of its lines; under a guard it is
// taken back.
func TestStop(t *testing.T) {
	t.Parallel()
	for guard, want := range map[int]remote.TxState{0: remote.TxStopped, 60: remote.TxRestored} {
		w := newWorld(t)
		tx := writes(guard)
		if guard == 0 {
			tx.Guard = nil
		}
		r := &record{tx: tx, before: map[string]*file{}, values: map[string]string{}, left: map[string]string{}, news: make(chan struct{}), stop: true}
		w.server().job(r)
		if r.status.State != want || !strings.Contains(r.status.Reason, "stopped on request") {
			t.Errorf("guard %d: %+v", guard, r.status)
		}
		if got := w.server().has("/etc/x"); got != (guard == 0) {
			t.Errorf("guard %d: the file is there: %t", guard, got)
		}
	}
}

// A log is followed from any offset.
func TestFollowFromOffset(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tx := writes(0)
	tx.Guard, tx.Script = nil, "put /etc/x\nrun timedatectl set-timezone UTC\n"
	w.begin(t, tx)
	var lines []string
	if _, err := w.Host().Follow(t.Context(), tx.ID, int64(len("+ write /etc/x\n")), func(p remote.Progress) { lines = append(lines, p.Lines...) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(lines, []string{"+ timedatectl set-timezone UTC"}) {
		t.Errorf("%q", lines)
	}
	if _, err := w.Host().Follow(t.Context(), "other", 0, nil); !errors.Is(err, remote.ErrNoTransaction) {
		t.Error(err)
	}
}
