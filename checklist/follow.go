package checklist

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"aslwiz/remote"
)

// follow turns a transaction's progress into events until it has ended, and
// passes on the admin's word to stop it.
func (r *run) follow(ctx context.Context, id, step string) (remote.Status, error) {
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-done:
		case <-ctx.Done():
		case <-r.opt.Stop:
			if err := r.h.Stop(ctx, id); err != nil {
				r.send(Event{Kind: EventNote, Step: step, Text: "asked to stop, and was not heard: " + err.Error()})
			}
		}
	}()
	return r.h.Follow(ctx, id, 0, func(p remote.Progress) { r.progress(step, p) })
}

func (r *run) progress(step string, p remote.Progress) {
	if p.Note != "" {
		r.send(Event{Kind: EventNote, Step: step, Text: p.Note})
	}
	if len(p.Lines) > 0 {
		r.send(Event{Kind: EventOutput, Step: step, Lines: p.Lines, Elapsed: p.Elapsed})
	}
	switch {
	case p.Silent > 0:
		r.send(Event{Kind: EventStall, Step: step, Silent: p.Silent, Holder: p.Holder, Elapsed: p.Elapsed})
	default:
		r.send(Event{Kind: EventProgress, Step: step, Percent: p.Percent, Doing: p.Doing, Elapsed: p.Elapsed})
	}
}

// describeStatus is one line on how a transaction ended.
func describeStatus(st remote.Status) string {
	reason := st.Reason
	if reason != "" {
		reason = ": " + reason
	}
	switch st.State {
	case remote.TxDone:
		return "done"
	case remote.TxFailed:
		why := cmp.Or(st.Reason, fmt.Sprintf("a command ended with status %d", st.Code))
		if strings.HasSuffix(why, fmt.Sprintf(" ended with status %d", st.Code)) { // and the cause is not known
			why += "; the log's last lines say why"
		}
		return why
	case remote.TxStopped:
		return "stopped" + strings.TrimPrefix(reason, ": stopped")
	case remote.TxRefused:
		return "nothing was changed" + strings.TrimSuffix(reason, "; nothing was done")
	case remote.TxRestored:
		return "what was there before is back" + reason
	case remote.TxBroken:
		return "what was there before could not all be brought back" + reason
	case remote.TxLost:
		return "cut off in the middle" + reason
	}
	return string(st.State) + reason
}

// Undo brings back what the newest transaction of a step changed. emit may be nil.
func Undo(ctx context.Context, h Host, step string, emit Emit) (remote.Status, error) {
	st, ok, err := h.Last(ctx, step)
	if err != nil {
		return st, err
	}
	if !ok {
		return st, fmt.Errorf("%s: step %s has nothing to undo: aslwiz has not changed anything there by it", h.Name(), step)
	}
	if emit != nil {
		emit(Event{Kind: EventStep, At: time.Now(), Server: h.Name(), Step: step, Status: StepRunning})
	}
	return h.Undo(ctx, st.ID)
}
