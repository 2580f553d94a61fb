package tui

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// interruption asks what Ctrl-C means for the step that runs: in lines there is no key
// for it. A second Ctrl-C leaves, as one does where nothing runs.
type interruption struct {
	p       *plain
	printer *eventPrinter
	leave   context.CancelFunc
	stop    chan struct{} // closed when the step is to stop
	open    sync.Mutex    // held while the question is; the next step waits for its answer
}

// offer begins to ask, until end.
func (p *plain) offer(ctx context.Context, leave context.CancelFunc, printer *eventPrinter) *interruption {
	i := &interruption{p: p, printer: printer, leave: leave, stop: make(chan struct{})}
	if p.interruptible() {
		p.cfg.Interrupt(func() { i.ask(ctx) })
	}
	return i
}

// interruptible says whether somebody is there to be asked: the lines of a pipe are meant
// for other questions.
func (p *plain) interruptible() bool { return p.cfg.Interrupt != nil && p.fd >= 0 }

func (i *interruption) end() {
	if i.p.interruptible() {
		i.p.cfg.Interrupt(nil)
	}
}

// stopped says, once no question is open, whether the run is to stop.
func (i *interruption) stopped() bool {
	i.open.Lock()
	defer i.open.Unlock()
	return i.asked()
}

// asked says whether it was asked to stop.
func (i *interruption) asked() bool {
	select {
	case <-i.stop:
		return true
	default:
		return false
	}
}

func (i *interruption) ask(ctx context.Context) {
	if i.printer.runs() == "" {
		i.leave()
		return
	}
	i.open.Lock()
	defer i.open.Unlock()
	i.p.asking.Lock() // one that is open already is answered first
	defer i.p.asking.Unlock()
	step := i.printer.hold()
	defer i.printer.release()
	if step == "" {
		return // it has ended meanwhile
	}
	i.p.say("")
	i.p.tell("", "Step "+step+" runs on the server, whether aslwiz watches or not.")
	question := "Stop it, leave it running, or watch on? stop, leave or watch: "
	if i.asked() {
		question = "It was asked to stop. Leave it, or watch on? leave or watch: "
	}
	for {
		fmt.Fprint(i.p.out, i.p.cfg.marked(question))
		line, err := i.p.readNow(ctx, false)
		switch word := strings.ToLower(strings.TrimSpace(line)); {
		case err != nil, word == "leave", word == "quit":
			i.leave()
			return
		case word == "watch", word == "back", word == "":
			return
		case word == "stop" && !i.asked():
			close(i.stop)
			i.p.say("Asked it to stop.")
			return
		}
		i.p.tell("", "stop ends the step: an apt that has begun finishes the packages in hand, which can take minutes. "+
			"leave ends aslwiz alone; start it again to follow the step. watch, or Enter alone, goes on as before.")
	}
}
