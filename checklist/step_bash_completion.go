package checklist

import (
	"regexp"
	"strings"
	"time"
)

// stepBashCompletion switches completion on in interactive shells.
// Source: the page, "configure bash completion for interactive shells". The
// block reads what the package bash-completion brings, which a minimal system lacks.
var stepBashCompletion = Step{
	ID:    "bash-completion",
	Title: "switch on completion in interactive shells",
	Why:   "the Tab key then completes options, services and package names, for every user",
	Limit: 20 * time.Minute,
	// Lists that were fetched meanwhile say more about what apt would do.
	Follows: []string{"python", "users", "packages"},
	Want: func(in In) ([]Resource, error) {
		return []Resource{
			packagesFor(in, "bash-completion"),
			Edit{Path: "/etc/bash.bashrc", What: "the completion block is active", Apply: enableCompletion},
		}, nil
	},
}

var (
	completionTitle = regexp.MustCompile(`^#\s*enable .*bash completion`)
	completionBegin = regexp.MustCompile(`^#(\s*)if\b.*\bshopt\b`)
	completionUsed  = regexp.MustCompile(`(?m)^[^#\n]*(\.|source)\s+/usr/share/bash-completion/bash_completion\b`)
)

const completionBlock = `if ! shopt -oq posix; then
  if [ -f /usr/share/bash-completion/bash_completion ]; then
    . /usr/share/bash-completion/bash_completion
  elif [ -f /etc/bash_completion ]; then
    . /etc/bash_completion
  fi
fi
`

// enableCompletion takes the comment signs from the block under Debian's own
// title, and from nothing else. Where there is no such block it adds one.
func enableCompletion(old string) (string, error) {
	if completionUsed.MatchString(old) {
		return old, nil
	}
	lines := strings.SplitAfter(old, "\n")
	for i := range lines {
		if !completionTitle.MatchString(lines[i]) || i+1 == len(lines) {
			continue
		}
		if end, prefix := completionEnd(lines, i+1); end > 0 {
			for j := i + 1; j <= end; j++ {
				lines[j] = strings.TrimPrefix(lines[j], prefix)
			}
			return strings.Join(lines, ""), nil
		}
	}
	if old != "" && !strings.HasSuffix(old, "\n") {
		old += "\n"
	}
	return old + "\n# enable bash completion in interactive shells\n" + completionBlock, nil
}

// completionEnd is the last line of the commented block that begins at line
// from, and what stands before each of its lines; 0 when there is none.
func completionEnd(lines []string, from int) (end int, prefix string) {
	m := completionBegin.FindStringSubmatch(lines[from])
	if m == nil {
		return 0, ""
	}
	prefix = "#" + m[1]
	for i := from; i < len(lines) && strings.HasPrefix(lines[i], prefix); i++ {
		if strings.TrimSpace(strings.TrimPrefix(lines[i], prefix)) == "fi" && !strings.HasPrefix(strings.TrimPrefix(lines[i], prefix), " ") {
			return i, prefix
		}
	}
	return 0, ""
}
