package checklist

import (
	"regexp"
	"strings"
)

const screenrc = "/etc/screenrc"

// scrollBack is the line that works in the terminals of today: they call
// themselves xterm-256color, which the page's line does not match.
const scrollBack = "termcapinfo xterm*|rxvt* ti@:te@"

// stepScreen lets a terminal's own scroll back work inside screen.
// Sources: the page, "configure screen to use the scroll back buffer"; screen(1),
// termcapinfo: ti and te switch to the terminal's alternate buffer, which has no
// scroll back, and "@" takes them away.
var stepScreen = Step{
	ID:      "screen",
	Title:   "let screen use the terminal's scroll back",
	Why:     "without it the wheel and Shift-PageUp show nothing of what ran inside screen",
	Follows: []string{"packages"},
	Want: func(In) ([]Resource, error) {
		return []Resource{Edit{
			Path: screenrc, Step: "packages",
			What:  "the page's scroll back line is active, for xterm-256color too",
			Apply: enableScrollBack,
			Note:  "the page's line alone does not match xterm-256color, which most terminals call themselves today",
		}}, nil
	},
}

var (
	pageScrollBack = regexp.MustCompile(`^#\s*(termcapinfo\s+xterm\|xterms\|xs\|rxvt\s+ti@:te@\s*)$`)
	wideScrollBack = regexp.MustCompile(`(?m)^\s*termcapinfo\s+xterm\*\|rxvt\*\s+ti@:te@`)
)

// enableScrollBack uncomments the page's line and puts the wider one after it.
func enableScrollBack(old string) (string, error) {
	lines := strings.Split(strings.TrimSuffix(old, "\n"), "\n")
	at := len(lines)
	for i, l := range lines {
		if m := pageScrollBack.FindStringSubmatch(l); m != nil {
			lines[i] = strings.TrimRight(m[1], " \t")
		}
		if strings.HasPrefix(lines[i], "termcapinfo xterm|xterms|xs|rxvt ti@:te@") {
			at = i + 1
		}
	}
	if !wideScrollBack.MatchString(old) {
		lines = append(lines[:at], append([]string{scrollBack}, lines[at:]...)...)
	}
	return strings.Join(lines, "\n") + "\n", nil
}
