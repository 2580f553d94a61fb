package tui

import (
	"context"
	"errors"
	"fmt"

	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// goToStep shows a step; first its questions, when they were never answered.
func (w *wizard) goToStep(id string) tea.Cmd {
	if id == "" {
		w.notice = "there is no further step in that direction"
		return nil
	}
	w.push(newStepScreen(w, id))
	if w.s.needsAnswers(id) {
		w.push(newAnswersScreen(w, id, w.popThen(nil)))
	}
	return nil
}

// goToNext shows the first step after id that is not settled, and the
// verification when there is none.
func (w *wizard) goToNext(id string) tea.Cmd {
	next := w.s.nextStep(id)
	if next == "" {
		next = w.s.nextStep("")
	}
	if next == "" || next == id {
		return w.goToVerify()
	}
	return w.goToStep(next)
}

// goToVerify shows the verification: the one that the admin came from, with what
// was not ok measured anew, or a new one.
func (w *wizard) goToVerify() tea.Cmd {
	if i := w.verifying(); i >= 0 {
		w.stack = w.stack[:i+1]
		v, _ := w.top().(*verifyScreen)
		v.refresh()
		return w.whenFree(func() tea.Cmd { return v.measure(v.notOK()) })
	}
	v := newVerifyScreen(w)
	w.push(v)
	if len(w.s.findings) > 0 {
		return w.tick()
	}
	return w.whenFree(func() tea.Cmd { return v.measure(page.items()) })
}

// whenFree does something once what is being waited for has come.
func (w *wizard) whenFree(then func() tea.Cmd) tea.Cmd {
	if w.busy == "" {
		return then()
	}
	w.after = then
	return nil
}

// verifying is where in the stack the verification is; -1 when it is not there.
func (w *wizard) verifying() int {
	for i := len(w.stack) - 1; i >= 0; i-- {
		if _, ok := w.stack[i].(*verifyScreen); ok {
			return i
		}
	}
	return -1
}

// popThen leaves the screen on top and goes on.
func (w *wizard) popThen(then func() tea.Cmd) func() tea.Cmd {
	return func() tea.Cmd {
		w.stack = w.stack[:len(w.stack)-1]
		w.refresh()
		if then == nil {
			return nil
		}
		return then()
	}
}

// lookAgain reads the server and plans anew.
func (w *wizard) lookAgain() tea.Cmd { return w.lookThen("reading the server", nil) }

// lookThen reads the server, and goes on when that has worked.
func (w *wizard) lookThen(what string, then func() tea.Cmd) tea.Cmd {
	if w.busy != "" {
		return nil
	}
	ctx := w.wait(what)
	w.after = then
	return tea.Batch(w.engine.look(ctx, w.s), w.tick())
}

func (w *wizard) looked(msg lookedMsg) tea.Cmd {
	if msg.session != w.s || w.busy == "" || errors.Is(msg.err, context.Canceled) {
		return nil
	}
	w.busy = ""
	then := w.after
	w.after = nil
	if msg.err != nil {
		w.notice = clean(msg.err.Error())
		return nil
	}
	w.s.took(msg.facts, msg.plan)
	w.refresh()
	if then != nil {
		return then()
	}
	return nil
}

// needsUnproven says whether the admin has yet to agree to a release on which
// the page was not proven.
func (s *session) needsUnproven() bool { return !s.facts.Release.Proven && !s.unproven }

func (w *wizard) unprovenDialog(then func() tea.Cmd) *dialog {
	return &dialog{
		asked: true, head: "Not proven on this system",
		body: []string{
			"The page was not yet run from end to end on " + clean(w.s.facts.Release.Name) + ". Steps may fail there in ways that nobody has seen. " +
				"Files and settings are copied before they are changed, and each step can be undone.",
		},
		options: []option{
			{bind("y", "go on all the same", "y"), func() tea.Cmd { w.s.unproven = true; w.refresh(); return then() }},
			{bind("esc", "back", "esc", "n"), func() tea.Cmd { return nil }},
		},
	}
}

// watch shows the run on its screen again; one that was left running is followed
// anew.
func (w *wizard) watch(step string) tea.Cmd {
	if w.run.leaving && w.run.ended && w.s.status[step] == checklist.StepRunning {
		return w.follow(step)
	}
	w.push(newRunScreen(w, w.run))
	return nil
}

// runStep carries out one step as it is shown.
func (w *wizard) runStep(id string) tea.Cmd {
	return w.begin([]checklist.Step{stepOf(id)}, false)
}

// runAll asks what is still open and then carries out what is left, from the first
// step on whichever is on the screen, without a further word but for a surprise.
func (w *wizard) runAll() tea.Cmd {
	var steps []checklist.Step
	for _, st := range page.steps() {
		if w.s.done(st.ID) {
			continue
		}
		if w.s.needsAnswers(st.ID) {
			ask := newAnswersScreen(w, st.ID, w.popThen(w.runAll))
			ask.more = w.s.asking(st.ID)
			w.push(ask)
			return nil
		}
		steps = append(steps, st)
	}
	if len(steps) == 0 {
		return w.goToVerify()
	}
	return w.begin(steps, true)
}

func (w *wizard) begin(steps []checklist.Step, all bool) tea.Cmd {
	if w.s.needsUnproven() {
		w.open(w.unprovenDialog(func() tea.Cmd { return w.begin(steps, all) }))
		return nil
	}
	if w.running() {
		w.notice = "a step is running already" + w.elsewhere(w.run, " on %s")
		return nil
	}
	if id := w.s.blocked(steps[len(steps)-1].ID); id != "" {
		w.notice = "this cannot run yet: fix what step " + id + " names, then press r there"
		return nil
	}
	if id := w.s.wrong(); id != "" {
		w.push(newAnswersScreen(w, id, w.popThen(nil)))
		w.notice = "an answer of step " + id + " is not right yet"
		return nil
	}
	shown := map[string]checklist.StepPlan{}
	for _, st := range steps {
		shown[st.ID] = w.s.plan[st.ID]
	}
	w.run = newRun(w.s, steps, shown, all)
	if all {
		w.run.shown = map[string]checklist.StepPlan{} // agreed to as a whole, a reboot is asked
	}
	w.run.unproven = w.s.unproven
	w.push(newRunScreen(w, w.run))
	return tea.Batch(w.saveRunning(w.s, steps[0].ID), w.engine.apply(w.run), w.tick())
}

// follow watches a step that an earlier start has begun. Nothing else is carried
// out without a question.
func (w *wizard) follow(step string) tea.Cmd {
	st, ok := stepByID(step)
	if !ok {
		w.notice = "a step that this version does not know is running there: " + clean(step)
		return nil
	}
	w.run = newRun(w.s, []checklist.Step{st}, map[string]checklist.StepPlan{}, false)
	w.run.unproven = true // it was begun before: only what is left of it is watched
	w.push(newRunScreen(w, w.run))
	return tea.Batch(w.engine.apply(w.run), w.tick())
}

// applied takes the end of a run, and reads the server again if it is the one on
// the screen.
func (w *wizard) applied(msg appliedMsg) tea.Cmd {
	r := msg.run
	r.ended, r.running, r.finished = true, false, msg.result.Steps
	r.leave()
	w.void(r)
	if r.leaving {
		if r == w.run {
			w.notice = "left running on the server; l follows it again"
		}
		return nil
	}
	if r.asked { // to stop, which the notice waits for
		w.notice = ""
	}
	switch {
	case errors.Is(msg.err, checklist.ErrQuit):
		w.notice = "stopped before the next step, on your word"
		r.quit = true
		if status, why := r.s.open(r.step); status != "" && r.has(r.step) {
			r.finished = append(r.finished, checklist.StepResult{Step: r.step, Status: status, Reason: why})
			w.notice = "stopped before the other end, on your word"
		}
	case msg.err != nil && !errors.Is(msg.err, context.Canceled):
		r.err = msg.err
		if why := remote.FirstLine(msg.err.Error()); len(r.finished) == 0 || r.finished[len(r.finished)-1].Reason != why {
			r.log.append("  " + why)
		}
	}
	r.s.current = nil
	if s, ok := r.s.status[r.step]; ok && s == checklist.StepRunning {
		r.s.status[r.step] = checklist.StepUnknown
	}
	saved := w.saveRunning(r.s, "")
	if r.s != w.s {
		w.notice = w.elsewhere(r, "the run on %s has ended; choose it at the start to see how")
		return saved
	}
	return tea.Batch(saved, w.lookAgain(), w.top().update(msg))
}

// void takes away the question of a run that has ended.
func (w *wizard) void(r *run) {
	for i, d := range w.dialogs {
		if d.run == r {
			w.dialogs = append(w.dialogs[:i:i], w.dialogs[i+1:]...)
			return
		}
	}
}

// running says whether a run goes on that is watched.
func (w *wizard) running() bool { return w.run != nil && !w.run.ended && !w.run.leaving }

// elsewhere names the server of a run in a sentence, where that is not the one on
// the screen; else it is "".
func (w *wizard) elsewhere(r *run, sentence string) string {
	if r == nil || r.s == w.s {
		return ""
	}
	return fmt.Sprintf(sentence, clean(r.s.title()))
}

// copy puts a text on the clipboard of the admin's terminal.
func (w *wizard) copy(text, what string) tea.Cmd {
	w.notice = fmt.Sprintf("sent %s to the terminal's clipboard; not every terminal takes it", what)
	return func() tea.Msg {
		w.engine.clipboard(text)
		return nil
	}
}
