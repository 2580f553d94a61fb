package remote

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// MaxLine is the longest line of a server's text that is kept, in bytes.
const MaxLine = 4096

// CleanText makes a server's text safe to print: escape sequences, control
// characters other than newline and tab, and characters that cannot be seen are
// dropped, bytes that are not UTF-8 become U+FFFD, and each line is cut at MaxLine
// bytes.
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
		case r < 0x20, r >= 0x7f && r < 0xa0, r >= 0xa0 && unicode.In(r, unseen...):
			return -1
		}
		return r
	}, s)
	if len(s) > MaxLine {
		s = strings.ToValidUTF8(s[:MaxLine], "") + "…"
	}
	return s
}

// unseen are the characters that take no room, or make text run the other way: with
// them a line on the screen says something else than its bytes. The joiners of emoji
// are among them, so a family is shown as its members.
var unseen = []*unicode.RangeTable{
	unicode.Cf,             // soft hyphen, U+200B and its kin, directions, U+FEFF, tags
	unicode.Zl, unicode.Zp, // U+2028 and U+2029: line ends to some programs
	unicode.Other_Default_Ignorable_Code_Point,                      // fillers, U+034F
	{R32: []unicode.Range32{{Lo: 0xe0100, Hi: 0xe01ef, Stride: 1}}}, // variation selectors of the second kind
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
