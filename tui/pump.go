package tui

import (
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
)

// batchEvery is how often a log reaches the screen: 30 times a second.
const batchEvery = 33 * time.Millisecond

// eventsMsg brings what happened since the last one, in order.
type eventsMsg []checklist.Event

// pump hands the engine's events to the program. Output is collected; every
// event that tells a state goes at once, with what was collected before it.
// send blocks until the program takes the message: that is the back-pressure.
type pump struct {
	send func(tea.Msg)

	mu      sync.Mutex
	waiting eventsMsg
	last    time.Time
	timer   *time.Timer
}

func (p *pump) emit(e checklist.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(e)
	if !lossy(e.Kind) || time.Since(p.last) >= batchEvery {
		p.flush()
		return
	}
	if p.timer == nil {
		p.timer = time.AfterFunc(batchEvery, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.timer = nil
			p.flush()
		})
	}
}

// lossy are the events of which only the newest counts, or that can be read in
// the journal.
func lossy(k checklist.EventKind) bool {
	return k == checklist.EventOutput || k == checklist.EventProgress || k == checklist.EventStall
}

// add joins lines to lines, and lets a progress take the place of the one before.
func (p *pump) add(e checklist.Event) {
	if n := len(p.waiting); n > 0 {
		last := &p.waiting[n-1]
		switch {
		case e.Kind == checklist.EventOutput && last.Kind == e.Kind && last.Step == e.Step:
			last.Lines = append(last.Lines[:len(last.Lines):len(last.Lines)], e.Lines...)
			return
		case e.Kind == checklist.EventProgress && last.Kind == e.Kind:
			*last = e
			return
		}
	}
	p.waiting = append(p.waiting, e)
}

func (p *pump) flush() {
	if len(p.waiting) == 0 {
		return
	}
	msg := p.waiting
	p.waiting, p.last = nil, time.Now()
	p.send(msg)
}

// close sends what is left.
func (p *pump) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	p.flush()
}
