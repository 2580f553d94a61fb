package practice

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"aslwiz/remote"
)

// record is a transaction as the machine keeps it.
type record struct {
	tx       remote.Transaction
	status   remote.Status
	began    time.Time
	ended    time.Time // when its script ended
	before   map[string]*file
	values   map[string]string // of settings, before
	left     map[string]string // hashes of what the script left
	baseline []netip.AddrPort
	log      []remote.Progress
	percent  float64 // of apt's work, -1 when not known
	doing    string
	news     chan struct{} // closed and made anew when something is added
	stop     bool
	told     bool
	cause    string // why its script failed, where it says so
	boot     string // that it began in
}

const who = "you, practising"

// current is the transaction that holds the machine; nil when there is none.
func (m *machine) current() *record {
	for _, r := range slices.Backward(m.records) {
		if !r.status.State.Ended() {
			return r
		}
	}
	return nil
}

// Current implements checklist.Host.
func (h *Host) Current(ctx context.Context) (remote.Status, bool, error) {
	if err := h.enter(ctx); err != nil {
		return remote.Status{}, false, err
	}
	defer h.leave()
	if r := h.m.current(); r != nil {
		return r.status, true, nil
	}
	for i, r := range slices.Backward(h.m.records) {
		back := r.status.State == remote.TxRestored || r.status.State == remote.TxBroken
		if !r.told && (back || i == len(h.m.records)-1) {
			r.told = true
			return r.status, true, nil
		}
	}
	return remote.Status{}, false, nil
}

// Last implements checklist.Host.
func (h *Host) Last(ctx context.Context, step string) (remote.Status, bool, error) {
	if err := h.enter(ctx); err != nil {
		return remote.Status{}, false, err
	}
	defer h.leave()
	for _, r := range slices.Backward(h.m.records) {
		if r.tx.Step == step && r.status.State.Undoable() {
			return r.status, true, nil
		}
	}
	return remote.Status{}, false, nil
}

// record is the newest transaction of a name: a clock that nobody waits for lets
// several begin in the same second.
func (m *machine) record(id string) *record {
	for _, r := range slices.Backward(m.records) {
		if r.tx.ID == id {
			return r
		}
	}
	return nil
}

// Start implements checklist.Host.
func (h *Host) Start(ctx context.Context, tx remote.Transaction) error {
	if err := h.enter(ctx); err != nil {
		return err
	}
	defer h.leave()
	m := h.m
	switch err := tx.Validate(); {
	case err != nil:
		return fmt.Errorf("%s: %w", m.name, err)
	case m.current() != nil:
		return &remote.BusyError{Host: m.name, Status: m.current().status}
	case m.freeKiB < 16<<10:
		return fmt.Errorf("%s: %s: %w; make some room there (df -h, apt-get clean) and try again", m.name, remote.TxRoot, remote.ErrDiskFull)
	}
	now := m.w.clock.Now()
	r := &record{
		tx: tx, began: now, percent: -1, before: map[string]*file{}, values: map[string]string{}, left: map[string]string{}, news: make(chan struct{}),
		boot:   m.boot,
		status: remote.Status{ID: tx.ID, Step: tx.Step, State: remote.TxRunning, Who: who, Since: now.UTC(), BootID: m.boot},
	}
	if tx.Guard != nil {
		r.baseline = m.reachedNow(tx.Guard.Paths)
	}
	m.records = append(m.records, r)
	go m.job(r)
	return nil
}

// reachedNow is the baseline of a guard: the address that is dialled, and those of
// paths that can be reached now.
func (m *machine) reachedNow(paths []netip.AddrPort) []netip.AddrPort {
	out := []netip.AddrPort{netip.AddrPortFrom(m.home4().Addr(), 22)}
	for _, p := range paths {
		if !slices.Contains(out, p) && m.reach(p).Outcome == remote.ReachOpen {
			out = append(out, p)
		}
	}
	return out
}

