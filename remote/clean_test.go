package remote

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// TestWhatCannotBeSeenIsDropped: a server's text, and what an admin pastes, may hold
// characters that a screen does not show. A name with one looks like another name.
func TestWhatCannotBeSeenIsDropped(t *testing.T) {
	t.Parallel()
	for _, r := range []rune{
		0x00ad, 0x034f, 0x061c, 0x115f, 0x180e, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e,
		0x2060, 0x2061, 0x2064, 0x2066, 0x2069, 0x206f, 0x3164, 0xfeff, 0xffa0, 0xfff9, 0x1d173, 0xe0001, 0xe0041, 0xe007f, 0xe0100,
	} {
		if got := CleanLine("ro" + string(r) + "ot"); got != "root" {
			t.Errorf("%U stays: %q", r, got)
		}
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && r != '\t' && CleanLine("x"+string(r)+"y") == "x"+string(r)+"y" {
			t.Errorf("%U stays", r)
		}
	}
}

// Text of all languages is left as it is, and what is left of emoji is clean and as
// wide as it is counted.
func TestCleanTextIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"café naïve Ærø ñ", "日本語のテキスト", "한국어", "русский", "ελληνικά", "العربية", "עברית", "हिन्दी", "ไทย", "e\u0301", "a\u00a0b", "→ ✓ ● █ ▏", "👍🏽 🇩🇪 ❤\ufe0f 1\ufe0f\u20e3", "\ufffd",
	} {
		if got := CleanText(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
	for _, s := range []string{"👨\u200d👩\u200d👧\u200d👦", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "می\u200cخواهم", "\u200d\u200d", "a\u200d\x1b[2Jb"} {
		got := CleanLine(s)
		if got != CleanLine(got) || strings.ContainsFunc(got, func(r rune) bool { return unicode.In(r, unicode.Cf) }) {
			t.Errorf("%q became %q, which is not clean", s, got)
		}
		if w := ansi.StringWidth(fmt.Sprintf("|%s|", got)); w != ansi.StringWidth(got)+2 {
			t.Errorf("%q is counted as %d columns between two others", got, w)
		}
	}
}
