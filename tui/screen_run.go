package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
)

// runScreen is a step while it runs, with its live log, and how it ended.
type runScreen struct {
	w *wizard
	r *run
}

func newRunScreen(w *wizard, r *run) *runScreen { return &runScreen{w, r} }

func (s *runScreen) title() string {
	if s.r.ended {
		return orElse(s.r.step, "run") + ", ended"
	}
	return orElse(s.r.step, "run") + ", running"
}

func (s *runScreen) stepID() string { return s.r.step }

func (s *runScreen) keys() []key.Binding {
	var out []key.Binding
	if s.r.ended {
		out = append(out, as(keys.Enter, s.enterMeans()))
	} else {
		out = append(out, as(keys.Cancel, "cancel"))
	}
	out = append(out, keys.LineUp)
	if !s.r.log.follow {
		out = append(out, as(keys.Follow, "follow the end"))
	}
	out = append(out, keys.Search)
	if s.r.log.find != "" {
		out = append(out, keys.FindNext, keys.FindPrev)
	}
	return append(append(out, keys.Save, keys.Back), paging...)
}

func (s *runScreen) enterMeans() string {
	switch {
	case s.good() && s.w.verifying() >= 0:
		return "back to the verification"
	case s.good() && s.w.s.nextStep("") == "":
		return "verify"
	case s.good():
		return "next"
	}
	return "back to the step"
}

// good says whether the run ended as wanted.
func (s *runScreen) good() bool {
	if s.r.err != nil || len(s.r.finished) == 0 {
		return false
	}
	return !checklist.Result{Steps: s.r.finished}.Failed() && !s.r.leaving && !s.r.quit
}

func (s *runScreen) update(msg tea.Msg) tea.Cmd {
	if _, ok := msg.(tickMsg); ok && s.r.running && s.r.s.status[s.r.step] == checklist.StepRunning && s.r.saved != s.r.step {
		s.r.saved = s.r.step
		return s.w.saveRunning(s.r.s, s.r.step)
	}
	m, ok := msg.(tea.KeyMsg)
	if !ok {
		return nil
	}
	switch {
	case key.Matches(m, keys.Cancel) && !s.r.ended:
		s.w.open(s.w.leaveDialog(s.r, false))
	case key.Matches(m, keys.Enter) && s.r.ended:
		return s.goOn()
	case key.Matches(m, keys.Search):
		s.w.open(s.searchDialog())
	case key.Matches(m, keys.FindNext) && s.r.log.find != "":
		s.r.log.search(s.r.log.find, 1)
	case key.Matches(m, keys.FindPrev) && s.r.log.find != "":
		s.r.log.search(s.r.log.find, -1)
	case key.Matches(m, keys.Save):
		return s.w.saveLog(orElse(s.r.step, "run"), s.r.log.text())
	default:
		s.r.log.update(m)
	}
	return nil
}

// goOn leaves the log: for the next step when all went well, else for the step
// that did not.
func (s *runScreen) goOn() tea.Cmd {
	w := s.w
	w.stack = w.stack[:len(w.stack)-1]
	w.refresh()
	switch {
	case s.good() && w.verifying() >= 0:
		return w.goToVerify()
	case s.good():
		return w.goToNext(s.r.step)
	}
	if t, ok := w.top().(*stepScreen); ok && t.id == s.r.step || stepOf(s.r.step).ID == "" {
		return nil
	}
	w.push(newStepScreen(w, s.r.step))
	return nil
}

func (s *runScreen) searchDialog() *dialog {
	d := &dialog{asked: true, head: "Search the log", body: []string{"Upper and lower case are the same. n and N go to the next match and the one before."}, input: newLine(false)}
	d.answer = func(text string) (string, tea.Cmd) {
		if text != "" {
			s.r.log.found = -1
			s.r.log.search(text, -1)
		}
		return "", nil
	}
	return d
}

func (s *runScreen) view(w, h int) []string {
	out := s.statusLines(w)
	if s.r.ended {
		out = append(out, s.readBack(w, max(2, h/3))...)
	}
	out = append(out, style.faint.Render(strings.Repeat(glyph.rule, w)))
	tail := s.tail(w)
	out = append(out, box(s.r.log.view(w, h-len(out)-len(tail)), w, h-len(out)-len(tail))...)
	return append(out, tail...)
}

// statusLines are what the step is doing: the words of apt, a bar, the time.
func (s *runScreen) statusLines(w int) []string {
	r := s.r
	if r.ended {
		return s.endLines(w)
	}
	state := "beginning"
	switch {
	case r.asked:
		state = "asked to stop"
	case r.running:
		state = "running on the server"
	case r.step != "":
		state = "between two steps"
	}
	line := style.accent.Render(glyph.running) + " " + style.title.Render(orElse(r.step, "the run")) + "  " + state
	if r.running {
		line += "  " + clock(r.took(s.w.now()))
	}
	if len(r.steps) > 1 {
		line += style.faint.Render(fmt.Sprintf("  (%d of %d)", min(len(r.steps), s.place()), len(r.steps)))
	}
	out := []string{line}
	if stepOf(r.step).Reboots && r.running {
		out = append(out, wrap(w, "  ", "Waiting for: the server to go down; SSH to answer again; a new boot number; every way in to be tried.")...)
	}
	switch {
	case r.percent > 0:
		out = append(out, fit("  "+bar(r.percent, min(24, w/4))+fmt.Sprintf(" %3.0f %%  ", r.percent)+r.doing, w))
	case r.percent < 0 && r.doing != "": // what the step waits for
		out = append(out, wrap(w, "  "+style.warn.Render("~")+" ", r.doing)...)
	}
	if r.silent > 0 {
		text := "nothing heard for " + clock(r.silent) + "; it may just be working"
		if r.holder != "" {
			text = "waiting until the package system is free: " + r.holder + " holds its lock"
		}
		out = append(out, wrap(w, "  "+style.warn.Render("~")+" ", text)...)
	}
	if n := len(r.notes); n > 0 {
		out = append(out, wrap(w, "  "+style.faint.Render("note:")+" ", r.notes[n-1])...)
	}
	return out
}

// place is which step of the run is being carried out.
func (s *runScreen) place() int {
	for i, st := range s.r.steps {
		if st.ID == s.r.step {
			return i + 1
		}
	}
	return 1
}

// tail is the last line of the log pane: where one is in it.
func (s *runScreen) tail(w int) []string {
	l := s.r.log
	text := ""
	switch {
	case l.note != "":
		text = l.note
	case !l.follow:
		text = fmt.Sprintf("%s below; f follows the end", plural(max(0, l.rows-l.top-l.height), "line"))
	case l.dropped > 0:
		text = fmt.Sprintf("the last %d lines; the journal has all", l.len())
	}
	if text == "" {
		return nil
	}
	return []string{style.faint.Render(fit(text, w))}
}

func bar(percent float64, w int) string {
	n := int(percent / 100 * float64(w))
	return style.ok.Render(strings.Repeat(glyph.full, n)) + style.faint.Render(strings.Repeat(glyph.empty, w-n))
}