// Follow implements checklist.Host.
func (h *Host) Follow(ctx context.Context, id string, offset int64, on func(remote.Progress)) (remote.Status, error) {
	w := h.m.w
	w.mu.Lock()
	r := h.m.record(id)
	if r == nil {
		w.mu.Unlock()
		return remote.Status{}, fmt.Errorf("%s: %s: %w", h.m.name, id, remote.ErrNoTransaction)
	}
	at := r.after(offset)
	for {
		h.m.settle()
		entries, st, news, proves := slices.Clone(r.log[at:]), r.status, r.news, r.provable(h.m)
		r.told = r.told || len(entries) == 0 && st.State.Ended()
		w.mu.Unlock()
		for _, p := range entries {
			on(p)
		}
		at += len(entries)
		switch {
		case ctx.Err() != nil:
			return st, ctx.Err()
		case len(entries) > 0:
		case st.State.Ended():
			return st, nil
		case proves:
			if err := h.m.prove(ctx, r); err != nil {
				return st, err
			}
		default:
			select {
			case <-ctx.Done():
				return st, ctx.Err()
			case <-news:
			}
		}
		w.mu.Lock()
	}
}

// after is the first entry of the log behind an offset in bytes.
func (r *record) after(offset int64) int {
	for i, p := range r.log {
		if offset <= 0 {
			return i
		}
		for _, l := range p.Lines {
			offset -= int64(len(l) + 1)
		}
	}
	if offset <= 0 {
		return 0
	}
	return len(r.log)
}

// Stop implements checklist.Host.
func (h *Host) Stop(ctx context.Context, id string) error {
	if err := h.enter(ctx); err != nil {
		return err
	}
	defer h.leave()
	r := h.m.record(id)
	if r == nil {
		return fmt.Errorf("%s: %s: %w", h.m.name, id, remote.ErrNoTransaction)
	}
	if r.status.State == remote.TxProving {
		h.m.restore(r, remote.TxRestored, "stopped on request")
		return nil
	}
	r.stop = true
	return nil
}

// Undo implements checklist.Host.
func (h *Host) Undo(ctx context.Context, id string) (remote.Status, error) {
	if err := h.enter(ctx); err != nil {
		return remote.Status{}, err
	}
	defer h.leave()
	m, r := h.m, h.m.record(id)
	switch {
	case r == nil:
		return remote.Status{}, fmt.Errorf("%s: %s: %w", m.name, id, remote.ErrNoTransaction)
	case m.current() != nil:
		return remote.Status{}, &remote.BusyError{Host: m.name, Status: m.current().status}
	}
	st := r.status
	for _, name := range sortedKeys(r.left) {
		if now := m.hashNow(r, name); now != r.left[name] && now != r.hashBefore(name) {
			st.Detail = append(st.Detail, name+": changed since this step")
		}
	}
	if len(st.Detail) > 0 {
		st.State, st.Reason = remote.TxRefused, "somebody changed what this step left; nothing was undone"
		return st, nil
	}
	m.restore(r, remote.TxUndone, "taken back on request")
	return r.status, nil
}

// add notes something in the log and wakes who follows it.
func (r *record) add(now time.Time, p remote.Progress) {
	p.Elapsed, p.Percent, p.Doing = now.Sub(r.began), r.percent, r.doing
	r.log = append(r.log, p)
	for _, l := range p.Lines {
		r.status.LogSize += int64(len(l) + 1)
	}
	r.wake()
}

func (r *record) wake() {
	close(r.news)
	r.news = make(chan struct{})
}

func (r *record) note(now time.Time, format string, args ...any) {
	r.add(now, remote.Progress{Note: fmt.Sprintf(format, args...)})
}

// end sets the last word on a transaction.
func (r *record) end(state remote.TxState, reason string, detail ...string) {
	r.status.State, r.status.Reason, r.status.Detail = state, reason, detail
	r.wake()
}

// addresses are the baseline for people.
func (r *record) addresses() string {
	var out []string
	for _, a := range r.baseline {
		out = append(out, a.String())
	}
	return strings.Join(out, ", ")
}
