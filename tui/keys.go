package tui

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"

	"aslwiz/checklist"
)

// keys is the one key map: what is shown at the foot and in the help.
var keys = struct {
	Enter, Back, Quit, Help, Wide              key.Binding
	Next, Prev, Up, Down                       key.Binding
	LineUp, LineDown, PageUp, PageDown         key.Binding
	Top, Bottom                                key.Binding
	Run, RunAll, Skip, Answers, Undo           key.Binding
	NextStep, PrevStep, Verify, Copy           key.Binding
	Follow, Search, FindNext, FindPrev, Save   key.Binding
	Cancel, Measure, MeasureRed, MeasureAll    key.Binding
	FixStep, Reload, CopyMessage, Toggle, Pick key.Binding
	Done, HelpTyping, Told, HandOff            key.Binding
	Log, Details, Try                          key.Binding
}{
	Enter: bind("enter", "go on", "enter"),
	Back:  bind("esc", "back", "esc"),
	Quit:  bind("q", "quit", "q", "ctrl+c"),
	Help:  bind("?", "help", "?", "f1"),
	Wide:  bind("z", "hide or show the list at the left", "z"),

	Next: bind("tab", "next field", "tab"),
	Prev: bind("shift+tab", "field before", "shift+tab"),
	Up:   bind("↑", "up", "up", "k"),
	Down: bind("↓", "down", "down", "j"),

	LineUp:   bind("↑↓", "scroll", "up", "k"),
	LineDown: bind("↓", "scroll down", "down", "j"),
	PageUp:   bind("pgup", "page up", "pgup", "b"),
	PageDown: bind("pgdn", "page down", "pgdown", " "),
	Top:      bind("home", "to the top", "home", "g"),
	Bottom:   bind("end", "to the end", "end", "G"),

	Run:      bind("r", "run", "r"),
	RunAll:   bind("a", "run all that is left", "a"),
	Skip:     bind("s", "skip", "s"),
	Answers:  bind("e", "change answers", "e"),
	Undo:     bind("u", "undo", "u"),
	NextStep: bind("n", "next step", "n", "right"),
	PrevStep: bind("p", "step before", "p", "left"),
	Verify:   bind("v", "verification", "v"),
	Copy:     bind("c", "copy the script", "c"),

	Follow:   bind("f", "follow", "f"),
	Search:   bind("/", "search", "/"),
	FindNext: bind("n", "next match", "n"),
	FindPrev: bind("N", "match before", "N"),
	Save:     bind("w", "save the log", "w"),
	Cancel:   bind("c", "cancel", "c", "ctrl+c"),

	Measure:    bind("r", "measure again", "r"),
	MeasureRed: bind("R", "all that are not ok", "R"),
	MeasureAll: bind("a", "all items", "a"),
	FixStep:    bind("f", "go to the step that fixes it", "f"),

	Done:        bind("ctrl+d", "done", "ctrl+d"),
	Log:         bind("l", "the log", "l"),
	Try:         bind("t", "send a test mail and log line", "t"),
	Details:     bind("enter", "details", "enter"),
	Told:        bind("t", "tick: told", "t"),
	HandOff:     bind("h", "hand-off", "h"),
	HelpTyping:  bind("f1", "help", "f1"),
	Reload:      bind("r", "look again", "r"),
	CopyMessage: bind("m", "copy the message", "m"),
	Toggle:      bind("space", "tick", " ", "x"),
	Pick:        bind("↑↓", "choose", "up", "down"),
}

func bind(shown, help string, names ...string) key.Binding {
	return key.NewBinding(key.WithKeys(names...), key.WithHelp(shown, help))
}

// as is a binding under another description: the same key, said for the screen
// it is on.
func as(b key.Binding, help string) key.Binding {
	b.SetHelp(b.Help().Key, help)
	return b
}

// foot is the last line of the screen: the bindings that still fit, the first ones
// first; help is always among them.
func foot(width int, bindings []key.Binding, help key.Binding) string {
	last := keyText(help)
	line := ""
	for _, b := range bindings {
		text := keyText(b)
		if textWidth(line)+textWidth(text)+textWidth(last)+3 > width {
			continue
		}
		line += text + "   "
	}
	return line + last
}

func keyText(b key.Binding) string {
	return style.key.Render(b.Help().Key) + " " + b.Help().Desc
}

// paging are the keys of a text that is scrolled, beside its arrows.
var paging = []key.Binding{keys.PageUp, keys.PageDown, keys.Top, keys.Bottom}

// helpLines is every key of a screen, and then those that work everywhere; where
// letters are text, none of them is a key.
func helpLines(bindings []key.Binding, typing bool, width int) []string {
	var out []string
	seen := map[string]bool{}
	put := func(bs ...key.Binding) {
		for _, b := range bs {
			if h := b.Help(); !seen[h.Key] {
				seen[h.Key] = true
				out = append(out, wrap(width, "  "+padRight(h.Key, 11), h.Desc)...)
			}
		}
	}
	put(bindings...)
	out = append(out, "")
	put(keys.Back)
	if typing {
		put(keys.HelpTyping)
	} else {
		put(keys.Wide, keys.Help, keys.Quit)
	}
	put(bind("ctrl+c", "quit; asks first when something runs", "ctrl+c"))
	return out
}

// helpWords explains the marks of the list.
func helpWords(width int) []string {
	var out []string
	for _, s := range stepWords {
		out = append(out, wrap(width, "  "+stepMark(s.status)+" "+padRight(s.status.Words(), 12), s.means)...)
	}
	return out
}

// helpVerdicts explains what an item of the verification can be.
func helpVerdicts(width int) []string {
	var out []string
	for _, v := range []struct {
		status checklist.ItemStatus
		means  string
	}{
		{checklist.Passed, "measured: it is as the page wants it"},
		{checklist.Failed, "measured: it is not; the item says what mends it"},
		{checklist.Waiting, "needs time, and is looked at again by itself"},
		{checklist.Unknown, "could not be measured, which is not ok"},
		{checklist.Manual, "cannot be measured: a person has to look"},
	} {
		out = append(out, wrap(width, "  "+itemMark(v.status)+" "+padRight(itemWord(v.status), 10), v.means)...)
	}
	return out
}

func padRight(s string, w int) string {
	return s + strings.Repeat(" ", max(0, w-textWidth(s)))
}
