package tui

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// asked is a line mode in which packages runs when Ctrl-C is pressed, and typed is typed.
func asked(t *testing.T, running, typed string) (i *interruption, left func() bool, out *strings.Builder) {
	t.Helper()
	out = new(strings.Builder)
	p := newPlain(t.Context(), Config{}, newStore(t.TempDir(), ""), strings.NewReader(typed), out)
	ctx, leave := context.WithCancel(t.Context())
	printer := &eventPrinter{p: p}
	if running != "" {
		printer.print(checklist.Event{Kind: checklist.EventStep, Step: running, Status: checklist.StepRunning})
	}
	i = p.offer(ctx, leave, printer)
	i.ask(ctx)
	return i, func() bool { return ctx.Err() != nil }, out
}

func TestCtrlCInLines(t *testing.T) {
	for _, c := range []struct {
		running, typed   string
		stopped, left    bool
		says, doesNotSay string
	}{
		{running: "packages", typed: "stop\n", stopped: true, says: "Asked it to stop."},
		{running: "packages", typed: "what\n STOP \n", stopped: true, says: "finishes the packages in hand"},
		{running: "packages", typed: "leave\n", left: true},
		{running: "packages", typed: "\n", says: "watch on?"},
		{running: "packages", typed: "", left: true}, // the terminal has gone
		{running: "", typed: "stop\n", left: true, doesNotSay: "stop"},
	} {
		i, left, out := asked(t, c.running, c.typed)
		if i.stopped() != c.stopped || left() != c.left || !strings.Contains(out.String(), c.says) || c.doesNotSay != "" && strings.Contains(out.String(), c.doesNotSay) {
			t.Errorf("%q while %q runs: stopped %v, left %v:\n%s", c.typed, c.running, i.stopped(), left(), out)
		}
	}
}

// A step that another aslwiz began is over when a note says so: Ctrl-C leaves then.
func TestCtrlCAfterAFollowedStep(t *testing.T) {
	printer := &eventPrinter{p: newPlain(t.Context(), Config{}, newStore(t.TempDir(), ""), strings.NewReader(""), io.Discard)}
	printer.print(checklist.Event{Kind: checklist.EventStep, Step: "postfix", Status: checklist.StepRunning})
	printer.print(checklist.Event{Kind: checklist.EventNote, Step: "postfix", Tx: &remote.Status{State: remote.TxDone}})
	if got := printer.runs(); got != "" {
		t.Errorf("%s runs", got)
	}
}

// Ctrl-C ends the question whether to go on, too.
func TestCtrlCAtGoOn(t *testing.T) {
	in, _ := io.Pipe() // nobody types
	p := newPlain(t.Context(), Config{}, newStore(t.TempDir(), ""), in, io.Discard)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	yes, err := p.approve(ctx, newRun(p.s, nil, nil, true), checklist.StepPlan{Step: "reboot", Status: checklist.StepManual})
	if yes || !errors.Is(err, checklist.ErrQuit) {
		t.Errorf("%v, %v", yes, err)
	}
}

// A journal that cannot be written is a note, in lines as on the screen.
func TestLineModeOutlivesItsJournal(t *testing.T) {
	smallPage(t)
	var out strings.Builder
	cfg := Config{
		Dial: func(context.Context, remote.Target, remote.Options) (checklist.Host, error) {
			return newFakeHost(), nil
		},
		Journal: func(string) (func(checklist.Event), string, func() error) {
			return func(checklist.Event) {}, "box.jsonl", func() error { return errors.New("no space left") }
		},
	}
	dir := t.TempDir()
	in := strings.NewReader("198.51.100.11\n\n\n\n\npackages\nrun\nverify\nquit\n")
	if err := newPlain(t.Context(), cfg, newStore(dir, dir+"/wizard.json"), in, &out).run(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "box.jsonl is not complete: no space left") {
		t.Errorf("nothing is said of it:\n%s", out.String())
	}
}
