package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// connect goes from the start to the first look.
func (b *bench) connect() {
	b.t.Helper()
	b.keys("enter", "198.51.100.11", "ctrl+d")
	b.contains("This is the server")
}

// TestScreens goes from the start to the verification and keeps every screen.
func TestScreens(t *testing.T) {
	for _, size := range []struct{ w, h int }{{80, 24}, {120, 40}} {
		b := newBench(t, size.w, size.h)
		shot := func(name string) {
			t.Helper()
			screen := b.w.View()
			golden(t, fmt.Sprintf("%s-%dx%d", name, size.w, size.h), screen)
			for i, l := range strings.Split(screen, "\n") {
				if textWidth(l) > size.w {
					t.Errorf("%s: line %d is %d columns wide", name, i, textWidth(l))
				}
			}
			if n := strings.Count(screen, "\n") + 1; n > size.h {
				t.Errorf("%s: %d lines", name, n)
			}
		}
		shot("start")
		b.keys("enter")
		shot("connect")
		b.keys("not an address", "enter")
		shot("connect-wrong")
		b.keys("esc", "enter")
		b.contains("not an address") // what was typed is kept
		for range len("not an address") {
			b.keys("backspace")
		}
		b.keys("198.51.100.11", "ctrl+d")
		shot("look")
		b.keys("enter")
		shot("step")
		b.keys("?")
		shot("help")
		b.keys("esc", "r")
		shot("ran")
		b.keys("enter")
		shot("answers")
		b.keys("Box", "enter")
		shot("answers-wrong")
		for range len("boxBox") {
			b.keys("backspace")
		}
		b.keys("stats", "enter", "example.net", "enter")
		shot("step-named")
		b.keys("a", "space")
		shot("answers-ticks")
		b.keys("ctrl+d")
		shot("ran-all")
		b.keys("esc", "n", "esc", "home") // the guarded step, now done
		shot("step-done")
		b.keys("v")
		shot("verify")
		b.keys("down")
		shot("verify-second")
		b.keys("down", "h")
		b.keys("t")
		b.contains("[x] the admin list was asked")
		b.keys("w")
		b.contains("saved as", "-handoff.md")
	}
}

// TestDialogs keeps the questions and a step while it runs.
func TestDialogs(t *testing.T) {
	for _, size := range []struct{ w, h int }{{80, 24}, {120, 40}} {
		b := newBench(t, size.w, size.h)
		shot := func(name string) {
			t.Helper()
			golden(t, fmt.Sprintf("%s-%dx%d", name, size.w, size.h), b.w.View())
		}
		answer := make(chan answered, 1)
		for _, q := range []remote.Question{
			{Kind: remote.AskHostKey, Host: "198.51.100.11:22", Fingerprint: "SHA256:4RytwmXVPYwLWxRnRhh8K6YJGt4izvTioDPe2QeqJII"},
			{Kind: remote.AskPassword, Host: "198.51.100.11:22", User: "anna"},
			{Kind: remote.AskSudoPassword, Host: "198.51.100.11:22", User: "anna"},
			{Kind: remote.AskPassphrase, Prompt: "passphrase of key /home/anna/.ssh/id_ed25519"},
		} {
			b.do(questionMsg{q, answer})
			shot("ask-" + string(q.Kind))
			b.pause()
			b.keys("esc")
			<-answer
		}
		b.do(pskMsg{"two", answer})
		shot("ask-psk")
		b.pause()
		b.keys("esc")
		b.host.hold = make(chan struct{})
		b.connect()
		b.keys("enter", "r")
		b.until("40 %")
		b.clock = b.clock.Add(70 * time.Second)
		shot("running")
		b.do(runMsg{b.w.run, eventsMsg{{Kind: checklist.EventStall, Step: "packages", Silent: time.Minute, Elapsed: 2 * time.Minute, Holder: "unattended-upgr (712)"}}})
		shot("running-waits")
		b.keys("c")
		shot("leave")
		b.keys("esc")
		close(b.host.hold)
		b.when("the run has ended", func() bool { return b.w.run.ended && b.w.busy == "" })
		b.host.hold = nil
		b.host.values["time"] = "wait"
		b.keys("esc", "v", "down")
		shot("verify-red")
	}
}

