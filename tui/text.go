package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"aslwiz/remote"
)

// clean makes one line of foreign text safe to show: no escapes, no tabs.
func clean(s string) string { return strings.ReplaceAll(remote.CleanLine(s), "\t", "    ") }

// wrap breaks text at words, and inside words that are too long. Its first line
// begins with first, the others are indented as far; where that would leave too
// little room, the text goes on below it.
func wrap(width int, first, text string) []string {
	indent := textWidth(first)
	if width-indent < min(16, textWidth(text)) {
		first, text, indent = "", first+text, 4
	}
	lines := strings.Split(ansi.Wrap(text, max(8, width-indent), ""), "\n")
	for i, l := range lines {
		if i == 0 {
			lines[i] = first + strings.TrimRight(l, " ")
		} else {
			lines[i] = strings.Repeat(" ", indent) + strings.TrimRight(l, " ")
		}
	}
	return lines
}

// heading is a title over several lines where it is too long for one.
func heading(width int, text string) []string {
	lines := wrap(width, "", text)
	for i, l := range lines {
		lines[i] = style.title.Render(l)
	}
	return lines
}

// hardWrap breaks a line at the width, as a log or a file has it.
func hardWrap(width int, line string) []string {
	if textWidth(line) <= width {
		return []string{line}
	}
	return strings.Split(ansi.Hardwrap(line, max(8, width), true), "\n")
}

// softWrap breaks a line of a file or a log: at a blank where there is one, and
// what follows is indented so that it is not taken for a line of its own.
func softWrap(width int, line string) []string {
	if len(line) <= width || textWidth(line) <= width {
		return []string{line}
	}
	rows := strings.Split(ansi.Wrap(line, max(8, width-2), ""), "\n")
	for i := range rows[1:] {
		rows[i+1] = "  " + rows[i+1]
	}
	return rows
}

// fit cuts a line to the width.
func fit(s string, width int) string {
	if textWidth(s) <= width {
		return s
	}
	return ansi.Truncate(s, max(0, width), glyph.more)
}

// box makes a block of exactly w by h.
func box(lines []string, w, h int) []string {
	out := make([]string, h)
	for i := range out {
		line := ""
		if i < len(lines) {
			line = fit(lines[i], w)
		}
		out[i] = padRight(line, w)
	}
	return out
}

// clock is a duration for people.
func clock(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d:%02d min", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d:%02d h", d/time.Hour, d%time.Hour/time.Minute)
}

// ago is how long a moment is past, roughly.
func ago(now, then time.Time) string {
	d := now.Sub(then)
	switch {
	case d < time.Minute:
		return "just now"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func orDash(s string) string {
	if strings.TrimSpace(s) == "" {
		return "-"
	}
	return s
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
