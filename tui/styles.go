package tui

import (
	"os"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"

	"aslwiz/checklist"
	_ "aslwiz/tui/background" // before Bubble Tea
)

// style are all colours, of the terminal's own first eight: a theme chooses those to
// be read on its background, be it light or dark, which the bright eight need not be.
// They only repeat what words and marks say.
var style = struct {
	plain, title, key, ok, bad, warn, faint, accent, added, removed lipgloss.Style
}{
	plain:   lipgloss.NewStyle(),
	title:   lipgloss.NewStyle().Bold(true),
	key:     lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Color("6")),
	ok:      lipgloss.NewStyle().Foreground(lipgloss.Color("2")),
	bad:     lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Color("1")),
	warn:    lipgloss.NewStyle().Foreground(lipgloss.Color("5")),
	faint:   lipgloss.NewStyle().Faint(true),
	accent:  lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Color("6")),
	added:   lipgloss.NewStyle().Foreground(lipgloss.Color("2")),
	removed: lipgloss.NewStyle().Foreground(lipgloss.Color("1")),
}

// noColours takes the colours away, but not the block where the next letter goes
// nor the bold of what is chosen, which lipgloss drops with them.
func noColours() {
	for _, s := range []*lipgloss.Style{&style.key, &style.ok, &style.bad, &style.warn, &style.accent, &style.added, &style.removed} {
		*s = s.UnsetForeground()
	}
	lipgloss.SetColorProfile(termenv.ANSI)
}

// glyphs are the few characters beyond ASCII.
type glyphs struct {
	ok, bad, running, back, here, bar, rule, full, empty, more string
}

var glyph = pickGlyphs(os.Getenv)

func pickGlyphs(env func(string) string) glyphs {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		v := strings.ToLower(env(name))
		if v == "" {
			continue
		}
		if !strings.Contains(v, "utf-8") && !strings.Contains(v, "utf8") {
			return glyphs{"+", "X", ">", "<", ">", "|", "-", "#", ".", "..."}
		}
		break
	}
	return glyphs{"✓", "✗", "»", "↺", "›", "│", "─", "█", "░", "…"}
}

// stepWords are the statuses of a step in the order of the help.
var stepWords = []struct {
	status checklist.StepStatus
	means  string
}{
	{checklist.StepPending, "there is something to do"},
	{checklist.StepRunning, "runs on the server now"},
	{checklist.StepSame, "already as the page wants it"},
	{checklist.StepChanged, "done, and read back as wanted"},
	{checklist.StepSkipped, "left out on your word"},
	{checklist.StepFailed, "did not end as wanted"},
	{checklist.StepRestored, "taken back: what was there before is there again"},
	{checklist.StepUnknown, "cannot be judged yet: an answer or a measurement is missing"},
	{checklist.StepManual, "for a person to look at"},
	{checklist.StepNotStarted, "never began; nothing was done"},
}

func stepMark(s checklist.StepStatus) string {
	switch s {
	case checklist.StepRunning:
		return style.accent.Render(glyph.running)
	case checklist.StepSame:
		return style.ok.Render("=")
	case checklist.StepChanged:
		return style.ok.Render(glyph.ok)
	case checklist.StepSkipped:
		return style.faint.Render("-")
	case checklist.StepNotStarted:
		return style.warn.Render("o")
	case checklist.StepFailed:
		return style.bad.Render(glyph.bad)
	case checklist.StepRestored:
		return style.bad.Render(glyph.back)
	case checklist.StepManual:
		return style.warn.Render("!")
	case checklist.StepPending:
		return style.warn.Render(".")
	}
	return style.warn.Render("?")
}

// itemWord is a verdict as the screen says it.
func itemWord(s checklist.ItemStatus) string {
	switch s {
	case "":
		return "not yet measured"
	case checklist.Passed:
		return "ok"
	case checklist.Failed:
		return "RED"
	}
	return string(s)
}

func itemMark(s checklist.ItemStatus) string {
	switch s {
	case checklist.Passed:
		return style.ok.Render(glyph.ok)
	case checklist.Failed:
		return style.bad.Render(glyph.bad)
	case checklist.Waiting:
		return style.warn.Render("~")
	case checklist.Manual:
		return style.warn.Render("!")
	case "":
		return style.faint.Render(".")
	}
	return style.warn.Render("?")
}

func itemStyle(s checklist.ItemStatus) lipgloss.Style {
	switch s {
	case checklist.Passed:
		return style.ok
	case checklist.Failed:
		return style.bad
	case "":
		return style.faint
	}
	return style.warn
}

func textWidth(s string) int { return ansi.StringWidth(s) }
