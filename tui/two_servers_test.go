package tui

import (
	"testing"

	"aslwiz/checklist"
)

// leaveRunning begins step packages on a server and goes back to Start.
func (b *bench) leaveRunning() {
	b.t.Helper()
	b.host.hold = make(chan struct{})
	b.connect()
	b.keys("enter", "r")
	b.until("40 %")
	b.keys("esc", "esc", "esc", "esc")
	b.carry(b.w.list())
	b.contains("› 198.51.100.11", "a new server")
}

// ended waits until the run on the server is over.
func (b *bench) ended() {
	b.t.Helper()
	close(b.host.hold)
	b.when("the run has ended", func() bool { return b.w.run.ended && b.w.busy == "" })
}

// TestARunStaysWithItsServer: what comes of it changes nothing at another server
// that was chosen meanwhile, and is kept for its own.
func TestARunStaysWithItsServer(t *testing.T) {
	b := newBench(t, 100, 30)
	b.leaveRunning()
	b.keys("down", "enter", "198.51.100.12")
	b.contains("How do you reach the server?")
	b.do(runMsg{b.w.run, eventsMsg{{Kind: checklist.EventMoved, Text: "198.51.100.99"}}})
	b.ended()
	b.contains("How do you reach the server?", "198.51.100.12", "the run on 198.51.100.11", "has ended")
	if len(b.w.s.status) > 0 || b.w.s.answers.Host == "198.51.100.99" {
		t.Errorf("the new server has %v and the address %q", b.w.s.status, b.w.s.answers.Host)
	}
	servers, err := b.w.store.list()
	if err != nil || len(servers) != 1 {
		t.Fatalf("known are %v, %v", servers, err)
	}
	if k := servers[0]; k.Running != "" || k.Draft.Host != "198.51.100.99" {
		t.Errorf("kept for the server that moved: running %q, %+v", k.Running, k.Draft)
	}
}

// TestAServerWhoseStepRunsIsNotDialledAnew: its run is shown again, and goes on
// telling the session that it belongs to.
func TestAServerWhoseStepRunsIsNotDialledAnew(t *testing.T) {
	b := newBench(t, 100, 30)
	b.leaveRunning()
	first := b.w.s
	b.keys("down", "enter", "esc", "up", "enter")
	b.contains("running on the server")
	if b.w.s != first {
		t.Error("another session")
	}
	b.ended()
	b.contains("changed: done")
	b.keys("esc")
	b.contains("This is the server")
}

// TestAQuestionOfAnotherServerSaysSo: nobody agrees to the restart of the wrong
// one.
func TestAQuestionOfAnotherServerSaysSo(t *testing.T) {
	b := newBench(t, 100, 30)
	b.leaveRunning()
	b.keys("down", "enter")
	b.do(approveMsg{b.w.run, b.w.run.shown["packages"], make(chan approval, 1)})
	b.contains("This is about 198.51.100.11, which is not the server on the screen")
	b.ended()
}

// TestTheLogOfAnotherServerIsNotShown: the steps have the same names everywhere.
func TestTheLogOfAnotherServerIsNotShown(t *testing.T) {
	b := newBench(t, 100, 30)
	b.leaveRunning()
	b.ended()
	b.host.hold = nil
	b.host.values["software"] = ""
	b.keys("down", "enter", "198.51.100.12", "ctrl+d", "enter")
	b.contains("Install the software", "r run this step")
	b.lacks("its log")
}

// TestWhatWasAskedOfAnotherServerIsNotTaken: what was begun for one server and
// comes late is not another one's.
func TestWhatWasAskedOfAnotherServerIsNotTaken(t *testing.T) {
	b := newBench(t, 100, 30)
	b.connect()
	old := b.w.s
	b.keys("esc", "esc", "down", "enter")
	b.w.busy = "connecting"
	b.do(undoneMsg{session: old, step: "packages"})
	b.do(verifiedMsg{session: old})
	b.do(foundMsg{old, eventsMsg{{Kind: checklist.EventFinding, Finding: &checklist.Finding{Item: "name"}}}})
	if b.w.busy != "connecting" || len(b.w.s.status) > 0 || len(b.w.s.findings) > 0 {
		t.Errorf("busy %q, steps %v, items %v", b.w.busy, b.w.s.status, b.w.s.findings)
	}
}
