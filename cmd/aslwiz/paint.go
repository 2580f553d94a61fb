package main

import (
	"os"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// painter colours words. Colour only repeats what the words say.
type painter bool

func (a *app) painter(tty bool) painter {
	switch a.color {
	case "always":
		return true
	case "never":
		return false
	}
	return painter(tty && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
}

func (p painter) sgr(code, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p painter) red(s string) string    { return p.sgr("31;1", s) }
func (p painter) green(s string) string  { return p.sgr("32", s) }
func (p painter) yellow(s string) string { return p.sgr("33", s) }
func (p painter) bold(s string) string   { return p.sgr("1", s) }
func (p painter) faint(s string) string  { return p.sgr("2", s) }

// status colours a status word.
func (p painter) status(word string) string {
	switch strings.TrimSpace(word) {
	case "ok", "same", "changed", "undone", "done":
		return p.green(word)
	case "RED", "failed", "restored", "broken":
		return p.red(word)
	case "waiting", "unknown", "pending", "manual", "running", "skipped", "not started":
		return p.yellow(word)
	}
	return word
}

// diff colours a unified diff.
func (p painter) diff(line string) string {
	switch {
	case strings.HasPrefix(line, "+"):
		return p.green(line)
	case strings.HasPrefix(line, "-"):
		return p.red(line)
	case strings.HasPrefix(line, "@@"):
		return p.faint(line)
	}
	return line
}

// textWidth is where running text is wrapped: a small terminal's width, so that
// output looks the same everywhere and in a file.
const textWidth = 80

// wrap breaks text between words; its first line begins with first, the others
// are indented as far. A word is never cut: it may be a path to copy.
func wrap(first, text string) string {
	indent := ansi.StringWidth(first)
	var b strings.Builder
	b.WriteString(first)
	at := indent
	for i, word := range strings.Fields(text) {
		width := ansi.StringWidth(word)
		switch {
		case i == 0:
		case at+1+width > textWidth:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += width
	}
	return b.String()
}

// list is "a, b or c".
func list(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return strings.Join(words, "")
}
