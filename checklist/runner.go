package checklist

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"aslwiz/remote"
)

// ErrQuit is what ApplyOptions.Approve returns when the admin wants no further
// steps.
var ErrQuit = errors.New("stopped by the admin")

// Why a server's release keeps Apply from beginning.
var (
	// ErrUnproven says that it is known and was not proven on real machines.
	ErrUnproven = errors.New("release not proven")
	// ErrRelease says that it is not known at all.
	ErrRelease = errors.New("release not supported")
)

// ApplyOptions say how a plan is carried out.
type ApplyOptions struct {
	Steps []Step
	// Approve is asked before a step that has something to do, with exactly what
	// will run, and before going on where the server falls short of the page. false
	// skips the step. nil: everything is approved.
	Approve func(StepPlan) (bool, error)
	Emit    Emit
	// Unproven allows a release that was not proven in the lab.
	Unproven bool
	// Guard is how long a guarded step waits for the way in to be proved before it
	// is taken back; 0 means DefaultGuard.
	Guard time.Duration
	// Dial logs in to the other end of a tunnel; a Host that is an io.Closer is
	// closed at the end. nil: what belongs there is only shown.
	Dial func(context.Context, Peer) (Host, error)
	// Secret is asked for a tunnel's key, by the peer's name, and only when one
	// has to be set: see PSKWord. nil: it is generated.
	Secret func(ctx context.Context, name string) (remote.Secret, error)
	// Stop asks the running step to end. A cancelled context leaves it running.
	Stop <-chan struct{}
}

// StepResult is how a step ended.
type StepResult struct {
	Step   string     `json:"step"`
	Status StepStatus `json:"status"`
	Reason string     `json:"reason,omitempty"`
}

// Result is how a run ended.
type Result struct {
	Steps []StepResult `json:"steps"`
}

// Failed says whether a step stopped the run.
func (r Result) Failed() bool {
	return slices.ContainsFunc(r.Steps, func(s StepResult) bool {
		return s.Status == StepFailed || s.Status == StepRestored || s.Status == StepUnknown
	})
}

// Changed says whether any step changed the server.
func (r Result) Changed() bool {
	return slices.ContainsFunc(r.Steps, func(s StepResult) bool { return s.Status == StepChanged })
}

// Apply brings the server to what the steps want, in their order, and stops at
// the first that does not end as wanted. A transaction that already runs there
// is followed to its end first. An error is something other than a step's own
// outcome: the server cannot be reached, the admin stopped, another one works on it.
func Apply(ctx context.Context, h Host, answers Answers, opt ApplyOptions) (Result, error) {
	r := &run{h: h, opt: opt, answers: answers, emit: opt.Emit, changed: map[string]bool{}, stale: map[int]bool{}, written: map[string]bool{}, keys: newKeys()}
	if r.emit == nil {
		r.emit = func(Event) {}
	}
	defer r.hangUp()
	if err := r.pickUp(ctx); err != nil {
		return r.result, err
	}
	if err := r.replan(ctx); err != nil {
		return r.result, err
	}
	if err := fit(h.Name(), r.plan.Facts.Release, opt.Unproven); err != nil {
		return r.result, err
	}
	for i := range opt.Steps {
		ok, err := r.step(ctx, i)
		if err != nil || !ok {
			return r.result, err
		}
	}
	r.send(Event{Kind: EventDone})
	return r.result, nil
}

// run is the state of one Apply.
type run struct {
	h       Host
	opt     ApplyOptions
	answers Answers
	emit    Emit
	plan    Plan // of all steps; those that a change may concern are planned anew
	changed map[string]bool
	stale   map[int]bool // steps that were planned before the last change
	result  Result
	keys    *keys           // of the tunnels; shared with the runs at the other ends
	written map[string]bool // names of those that were set on this host
	far     []*run          // the other ends that were dialled
	// deaf are the other ends that could not be asked, by peer, and why; nil in a
	// run that needs them all.
	deaf map[string]error
}

