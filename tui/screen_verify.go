package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// againAfter is when a waiting item is looked at that does not say when.
const againAfter = 15 * time.Second

// verifyScreen is the page's list of items, measured.
type verifyScreen struct {
	w         *wizard
	cur       int
	measuring map[string]bool
	sent      bool     // a test was sent from here
	doc       scroller // details of the item at cur
	wrong     string
}

func newVerifyScreen(w *wizard) *verifyScreen {
	v := &verifyScreen{w: w, measuring: map[string]bool{}}
	v.doc.make = v.details
	return v
}

func (v *verifyScreen) title() string { return "verification" }

func (v *verifyScreen) refresh() { v.doc.invalidate() }

func (v *verifyScreen) item() checklist.Item { return page.items()[v.cur] }

func (v *verifyScreen) finding() (checklist.Finding, bool) {
	f, ok := v.w.s.findings[v.item().ID]
	return f, ok
}

func (v *verifyScreen) keys() []key.Binding {
	out := []key.Binding{keys.Pick, keys.Measure, as(keys.MeasureRed, "those not ok"), as(keys.MeasureAll, "all")}
	switch step := v.fixedBy(); {
	case step != "":
		out = append([]key.Binding{as(keys.FixStep, "go to step "+step)}, append(out, keys.HandOff)...)
	case v.ready():
		out = append([]key.Binding{keys.HandOff}, out...)
	case len(v.w.s.findings) > 0:
		out = append(out, keys.HandOff)
	}
	switch {
	case v.untried():
		out = append([]key.Binding{as(keys.Try, "send a test")}, out...)
	case len(tried(v.w.s.answers)) > 0:
		out = append(out, keys.Try)
	}
	return append(out, keys.Details, keys.Back, as(keys.PageDown, "scroll the details"), keys.PageUp, keys.Quit)
}

func (v *verifyScreen) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case foundMsg:
		for _, e := range msg.events {
			if e.Finding != nil {
				delete(v.measuring, e.Finding.Item)
			}
		}
		v.refresh()
	case verifiedMsg:
		return v.done(msg)
	case tickMsg:
		return v.tick()
	case tea.KeyMsg:
		return v.pressed(msg)
	}
	return nil
}

func (v *verifyScreen) pressed(m tea.KeyMsg) tea.Cmd {
	items := page.items()
	switch {
	case key.Matches(m, keys.Up):
		v.choose(max(0, v.cur-1))
	case key.Matches(m, keys.Down):
		v.choose(min(len(items)-1, v.cur+1))
	case key.Matches(m, keys.Details):
		v.w.push(newItemScreen(v))
	case key.Matches(m, keys.Measure):
		return v.measure(items[v.cur : v.cur+1])
	case key.Matches(m, keys.MeasureRed):
		return v.measure(v.notOK())
	case key.Matches(m, keys.MeasureAll):
		return v.measure(items)
	case key.Matches(m, keys.Try) && len(tried(v.w.s.answers)) > 0:
		v.w.open(v.tryDialog())
	case key.Matches(m, keys.FixStep):
		if step := v.fixedBy(); step != "" { // as it is now: the plan of before the measurement may say that nothing is wrong
			return v.w.lookThen("reading the server", func() tea.Cmd { return v.w.goToStep(step) })
		}
	case key.Matches(m, keys.HandOff) && v.w.busy == "":
		h := newHandoffScreen(v.w)
		v.w.push(h)
		return h.measure()
	case key.Matches(m, keys.PageUp, keys.PageDown):
		v.doc.update(m)
	}
	return nil
}

// fixedBy is the step that mends the chosen item; "" when none does.
func (v *verifyScreen) fixedBy() string {
	f, _ := v.finding()
	return v.w.s.mends(f)
}

func (v *verifyScreen) choose(i int) {
	v.cur, v.doc.offset = i, 0
	v.refresh()
}

func (v *verifyScreen) notOK() []checklist.Item {
	var out []checklist.Item
	for _, it := range page.items() {
		if f, ok := v.w.s.findings[it.ID]; !ok || f.Status != checklist.Passed && f.Status != checklist.Manual {
			out = append(out, it)
		}
	}
	return out
}

// untried says whether an item is unknown because nothing was sent yet.
func (v *verifyScreen) untried() bool {
	return !v.sent && slices.ContainsFunc(tried(v.w.s.answers), func(it checklist.Item) bool {
		return v.w.s.findings[it.ID].Status == checklist.Unknown
	})
}

// ready says whether nothing is left but the hand-off.
func (v *verifyScreen) ready() bool { return len(v.notOK()) == 0 }

// measure looks at items again.
func (v *verifyScreen) measure(items []checklist.Item) tea.Cmd { return v.look(items, false) }

