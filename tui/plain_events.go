package tui

import (
	"fmt"
	"sync"
	"time"

	"aslwiz/checklist"
)

// eventPrinter says events as lines. Progress is said at every tenth, silence
// each time twice as rarely.
type eventPrinter struct {
	p       *plain
	mu      sync.Mutex
	tenth   int
	stalled time.Duration
	running string // the step that runs on the server
	holding bool
	held    []checklist.Event // while a question is open
}

// runs is the step that runs on the server now.
func (e *eventPrinter) runs() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.running
}

// hold keeps events back for a question until release, and says which step runs.
func (e *eventPrinter) hold() (running string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.holding = true
	return e.running
}

func (e *eventPrinter) release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.holding = false
	for _, ev := range e.held {
		e.say(ev)
	}
	e.held = nil
}

func (e *eventPrinter) print(ev checklist.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case ev.Kind == checklist.EventStep && ev.Status == checklist.StepRunning:
		e.running = ev.Step
	case ev.Kind == checklist.EventStep, ev.Tx != nil && ev.Tx.State.Ended(): // the latter was begun by another aslwiz
		e.running = ""
	}
	switch {
	case !e.holding:
		e.say(ev)
	case ev.Kind != checklist.EventProgress:
		e.held = append(e.held, ev)
	}
}

func (e *eventPrinter) say(ev checklist.Event) {
	p := e.p
	switch ev.Kind {
	case checklist.EventStep:
		e.tenth, e.stalled = 0, 0
		if ev.Status == checklist.StepRunning {
			ctrlC := "leaves it running"
			if p.interruptible() {
				ctrlC = "asks whether to stop it or to leave it running"
			}
			p.say("Step %s runs on the server. Ctrl-C %s.", ev.Step, ctrlC)
			return
		}
		p.tell("", fmt.Sprintf("Step %s: %s%s", ev.Step, ev.Status.Words(), sentence(clean(ev.Text))))
		for _, d := range ev.Detail {
			p.tell("  ", clean(d))
		}
	case checklist.EventOutput:
		e.stalled = 0
		for _, l := range ev.Lines {
			p.say("  %s", clean(l))
		}
	case checklist.EventProgress:
		if t := int(ev.Percent / 10); ev.Percent > 0 && t > e.tenth {
			e.tenth = t
			p.say("  %d percent %s", t*10, clean(ev.Doing))
		}
	case checklist.EventStall:
		if e.stalled > 0 && ev.Silent < 2*e.stalled {
			return
		}
		e.stalled = ev.Silent
		text := "nothing heard for " + clock(ev.Silent)
		if ev.Holder != "" {
			text += "; the package system's lock is held by " + clean(ev.Holder)
		}
		p.tell("note: ", text)
	case checklist.EventNote:
		p.tell("note: ", clean(ev.Text))
		for _, d := range ev.Detail {
			p.say("  %s", clean(d))
		}
	case checklist.EventFinding:
		if f := ev.Finding; f != nil {
			p.tell("", fmt.Sprintf("%s: %s. %s %s", f.Item, itemWord(f.Status), clean(f.Title), clean(f.Got)))
		}
	}
}
