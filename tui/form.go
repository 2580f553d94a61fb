package tui

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/huh"
	"github.com/charmbracelet/x/ansi"

	"aslwiz/checklist"
)

// form asks the fields of one screen. huh draws the field that is being filled
// in; which one that is, and Back, are the form's own. What was typed is kept in
// typed, right or wrong.
type form struct {
	ask     func() []field // the questions, which follow from the answers
	fields  []field
	answers *checklist.Answers
	facts   checklist.Facts
	typed   map[string]string
	cur     int
	widget  huh.Field
	text    string   // what the widget edits
	picked  []string // what the widget has ticked
	wrong   string   // about the present field
	typing  bool     // wrong is about a text that is still being typed
	width   int
}

// newForm asks the fields of a step, each filled with its answer, or with what
// the server has now.
func newForm(step string, answers *checklist.Answers, facts checklist.Facts, typed map[string]string) *form {
	f := &form{ask: func() []field { return fieldsOf(step, *answers) }, answers: answers, facts: facts, typed: typed, width: 60}
	f.fill()
	f.focus(0)
	return f
}

// fill takes the questions that there are now.
func (f *form) fill() {
	f.fields = f.ask()
	for _, fd := range f.fields {
		if _, ok := f.typed[fd.path]; ok {
			continue
		}
		f.typed[fd.path] = fd.get(*f.answers)
		if f.typed[fd.path] == "" && fd.now != nil {
			f.typed[fd.path] = clean(fd.now(f.facts))
		}
	}
}

func (f *form) field() field { return f.fields[f.cur] }

// focus makes the widget of field i.
func (f *form) focus(i int) {
	f.cur, f.wrong, f.typing = i, "", false
	fd := f.field()
	f.text = f.typed[fd.path]
	switch fd.kind {
	case manyOf:
		f.picked = strings.Fields(f.text)
		m := huh.NewMultiSelect[string]().Options(options(fd.choices(f.facts), f.width-8)...).Value(&f.picked).Filterable(false)
		f.widget = m
	case yesNo:
		f.text = orElse(f.text, "no")
		f.widget = huh.NewSelect[string]().Options(huh.NewOption("no", "no"), huh.NewOption("yes", "yes")).Value(&f.text)
	case oneOf:
		f.widget = huh.NewSelect[string]().Options(options(fd.choices(f.facts), f.width-4)...).Value(&f.text)
	default:
		f.widget = huh.NewInput().Prompt(glyph.here + " ").Value(&f.text)
	}
	f.widget = f.widget.WithTheme(formTheme()).WithKeyMap(formKeys()).WithWidth(f.width)
	f.widget.Focus()
}

// options take one line each.
func options(cs []choice, width int) []huh.Option[string] {
	var out []huh.Option[string]
	for _, c := range cs {
		out = append(out, huh.NewOption(fit(clean(c.label), width), c.value))
	}
	return out
}

// commit takes what stands in the widget, and says whether it is right.
func (f *form) commit() bool {
	path := f.field().path
	f.take()
	f.typing = false
	right := f.wrong == ""
	f.fill() // a name that was given brings questions of its own; one taken away takes them along
	if f.cur >= len(f.fields) || f.fields[f.cur].path != path {
		f.focus(min(f.cur, len(f.fields)-1))
	}
	return right
}

// take keeps what stands in the widget and judges it.
func (f *form) take() {
	fd := f.field()
	f.widget.Blur()
	if fd.kind == manyOf {
		f.text = strings.Join(f.picked, " ")
	}
	f.typed[fd.path] = clean(f.text)
	f.wrong = f.judge(fd)
	f.widget.Focus()
}

// judge puts the field's text into the answers and asks what is wrong with it.
func (f *form) judge(fd field) string {
	if err := fd.set(f.answers, f.typed[fd.path]); err != nil {
		return err.Error()
	}
	return fd.wrong(*f.answers, f.facts)
}

// update takes a key. done is true when the last field was answered and all are
// right.
func (f *form) update(msg tea.KeyMsg) (done bool) {
	list := f.field().kind >= yesNo
	switch {
	case key.Matches(msg, keys.Prev), !list && msg.Type == tea.KeyUp:
		f.commit()
		f.focus(max(0, f.cur-1))
	case key.Matches(msg, keys.Next), !list && msg.Type == tea.KeyDown:
		if f.commit(); f.cur+1 < len(f.fields) {
			f.focus(f.cur + 1)
		}
	case msg.Type == tea.KeyEnter:
		return f.enter()
	case key.Matches(msg, keys.Done):
		f.commit()
		f.focus(len(f.fields) - 1)
		return f.enter()
	default:
		m, _ := f.widget.Update(msg)
		if w, ok := m.(huh.Field); ok {
			f.widget = w
		}
		f.take() // judged while it is typed
		f.typing = true
	}
	return false
}

// enter goes on to the next field when this one is right, and from the last one
// to the first that is wrong.
func (f *form) enter() (done bool) {
	if !f.commit() {
		return false
	}
	if f.cur+1 < len(f.fields) {
		f.focus(f.cur + 1)
		return false
	}
	return !f.toWrong()
}

// toWrong goes to the first field that is wrong and says why; false when all are
// right.
func (f *form) toWrong() bool {
	for i, fd := range f.fields {
		if wrong := f.judge(fd); wrong != "" {
			f.focus(i)
			f.wrong = wrong
			return true
		}
	}
	return false
}

