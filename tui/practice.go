package tui

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
)

// practiceMark stands on every screen of a practice run.
const practiceMark = "PRACTICE"

func (c Config) practice() bool { return c.Practice != nil }

// mark is what stands before all else on a screen or in a question.
func (c Config) mark() string {
	if c.practice() {
		return practiceMark + " "
	}
	return ""
}

// marked is a question with the mark before its words.
func (c Config) marked(text string) string {
	words := strings.TrimLeft(text, "\n")
	return text[:len(text)-len(words)] + c.mark() + words
}

// practiceWords introduce a practice run.
func (c Config) practiceWords() string {
	if !c.practice() {
		return ""
	}
	return practiceMark + ": the server is simulated, in this computer's memory; all else is the real program. Every answer is proposed. " +
		"On the screen Enter alone goes on from here to the hand-off, and stands for r (run), t (send a test) and y (yes) too."
}

// propose puts the practice server's answers where the wizard looks for answers.
func (c Config) propose(st store) error {
	if !c.practice() {
		return nil
	}
	return st.save(st.file("practice"), *c.Practice)
}

// handed are a report and the message for the admin list, as they leave. Those of a
// practice run say so in their first line: they go to people who did not see it.
func (c Config) handed(r checklist.Report) (report, message string) {
	if !c.practice() {
		return r.Markdown(), r.Message
	}
	const first = practiceMark + ": this is of the simulated server, not of a real one\n\n"
	r.Message = first + r.Message
	return first + r.Markdown(), r.Message
}

// practised is the key that Enter stands for in a practice run, where nothing is
// at stake: the one that goes on. What the screen names stays the key to learn.
func (w *wizard) practised(msg tea.KeyMsg) tea.KeyMsg {
	if !w.engine.cfg.practice() || !key.Matches(msg, keys.Enter) || w.help != nil {
		return msg
	}
	if len(w.dialogs) > 0 {
		if d := w.dialogs[0]; d.input == nil && len(d.options) > 0 {
			return keyOf(d.options[0].bind)
		}
		return msg
	}
	switch top := w.top().(type) {
	case *stepScreen:
		if ok, _ := top.runnable(); ok {
			return keyOf(keys.Run)
		}
	case *verifyScreen:
		return w.practisedItem(top, msg)
	}
	return msg
}

// practisedItem goes from the list of items to what mends the first red one, or
// to the hand-off when there is none.
func (w *wizard) practisedItem(v *verifyScreen, msg tea.KeyMsg) tea.KeyMsg {
	if w.busy != "" {
		return msg
	}
	for i, it := range page.items() {
		f := w.s.findings[it.ID]
		switch f.Status {
		case checklist.Passed, checklist.Manual:
			continue
		case checklist.Failed:
			if f.Fix != nil && f.Fix.Step != "" {
				v.choose(i)
				return keyOf(keys.FixStep)
			}
		case checklist.Unknown:
			if it.Act != nil && v.untried() {
				v.choose(i)
				return keyOf(keys.Try)
			}
		}
		v.choose(i)
		if f.Status == checklist.Failed {
			w.notice = practiceMark + ": what a person would see to is seen to meanwhile; measured again"
		}
		return keyOf(keys.MeasureRed)
	}
	return keyOf(keys.HandOff)
}

// keyOf is a press of a binding's first key.
func keyOf(b key.Binding) tea.KeyMsg {
	name := b.Keys()[0]
	if name == "esc" {
		return tea.KeyMsg{Type: tea.KeyEsc}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}
