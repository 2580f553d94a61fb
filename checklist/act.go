package checklist

import (
	"context"
	"fmt"
	"strings"
	"time"

	"aslwiz/remote"
)

// actLimit is how long what an item does may take.
const actLimit = time.Minute

// Act does what some items need done before they can be seen to work: it sends
// a mail, or writes a marked line to the log. It is a transaction like a step's,
// so that the server's log says who did it, and no second one runs beside it; it
// changes no file. Verify never does it by itself: looking again must not send
// again.
func Act(ctx context.Context, h Host, in In, items []Item, emit Emit) error {
	if emit == nil {
		emit = func(Event) {}
	}
	var script strings.Builder
	for _, it := range items {
		if it.Act == nil {
			continue
		}
		for i, line := range it.Act(in) {
			if i == 0 {
				fmt.Fprintf(&script, "\n# item %s\n", it.ID)
			}
			fmt.Fprintln(&script, line)
		}
	}
	if script.Len() == 0 {
		return nil
	}
	now := time.Now()
	tx := remote.Transaction{
		ID: remote.NewID(now, "try"), Step: "try", Title: "try what the items need to see working",
		Script: "# try\n" + script.String(), Limit: actLimit,
	}
	if err := h.Start(ctx, tx); err != nil {
		return fmt.Errorf("%s: trying the items: %w", h.Name(), err)
	}
	st, err := h.Follow(ctx, tx.ID, 0, func(p remote.Progress) {
		if len(p.Lines) > 0 {
			emit(Event{Kind: EventOutput, At: time.Now(), Server: h.Name(), Step: tx.Step, Lines: p.Lines})
		}
	})
	if err != nil {
		return fmt.Errorf("%s: trying the items: %w", h.Name(), err)
	}
	if st.State != remote.TxDone {
		return fmt.Errorf("%s: trying the items: %s", h.Name(), describeStatus(st))
	}
	return nil
}
