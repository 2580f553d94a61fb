package tui

import (
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/cursor"
	"github.com/charmbracelet/bubbles/key"
	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"
)

// Keys are swallowed for a moment when a question appears by itself: they were
// meant for the screen below it. The quiet may not last longer than graceMax.
const (
	graceQuiet = 425 * time.Millisecond
	graceMax   = 1500 * time.Millisecond
)

// dialog is a question over the screen: with choices, or with a line to type.
type dialog struct {
	w       *wizard
	run     *run // that it is about; void when that has ended
	head    string
	body    []string // paragraphs
	options []option
	input   *textinput.Model
	wrong   string
	// answer takes the line typed; what it returns is shown as wrong, and the
	// dialog stays.
	answer func(string) (wrong string, cmd tea.Cmd)
	// cancel is Esc and Ctrl-C.
	cancel func() tea.Cmd
	// asked says that the admin opened it, or has begun to answer: no grace then.
	asked bool
	undo  bool // void when the undo has ended
	shown time.Time
	last  time.Time // last key
	doc   scroller  // the body
	more  bool      // it does not all fit
}

type option struct {
	bind key.Binding
	act  func() tea.Cmd
}

func newLine(secret bool) *textinput.Model {
	t := textinput.New()
	t.Prompt = glyph.here + " "
	t.CharLimit = 4096
	if secret {
		t.EchoMode = textinput.EchoPassword
		t.EchoCharacter = '*'
	}
	t.Focus()
	t.Cursor.SetMode(cursor.CursorStatic)
	return &t
}

// swallows says whether a key came too early to be an answer.
func (d *dialog) swallows(now time.Time) bool {
	early := !d.asked && now.Sub(d.last) < graceQuiet && now.Sub(d.shown) < graceMax
	d.last = now
	d.asked = !early // whoever has begun to answer is not interrupted
	return early
}

func (d *dialog) update(msg tea.KeyMsg) tea.Cmd {
	if d.swallows(d.w.now()) {
		return nil
	}
	if key.Matches(msg, keys.Back) || msg.String() == "ctrl+c" {
		d.w.closeDialog()
		if d.cancel == nil {
			return nil
		}
		return d.cancel()
	}
	if d.scrolls(msg) {
		return nil
	}
	if d.input == nil {
		for _, o := range d.options {
			if key.Matches(msg, o.bind) {
				d.w.closeDialog()
				return o.act()
			}
		}
		return nil
	}
	if msg.Type == tea.KeyEnter {
		text := d.input.Value()
		wrong, cmd := d.answer(text)
		if d.wrong = clean(wrong); wrong == "" {
			d.input.Reset()
			d.w.closeDialog()
		}
		return cmd
	}
	in, cmd := d.input.Update(msg)
	*d.input, d.wrong = in, ""
	return cmd
}

// scrolls takes the keys that are no text and no answer.
func (d *dialog) scrolls(msg tea.KeyMsg) bool {
	switch msg.Type {
	case tea.KeyUp, tea.KeyDown, tea.KeyPgUp, tea.KeyPgDown:
		return d.doc.update(msg)
	}
	return false
}

// view is the question: what can be answered stays in sight, what is asked about
// is scrolled where it does not fit.
func (d *dialog) view(w, h int) []string {
	inner := min(w-4, 84)
	head := heading(inner, d.head)
	head = append(head, "")
	tail := append([]string{""}, d.answers(inner)...)
	room := max(1, h-1-len(head)-len(tail))
	if d.doc.make == nil {
		d.doc.make = d.paragraphs
	}
	body := d.doc.make(inner)
	if len(body) > room {
		body = d.doc.view(inner, room)
	}
	d.more = len(d.doc.lines) > room
	out := []string{""}
	for _, l := range append(append(head, body...), tail...) {
		out = append(out, "  "+l)
	}
	return out
}

func (d *dialog) paragraphs(w int) []string {
	var lines []string
	for _, p := range d.body {
		if strings.HasPrefix(p, "    ") { // word for word
			lines = append(lines, hardWrap(w, p)...)
			continue
		}
		if item, ok := strings.CutPrefix(p, "- "); ok {
			lines = append(lines, wrap(w, "- ", item)...)
			continue
		}
		lines = append(lines, wrap(w, "", p)...)
	}
	return lines
}

// answers are the line to type in, or what can be chosen.
func (d *dialog) answers(w int) []string {
	if d.input == nil {
		var out []string
		for _, o := range d.options {
			out = append(out, wrap(w, style.key.Render(padRight(o.bind.Help().Key, 6)), o.bind.Help().Desc)...)
		}
		return out
	}
	d.input.Width = w - 4
	out := []string{d.input.View()}
	if d.wrong != "" {
		out = append(out, wrap(w, style.bad.Render(glyph.bad)+" ", d.wrong)...)
	}
	return append(out, "", keyText(as(keys.Enter, "answer"))+"   "+keyText(keys.Back))
}

// footWords say that everything else waits.
func (d *dialog) footWords() string {
	if d.more {
		return "aslwiz waits for your answer; ↑ ↓ scroll"
	}
	return "aslwiz waits for your answer"
}
