package tui

import (
	"context"
	"slices"
	"time"

	"aslwiz/checklist"
)

// run is one Apply, from the admin's word to its end.
type run struct {
	s     *session // of the server it works on, whichever is on the screen
	steps []checklist.Step
	shown map[string]checklist.StepPlan // what the admin saw and approved; never changed
	all   bool                          // approved as a whole
	ctx   context.Context
	leave context.CancelFunc // stops watching; the step goes on on the server
	stop  chan struct{}
	asked bool // to stop

	unproven bool // the admin goes on where the page was not proven

	log      *logPane
	step     string // that is being carried out
	running  bool   // on the server
	percent  float64
	doing    string
	elapsed  time.Duration
	heard    time.Time // when elapsed was told
	silent   time.Duration
	holder   string
	notes    []string
	ended    bool
	leaving  bool
	quit     bool   // at a question
	saved    string // the step that was remembered as running
	err      error
	finished []checklist.StepResult
}

func newRun(s *session, steps []checklist.Step, shown map[string]checklist.StepPlan, all bool) *run {
	ctx, leave := context.WithCancel(context.Background())
	return &run{s: s, steps: steps, shown: shown, all: all, ctx: ctx, leave: leave, stop: make(chan struct{}), log: newLogPane(), percent: -1}
}

// approved says whether the admin has already agreed to the plan: it is the one
// that was shown, or all were agreed to together. What falls short of the page,
// and a reboot, is always asked about when it was not shown.
func (r *run) approved(p checklist.StepPlan) bool {
	seen, ok := r.shown[p.Step]
	if step, _ := stepByID(p.Step); p.Title != step.Title {
		return false // it is about the other end of a tunnel: another server
	}
	if ok && seen.Script == p.Script && seen.Status == p.Status {
		return true
	}
	if p.Status == checklist.StepManual {
		return false
	}
	step, _ := stepByID(p.Step)
	return r.all && !step.Reboots
}

// has says whether the run, ended by now, came to an end with a step.
func (r *run) has(step string) bool {
	return slices.ContainsFunc(r.finished, func(f checklist.StepResult) bool { return f.Step == step })
}

// askToStop asks the running step to end. A second time does nothing.
func (r *run) askToStop() {
	if !r.asked {
		r.asked = true
		close(r.stop)
	}
}

// happened takes an event. Of output that comes in floods only what the pane
// keeps is looked at.
func (r *run) happened(e checklist.Event, now time.Time) {
	switch e.Kind {
	case checklist.EventPlanned:
		r.step = e.Step
	case checklist.EventStep:
		r.running = e.Status == checklist.StepRunning
		r.step, r.percent, r.doing, r.silent, r.holder = e.Step, -1, "", 0, ""
		r.elapsed, r.heard = 0, now
		if r.running {
			r.notes = nil
			r.log.append(glyph.running + " " + e.Step)
			return
		}
		r.log.append("  " + e.Step + ": " + e.Status.Words() + sentence(e.Text))
		for _, d := range e.Detail {
			r.log.append("    " + d)
		}
	case checklist.EventOutput:
		lines := e.Lines
		if extra := len(lines) - maxLog; extra > 0 {
			lines = lines[extra:]
			r.log.dropped += extra
		}
		r.log.append(lines...)
		r.silent, r.elapsed, r.heard = 0, e.Elapsed, now
	case checklist.EventProgress:
		r.percent, r.doing, r.silent, r.holder = e.Percent, clean(e.Doing), 0, ""
		r.elapsed, r.heard = e.Elapsed, now
	case checklist.EventStall:
		r.silent, r.holder = e.Silent, clean(e.Holder)
		r.elapsed, r.heard = e.Elapsed, now
	case checklist.EventNote:
		r.notes = append(r.notes, clean(e.Text))
		r.log.append("  note: " + e.Text)
		for _, d := range e.Detail {
			r.log.append("    " + d)
		}
	}
}

// took is how long the step has been running.
func (r *run) took(now time.Time) time.Duration {
	if r.heard.IsZero() || !r.running {
		return r.elapsed
	}
	return r.elapsed + now.Sub(r.heard)
}

func sentence(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}
