package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// eachSize makes a bench of every size that the golden screens are kept at.
func eachSize(t *testing.T, do func(b *bench, shot func(name string))) {
	t.Helper()
	for _, size := range []struct{ w, h int }{{80, 24}, {120, 40}} {
		b := newBench(t, size.w, size.h)
		do(b, func(name string) {
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
		})
	}
}

func TestStartScreens(t *testing.T) {
	eachSize(t, func(b *bench, shot func(string)) {
		b.do(listedMsg{servers: []known{
			{Name: "stats", Host: "198.51.100.11", Running: "packages", At: "packages"},
			{Name: "hub", Host: "198.51.100.12", Verified: b.clock.Add(-3 * time.Hour), Counts: "11 ok, 1 RED", At: "verification"},
			{Name: "gate", Host: "gate.example.net", Draft: &checklist.Answers{}},
			{Name: "old", Wrong: "line 3: hostnam: no such answer"},
		}})
		shot("start-known")
		b.keys("down")
		shot("start-verified")
	})
}

func TestPracticeIsOffered(t *testing.T) {
	eachSize(t, func(b *bench, shot func(string)) {
		b.w.engine.cfg.Rehearse = func() error { return nil }
		b.keys("down")
		shot("start-practice")
		b.keys("enter")
		if !b.w.rehearse {
			t.Error("Enter does not choose it")
		}
	})
}

func TestConnectScreens(t *testing.T) {
	eachSize(t, func(b *bench, shot func(string)) {
		b.ask = func(context.Context, remote.Ask) error {
			return &remote.ConnectError{Hop: remote.Hop{Address: "198.51.100.11:22"}, Reason: remote.ReasonTimeout}
		}
		b.keys("enter", "198.51.100.11", "ctrl+d")
		shot("connect-failed")
		b.w.wait("connecting to 198.51.100.11")
		shot("connecting")
		b.keys("esc")
		if b.w.busy != "" {
			t.Error("Esc does not give up")
		}
	})
}

// shortage is a check that a server does not pass.
type shortage struct{ blocks bool }

func (s shortage) Name() string { return "memory" }

func (s shortage) Probes() []remote.Probe { return nil }

func (s shortage) Compare([]remote.Answer) (checklist.Change, error) {
	return checklist.Change{Kind: "check", Now: "2.0 GiB", Want: "4 GiB", Short: "memory: 2.0 GiB, the page asks for 4 GiB", Blocks: s.blocks}, nil
}

// otherStep puts a step in the place of the first one, or after the last one.
func otherStep(at int, st checklist.Step) {
	steps := page.steps()
	if at < 0 {
		steps = append(steps[:len(steps):len(steps)], st)
	} else {
		steps = append([]checklist.Step(nil), steps...)
		steps[at] = st
	}
	page.steps = func() []checklist.Step { return steps }
}

func TestLookScreens(t *testing.T) {
	eachSize(t, func(b *bench, shot func(string)) {
		short := &shortage{}
		otherStep(0, checklist.Step{ID: "preflight", Title: "look whether the server is as it should be", Want: func(checklist.In) ([]checklist.Resource, error) {
			return []checklist.Resource{*short}, nil
		}})
		b.connect()
		shot("look-short")
		short.blocks = true
		b.keys("r")
		shot("look-blocked")
		b.w.s.facts.Release.Proven, b.w.s.facts.Release.Name = false, "Debian 13"
		short.blocks = false
		b.keys("enter")
		shot("ask-unproven")
	})
}

func TestStepScreens(t *testing.T) {
	eachSize(t, func(b *bench, shot func(string)) {
		b.host.refuse["packages"] = true
		b.host.log = []string{"E: Unable to locate package vim"}
		b.connect()
		b.keys("enter", "u")
		shot("ask-undo")
		b.keys("esc", "r")
		shot("ran-failed")
		b.keys("enter", "home")
		shot("step-failed")
		b.keys("s")
		b.keys("esc", "esc", "home")
		shot("step-skipped")
	})
}

