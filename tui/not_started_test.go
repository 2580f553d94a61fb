package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// errNoRoom is how a server refuses a step.
var errNoRoom = fmt.Errorf("box: /var/lib/aslwiz: %w; make some room there", remote.ErrDiskFull)

// A step that the server refused never ran: no screen says so.
func TestStepThatNeverBeganOnTheScreen(t *testing.T) {
	b := newBench(t, 100, 30)
	b.connect()
	b.host.full = errNoRoom
	var seen []string
	b.w.engine.cfg.Journal = func(string) (func(checklist.Event), string, func() error) {
		return func(e checklist.Event) {
			if e.Kind == checklist.EventStep {
				seen = append(seen, string(e.Status))
			}
		}, "", func() error { return nil }
	}
	b.w.goToStep("packages")
	b.keys("r")
	if got := b.w.s.status["packages"]; got != checklist.StepNotStarted {
		t.Errorf("the step is %q", got)
	}
	if got := strings.Join(seen, " "); got != "not-started" {
		t.Errorf("the journal has %q", got)
	}
	view := b.w.View()
	// Once above and once in the log.
	if strings.Count(view, "disk full") != 2 || !strings.Contains(view, "not started: box: /var/lib/aslwiz: disk full") || strings.Contains(view, "running") {
		t.Errorf("the end of the run:\n%s", view)
	}
	b.keys("enter")
	if view = b.w.View(); !strings.Contains(view, "not started: box: /var/lib/aslwiz: disk full") || strings.Contains(view, "running") {
		t.Errorf("the step's screen:\n%s", view)
	}
}

// Nor does line mode.
func TestStepThatNeverBeganInLines(t *testing.T) {
	smallPage(t)
	host := newFakeHost()
	host.full = errNoRoom
	var out strings.Builder
	cfg := Config{Dial: func(context.Context, remote.Target, remote.Options) (checklist.Host, error) { return host, nil }}
	dir := t.TempDir()
	err := newPlain(t.Context(), cfg, newStore(dir, dir+"/wizard.json"), strings.NewReader("198.51.100.11\n\n\n\n\npackages\nrun\nquit\n"), &out).run()
	if err != nil && !errors.Is(err, remote.ErrDiskFull) {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "Step packages: not started: box: /var/lib/aslwiz: disk full") || strings.Contains(got, "runs on the server") {
		t.Errorf("line mode:\n%s", got)
	}
}