func TestTooSmall(t *testing.T) {
	b := newBench(t, 59, 20)
	b.contains("59 columns by 20 lines", "needs 60 by 20")
	b.do(tea.WindowSizeMsg{Width: 60, Height: 20})
	b.lacks("needs 60 by 20")
	b.connect()
	b.keys("enter")
	golden(t, "step-60x20", b.w.View())
}

func TestBackFromAnInvalidFieldKeepsWhatWasTyped(t *testing.T) {
	b := newBench(t, 100, 30)
	b.connect()
	b.keys("enter", "s") // packages skipped: hostname asks
	b.contains("Host name")
	b.keys("_", "enter")
	b.contains("not yet right")
	b.keys("esc")
	b.keys("e")
	b.contains("box_")
	b.keys("esc", "p", "r") // nothing runs with such an answer
	b.contains("Host name", "an answer of step hostname is not right yet")
	state, err := os.ReadFile(b.dir + "/state/wizard.json")
	if err != nil || !strings.Contains(string(state), "box_") {
		t.Errorf("not remembered for the next start: %s %v", state, err)
	}
}

func TestANewServerIsNotTypedTwice(t *testing.T) {
	b := newBench(t, 100, 30)
	b.keys("enter", "198.51.100.11", "enter", "anna")
	b.do(keepMsg{}) // within a second
	b.w = b.start() // after a closed terminal
	b.do(tea.WindowSizeMsg{Width: 100, Height: 30})
	b.keys("enter")
	b.contains("198.51.100.11", "anna")
	b.keys("ctrl+d")
	b.contains("This is the server")
	b.w = b.start()
	b.do(tea.WindowSizeMsg{Width: 100, Height: 30})
	b.keys("down", "enter")
	b.lacks("anna") // what has a name by now is not a new server any more
}

func TestTheAnswersFileIsWrittenOnceItIsWhole(t *testing.T) {
	b := newBench(t, 100, 30)
	b.connect()
	file := b.dir + "/config/198.51.100.11.yaml"
	if _, err := os.Stat(file); err == nil {
		t.Error("written before the answers are whole")
	}
	b.keys("a") // asks for the host name first
	for range len("box") {
		b.keys("backspace")
	}
	b.keys("stats", "enter", "example.net", "enter")
	data, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(data), "hostname: stats") {
		t.Fatalf("%s %v", data, err)
	}
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", st.Mode(), err)
	}
	b.w = b.start()
	b.do(tea.WindowSizeMsg{Width: 100, Height: 30})
	b.keys("enter")
	b.contains("going on where you were", "Set the host name")
	b.keys("esc")
	b.contains("This is the server")
	if b.w.s.answers.Hostname != "stats" {
		t.Errorf("answers after a new start: %+v", b.w.s.answers)
	}
}

func TestASecondStartFollowsWhatRuns(t *testing.T) {
	b := newBench(t, 100, 30)
	b.host.hold = make(chan struct{})
	b.connect()
	b.keys("enter", "r")
	b.until("40 %")
	b.contains("packages", "running on the server", "unpacking vim")
	b.do(tickMsg{})
	b.keys("q")
	b.contains("A step is running on the server")
	b.keys("l")
	if !b.w.run.leaving || !strings.Contains(b.w.parting, "goes on on the server") {
		t.Errorf("leaving %v, parting %q", b.w.run.leaving, b.w.parting)
	}
	b.when("the run has ended", func() bool { return b.w.run.ended && b.w.busy == "" })

	b.host.current = &remote.Status{ID: "tx-1", Step: "packages", State: remote.TxRunning, Who: "anna"}
	close(b.host.hold)
	b.host.values["software"] = "vim screen"
	b.w = b.start()
	b.do(tea.WindowSizeMsg{Width: 100, Height: 30})
	b.contains("step packages was running when aslwiz was left", "Enter resumes")
	b.keys("enter")
	b.until("same: already as the page wants it")
}

