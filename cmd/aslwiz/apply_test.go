//go:build unix

package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"aslwiz/checklist"
)

// newApplying is a run of apply with a person at a screen and no server.
func newApplying(t *testing.T) (*applying, *screen, context.Context) {
	t.Helper()
	term, s := newScreen(t)
	ctx, leave := context.WithCancelCause(t.Context())
	t.Cleanup(func() { leave(nil) })
	l := &live{out: io.Discard, journal: &journal{}, width: func() int { return 80 }, done: make(chan struct{})}
	return &applying{app: &app{terminal: term}, server: server{name: "stats", arg: "stats"}, live: l, leave: leave, stop: make(chan struct{})}, s, ctx
}

func TestApprove(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typed  string
		status checklist.StepStatus
		want   bool
		err    error
	}{
		{"y", checklist.StepPending, true, nil},
		{"s", checklist.StepPending, false, nil},
		{"no", checklist.StepPending, false, nil},
		{"q", checklist.StepPending, false, checklist.ErrQuit},
		{"yes", checklist.StepManual, true, nil},
		{"n", checklist.StepManual, false, checklist.ErrQuit},
	} {
		r, s, ctx := newApplying(t)
		s.typeLine(c.typed)
		got, err := r.approve(ctx, checklist.StepPlan{Step: "hostname", Status: c.status})
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%q to a %s step: %v, %v; want %v, %v", c.typed, c.status, got, err, c.want, c.err)
		}
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		typed   string
		running bool
		leaves  bool
		stops   bool
	}{
		{"leave", "l", true, true, false},
		{"stop", "s", true, false, true},
		{"continue", "c", true, false, false},
		{"between two steps nothing is asked", "", false, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, s, ctx := newApplying(t)
			if c.running {
				r.live.emit(checklist.Event{Kind: checklist.EventStep, Step: "packages", Status: checklist.StepRunning})
				s.typeLine(c.typed)
			}
			r.interrupted(ctx)
			if left := errors.Is(context.Cause(ctx), errInterrupted); left != c.leaves {
				t.Errorf("left: %v", left)
			}
			select {
			case <-r.stop:
				if !c.stops {
					t.Error("stopped")
				}
			default:
				if c.stops {
					t.Error("not stopped")
				}
			}
		})
	}
}

// After a stop no further step is begun, and a second stop is not offered.
func TestStopEndsTheRun(t *testing.T) {
	t.Parallel()
	r, s, ctx := newApplying(t)
	r.yes = true
	r.live.emit(checklist.Event{Kind: checklist.EventStep, Step: "packages", Status: checklist.StepRunning})
	s.typeLine("s")
	r.interrupted(ctx)
	s.typeLine("s\nc")
	r.interrupted(ctx)
	if _, err := r.approve(ctx, checklist.StepPlan{}); !errors.Is(err, checklist.ErrQuit) {
		t.Errorf("the next step is approved: %v", err)
	}
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	failed := checklist.Result{Steps: []checklist.StepResult{{Step: "firewall", Status: checklist.StepRestored}}}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name    string
		ctx     context.Context
		result  checklist.Result
		running string
		err     error
		code    int
		text    string
	}{
		{"well", t.Context(), checklist.Result{}, "", nil, exitOK, ""},
		{"restored", t.Context(), failed, "", nil, exitStep, "stats: step firewall: restored"},
		{"left", cancelled, checklist.Result{}, "packages", errors.New("link"), exitInterrupted, "stats: interrupted; step packages goes on running on the server"},
		{"quit", t.Context(), checklist.Result{}, "", checklist.ErrQuit, exitInterrupted, "stats: stopped on your word"},
	} {
		r := &applying{server: server{name: "stats", arg: "stats"}}
		err := r.outcome(c.ctx, c.result, c.running, c.err)
		if codeOf(err) != c.code || err != nil && err.Error() != c.text {
			t.Errorf("%s: code %d, %v; want %d, %q", c.name, codeOf(err), err, c.code, c.text)
		}
	}
}

// A run that found nothing to do says so at its end.
func TestResultSaysThatNothingChanged(t *testing.T) {
	t.Parallel()
	steps := []checklist.Step{{ID: "hostname", Title: "set the host name"}}
	for status, want := range map[checklist.StepStatus]string{
		checklist.StepSame:    "stats: nothing was changed; the server is as the page wants it\n",
		checklist.StepManual:  "stats: nothing was changed; only manual work is left, in 1 step\n",
		checklist.StepSkipped: "stats: nothing was changed; 1 step skipped\n",
		checklist.StepChanged: "",
		checklist.StepFailed:  "",
	} {
		var out strings.Builder
		a := &app{out: &out, color: "never"}
		a.result(server{name: "stats", arg: "stats"}, steps, checklist.Result{Steps: []checklist.StepResult{{Step: "hostname", Status: status}}}, "")
		if got := out.String(); want == "" && strings.Contains(got, "nothing was changed") || !strings.Contains(got, want) {
			t.Errorf("%s:\n%s", status, got)
		}
	}
}
