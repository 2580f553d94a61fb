package tui

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// handoffScreen is the report as it will be sent, and the message for the list.
type handoffScreen struct {
	w             *wizard
	ready         bool
	text, message string // the report and the message, as they leave; "" before
	wrong         string
	doc           scroller
}

// reportedMsg brings the report.
type reportedMsg struct {
	session *session
	report  checklist.Report
	err     error
}

func newHandoffScreen(w *wizard) *handoffScreen {
	h := &handoffScreen{w: w}
	h.doc.make = h.lines
	return h
}

func (h *handoffScreen) title() string { return "hand-off" }

func (h *handoffScreen) refresh() { h.doc.invalidate() }

func (h *handoffScreen) keys() []key.Binding {
	if h.text == "" {
		return []key.Binding{keys.Back}
	}
	tick := as(keys.Told, "tick: the admin list was told")
	if !h.w.s.told.IsZero() {
		tick = as(keys.Told, "untick: the admin list was told")
	}
	return []key.Binding{as(keys.Save, "save the report"), as(keys.Copy, "copy it"), keys.CopyMessage, tick, keys.Quit, keys.Back, keys.LineUp, keys.PageUp, keys.PageDown, keys.Top, keys.Bottom}
}

// measure makes the report, which measures every item once more.
func (h *handoffScreen) measure() tea.Cmd {
	ctx := h.w.wait("measuring every item for the report")
	return tea.Batch(h.w.engine.report(ctx, h.w.s), h.w.tick())
}

func (h *handoffScreen) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case reportedMsg:
		if msg.session != h.w.s || errors.Is(msg.err, context.Canceled) {
			return nil
		}
		h.w.busy = ""
		h.refresh()
		if msg.err != nil {
			h.wrong = remote.CleanText(msg.err.Error())
			return nil
		}
		h.ready = msg.report.Ready
		h.text, h.message = h.w.engine.cfg.handed(msg.report)
	case tea.KeyMsg:
		return h.pressed(msg)
	}
	return nil
}

func (h *handoffScreen) pressed(m tea.KeyMsg) tea.Cmd {
	switch {
	case h.text == "":
		return nil
	case key.Matches(m, keys.Save):
		return h.w.saveReport(h.text)
	case key.Matches(m, keys.Copy):
		return h.w.copy(h.text, "the report")
	case key.Matches(m, keys.CopyMessage):
		return h.w.copy(h.message, "the message")
	case key.Matches(m, keys.Told):
		told := h.w.now()
		if !h.w.s.told.IsZero() {
			told = time.Time{}
		}
		h.w.s.told = told
		h.refresh()
		return h.w.saveState(h.w.s, func(k *known) { k.Told = told })
	}
	h.doc.update(m)
	return nil
}

func (h *handoffScreen) view(w, height int) []string { return h.doc.view(w, height) }

func (h *handoffScreen) lines(w int) []string {
	switch {
	case h.wrong != "":
		return wrap(w, style.bad.Render(glyph.bad)+" ", clean(h.wrong))
	case h.text == "":
		return wrap(w, "", "Every item is measured once more, so that the report says what is true now.")
	}
	verdict := wrap(w, style.ok.Render(glyph.ok)+" ", "Ready for production, except for the manual items below.")
	if !h.ready {
		verdict = wrap(w, style.bad.Render(glyph.bad)+" ", "Not ready for production: some items are not ok. Esc goes back to them.")
	}
	tick := "[ ] "
	if told := h.w.s.told; !told.IsZero() {
		tick = "[x] "
	}
	out := slices.Concat(verdict, []string{""})
	out = append(out, wrap(w, tick, "the admin list was asked to add the server to LibreNMS (t ticks this, m copies the message)")...)
	out = append(out, "", style.title.Render("The message for the admin list"), "")
	for l := range strings.Lines(h.message) {
		out = append(out, softWrap(w, clean(strings.TrimRight(l, "\n")))...)
	}
	out = append(out, "", style.title.Render("The report, as it will be sent"), "")
	for l := range strings.Lines(h.text) {
		out = append(out, softWrap(w, clean(strings.TrimRight(l, "\n")))...)
	}
	return out
}

// report measures everything and writes it down.
func (e *engine) report(ctx context.Context, s *session) tea.Cmd {
	h, answers := s.host, s.answers
	return func() tea.Msg {
		msg := reportedMsg{session: s}
		facts, err := checklist.GatherFacts(ctx, h)
		if err != nil {
			msg.err = err
			return msg
		}
		write, done := e.journal(s.name)
		defer done()
		in := checklist.In{Answers: answers, Facts: facts}
		in.Far = e.peers.look(ctx, e.cfg, e.ask, in, checklist.Items())
		msg.report, msg.err = checklist.MakeReport(ctx, h, in, func(ev checklist.Event) {
			write(ev)
			e.send(foundMsg{s, eventsMsg{ev}})
		})
		return msg
	}
}

// saveReport writes the report beside the answers.
func (w *wizard) saveReport(text string) tea.Cmd {
	file := w.store.reportFile(w.s.name)
	return func() tea.Msg {
		if err := writeFile(file, []byte(text)); err != nil {
			return noticeMsg("the report could not be saved: " + err.Error())
		}
		return noticeMsg("saved as " + file)
	}
}
