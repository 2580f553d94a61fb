package tui

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/teatest"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// program is the wizard in a running bubbletea program, with its own clock, input and
// renderer, on the small page and a server in memory.
type program struct {
	t *testing.T
	*teatest.TestModel
}

func newProgram(t *testing.T, width, height int) *program {
	t.Helper()
	smallPage(t)
	dir, host := t.TempDir(), newFakeHost()
	w := newWizard(Config{Dial: func(context.Context, remote.Target, remote.Options) (checklist.Host, error) { return host, nil }},
		newStore(dir+"/config", dir+"/state/wizard.json"), nil, time.Now)
	p := &program{t: t}
	running := make(chan struct{})
	w.engine.send = func(m tea.Msg) { <-running; p.Send(m) }
	p.TestModel = teatest.NewTestModel(t, w, teatest.WithInitialTermSize(width, height))
	close(running)
	return p
}

// keys presses keys as a bench does.
func (p *program) keys(names ...string) {
	for _, n := range names {
		p.Send(press(n))
	}
}

// shows waits until the renderer has written a text since the last time.
func (p *program) shows(text string) {
	p.t.Helper()
	teatest.WaitFor(p.t, p.Output(), func(out []byte) bool {
		return bytes.Contains(bytes.Join(bytes.Fields([]byte(ansi.Strip(string(out)))), []byte(" ")), []byte(text))
	}, teatest.WithDuration(20*time.Second), teatest.WithCheckInterval(10*time.Millisecond))
}

// end quits, and returns the wizard as it was then.
func (p *program) end() *wizard {
	p.t.Helper()
	p.keys("q")
	p.WaitFinished(p.t, teatest.WithFinalTimeout(20*time.Second))
	w, ok := p.FinalModel(p.t).(*wizard)
	if !ok {
		p.t.Fatalf("the program ended with %T", p.FinalModel(p.t))
	}
	return w
}

// atTheForm is a program that asks how to reach a new server.
func atTheForm(t *testing.T, width, height int) *program {
	t.Helper()
	p := newProgram(t, width, height)
	p.shows("which server?")
	p.keys("enter")
	p.shows("How do you reach the server?")
	return p
}

// From Start to the hand-off: connect, carry out the page, answer on the way, measure.
func TestProgramFromStartToHandOff(t *testing.T) {
	p := atTheForm(t, 80, 24)
	p.keys("198.51.100.11", "ctrl+d")
	p.shows("This is the server")
	p.keys("enter")
	p.shows("Install the software")
	p.keys("r")
	p.shows("packages, ended")
	p.keys("enter")
	p.shows("Host name")
	p.keys("backspace", "backspace", "backspace", "stats", "enter", "example.net", "ctrl+d")
	p.shows("Set the host name")
	p.keys("a")
	p.shows("Services to let in")
	p.keys("ctrl+d")
	p.shows("enter verify")
	p.keys("enter")
	p.shows("as the page wants it")
	p.keys("h")
	p.shows("The message for the admin list")
	w := p.end()
	if got := w.top().title(); !strings.Contains(got, "hand-off") {
		t.Errorf("it ended on %q", got)
	}
}

// What was typed survives an invalid field, Back and terminals of any size.
func TestProgramKeepsWhatWasTyped(t *testing.T) {
	p := atTheForm(t, 120, 40)
	p.keys("no address", "enter")
	p.shows("not yet right")
	p.Send(tea.WindowSizeMsg{Width: 50, Height: 12})
	p.shows("make the window larger")
	p.Send(tea.WindowSizeMsg{Width: 60, Height: 20})
	p.shows("no address")
	p.keys("esc")
	p.shows("which server?")
	p.keys("enter")
	p.shows("no address")
	p.keys("esc")
	p.shows("which server?")
	p.end()
}