func TestRebootScreens(t *testing.T) {
	eachSize(t, func(b *bench, shot func(string)) {
		otherStep(-1, checklist.Step{
			ID: "reboot", Title: "restart the server", Why: "only a restart proves that everything comes up by itself", Guarded: true, Reboots: true,
			Want: func(checklist.In) ([]checklist.Resource, error) {
				return []checklist.Resource{thing{"boot", "a new one", ""}}, nil
			},
		})
		b.host.values["software"], b.host.values["name"], b.host.values["rules"] = "vim screen", "stats.example.net", "on"
		b.w.s.typed["hostname"], b.w.s.typed["domain"] = "stats", "example.net"
		b.connect()
		b.do(lookedMsg{})
		b.w.push(newStepScreen(b.w, "reboot"))
		b.keys("end")
		shot("step-reboot")
		b.host.hold = make(chan struct{})
		b.keys("r")
		b.until("40 %")
		b.do(runMsg{b.w.run, eventsMsg{{Kind: checklist.EventNote, Step: "reboot", Text: "the connection was lost, trying again; the step goes on by itself on the server"}}})
		shot("running-reboot")
		b.do(approveMsg{b.w.run, b.w.s.plan["reboot"], make(chan approval, 1)})
		shot("ask-reboot")
		b.pause()
		b.keys("y")
		close(b.host.hold)
		b.when("the run has ended", func() bool { return b.w.run.ended && b.w.busy == "" })
		shot("ran-reboot")
	})
}

func TestLogScreens(t *testing.T) {
	eachSize(t, func(b *bench, shot func(string)) {
		b.host.hold = make(chan struct{})
		for i := range 200 {
			b.host.log = append(b.host.log, fmt.Sprintf("Setting up lib%d (1.2-%d) ...", i, i))
		}
		b.connect()
		b.keys("enter", "r")
		b.until("40 %")
		b.keys("pgup", "up")
		shot("log-scrolled")
		b.keys("/")
		shot("ask-search")
		b.keys("LIB77", "enter")
		shot("log-found")
		b.keys("esc") // back to the step, which runs on
		shot("step-running")
		b.keys("l", "f")
		b.contains("Setting up lib199")
		close(b.host.hold)
		b.when("the run has ended", func() bool { return b.w.run.ended && b.w.busy == "" })
	})
}

func TestVerifyScreens(t *testing.T) {
	eachSize(t, func(b *bench, shot func(string)) {
		b.connect()
		b.keys("v")
		v, _ := b.w.top().(*verifyScreen)
		v.measuring["rules"] = true
		b.w.busy = "measuring rules"
		shot("verify-measuring")
		delete(v.measuring, "rules")
		b.w.busy = ""
		b.keys("down", "enter")
		shot("item")
		b.keys("n")
		b.contains("Is the clock right?")
		b.keys("esc")
		if v.cur != 2 {
			t.Errorf("the list is at %d", v.cur)
		}
	})
}

// trial is an item that is seen to work only by what comes of something sent.
func trial() checklist.Item {
	return checklist.Item{
		ID: "mail", Title: "Does root's mail reach the relay?",
		Probes: func(checklist.In) []remote.Probe { return nil },
		Act:    func(checklist.In) []string { return []string{"send a mail"} },
		Judge: func(checklist.In, checklist.Seen) checklist.Finding {
			return checklist.Finding{Status: checklist.Unknown, Want: "a mail that arrived", Got: "none was sent yet"}
		},
	}
}

func TestTheTestThatIsSent(t *testing.T) {
	eachSize(t, func(b *bench, shot func(string)) {
		items := append(page.items(), trial())
		page.items = func() []checklist.Item { return items }
		b.connect()
		b.keys("v", "t")
		shot("ask-try")
		b.keys("esc")
		b.contains("t send a test")
	})
}

// TestRunsThatWereTakenBackOrStopped: neither is an error of the admin's, and the
// screen says what is there now.
func TestRunsThatWereTakenBackOrStopped(t *testing.T) {
	eachSize(t, func(b *bench, shot func(string)) {
		b.connect()
		b.w.s.asked["firewall"] = true
		b.do(b.w.goToStep("firewall"))
		b.host.restore["firewall"] = "the way in was not proved within two minutes"
		b.keys("r")
		b.when("the run has ended", func() bool { return b.w.run.ended && b.w.busy == "" })
		shot("ran-restored")
		b.keys("esc")
		b.host.hold = make(chan struct{})
		b.do(b.w.goToStep("packages"))
		b.keys("r")
		b.until("40 %")
		b.keys("c", "s")
		b.when("the run has ended", func() bool { return b.w.run.ended && b.w.busy == "" })
		shot("ran-stopped")
	})
}