func TestARestoreThatNobodySawIsTold(t *testing.T) {
	b := newBench(t, 120, 40)
	b.host.current = &remote.Status{ID: "tx-1", Step: "firewall", State: remote.TxRestored, Who: "anna", Reason: "the way in was not proved", Detail: []string{"/etc/x: changed by somebody else"}}
	b.keys("enter", "198.51.100.11", "ctrl+d")
	b.contains("step firewall, begun by anna", "restored in the meantime", "/etc/x: changed by somebody else")
	b.pause()
	b.keys("enter")
	b.contains("This is the server")
}

func TestStop(t *testing.T) {
	b := newBench(t, 100, 30)
	b.host.hold = make(chan struct{})
	b.connect()
	b.keys("enter", "r", "c", "s")
	b.when("the run has ended", func() bool { return b.w.run.ended && b.w.busy == "" })
	b.contains("failed: stopped: on the admin's word")
	b.keys("esc")
	b.contains("failed: stopped")
}

func TestAFailedStepStopsTheRun(t *testing.T) {
	b := newBench(t, 100, 30)
	b.host.refuse["packages"] = true
	b.host.log = []string{"E: \x1b]0;evil\x07\x1b[2JUnable to\tlocate package"}
	b.connect()
	b.keys("enter", "r")
	b.contains("failed: a command ended with status 100", "E: Unable to locate package")
	if strings.Contains(b.w.View(), "\x1b]0") || strings.Contains(b.w.View(), "\x1b[2J") {
		t.Error("an escape sequence of the server reached the screen")
	}
	b.keys("enter")
	b.contains("Install the software", "r run this step")
}

func TestQuestions(t *testing.T) {
	b := newBench(t, 100, 30)
	var answers []string
	b.ask = func(ctx context.Context, ask remote.Ask) error {
		yes, err := ask(ctx, remote.Question{Kind: remote.AskHostKey, Host: "198.51.100.11:22", Fingerprint: "SHA256:abc"})
		if err != nil {
			return err
		}
		pw, err := ask(ctx, remote.Question{Kind: remote.AskSudoPassword, Host: "198.51.100.11:22", User: "anna"})
		answers = []string{yes.Reveal(), pw.Reveal()}
		return err
	}
	b.keys("enter", "198.51.100.11", "ctrl+d")
	b.contains("Is this the right server?", "SHA256:abc")
	b.keys("enter") // meant for the screen below: swallowed
	b.lacks("type yes or no")
	b.pause()
	b.keys("enter")
	b.contains("type yes or no")
	b.keys("SHA256:abd", "enter")
	b.contains("these are not the same")
	for range len("SHA256:abd") {
		b.keys("backspace")
	}
	b.keys("yes", "enter")
	b.until("Password for sudo")
	b.pause()
	b.keys("sesame")
	b.lacks("sesame")
	b.keys("enter")
	b.until("This is the server")
	if fmt.Sprint(answers) != "[yes sesame]" {
		t.Errorf("answers %v", answers)
	}
}

// until takes what comes until the screen says something.
func (b *bench) until(text string) {
	b.t.Helper()
	b.when("the screen says "+text, func() bool { return strings.Contains(flat(ansi.Strip(b.w.View())), text) })
}

// pause lets the grace of a dialog pass.
func (b *bench) pause() { b.clock = b.clock.Add(time.Second) }

func TestGrace(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	d := &dialog{shown: now, last: now}
	for i, c := range []struct {
		after time.Duration
		want  bool
	}{{100, true}, {400, true}, {500, true}, {1000, false}} {
		if got := d.swallows(now.Add(c.after * time.Millisecond)); got != c.want {
			t.Errorf("key %d after %d ms: swallowed %v", i, c.after, got)
		}
	}
	if busy := (&dialog{shown: now, last: now.Add(1400 * time.Millisecond)}); busy.swallows(now.Add(1501 * time.Millisecond)) {
		t.Error("keys are swallowed for longer than the most")
	}
}

