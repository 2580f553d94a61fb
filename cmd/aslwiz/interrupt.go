package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// errInterrupted is the cause of a context that Ctrl-C ended.
var errInterrupted = errors.New("interrupted")

// interrupts hands Ctrl-C to whoever wants to ask about it; without such a one,
// and the second time in any case, it ends the run's context. A signal after that
// ends the program at once: whatever does not heed the context must not hold it up.
type interrupts struct {
	exit   func() // ends the program
	mu     sync.Mutex
	asker  func() // called on its own goroutine
	asking bool
}

func newInterrupts(exit func()) *interrupts { return &interrupts{exit: exit} }

// listen begins to take signals. The context ends when the run should.
func (i *interrupts) listen(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	ch := make(chan os.Signal, 4)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case s := <-ch:
				switch {
				case ctx.Err() != nil:
					i.exit()
				case s != os.Interrupt || !i.ask():
					cancel(errInterrupted)
				}
			}
		}
	}()
	return ctx, func() {
		signal.Stop(ch)
		close(done)
		cancel(nil)
	}
}

// ask starts the asker; false when there is none or it is asking already.
func (i *interrupts) ask() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.asker == nil || i.asking {
		return false
	}
	i.asking = true
	go func() {
		i.asker()
		i.mu.Lock()
		i.asking = false
		i.mu.Unlock()
	}()
	return true
}

// offer sets who asks about Ctrl-C; nil: nobody.
func (i *interrupts) offer(asker func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asker = asker
}