// TestAStepThatCannotBeJudged: for want of an answer, and of a reading.
func TestAStepThatCannotBeJudged(t *testing.T) {
	eachSize(t, func(b *bench, shot func(string)) {
		otherStep(-1, checklist.Step{
			ID: "timezone", Title: "set the time zone", Why: "logs of several servers can be compared only when their clocks agree",
			Want: func(checklist.In) ([]checklist.Resource, error) { return []checklist.Resource{unreadable{}}, nil },
		})
		b.connect()
		b.w.push(newStepScreen(b.w, "hostname")) // its questions were left by Back
		shot("step-unanswered")
		b.do(b.w.goToStep("timezone"))
		shot("step-unknown")
	})
}

// unreadable is what a server gives no word of.
type unreadable struct{}

func (unreadable) Name() string { return "the clock" }

func (unreadable) Probes() []remote.Probe { return nil }

func (unreadable) Compare([]remote.Answer) (checklist.Change, error) {
	return checklist.Change{}, errors.New("gave no answer within 20 seconds")
}

func TestHandoffScreens(t *testing.T) {
	eachSize(t, func(b *bench, shot func(string)) {
		b.connect()
		b.keys("v")
		h := newHandoffScreen(b.w)
		b.w.push(h)
		b.w.busy = "measuring every item for the report"
		shot("handoff-measuring")
		b.do(reportedMsg{session: b.w.s, report: checklist.Report{
			Server: "stats.example.net", At: b.clock, Ready: true, System: "Debian GNU/Linux 12 (bookworm)",
			Findings: []checklist.Finding{{Item: "hostname", Title: "Is the hostname set?", Status: checklist.Passed, Want: "stats", Got: "stats"}},
			Message:  "Hello,\n\nplease add stats.example.net to LibreNMS.\n",
		}})
		shot("handoff")
		b.keys("t")
		b.contains("[x] the admin list was asked")
		b.do(reportedMsg{session: b.w.s, report: checklist.Report{Server: "stats.example.net", At: b.clock, Open: []string{"hostname (failed): box"}}})
		shot("handoff-not-ready")
	})
}

func TestAQuestionThatDoesNotFitScrolls(t *testing.T) {
	b := newBench(t, 60, 20)
	b.connect()
	p := checklist.StepPlan{Step: "packages", Title: "install the software that all servers need"}
	for i := range 40 {
		p.Changes = append(p.Changes, checklist.Change{Resource: fmt.Sprintf("file %d", i), Now: "absent", Want: "there"})
	}
	b.w.run = newRun(b.w.s, page.steps()[1:2], nil, false)
	b.do(approveMsg{b.w.run, p, make(chan approval, 1)})
	golden(t, "ask-surprise-60x20", b.w.View())
	b.contains("yes, go on", "stop here")
	b.pause()
	b.keys("pgdown", "pgdown", "pgdown", "pgdown", "pgdown", "pgdown", "pgdown", "pgdown")
	b.contains("file 39", "yes, go on", "stop here")
}

func TestResizeAtAnyMoment(t *testing.T) {
	b := newBench(t, 100, 30)
	b.connect()
	b.keys("enter", "s", "stats")
	for _, size := range [][2]int{{60, 20}, {59, 19}, {1, 1}, {0, 0}, {200, 60}, {80, 24}} {
		b.do(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		if lines := strings.Split(b.w.View(), "\n"); size[1] > 0 && len(lines) > size[1] {
			t.Errorf("%v: %d lines", size, len(lines))
		}
	}
	b.contains("boxstats")
}

// TestTheSmallestWindow keeps what must be in sight at 60 by 20: which server is
// chosen, and where one is.
func TestTheSmallestWindow(t *testing.T) {
	b := newBench(t, 60, 20)
	var many []known
	for i := range 12 {
		many = append(many, known{Name: fmt.Sprintf("server-%d", i), Host: "198.51.100.11"})
	}
	b.do(listedMsg{servers: many})
	b.keys(strings.Split(strings.Repeat("down ", 11)+"down", " ")...)
	b.contains("› a new server")
	b.keys("up", "up")
	b.contains("› server-10")
	b.keys("down", "down", "down")
	b.connect()
	b.keys("enter")
	b.contains("› packages")
	b.keys("?")
	golden(t, "help-60x20", b.w.View())
}

// A terminal that does not know its size is taken for one of the usual size.
func TestNoSize(t *testing.T) {
	b := newBench(t, 0, 0)
	b.contains("a new server")
}
