package tui

import (
	"context"
	"errors"
	"fmt"

	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// step shows one step and does with it what the admin says.
func (p *plain) step(id string) error {
	if p.s.needsAnswers(id) {
		if err := p.answers(id); err != nil {
			return err
		}
	}
	p.show(id) // not again after every word: it is long to listen to
	for {
		line, err := p.word(p.stepQuestion(id), p.stepHelp)
		if err != nil {
			return err
		}
		switch line {
		case "run", "r":
			if !p.runnable(id) && !p.s.twoEnds(id) {
				p.say("There is nothing to run.")
				continue
			}
			return p.carryOut([]checklist.Step{stepOf(id)}, false)
		case "skip", "s":
			p.s.skip(id)
			p.save()
			return nil
		case "answers", "e":
			if err := p.answers(id); err != nil && !errors.Is(err, errBack) {
				return err
			}
			p.show(id)
		case "script":
			p.say("%s", remote.CleanText(p.s.plan[id].Script))
		case "undo":
			return p.undo(id)
		case "", "next":
			if p.s.done(id) {
				return nil
			}
			p.say("Nothing was changed yet; run, skip or back.")
		default:
			p.say("Not understood: %q. help lists what is.", clean(line))
		}
	}
}

// undo takes back what a step changed last, when that is what the admin wants.
func (p *plain) undo(id string) error {
	yes, err := p.yes("Bring back what step "+id+" changed last, files and settings?", p.stepHelp)
	if err != nil {
		return err
	}
	if !yes {
		p.say("Nothing was undone.")
		return nil
	}
	p.say("Undoing step %s.", id)
	printer := &eventPrinter{p: p}
	st, err := checklist.Undo(p.ctx, p.s.host, id, func(ev checklist.Event) {
		if ev.Status != checklist.StepRunning { // what that says of leaving is not true of an undo
			printer.print(ev)
		}
	})
	if err != nil {
		return err
	}
	p.tell("", fmt.Sprintf("Step %s: %s. %s", id, st.State, clean(st.Reason)))
	p.sayLines(detailLines(st))
	return p.look()
}

// runnable says whether a step has something to do, here or at an other end.
func (p *plain) runnable(id string) bool {
	open, _ := p.s.open(id)
	return p.s.plan[id].Status == checklist.StepPending || open != ""
}

func (p *plain) stepQuestion(id string) string {
	words := "run, skip, script, back"
	switch {
	case p.runnable(id):
	case p.s.twoEnds(id):
		words = "Enter for the next, run looks at both ends, back"
	default:
		words = "Enter for the next, back"
	}
	if len(fieldsOf(id, p.s.answers)) > 0 {
		words += ", answers"
	}
	return "\nStep " + id + " (" + words + "): "
}

func (p *plain) stepHelp() {
	p.tell("", "run carries the step out as shown; skip leaves it out; answers asks its questions again; script prints what runs, word for word; undo takes back what it changed last. "+everywhere)
}

func (p *plain) answers(id string) error {
	if len(fieldsOf(id, p.s.answers)) == 0 {
		p.say("This step asks nothing.")
		return nil
	}
	p.tell("", asks(stepOf(id)))
	err := p.ask(id, "")
	if err == nil {
		p.s.asked[id] = true
	}
	p.save()
	if err != nil {
		return err
	}
	return p.look()
}

// show prints a step.
func (p *plain) show(id string) {
	step, plan := stepOf(id), p.s.plan[id]
	p.say("\nStep %s: %s. %s.", id, clean(step.Title), p.s.status[id])
	if r := p.s.reason[id]; r != "" {
		p.tell("", r)
	}
	if step.Why != "" {
		p.tell("Why: ", clean(step.Why)+".")
	}
	if page := pageLines(id, p.width); page != nil {
		p.say("The page says:")
		p.sayLines(page)
	}
	p.sayLines(planLines(plan, p.width, spokenMarks))
	if plan.Guarded && plan.Status == checklist.StepPending {
		p.tell("", "This step could cut you off. The server takes it back by itself unless aslwiz reaches it again over new connections within two minutes.")
	}
}

// all asks what is still open and then carries out what is left.
func (p *plain) all() error {
	var steps []checklist.Step
	for _, st := range page.steps() {
		if p.s.done(st.ID) {
			continue
		}
		if p.s.needsAnswers(st.ID) {
			if err := p.answers(st.ID); err != nil {
				return err
			}
			if p.s.done(st.ID) {
				continue
			}
		}
		steps = append(steps, st)
	}
	if len(steps) == 0 {
		p.say("No step is left.")
		return nil
	}
	return p.carryOut(steps, true)
}

// mayRun says whether nothing stands in the way of a run up to step last, and asks about what does.
func (p *plain) mayRun(last string) (bool, error) {
	if id := p.s.blocked(last); id != "" {
		p.tell("", "This cannot run yet: fix what step "+id+" names, then start aslwiz again.")
		return false, nil
	}
	if id := p.s.wrong(); id != "" {
		p.tell("", "An answer of step "+id+" is not right yet; answers asks for it again.")
		return false, p.answers(id)
	}
	if !p.s.needsUnproven() {
		return true, nil
	}
	yes, err := p.yes("The page was not proven on this system yet. Go on all the same?", func() { p.tell("", everywhere) })
	if err == nil && !yes {
		p.say("Nothing was run.")
	}
	p.s.unproven = yes
	return yes, err
}

// carryOut runs steps and prints what happens.
func (p *plain) carryOut(steps []checklist.Step, all bool) error {
	if ok, err := p.mayRun(steps[len(steps)-1].ID); !ok {
		return err
	}
	shown := map[string]checklist.StepPlan{}
	for _, st := range steps {
		if !all {
			shown[st.ID] = p.s.plan[st.ID]
		}
	}
	r := newRun(p.s, steps, shown, all)
	defer r.leave()
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	printer := &eventPrinter{p: p}
	ctrlC := p.offer(ctx, cancel, printer)
	write, done := p.journal()
	defer done()
	_, err := checklist.Apply(ctx, p.s.host, p.s.answers, checklist.ApplyOptions{
		Steps: steps,
		Approve: func(plan checklist.StepPlan) (bool, error) {
			if ctrlC.stopped() {
				return false, checklist.ErrQuit
			}
			return p.approve(ctx, r, plan)
		},
		Emit:     func(ev checklist.Event) { write(ev); p.happened(ev); printer.print(ev) },
		Unproven: p.s.unproven,
		Secret:   p.psk,
		Dial:     p.peer,
		Stop:     ctrlC.stop,
	})
	ctrlC.end()
	if ctx.Err() != nil {
		p.tell("", "Left. A step that runs goes on on the server; start aslwiz again to follow it.")
		return errQuit
	}
	cancel() // what is asked about Ctrl-C needs no answer any more
	p.remember(func(k *known) { k.Running = "" })
	looked := p.look()
	for _, st := range steps {
		if status, why := p.s.open(st.ID); status != "" {
			p.tell("", fmt.Sprintf("Step %s: %s: %s", st.ID, status.Words(), why))
		}
	}
	if err != nil && !errors.Is(err, checklist.ErrQuit) {
		return err
	}
	return looked
}

// journal opens the journal of the server.
func (p *plain) journal() (write func(checklist.Event), done func()) {
	e := engine{cfg: p.cfg, send: func(m tea.Msg) {
		if text, ok := m.(noticeMsg); ok {
			p.tell("note: ", clean(string(text)))
		}
	}}
	return e.journal(p.s.name)
}

// peer logs in to the other end of a tunnel.
func (p *plain) peer(ctx context.Context, other checklist.Peer) (checklist.Host, error) {
	p.tell("", "Connecting to the other end of the tunnel "+clean(other.Name)+".")
	h, err := p.peers.dial(ctx, p.cfg, p.question, other)
	p.s.dialled(other.Name, h, err)
	return h, err
}

// happened takes an event, and remembers which step runs and where the server is.
func (p *plain) happened(ev checklist.Event) {
	p.s.happened(ev)
	if ev.Kind == checklist.EventMoved {
		p.save()
	}
	if ev.Kind == checklist.EventStep && ev.Status == checklist.StepRunning {
		p.remember(func(k *known) { k.Running = ev.Step })
	}
}

func (p *plain) approve(ctx context.Context, r *run, plan checklist.StepPlan) (bool, error) {
	if r.approved(plan) {
		return true, nil
	}
	p.say("\nStep %s: %s", plan.Step, clean(plan.Title))
	p.sayLines(planLines(plan, p.width, spokenMarks))
	words := "yes, skip or quit"
	if plan.Status == checklist.StepManual {
		words = "yes or quit"
	}
	for {
		line, err := p.wordUntil(ctx, "Go on with it? "+words+": ", func() { p.tell("", "yes runs it, skip leaves it out, quit stops before it.") })
		if err != nil {
			return false, checklist.ErrQuit
		}
		switch {
		case line == "yes" || line == "y":
			return true, nil
		case line == "skip" && plan.Status != checklist.StepManual:
			return false, nil
		default:
			p.say("Not understood: %q. Type %s.", clean(line), words)
		}
	}
}
