package checklist

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"aslwiz/remote"
)

// Mistake is one thing that is wrong in an answers file.
type Mistake struct {
	File    string
	Line    int    // from 1; 0: something is missing, so there is no place
	Column  int    // from 1, in characters
	Width   int    // of what is wrong, in characters
	Path    string // "firewall.ports[1]", "" for the file as a whole
	Text    string // what is wrong
	Example string // a line that would be right, or ""

	source string // the line it is in
}

// String is the mistake with its line and a caret under the place.
func (m Mistake) String() string {
	var b strings.Builder
	b.WriteString(m.File)
	if m.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", m.Line, m.Column)
	}
	fmt.Fprintf(&b, ": %s\n", m.Text)
	if m.Line > 0 {
		before, marked := m.cut()
		fmt.Fprintf(&b, "%5d | %s\n", m.Line, strings.ReplaceAll(remote.CleanLine(m.source), "\t", " "))
		fmt.Fprintf(&b, "      | %s%s\n", strings.Repeat(" ", ansi.StringWidth(before)), strings.Repeat("^", max(1, ansi.StringWidth(marked))))
	}
	if m.Example != "" {
		fmt.Fprintf(&b, "      right: %s\n", m.Example)
	}
	return b.String()
}

// cut is the line's text before the place, and the text that is marked.
func (m Mistake) cut() (before, marked string) {
	runes := []rune(m.source)
	from := min(max(m.Column-1, 0), len(runes))
	to := min(from+max(m.Width, 0), len(runes))
	clean := func(r []rune) string { return strings.ReplaceAll(remote.CleanLine(string(r)), "\t", " ") }
	return clean(runes[:from]), clean(runes[from:to])
}

// AnswersError is everything that is wrong in an answers file, in the order of
// its lines.
type AnswersError struct {
	File     string
	Mistakes []Mistake // the first maxMistakes
	More     int       // mistakes beyond those
}

// Error implements error.
func (e *AnswersError) Error() string {
	var b strings.Builder
	if n := len(e.Mistakes) + e.More; n == 1 {
		fmt.Fprintf(&b, "%s: one mistake\n", e.File)
	} else {
		fmt.Fprintf(&b, "%s: %d mistakes\n", e.File, n)
	}
	for _, m := range e.Mistakes {
		b.WriteString("\n" + m.String())
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\nand %d more\n", e.More)
	}
	return strings.TrimRight(b.String(), "\n")
}

// Hint says what to try.
func (e *AnswersError) Hint() string {
	return "correct the file; `aslwiz answers --example` shows a whole one"
}
