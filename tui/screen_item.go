package tui

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// itemScreen is one item of the verification with all there is to say about it.
type itemScreen struct {
	v   *verifyScreen
	doc scroller
}

func newItemScreen(v *verifyScreen) *itemScreen {
	return &itemScreen{v: v, doc: scroller{make: v.details}}
}

func (s *itemScreen) title() string { return "verification " + glyph.here + " " + s.v.item().ID }

func (s *itemScreen) refresh() { s.v.refresh(); s.doc.invalidate() }

func (s *itemScreen) keys() []key.Binding {
	out := []key.Binding{keys.Measure, as(keys.NextStep, "next item"), as(keys.PrevStep, "item before"), keys.Back, keys.LineUp, keys.PageUp, keys.PageDown, keys.Top, keys.Bottom}
	if step := s.v.fixedBy(); step != "" {
		out = append([]key.Binding{as(keys.FixStep, "go to step "+step)}, out...)
	}
	return out
}

func (s *itemScreen) update(msg tea.Msg) tea.Cmd {
	m, isKey := msg.(tea.KeyMsg)
	switch {
	case !isKey:
		cmd := s.v.update(msg)
		s.doc.invalidate()
		return cmd
	case key.Matches(m, keys.NextStep):
		s.show(min(len(page.items())-1, s.v.cur+1))
	case key.Matches(m, keys.PrevStep):
		s.show(max(0, s.v.cur-1))
	case key.Matches(m, keys.Measure, keys.FixStep):
		cmd := s.v.pressed(m)
		s.doc.invalidate()
		return cmd
	default:
		s.doc.update(m)
	}
	return nil
}

func (s *itemScreen) show(i int) {
	s.v.choose(i)
	s.doc.offset = 0
	s.doc.invalidate()
}

func (s *itemScreen) view(w, h int) []string {
	out := []string{s.v.row(s.v.cur, s.v.item(), w), ""}
	return append(out, s.doc.view(w, h-len(out))...)
}