func (r *run) send(e Event) {
	e.At, e.Server = time.Now(), r.h.Name()
	r.emit(e)
}

func (r *run) end(step string, status StepStatus, reason string, detail []string, tx *remote.Status) {
	r.result.Steps = append(r.result.Steps, StepResult{Step: step, Status: status, Reason: reason})
	r.send(Event{Kind: EventStep, Step: step, Status: status, Text: reason, Detail: detail, Tx: tx})
}

// pickUp follows what an earlier aslwiz left running.
func (r *run) pickUp(ctx context.Context) error {
	st, ok, err := r.h.Current(ctx)
	if err != nil || !ok {
		return err
	}
	if st.State.Ended() {
		if st.State != remote.TxLost { // with its log, which nobody has read either
			if _, err := r.follow(ctx, st.ID, st.Step); err != nil {
				return err
			}
		}
		r.send(Event{Kind: EventNote, Step: st.Step, Tx: &st, Detail: st.Detail, Text: Meanwhile(st)})
		return nil
	}
	from := r.h.ServerAddr()
	r.send(Event{
		Kind: EventNote, Step: st.Step, Tx: &st,
		Text: fmt.Sprintf("step %s is under way since %s (%s); following it", st.Step, st.Since.UTC().Format(time.DateTime+" UTC"), st.Who),
	})
	r.send(Event{Kind: EventStep, Step: st.Step, Status: StepRunning})
	st, err = r.follow(ctx, st.ID, st.Step)
	if err != nil {
		return err
	}
	// The address is the server's own word: only one that the answers name is believed.
	if to := r.h.ServerAddr(); st.State == remote.TxDone && from.Addr().String() == r.answers.Host && to != from &&
		slices.Contains(r.answers.Network.Addresses(), to.Addr()) {
		r.moved(&remote.Guard{New: to})
	}
	r.send(Event{Kind: EventNote, Step: st.Step, Tx: &st, Text: "step " + st.Step + " ended: " + describeStatus(st)})
	return nil
}

// Meanwhile says how a transaction ended that nobody was there to see.
func Meanwhile(st remote.Status) string {
	began := fmt.Sprintf("step %s, begun by %s at %s, ", st.Step, st.Who, st.Since.UTC().Format(time.DateTime+" UTC"))
	switch st.State {
	case remote.TxLost:
		return began + "was cut off: " + orElse(st.Reason, "the machine went down") + "; the server is read again to see what it had done"
	case remote.TxRestored:
		return began + "was restored in the meantime: " + describeStatus(st)
	case remote.TxBroken:
		return began + "was taken back in the meantime, not all of it: " + describeStatus(st)
	}
	return began + "ended in the meantime: " + describeStatus(st)
}

// replan reads the server again and plans steps, by their places; without places
// all of them.
func (r *run) replan(ctx context.Context, places ...int) error {
	if len(r.plan.Steps) == 0 {
		r.plan.Steps = make([]StepPlan, len(r.opt.Steps))
	}
	if len(places) == 0 {
		for i := range r.opt.Steps {
			places = append(places, i)
		}
	}
	facts, err := GatherFacts(ctx, r.h)
	if err != nil {
		return err
	}
	steps := make([]Step, len(places))
	for k, i := range places {
		steps[k] = r.opt.Steps[i]
	}
	fresh, err := MakePlan(ctx, r.h, r.in(facts), steps)
	if err != nil {
		return err
	}
	r.plan.Server, r.plan.Facts = fresh.Server, facts
	for k, i := range places {
		r.plan.Steps[i] = fresh.Steps[k]
		delete(r.stale, i)
	}
	return nil
}