func TestConnectErrorsKeepTheForm(t *testing.T) {
	b := newBench(t, 100, 30)
	b.ask = func(context.Context, remote.Ask) error {
		return &remote.ConnectError{Hop: remote.Hop{Address: "198.51.100.11:22"}, Reason: remote.ReasonRefused}
	}
	b.keys("enter", "198.51.100.11", "ctrl+d")
	b.contains("198.51.100.11:22: connection refused", "Try: check the port", "Server 198.51.100.11", "› SSH port")
	b.ask = nil
	b.keys("ctrl+d")
	b.contains("This is the server")
}

// TestConnectErrorsLeadToTheirField: what has to be typed anew is under the
// cursor.
func TestConnectErrorsLeadToTheirField(t *testing.T) {
	hop := remote.Hop{Address: "198.51.100.11:22"}
	gate := remote.Hop{Address: "gate.example.net:22", Target: "198.51.100.11:22"}
	for _, c := range []struct {
		err  error
		want string
	}{
		{&remote.ConnectError{Hop: hop, Reason: remote.ReasonNotFound}, "host"},
		{&remote.ConnectError{Hop: hop, Reason: remote.ReasonTimeout}, "host"},
		{&remote.ConnectError{Hop: hop, Reason: remote.ReasonRefused}, "port"},
		{&remote.ConnectError{Hop: hop, Reason: remote.ReasonBusy}, ""},
		{&remote.ConnectError{Hop: gate, Reason: remote.ReasonRefused}, "jump"},
		{&remote.CredentialsError{Hop: hop, User: "anna"}, "user"},
		{&remote.CredentialsError{Hop: gate, User: "anna"}, "jump"},
		{&keyFileError{path: "/nowhere"}, "identity"},
		{errRefused, ""},
	} {
		if got := wrongField(fmt.Errorf("%w", c.err)); got != c.want {
			t.Errorf("%v: the cursor goes to %q, want %q", c.err, got, c.want)
		}
	}
}

func TestAnAnswerLeftWrongSaysWhyAgain(t *testing.T) {
	b := newBench(t, 80, 24)
	b.connect()
	b.keys("enter", "n")
	for range "box" {
		b.keys("backspace")
	}
	b.keys("no name", "esc", "e")
	b.contains("no name", "not yet right")
}

func TestALongNoticeIsSaidInFull(t *testing.T) {
	b := newBench(t, 60, 20)
	b.connect()
	file := "/home/anna/.local/state/aslwiz/198.51.100.11-packages-20261122T120000Z.log"
	b.do(noticeMsg("saved as " + file))
	said := strings.NewReplacer(" ", "", "\n", "", glyph.rule, "").Replace(ansi.Strip(b.w.View()))
	if !strings.Contains(said, "savedas"+file) {
		t.Errorf("the path is cut:\n%s", b.w.View())
	}
	if n := strings.Count(b.w.View(), "\n"); n != 19 {
		t.Errorf("%d lines on a screen of 20", n+1)
	}
}

// TestAMistypedAddressLeavesNoName: the server is called as it is reached.
func TestAMistypedAddressLeavesNoName(t *testing.T) {
	b := newBench(t, 80, 24)
	b.ask = func(context.Context, remote.Ask) error {
		return &remote.ConnectError{Hop: remote.Hop{Address: "198.51.100.111:22"}, Reason: remote.ReasonTimeout}
	}
	b.keys("enter", "198.51.100.111", "ctrl+d")
	b.contains("no answer in time")
	b.ask = nil
	b.keys("backspace", "ctrl+d")
	b.contains("This is the server")
	b.lacks("198.51.100.111")
	servers, err := b.w.store.list()
	if err != nil || len(servers) != 1 || servers[0].Name != "198.51.100.11" {
		t.Errorf("known are %v, %v", servers, err)
	}
}

// TestNothingIsDoneUnseen: in a window that is too small for a screen no key acts
// on it.
func TestNothingIsDoneUnseen(t *testing.T) {
	b := newBench(t, 80, 24)
	b.connect()
	b.keys("enter")
	b.do(tea.WindowSizeMsg{Width: 50, Height: 15})
	b.contains("needs 60 by 20", "Ctrl-C quits")
	b.keys("r", "s")
	b.do(tea.WindowSizeMsg{Width: 80, Height: 24})
	b.contains("r run this step", "pending: there is something to do")
}

