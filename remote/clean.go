package remote

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// MaxLine is the longest line of a server's text that is kept, in bytes.
const MaxLine = 4096

// CleanText makes a server's text safe to print: escape sequences and control
// characters other than newline and tab are dropped, bytes that are not UTF-8
// become U+FFFD, and each line is cut at MaxLine bytes.
func CleanText(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = CleanLine(l)
	}
	return strings.Join(lines, "\n")
}

// CleanLine is CleanText for a single line. Of a line that was drawn over itself
// with carriage returns, the last drawing remains.
func CleanLine(s string) string {
	if len(s) > 4*MaxLine {
		s = s[:4*MaxLine]
	}
	s = strings.TrimRight(s, "\r\n")
	if i := strings.LastIndexByte(s, '\r'); i >= 0 {
		s = s[i+1:]
	}
	s = ansi.Strip(strings.ToValidUTF8(s, string(utf8.RuneError)))
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return r
		case r < 0x20, r >= 0x7f && r < 0xa0, isBidi(r):
			return -1
		}
		return r
	}, s)
	if len(s) > MaxLine {
		s = strings.ToValidUTF8(s[:MaxLine], "") + "…"
	}
	return s
}

// isBidi reports the characters that make text run the other way: they can make
// a line on the screen say something else than its bytes.
func isBidi(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f
}

// FirstLine is the first line of s that is not blank, cleaned.
func FirstLine(s string) string {
	for l := range strings.SplitSeq(s, "\n") {
		if l = strings.TrimSpace(CleanLine(l)); l != "" {
			return l
		}
	}
	return ""
}