// toPath goes to the field of an answer, where it is asked.
func (f *form) toPath(path string) {
	for i, fd := range f.fields {
		if fd.path == path {
			f.focus(i)
		}
	}
}

func (f *form) view(w, h int) []string {
	if w-2 != f.width {
		f.width = w - 2
		f.commitWidth()
	}
	var out []string
	from, to, here := 0, 0, 0 // the present field, and the row of its cursor
	for i, fd := range f.fields {
		if i == f.cur {
			from = len(out)
			out = append(out, f.viewField(fd, w)...)
			to = len(out)
			for j, l := range out[from+1:] {
				if strings.HasPrefix(strings.TrimLeft(ansi.Strip(l), " "), glyph.here) {
					here = from + 1 + j
				}
			}
			continue
		}
		value := f.typed[fd.path]
		mark := "  "
		if value != "" && f.judge(fd) != "" {
			mark = style.bad.Render(glyph.bad) + " "
		}
		out = append(out, mark+padRight(fd.label, 28)+style.faint.Render(orDash(f.shown(fd))))
	}
	if len(out) > h {
		start := max(0, min(from-2, len(out)-h))
		if to > start+h {
			start = min(from, to-h)
		}
		start = max(start, here-h+1)
		out = out[start:]
	}
	return out
}

// shown is what stands in a field, in the words of its choices where it has any.
func (f *form) shown(fd field) string {
	value := f.typed[fd.path]
	if fd.kind != oneOf {
		return value
	}
	for _, c := range fd.choices(f.facts) {
		if c.value == value {
			return clean(c.label)
		}
	}
	return value
}

// commitWidth makes the widget anew at another width and keeps what stands in it.
func (f *form) commitWidth() {
	if f.field().kind < yesNo { // and the place of the next letter
		f.widget = f.widget.WithWidth(f.width)
		return
	}
	wrong, typing := f.wrong, f.typing
	f.take()
	f.focus(f.cur)
	f.wrong, f.typing = wrong, typing
}

func (f *form) viewField(fd field, w int) []string {
	out := []string{style.accent.Render(glyph.here) + " " + style.title.Render(fd.label)}
	out = append(out, wrap(w, "  ", fd.help)...)
	if fd.example != "" {
		out = append(out, style.faint.Render("  for example: "+fd.example))
	}
	if fd.now != nil {
		if now := clean(fd.now(f.facts)); now != "" {
			out = append(out, style.faint.Render("  the server has now: "+now))
		}
	}
	for l := range strings.SplitSeq(f.widget.View(), "\n") {
		out = append(out, "  "+strings.TrimRight(l, " "))
	}
	if label := clean(f.hovered(fd)); textWidth(label) > f.width-8 { // the list cut it
		out = append(out, wrap(w, "  "+glyph.more+" ", label)...)
	}
	switch {
	case f.wrong != "" && f.typing:
		out = append(out, wrap(w, "  "+style.warn.Render("~ so far: "), clean(f.wrong))...)
	case f.wrong != "":
		out = append(out, wrap(w, "  "+style.bad.Render(glyph.bad+" not yet right: "), clean(f.wrong))...)
	}
	return append(out, "")
}

// hovered are the words of the choice under the cursor; "" where none is.
func (f *form) hovered(fd field) string {
	h, ok := f.widget.(interface{ Hovered() (string, bool) })
	if !ok || fd.choices == nil {
		return ""
	}
	value, _ := h.Hovered()
	for _, c := range fd.choices(f.facts) {
		if c.value == value {
			return c.label
		}
	}
	return ""
}

// keys are what the present field understands.
func (f *form) keys(done string) []key.Binding {
	out := []key.Binding{as(keys.Enter, "next")}
	if f.cur == len(f.fields)-1 {
		out[0] = as(keys.Enter, done)
	} else {
		out = append(out, as(keys.Done, done))
	}
	switch f.field().kind {
	case manyOf:
		out = append(out, keys.Pick, keys.Toggle)
	case yesNo, oneOf:
		out = append(out, keys.Pick)
	}
	return append(out, keys.Prev, keys.Back, keys.Next)
}

// formTheme takes huh's own colours and frames away: only words and marks.
func formTheme() *huh.Theme {
	t := huh.ThemeBase()
	for _, s := range []*huh.FieldStyles{&t.Focused, &t.Blurred} {
		s.Base = style.plain
		s.SelectSelector = style.accent.SetString(glyph.here + " ")
		s.MultiSelectSelector = style.accent.SetString(glyph.here + " ")
		s.SelectedPrefix = style.ok.SetString("[x] ")
		s.UnselectedPrefix = style.plain.SetString("[ ] ")
		s.SelectedOption = style.title
		s.TextInput.Prompt = style.accent
		s.TextInput.Placeholder = style.faint
	}
	return t
}

// formKeys leaves to huh only what a field does within itself.
func formKeys() *huh.KeyMap {
	k := huh.NewDefaultKeyMap()
	none := key.NewBinding(key.WithDisabled())
	k.Input.Next, k.Input.Prev, k.Input.Submit = none, none, none
	k.Select.Next, k.Select.Prev, k.Select.Submit, k.Select.Filter = none, none, none, none
	k.MultiSelect.Next, k.MultiSelect.Prev, k.MultiSelect.Submit, k.MultiSelect.Filter = none, none, none, none
	k.MultiSelect.SelectAll, k.MultiSelect.SelectNone = none, none
	return k
}