// TestTheCursorOfAFormStaysInSight: in a long list in a low window, and in a text
// while the window changes.
func TestTheCursorOfAFormStaysInSight(t *testing.T) {
	b := newBench(t, 60, 20)
	b.connect()
	b.keys("enter", "n")
	b.do(tea.WindowSizeMsg{Width: 80, Height: 24})
	b.keys("home", "a-", "down")
	b.contains("a-box")
	b.keys("up", "home")
	b.do(tea.WindowSizeMsg{Width: 60, Height: 20})
	b.keys("b", "down", "esc", "n")
	if got := b.w.s.typed["hostname"]; got != "ba-box" {
		t.Errorf("the name is %q after a change of the window", got)
	}
	for range 20 {
		b.keys("down")
	}
	b.contains("› [ ] cockpit")
}

// TestComingBackWhileTheServerIsRead: whoever is quick finds the red items
// measured again all the same.
func TestComingBackWhileTheServerIsRead(t *testing.T) {
	b := newBench(t, 100, 30)
	b.host.values["software"], b.host.values["name"], b.host.values["rules"] = "vim screen", "stats.example.net", "off"
	b.w.s.typed["hostname"], b.w.s.typed["domain"] = "stats", "example.net"
	b.connect()
	b.keys("v")
	b.contains("1 RED")
	b.host.values["rules"] = "on"
	look := b.w.lookAgain() // as after a run
	b.carry(b.w.goToVerify())
	b.carry(look)
	b.contains("3 ok")
}

