package checklist

import (
	"strings"
	"time"

	"aslwiz/remote"
)

// screenRead starts a real screen in a pseudo terminal, as each kind of xterm, with
// the server's own screenrc, and looks whether it asks the terminal for the
// alternate buffer (ESC [ ? 1049 h), which has no scroll back. It prints "TERM
// normal", "TERM alternate" or "TERM unknown", and leaves no session and no file:
// the window runs true and screen ends with it.
const screenRead = `command -v screen >/dev/null && command -v script >/dev/null || exit 127
dir=$(mktemp -d) || exit
trap 'rm -rf "$dir"' EXIT
esc=$(printf '\033')
for term in xterm xterm-256color; do
  out=$(TERM=$term SCREENDIR=$dir timeout -k 1 10 script -qec 'screen -c /etc/screenrc -s /bin/sh true' /dev/null </dev/null 2>&1 | tr -d '\000') || :
  case $out in
    *"$esc[?1049h"*) echo "$term alternate" ;;
    *'screen is terminating'*) echo "$term normal" ;;
    *) echo "$term unknown" ;;
  esac
done`

// itemScreen measures what the page looks at: whether the wheel would show what
// ran inside screen.
var itemScreen = Item{
	ID:    "screen",
	Title: "Does screen work in an xterm with scroll back?",
	Probes: func(In) []remote.Probe {
		return []remote.Probe{remote.ReadSetting("screen in an xterm", screenRead).Within(25 * time.Second)}
	},
	Judge: judgeScreen,
}

func judgeScreen(_ In, seen Seen) Finding {
	f := Finding{Want: "the normal buffer, as xterm and as xterm-256color"}
	if a := seen.Answers[0]; a.Err() == nil && a.Code == 127 {
		f.Status, f.Got = Failed, "screen is not installed"
		f.Fix = &Fix{Kind: FixStep, Step: "packages", Text: "run the step packages"}
		return f
	}
	text, err := seen.Answers[0].Text()
	if err != nil {
		return unknown(f, err)
	}
	var alternate, odd []string
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) != 2 {
			continue
		}
		switch w[1] {
		case "alternate":
			alternate = append(alternate, w[0])
			f.Evidence = append(f.Evidence, "TERM="+w[0]+": screen sent ESC[?1049h, the switch to the alternate buffer")
		case "normal":
			f.Evidence = append(f.Evidence, "TERM="+w[0]+": screen started and ended, and never sent ESC[?1049h")
		default:
			odd = append(odd, w[0])
			f.Evidence = append(f.Evidence, "TERM="+w[0]+": screen did not start and end as it should")
		}
	}
	switch {
	case len(alternate) > 0:
		f.Status, f.Got = Failed, "the alternate buffer as "+strings.Join(alternate, " and ")
		f.Fix = &Fix{Kind: FixStep, Step: "screen", Text: "run the step screen"}
	case len(odd) > 0 || len(f.Evidence) != 2:
		f.Status, f.Got = Unknown, "not measured: screen did not run as expected; try it by hand: TERM=xterm-256color screen -c /etc/screenrc true"
	default:
		f.Status, f.Got = Passed, f.Want
	}
	return f
}