// stepHere carries out step i on this server.
func (r *run) stepHere(ctx context.Context, i int) (ok bool, err error) {
	p, step := r.plan.Steps[i], r.opt.Steps[i]
	r.send(Event{Kind: EventPlanned, Step: step.ID, Status: p.Status, Plan: &p})
	short, blocks := p.Short()
	switch {
	case p.Status == StepUnknown:
		r.end(step.ID, StepUnknown, p.Problems[0], p.Problems[1:], nil)
		return false, nil
	case blocks:
		r.end(step.ID, StepFailed, short[0], short[1:], nil)
		return false, nil
	case p.Status == StepSame:
		r.end(step.ID, StepSame, "", nil, nil)
		return true, nil
	case p.Status == StepPending && len(p.Waits()) > 0:
		r.end(step.ID, StepFailed, p.Waits()[0], nil, nil)
		return false, nil
	}
	if yes, err := r.approve(p); err != nil || !yes {
		if err == nil {
			r.end(step.ID, StepSkipped, "left out on the admin's word", nil, nil)
		}
		return err == nil, err
	}
	if p.Status == StepManual {
		r.end(step.ID, StepManual, short[0], short[1:], nil)
		return true, nil
	}
	return r.carryOut(ctx, i)
}

func (r *run) approve(p StepPlan) (bool, error) {
	if r.opt.Approve == nil {
		return true, nil
	}
	return r.opt.Approve(p)
}

func (r *run) carryOut(ctx context.Context, i int) (bool, error) {
	step := r.opt.Steps[i]
	tx := r.plan.Steps[i].Transaction(time.Now(), r.opt.Guard)
	var err error
	if tx.Secrets, err = r.keys.of(ctx, r.opt.Secret, r.plan.Steps[i].Changes); err != nil {
		return false, err
	}
	if err := r.h.Start(ctx, tx); err != nil {
		r.neverRan(step.ID, err)
		return false, err
	}
	r.send(Event{Kind: EventStep, Step: step.ID, Status: StepRunning})
	st, err := r.follow(ctx, tx.ID, step.ID)
	if err != nil {
		return false, err
	}
	if st.State != remote.TxDone {
		status := StepFailed
		if st.State == remote.TxRestored {
			status = StepRestored
		}
		r.end(step.ID, status, describeStatus(st), st.Detail, &st)
		return false, nil
	}
	r.wrote(tx.Secrets)
	r.moved(tx.Guard)
	return r.readBack(ctx, i, &st)
}

// neverRan ends a step that the server did not start, or of which the link took the
// answer with it.
func (r *run) neverRan(step string, err error) {
	status, reason := StepNotStarted, remote.FirstLine(err.Error())
	if errors.Is(err, remote.ErrUnsure) {
		status, reason = StepUnknown, "it may be running on the server: "+reason
	}
	r.end(step, status, reason, nil, nil)
}

// moved notes that the server has another address, now proved.
func (r *run) moved(g *remote.Guard) {
	if g == nil || !g.New.IsValid() {
		return
	}
	to := g.New.Addr().String()
	if to == r.answers.Host {
		return
	}
	r.answers.Moved(to)
	r.send(Event{Kind: EventMoved, Text: to})
}

// readBack surveys the server again: the finding is what was read, not what was
// hoped. The same request plans the steps that the change may concern.
func (r *run) readBack(ctx context.Context, i int, st *remote.Status) (bool, error) {
	step, shown := r.opt.Steps[i], slices.Clone(r.plan.Steps)
	again := r.concerned(i)
	if err := r.replan(ctx, again...); err != nil {
		return false, fmt.Errorf("step %s ran, and could not be read back: %w", step.ID, err)
	}
	r.changed[step.ID] = true
	if p := r.plan.Steps[i]; p.Status != StepSame {
		r.end(step.ID, StepFailed, "ran without an error, and the server is still not as wanted", stillWrong(p), st)
		return false, nil
	}
	r.end(step.ID, StepChanged, "", nil, st)
	if step.AtBoot && shown[i].Guarded {
		r.send(Event{Kind: EventNote, Step: step.ID, Text: "it takes effect when the step reboot restarts the server, which proves it; any other restart takes it back"})
	}
	for _, j := range again[1:] {
		if !r.asShown(shown[j], j) {
			return false, nil
		}
	}
	return true, nil
}