func TestAKeyFileThatIsNoneIsSaid(t *testing.T) {
	b := newBench(t, 100, 30)
	public := b.dir + "/id.pub"
	if err := os.WriteFile(public, []byte("ssh-ed25519 AAAA anna@laptop\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.keys("enter", "198.51.100.11", "enter", "enter", "enter", "/nowhere/key", "ctrl+d")
	b.contains("there is no such file", "Try: check the path", "/nowhere/key")
	for range "/nowhere/key" {
		b.keys("backspace")
	}
	b.keys(public, "ctrl+d")
	b.contains("public half")
	for range public {
		b.keys("backspace")
	}
	b.keys("ctrl+d")
	b.contains("This is the server")
}

func TestARedItemIsFixedAndMeasuredAgain(t *testing.T) {
	b := newBench(t, 100, 30)
	b.host.values["software"], b.host.values["name"], b.host.values["rules"] = "vim screen", "stats.example.net", "off"
	b.w.s.typed["hostname"], b.w.s.typed["domain"] = "stats", "example.net"
	b.connect()
	b.keys("v")
	b.contains("1 RED", "not ready for production")
	b.keys("down")
	b.contains("want on", "got off", "f goes to the step firewall")
	b.keys("f", "esc", "r") // its questions are left by Back, and the step is run
	b.contains("changed: done", "back to the verification")
	b.keys("enter")
	b.contains("3 ok", "as the page wants it")
}

func TestWaitingItemsLookAgainByThemselves(t *testing.T) {
	b := newBench(t, 100, 30)
	b.host.values["time"] = "wait"
	b.connect()
	b.keys("v")
	b.contains("1 waiting")
	b.host.values["time"] = "on"
	b.do(tickMsg{})
	b.contains("1 waiting")
	b.clock = time.Now().Add(time.Hour)
	b.do(tickMsg{})
	b.lacks("1 waiting")
}

func TestASurpriseIsAsked(t *testing.T) {
	b := newBench(t, 100, 30)
	b.connect()
	b.keys("enter")
	b.host.mu.Lock()
	b.host.values["software"] = "emacs"
	b.host.mu.Unlock()
	// The fake's script does not depend on what is there; the reading does.
	p := b.w.s.plan["packages"]
	p.Script += "# another plan was shown\n"
	b.w.s.plan["packages"] = p
	b.keys("r")
	b.contains("What this step changes is not what the screen showed before", "emacs")
	b.pause()
	b.keys("s")
	b.when("the run has ended", func() bool { return b.w.run.ended && b.w.busy == "" })
	b.contains("skipped")
}

func TestCommandsAreSplitAndTextIsNot(t *testing.T) {
	b := newBench(t, 100, 30)
	b.connect()
	b.keys("v", "jj")
	if v, ok := b.w.top().(*verifyScreen); !ok || v.cur != 2 {
		t.Errorf("two keys that came together: %T", b.w.top())
	}
}

func TestLeavingTheScreenGivesUpTheWait(t *testing.T) {
	b := newBench(t, 100, 30)
	gone := make(chan error, 1)
	b.ask = func(ctx context.Context, ask remote.Ask) error {
		_, err := ask(ctx, remote.Question{Kind: remote.AskPassword, Host: "h", User: "u"})
		gone <- err
		return err
	}
	b.keys("enter", "198.51.100.11", "ctrl+d")
	b.contains("Password")
	b.keys("esc") // swallowed
	b.pause()
	b.keys("esc")
	if err := <-gone; !errors.Is(err, errRefused) {
		t.Error(err)
	}
	b.until("Not connected")
}

var _ = checklist.Passed

// TestAllThatIsLeftBeginsWithTheFirst: also where a later step is on the screen.
// What was skipped stays so.
func TestAllThatIsLeftBeginsWithTheFirst(t *testing.T) {
	b := newBench(t, 100, 30)
	b.host.values["name"] = "box"
	b.w.s.answers.Hostname, b.w.s.answers.Domain = "stats", "example.net"
	b.w.s.asked["hostname"], b.w.s.asked["firewall"] = true, true
	b.connect()
	b.do(b.w.goToStep("hostname"))
	b.keys("s")
	b.contains("Let in only what is wanted")
	b.keys("a")
	b.contains("packages changed", "firewall changed")
	if got := b.host.values["name"]; got != "box" {
		t.Errorf("what was skipped was run: the name is %q", got)
	}
}

// TestAnUndoIsWaitedFor: who gives it up proves no way in, and the server takes it
// back. What it could not bring back is named.
func TestAnUndoIsWaitedFor(t *testing.T) {
	b := newBench(t, 80, 24)
	b.connect()
	left := false
	b.w.busy, b.w.undoing, b.w.stop = "undoing packages", "packages", func() { left = true }
	for _, key := range []string{"esc", "q", "ctrl+c"} {
		b.keys(key)
		b.contains("The undo of packages is not over")
		b.keys("esc")
		b.lacks("is not over")
	}
	b.keys("q") // its question is void when it has ended
	if left {
		t.Fatal("it was given up")
	}
	b.do(undoneMsg{session: b.w.s, step: "packages", status: remote.Status{
		State: remote.TxRefused, Reason: "somebody changed what this step left", Detail: []string{"/etc/hosts: changed since this step\n-one\n+two"},
	}})
	b.lacks("is not over")
	b.contains("The undo of packages: refused", "/etc/hosts: changed since this step", "+two")
	if b.w.busy == "undoing packages" || b.w.undoing != "" {
		t.Error("it is waited for still")
	}
}

// TestWhatIsTypedWhileTheServerIsReadIsKept: over a slow link that takes seconds.
func TestWhatIsTypedWhileTheServerIsReadIsKept(t *testing.T) {
	b := newBench(t, 100, 30)
	b.connect()
	b.keys("a") // asks for the host name first
	b.w.busy = "reading the server"
	b.keys("end", "z", "enter", "example.net", "enter")
	b.contains("boxz", "still being read")
	b.w.busy = ""
	b.keys("enter")
	if b.w.busy != "" || b.w.s.answers.Hostname != "boxz" {
		t.Errorf("busy %q, answers %+v", b.w.busy, b.w.s.answers)
	}
}

// TestAnswersThatAreReadWithStay: what follows was chosen for them.
func TestAnswersThatAreReadWithStay(t *testing.T) {
	b := newBench(t, 100, 30)
	b.connect()
	b.keys("a")
	was := b.w.s.answers.Hostname
	b.w.busy, b.w.after = "reading the server with these answers", func() tea.Cmd { return nil }
	b.keys("end", "z")
	if b.w.s.answers.Hostname != was {
		t.Errorf("the host name became %q", b.w.s.answers.Hostname)
	}
}
