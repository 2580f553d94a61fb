package tui

import (
	"fmt"
	"strings"
)

// The smallest screen that is drawn, and from where the list says its words.
const (
	minWidth, minHeight = 60, 20
	wordsFrom           = 76
)

// View implements tea.Model. It is the only one.
func (w *wizard) View() string {
	switch {
	case w.width == 0:
		return ""
	case w.small():
		return w.tooSmall()
	}
	rule := w.rule()
	lines := []string{w.head(), strings.Repeat(glyph.rule, w.width)}
	lines = append(lines, w.body(w.height-3-len(rule))...)
	lines = append(append(lines, rule...), w.foot())
	for i, l := range lines {
		lines[i] = strings.TrimRight(fit(l, w.width), " ")
	}
	return strings.Join(lines, "\n")
}

// small says whether the window shows nothing of a screen.
func (w *wizard) small() bool {
	return w.width > 0 && (w.width < minWidth || w.height < minHeight)
}

func (w *wizard) tooSmall() string {
	text := w.engine.cfg.mark() + fmt.Sprintf("This window is %d columns by %d lines. aslwiz needs %d by %d to show a step and its changes: make the window larger, or its letters smaller.",
		w.width, w.height, minWidth, minHeight)
	lines := wrap(max(w.width, 10), "", text)
	if w.run != nil && !w.run.ended {
		lines = append(lines, "", "What runs goes on.")
	} else {
		lines = append(lines, "", "Ctrl-C quits.")
	}
	return strings.Join(box(lines, max(w.width, 1), max(w.height, 1)), "\n")
}

// head says where one is: the server, the screen, how much is left.
func (w *wizard) head() string {
	left := style.title.Render(" aslwiz")
	if mark := w.engine.cfg.mark(); mark != "" {
		left += " " + style.warn.Render(strings.TrimSpace(mark))
	}
	where := "  " + style.faint.Render(glyph.here) + " " + w.top().title()
	right := ""
	if len(w.s.plan) > 0 {
		if n := w.s.left(); n > 0 {
			right = fmt.Sprintf("%s left ", plural(n, "step"))
		} else {
			right = "no step left "
		}
	}
	room := w.width - textWidth(right)
	for _, server := range []string{w.s.title(), w.s.name} { // where one is counts more than the address
		if t := "  " + clean(server); server != "" && textWidth(left+t+where) < room {
			left += t
			break
		}
	}
	return padRight(fit(left+where, room-1), room) + right
}

func (w *wizard) body(h int) []string {
	side := w.side(h)
	mainWidth := w.width
	if side != nil {
		mainWidth -= textWidth(side[0]) + 2
	}
	main := box(w.mainPane(mainWidth, h), mainWidth, h)
	if side == nil {
		return main
	}
	for i := range main {
		main[i] = side[i] + style.faint.Render(glyph.bar) + " " + main[i]
	}
	return main
}

// mainPane is the screen, or what lies over it.
func (w *wizard) mainPane(width, h int) []string {
	switch {
	case len(w.dialogs) > 0:
		return w.dialogs[0].view(width, h)
	case w.help != nil:
		return w.help.view(width, h)
	}
	return w.top().view(width, h)
}

// rule is the line above the foot; it carries what there is to say, and takes a
// few lines where that is long: a path, or why something could not be done.
func (w *wizard) rule() []string {
	text := w.notice
	if text == "" && w.busy != "" {
		text = w.busy
	}
	if text == "" {
		return []string{strings.Repeat(glyph.rule, w.width)}
	}
	lines := heading(w.width-6, text)
	first := strings.Repeat(glyph.rule, 2) + " " + lines[0] + " "
	out := []string{first + strings.Repeat(glyph.rule, w.width-textWidth(first))}
	for _, l := range lines[1:min(len(lines), 5)] {
		out = append(out, "   "+l)
	}
	return out
}

func (w *wizard) foot() string {
	switch {
	case len(w.dialogs) > 0:
		return " " + style.faint.Render(w.dialogs[0].footWords())
	case w.help != nil:
		return " " + style.faint.Render("any key closes this; ↑ ↓ scroll")
	}
	help := keys.Help
	if w.typing() {
		help = keys.HelpTyping
	}
	return " " + foot(w.width-2, w.top().keys(), help)
}

func (w *wizard) openHelp() {
	top := w.top()
	w.help = &scroller{make: func(width int) []string {
		out := []string{style.title.Render("Keys on this screen"), ""}
		out = append(out, helpLines(top.keys(), w.typing(), width)...)
		out = append(out, "", style.title.Render("What the marks in the list mean"), "")
		out = append(out, helpWords(width)...)
		out = append(append(out, ""), heading(width, "What the words of the verification mean")...)
		return append(append(out, ""), helpVerdicts(width)...)
	}}
}
