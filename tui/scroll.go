package tui

import (
	"fmt"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// scroller shows a part of lines that do not all fit. Its lines are made once
// for a width, not once a frame.
type scroller struct {
	make   func(width int) []string
	lines  []string
	width  int
	height int
	offset int
}

// invalidate has the lines made anew.
func (s *scroller) invalidate() { s.width = 0 }

func (s *scroller) view(w, h int) []string {
	if w != s.width {
		s.width, s.lines = w, s.make(w)
	}
	s.height = h
	if len(s.lines) > h {
		s.height = h - 1
	}
	s.clamp()
	out := box(s.lines[min(s.offset, len(s.lines)):min(s.offset+s.height, len(s.lines))], w, s.height)
	if len(s.lines) > h {
		left := len(s.lines) - s.offset - s.height
		text := fmt.Sprintf("%s more below: pgdn or ↓", plural(left, "line"))
		if left <= 0 {
			text = "the end; pgup or ↑ goes up"
		}
		out = append(out, style.faint.Render(fit(text, w)))
	}
	return out
}

func (s *scroller) clamp() { s.offset = max(0, min(s.offset, len(s.lines)-s.height)) }

// update scrolls; false when the key was not for it.
func (s *scroller) update(msg tea.KeyMsg) bool {
	page := max(1, s.height-1)
	switch {
	case key.Matches(msg, keys.LineUp):
		s.offset--
	case key.Matches(msg, keys.LineDown):
		s.offset++
	case key.Matches(msg, keys.PageUp):
		s.offset -= page
	case key.Matches(msg, keys.PageDown):
		s.offset += page
	case key.Matches(msg, keys.Top):
		s.offset = 0
	case key.Matches(msg, keys.Bottom):
		s.offset = len(s.lines)
	default:
		return false
	}
	s.clamp()
	return true
}
