package tui

import (
	"fmt"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
)

// answersScreen asks what one step needs to know.
type answersScreen struct {
	w    *wizard
	step string
	was  checklist.Answers
	more int // further steps that ask something before all is run
	form *form
	then func() tea.Cmd // after the server was read again
}

func newAnswersScreen(w *wizard, step string, then func() tea.Cmd) *answersScreen {
	s := w.s
	a := &answersScreen{w: w, step: step, was: s.answers, then: then}
	a.form = newForm(step, &s.answers, s.facts, s.typed)
	if s.asked[step] || s.leftWrong(step) { // what was left wrong is what it is opened for
		a.form.toWrong()
	}
	return a
}

func (a *answersScreen) title() string { return a.step + ", answers" }

func (a *answersScreen) stepID() string { return a.step }

func (a *answersScreen) typing() bool { return true }

func (a *answersScreen) leave() tea.Cmd {
	a.form.commit()
	a.w.s.asked[a.step] = true                                     // seen and left as it is: e asks again
	if a.w.s.wrong() == "" && !sameAnswers(a.was, a.w.s.answers) { // the plan on the screen is of before
		return tea.Batch(a.w.saveDraft(), a.w.lookAgain())
	}
	return a.w.saveDraft()
}

func (a *answersScreen) keys() []key.Binding { return a.form.keys("done") }

func (a *answersScreen) update(msg tea.Msg) tea.Cmd {
	m, ok := msg.(tea.KeyMsg)
	if !ok || a.w.busy != "" && a.w.after != nil { // these answers are being read with, and what follows is chosen
		return nil
	}
	if !a.form.update(m) {
		return nil
	}
	if a.w.busy != "" {
		a.w.notice = "the server is still being read: press Enter again when that is over"
		return nil
	}
	a.w.s.asked[a.step] = true
	return tea.Batch(a.w.saveDraft(), a.w.lookThen("reading the server with these answers", a.then))
}

// asks introduces the questions of a step.
func asks(step checklist.Step) string {
	return "To " + clean(step.Title) + ", aslwiz asks you this. Enter keeps what is filled in, also where that is nothing."
}

func (a *answersScreen) view(w, h int) []string {
	step := stepOf(a.step)
	text := asks(step)
	if a.more > 0 {
		has := "has"
		if a.more > 1 {
			has = "have"
		}
		text += fmt.Sprintf(" %s %s questions before anything runs.", plural(a.more, "more step"), has)
	}
	out := wrap(w, "", text)
	out = append(out, "")
	return append(out, a.form.view(w, h-len(out))...)
}
