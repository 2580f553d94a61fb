package tui

import (
	"fmt"

	"aslwiz/checklist"
)

// side is the checklist: how to connect, every step, the verification and the
// hand-off with their states, also before there is a connection.
func (w *wizard) side(h int) []string {
	if w.wide {
		return nil
	}
	words := w.width >= wordsFrom
	rows, at := w.sideRows(words)
	if len(rows)+2 <= h { // room to set the page's steps apart
		n := len(rows) - 2
		rows = append(rows[:n:n], append([]string{""}, rows[n:]...)...)
		rows = append(rows[:1:1], append([]string{""}, rows[1:]...)...)
	}
	width := 20
	if words {
		width = 29
	}
	return box(window(rows, at, h), width, h)
}

// sideRows are the rows of the list, and which one the screen is about.
func (w *wizard) sideRows(words bool) (rows []string, at int) {
	here := "connect"
	switch t := w.top().(type) {
	case stepped:
		here = t.stepID()
	case *verifyScreen, *itemScreen:
		here = "verification"
	case *handoffScreen:
		here = "hand-off"
	}
	put := func(mark, id, word string) {
		if id == here {
			at = len(rows)
		}
		rows = append(rows, sideRow(id == here, mark, id, word, words))
	}
	connected, state := " ", ""
	if w.s.host != nil {
		connected, state = style.ok.Render(glyph.ok), "done"
	}
	put(connected, "connect", state)
	for _, st := range page.steps() {
		if status := w.s.status[st.ID]; status != "" {
			word := string(status)
			if status == checklist.StepNotStarted {
				word = "not run" // the list has no room for more
			}
			put(stepMark(status), st.ID, word)
			continue
		}
		put(" ", st.ID, "")
	}
	state = ""
	if n := count(w.s.findings); len(w.s.findings) > 0 {
		state = fmt.Sprintf("%d of %d", n[checklist.Passed], len(page.items()))
	}
	put(" ", "verification", state)
	told := ""
	if !w.s.told.IsZero() {
		told = "told"
	}
	put(" ", "hand-off", told)
	return rows, at
}

// window is the part of the rows around at that fits; what does not is counted
// where it is missing.
func window(rows []string, at, h int) []string {
	if len(rows) <= h {
		return rows
	}
	from := max(0, min(at-h/2, len(rows)-h))
	out := append([]string(nil), rows[from:from+h]...)
	if from > 0 {
		out[0] = style.faint.Render(fmt.Sprintf("    %s %d more above", glyph.more, from+1))
	}
	if below := len(rows) - from - h; below > 0 {
		out[h-1] = style.faint.Render(fmt.Sprintf("    %s %d more below", glyph.more, below+1))
	}
	return out
}

func sideRow(here bool, mark, id, word string, words bool) string {
	cursor := "  "
	if here {
		cursor = style.accent.Render(glyph.here) + " "
		id = style.title.Render(padRight(id, 15))
	}
	row := cursor + mark + " " + padRight(id, 15)
	if words {
		row += " " + style.faint.Render(word)
	}
	return row
}