func (v *verifyScreen) look(items []checklist.Item, try bool) tea.Cmd {
	if len(items) == 0 {
		v.w.notice = "every item is ok"
		return nil
	}
	if v.w.busy != "" {
		return nil
	}
	for _, it := range items {
		v.measuring[it.ID] = true
	}
	v.wrong = ""
	what := fmt.Sprintf("measuring %s", plural(len(items), "item"))
	if len(items) == 1 {
		what = "measuring " + items[0].ID
	}
	if try {
		v.sent = true
		what = "measuring what comes of a test mail and a marked log line"
	}
	ctx := v.w.wait(what)
	v.refresh()
	return tea.Batch(v.w.engine.verify(ctx, v.w.s, items, try), v.w.tick())
}

func (v *verifyScreen) done(msg verifiedMsg) tea.Cmd {
	for _, id := range msg.items {
		delete(v.measuring, id)
	}
	v.refresh()
	if msg.err != nil {
		v.wrong = remote.CleanText(msg.err.Error())
		return nil
	}
	v.w.s.verified = v.w.now()
	return tea.Batch(v.w.saveVerified(), v.w.tick())
}

// tick measures waiting items whose time has come, and keeps the clock going as
// long as any waits.
func (v *verifyScreen) tick() tea.Cmd {
	var due []checklist.Item
	waits := false
	for _, it := range page.items() {
		f, ok := v.w.s.findings[it.ID]
		if !ok || f.Status != checklist.Waiting {
			continue
		}
		waits = true
		if !v.w.now().Before(again(f)) {
			due = append(due, it)
		}
	}
	if len(due) > 0 && v.w.busy == "" {
		return v.measure(due)
	}
	if waits {
		v.refresh()
		return v.w.tick()
	}
	return nil
}

// again is when a waiting item is looked at next.
func again(f checklist.Finding) time.Time {
	if f.Again != nil {
		return *f.Again
	}
	return f.At.Add(againAfter)
}

func (v *verifyScreen) view(w, h int) []string {
	out := append(v.summary(w), "")
	var rows []string
	for i, it := range page.items() {
		rows = append(rows, v.row(i, it, w))
	}
	out = append(out, window(rows, v.cur, max(4, h-len(out)-4))...) // leaves room for the details to begin
	out = append(out, style.faint.Render(strings.Repeat(glyph.rule, w)))
	return append(out, v.doc.view(w, max(3, h-len(out)))...)
}

func (v *verifyScreen) summary(w int) []string {
	n := count(v.w.s.findings)
	text := sum(n)
	switch {
	case v.wrong != "":
		return wrap(w, style.bad.Render(glyph.bad)+" ", clean(v.wrong))
	case len(v.w.s.findings) == 0:
		return wrap(w, "", "Measuring what the page asks, on the server and from here.")
	case n[checklist.Failed] > 0:
		text += ": not ready for production"
	case n[checklist.Unknown] == 1 && v.untried():
		text += ": t sends a test, to see that mail arrives"
	case n[checklist.Unknown] > 0:
		text += ": what could not be measured is not ok"
	case n[checklist.Waiting] > 0:
		text += ": some need time, and are looked at again"
	case v.ready():
		text += ": as the page wants it; h goes on to the hand-off"
	}
	return heading(w, text)
}

func (v *verifyScreen) row(i int, it checklist.Item, w int) string {
	f := v.w.s.findings[it.ID]
	cursor := "  "
	title := clean(it.Title)
	if i == v.cur {
		cursor = style.accent.Render(glyph.here) + " "
		title = style.title.Render(title)
	}
	word := itemWord(f.Status)
	mark := itemMark(f.Status)
	switch {
	case v.measuring[it.ID]:
		mark, word = style.accent.Render(glyph.running), "measuring"
	case f.Status == "":
		word = "-"
	}
	return fit(cursor+mark+" "+itemStyle(f.Status).Render(padRight(word, 9))+" "+padRight(it.ID, 15)+title, w)
}

// details are the finding of the chosen item: what was wanted, what was found,
// on what evidence, and what mends it.
func (v *verifyScreen) details(w int) []string {
	f, ok := v.finding()
	if !ok {
		return []string{style.faint.Render("not measured yet")}
	}
	out := heading(w, clean(f.Title))
	put := func(label, text string) {
		if strings.TrimSpace(text) != "" {
			out = append(out, wrap(w, style.faint.Render(padRight(label, 6)), clean(text))...)
		}
	}
	put("want", f.Want)
	put("got", f.Got)
	if f.Fix != nil {
		put("fix", f.Fix.Text)
		if step := v.fixedBy(); step != "" {
			put("", "f goes to the step "+step)
		}
	}
	if f.Status == checklist.Waiting {
		put("next", "looked at again in "+clock(max(0, again(f).Sub(v.w.now()))))
	}
	for _, e := range f.Evidence {
		for l := range strings.Lines(remote.CleanText(e)) {
			for _, r := range softWrap(w-2, clean(l)) {
				out = append(out, style.faint.Render(glyph.bar)+" "+r)
			}
		}
	}
	put("at", f.At.UTC().Format("15:04:05 UTC"))
	return out
}
