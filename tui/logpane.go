package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// maxLog is how many lines a log pane keeps; the journal has them all.
const maxLog = 10_000

// logLine is a line and the rows it takes at the pane's width.
type logLine struct {
	text string
	rows []string
}

// logPane shows a growing log. A line is wrapped once, when it comes; only what
// is visible is drawn.
type logPane struct {
	ring    []logLine // in order from head, round
	head    int
	dropped int // lines that the ring has lost
	rows    int // of all lines together
	width   int
	height  int
	follow  bool
	top     int // first visible row, when not following
	find    string
	found   int // index of the line found, -1 for none
	note    string
}

func newLogPane() *logPane { return &logPane{follow: true, width: 80, found: -1} }

func (l *logPane) len() int { return len(l.ring) }

func (l *logPane) at(i int) *logLine { return &l.ring[(l.head+i)%len(l.ring)] }

func (l *logPane) append(lines ...string) {
	for _, text := range lines {
		text = clean(text)
		line := logLine{text: text, rows: softWrap(l.width, text)}
		l.rows += len(line.rows)
		if len(l.ring) < maxLog {
			l.ring = append(l.ring, line)
			continue
		}
		gone := len(l.ring[l.head].rows)
		l.rows -= gone
		l.ring[l.head] = line
		l.head = (l.head + 1) % maxLog
		l.dropped++
		l.top = max(0, l.top-gone)
		l.found--
	}
}

// resize wraps everything anew, which is only needed when the width changes.
func (l *logPane) resize(w int) {
	if w == l.width {
		return
	}
	l.width, l.rows = w, 0
	for i := range l.ring {
		l.ring[i].rows = softWrap(w, l.ring[i].text)
		l.rows += len(l.ring[i].rows)
	}
}

func (l *logPane) view(w, h int) []string {
	l.resize(w)
	l.height = h
	l.clamp()
	var out []string
	row := l.rows
	first := l.top
	if l.follow {
		first = max(0, l.rows-h)
	}
	// From the end: while following, only the visible lines are looked at.
	for i := l.len() - 1; i >= 0 && row > first; i-- {
		line := l.at(i)
		row -= len(line.rows)
		if row >= first+h {
			continue
		}
		for j := len(line.rows) - 1; j >= 0; j-- {
			if n := row + j; n >= first && n < first+h {
				text := line.rows[j]
				if i == l.found {
					text = style.accent.Render(text)
				}
				out = append(out, text)
			}
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func (l *logPane) clamp() {
	l.top = max(0, min(l.top, l.rows-l.height))
	if l.follow {
		l.top = max(0, l.rows-l.height)
	}
}

// update scrolls and follows.
func (l *logPane) update(msg tea.KeyMsg) {
	move := 0
	switch {
	case key.Matches(msg, keys.LineUp):
		move = -1
	case key.Matches(msg, keys.LineDown):
		move = 1
	case key.Matches(msg, keys.PageUp):
		move = -max(1, l.height-1)
	case key.Matches(msg, keys.PageDown):
		move = max(1, l.height-1)
	case key.Matches(msg, keys.Top):
		move = -l.rows
	case key.Matches(msg, keys.Follow, keys.Bottom):
		l.follow, l.note = true, ""
		l.clamp()
		return
	default:
		return
	}
	l.clamp()
	l.follow, l.note = false, ""
	l.top += move
	l.clamp()
	if move > 0 && l.top >= l.rows-l.height {
		l.follow = true
	}
}

// search finds the next line with the text, from the one found before, in the
// direction of step.
func (l *logPane) search(text string, step int) {
	l.find = text
	n := l.len()
	from := l.found
	if from < 0 {
		from = n
		if step > 0 {
			from = -1
		}
	}
	l.note = fmt.Sprintf("%q was in none of the %d lines; n looks again", text, n)
	for k := 1; k <= n; k++ {
		i := ((from+step*k)%n + n) % n
		if strings.Contains(strings.ToLower(l.at(i).text), strings.ToLower(text)) {
			l.found, l.note = i, fmt.Sprintf("%q: line %d of %d", text, i+l.dropped+1, n+l.dropped)
			l.show(i)
			return
		}
	}
	l.found = -1
}

// show scrolls to a line.
func (l *logPane) show(index int) {
	row := 0
	for i := range index {
		row += len(l.at(i).rows)
	}
	l.follow = false
	l.top = row - l.height/2
	l.clamp()
}

// text is the whole log as it is kept.
func (l *logPane) text() string {
	var b strings.Builder
	for i := range l.len() {
		b.WriteString(l.at(i).text)
		b.WriteByte('\n')
	}
	return b.String()
}
