package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// lookScreen is the first look: what the machine is, against what the page needs.
type lookScreen struct {
	w   *wizard
	doc scroller
}

func newLookScreen(w *wizard) *lookScreen {
	l := &lookScreen{w: w}
	l.doc.make = l.lines
	return l
}

func (l *lookScreen) title() string { return "first look" }

func (l *lookScreen) stepID() string { return "preflight" }

func (l *lookScreen) refresh() { l.doc.invalidate() }

func (l *lookScreen) keys() []key.Binding {
	out := []key.Binding{as(keys.Enter, "begin")}
	if l.w.s.nextStep("") == "" {
		out[0] = as(keys.Enter, "verify")
	}
	if l.w.s.left() > 0 {
		out = append(out, keys.RunAll)
	}
	out = append(out, keys.Verify, keys.LineUp)
	if l.message() != "" {
		out = append(out, as(keys.CopyMessage, "copy the message to the provider"))
	}
	return append(append(out, as(keys.Reload, "look again"), keys.Back), paging...)
}

func (l *lookScreen) message() string {
	return providerMessage(l.w.s.facts, l.w.s.plan["preflight"])
}

func (l *lookScreen) update(msg tea.Msg) tea.Cmd {
	m, ok := msg.(tea.KeyMsg)
	if !ok {
		return nil
	}
	switch {
	case key.Matches(m, keys.Enter):
		if l.w.s.needsUnproven() {
			l.w.open(l.w.unprovenDialog(func() tea.Cmd { return l.w.goToNext("") }))
			return nil
		}
		return l.w.goToNext("")
	case key.Matches(m, keys.RunAll):
		return l.w.runAll()
	case key.Matches(m, keys.Verify):
		return l.w.goToVerify()
	case key.Matches(m, keys.Reload):
		return l.w.lookAgain()
	case key.Matches(m, keys.CopyMessage) && l.message() != "":
		return l.w.copy(l.message(), "the message")
	default:
		l.doc.update(m)
	}
	return nil
}

func (l *lookScreen) view(w, h int) []string { return l.doc.view(w, h) }

func (l *lookScreen) lines(w int) []string {
	s := l.w.s
	out := []string{style.title.Render("This is the server"), ""}
	out = append(out, factLines(s.facts, w)...)
	out = append(out, "")
	for _, note := range s.notes {
		out = append(append(out, wrap(w, style.warn.Render("! "), clean(note))...), "")
	}
	if s.needsUnproven() {
		out = append(out, wrap(w, style.warn.Render("! "), "The page was not proven on this system yet: you can look at every step and verify, and aslwiz asks before it changes anything.")...)
		out = append(out, "")
	}
	p := s.plan["preflight"]
	short, blocks := p.Short()
	switch {
	case blocks:
		out = append(out, style.bad.Render(glyph.bad+" It cannot be provisioned as it is"), "")
	case len(short) > 0:
		out = append(out, style.warn.Render("! It falls short of what the page needs"), "")
	case len(p.Changes) > 0:
		out = append(out, style.ok.Render(glyph.ok+" It has what the page needs"), "")
	}
	out = append(out, planLines(p, w, screenMarks)...)
	if m := l.message(); m != "" {
		out = append(append(out, ""), heading(w, "A message to your provider, ready to send (m copies it)")...)
		out = append(out, "")
		for line := range strings.SplitSeq(strings.TrimRight(m, "\n"), "\n") {
			out = append(out, wrap(w, "  ", line)...)
		}
	}
	return append(append(out, ""), l.whatNext(w)...)
}

func (l *lookScreen) whatNext(w int) []string {
	s := l.w.s
	var text string
	switch n := s.left(); {
	case s.blocked("preflight") != "":
		text = "No step can run until this is fixed. Press r to check again. You can go through the steps and see what each would change."
	case n == 0:
		text = "Every step is as the page wants it. Enter measures the result, item by item."
	default:
		text = fmt.Sprintf("%s of %d still to do. Enter goes to the first one, and changes nothing yet.", plural(n, "step"), len(page.steps()))
	}
	return wrap(w, "", text)
}
