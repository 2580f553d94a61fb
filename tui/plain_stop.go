package tui

import (
	"context"
	"fmt"
	"strings"
)

// interruption asks what Ctrl-C means for the step that runs: in lines there is no key
// for it. A second Ctrl-C leaves, as one does where nothing runs.
type interruption struct {
	p       *plain
	printer *eventPrinter
	leave   context.CancelFunc
	stop    chan struct{} // closed when the step is to stop
	asked   bool          // it was
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

func (i *interruption) ask(ctx context.Context) {
	step := i.printer.hold()
	defer i.printer.release()
	if step == "" {
		i.leave()
		return
	}
	i.p.say("")
	i.p.tell("", "Step "+step+" runs on the server, whether aslwiz watches or not.")
	question := "Stop it, leave it running, or watch on? stop, leave or watch: "
	if i.asked {
		question = "It was asked to stop. Leave it, or watch on? leave or watch: "
	}
	for {
		fmt.Fprint(i.p.out, i.p.cfg.marked(question))
		line, err := i.p.read(ctx, false)
		switch word := strings.ToLower(strings.TrimSpace(line)); {
		case err != nil, word == "leave", word == "quit":
			i.leave()
			return
		case word == "watch", word == "back", word == "":
			return
		case word == "stop" && !i.asked:
			i.asked = true
			close(i.stop)
			i.p.say("Asked it to stop.")
			return
		}
		i.p.tell("", "stop ends the step: an apt that has begun finishes the packages in hand, which can take minutes. "+
			"leave ends aslwiz alone; start it again to follow the step. watch, or Enter alone, goes on as before.")
	}
}
