package tui

import (
	"context"
	"errors"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
)

// wizard is the root model. Screens and dialogs hold a pointer to it and change
// it in Update only.
type wizard struct {
	engine      *engine
	store       store
	s           *session
	stack       []screen
	dialogs     []*dialog // the first one is shown
	run         *run      // the last one begun
	busy        string    // what a Cmd is doing that the admin waits for
	undoing     string    // the step whose undo that is
	stop        context.CancelFunc
	after       func() tea.Cmd // when what is waited for has worked
	notice      string
	help        *scroller
	wide        bool // the list is hidden
	width       int
	height      int
	now         func() time.Time
	rehearse    bool   // the practice server was chosen
	parting     string // said after the screen is gone
	ticking     bool
	everySecond tea.Cmd
	keeping     bool // soon is under way
	soon        tea.Cmd
}

func newWizard(cfg Config, st store, servers []known, now func() time.Time) *wizard {
	w := &wizard{
		engine: &engine{cfg: cfg, send: func(tea.Msg) {}}, store: st, s: st.begun(), now: now, stop: func() {},
		everySecond: later(time.Second, tickMsg{}),
		soon:        later(time.Second, keepMsg{}),
	}
	w.stack = []screen{newStartScreen(w, servers)}
	return w
}

// Init implements tea.Model.
func (w *wizard) Init() tea.Cmd { return nil }

// tickMsg moves the clocks on the screen.
type tickMsg struct{}

// later is a message after a while. Unlike tea.Tick, whose timer runs out once,
// it can be kept and used again.
func later(d time.Duration, msg tea.Msg) tea.Cmd {
	return func() tea.Msg {
		<-time.After(d)
		return msg
	}
}

// tick keeps a clock going while something runs or waits.
func (w *wizard) tick() tea.Cmd {
	if w.ticking {
		return nil
	}
	w.ticking = true
	return w.everySecond
}

// Update implements tea.Model.
func (w *wizard) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		w.width, w.height = msg.Width, msg.Height
		if w.width == 0 || w.height == 0 { // a serial line, which has no size of its own
			w.width, w.height = 80, 24
		}
		return w, nil
	case tea.KeyMsg:
		cmd := w.typed(msg)
		return w, tea.Batch(cmd, w.changed())
	case tickMsg:
		w.ticking = false
		cmd := w.top().update(msg)
		if w.run != nil && !w.run.ended || w.busy != "" || cmd != nil {
			cmd = tea.Batch(cmd, w.tick())
		}
		return w, cmd
	case questionMsg:
		w.open(w.questionDialog(msg))
		return w, nil
	case pskMsg:
		w.open(pskDialog(msg))
		return w, nil
	case approveMsg:
		w.open(w.approveDialog(msg))
		return w, nil
	case noticeMsg:
		w.notice = clean(string(msg))
		return w, nil
	case keepMsg:
		w.keeping = false
		return w, w.saveDraft()
	case runMsg:
		return w, w.happened(msg)
	case dialledMsg:
		msg.session.dialled(msg.peer, msg.host, msg.err)
		return w, nil
	case foundMsg:
		for _, e := range msg.events {
			msg.session.happened(e)
		}
		return w, w.top().update(msg)
	}
	return w, w.reported(msg)
}

// happened takes events of a run, also of one that is not on the screen now, or
// whose server is not. One that has moved is kept at its new address at once.
func (w *wizard) happened(msg runMsg) (keep tea.Cmd) {
	told := false
	for _, e := range msg.events {
		msg.run.s.happened(e)
		if e.Kind == checklist.EventMoved {
			keep = w.saveDraftOf(msg.run.s)
		}
		msg.run.happened(e, w.now())
		told = told || !lossy(e.Kind)
	}
	if told { // a flood of output changes nothing but the log
		w.refresh()
	}
	return keep
}

// reported takes what a Cmd brought back.
func (w *wizard) reported(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case connectedMsg:
		return w.connected(msg)
	case lookedMsg:
		return w.looked(msg)
	case appliedMsg:
		return w.applied(msg)
	case undoneMsg:
		return w.undone(msg)
	case verifiedMsg:
		if msg.session != w.s || errors.Is(msg.err, context.Canceled) {
			return nil // given up by Back; something else may be waited for now
		}
		w.busy = ""
	}
	return w.top().update(msg)
}

// typed takes what came from the keyboard. Keys pressed faster than they are
// read come together: where letters are commands, each is one.
func (w *wizard) typed(msg tea.KeyMsg) tea.Cmd {
	if msg.Type != tea.KeyRunes || msg.Paste || len(msg.Runes) < 2 {
		return w.pressed(msg)
	}
	var cmds []tea.Cmd
	for i, r := range msg.Runes {
		if w.typing() || len(w.dialogs) > 0 && w.dialogs[0].input != nil {
			rest := msg
			rest.Runes = msg.Runes[i:]
			return tea.Batch(append(cmds, w.pressed(rest))...)
		}
		cmds = append(cmds, w.pressed(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}}))
	}
	return tea.Batch(cmds...)
}

// changed has kept what a key may have changed: what is being typed, and where
// one is.
func (w *wizard) changed() tea.Cmd {
	at := w.s.at
	switch t := w.top().(type) {
	case *runScreen:
	case stepped:
		at = t.stepID()
	case *verifyScreen, *itemScreen, *handoffScreen:
		at = "verification"
	}
	if at == w.s.at && !w.typing() {
		return nil
	}
	w.s.at = at
	return w.keepSoon()
}

// pressed routes a key: to the dialog, the help, what works everywhere, and then
// to the screen.
func (w *wizard) pressed(msg tea.KeyMsg) tea.Cmd {
	w.notice = ""
	msg = w.practised(msg)
	if w.small() { // nobody answers or runs what cannot be seen
		switch {
		case msg.String() != "ctrl+c" || w.run != nil && !w.run.ended:
			return nil
		case w.undoing != "":
			return w.leave()
		}
		return w.quit()
	}
	if len(w.dialogs) > 0 {
		return w.dialogs[0].update(msg)
	}
	if w.help != nil {
		if !w.help.update(msg) {
			w.help = nil
		}
		return nil
	}
	if msg.String() == "ctrl+c" {
		return w.quit()
	}
	if msg.String() == "f1" {
		w.openHelp()
		return nil
	}
	if w.typing() {
		if key.Matches(msg, keys.Back) {
			return w.back()
		}
		return w.top().update(msg)
	}
	switch {
	case key.Matches(msg, keys.Help):
		w.openHelp()
	case key.Matches(msg, keys.Wide):
		w.wide = !w.wide
	case key.Matches(msg, keys.Quit):
		return w.quit()
	case key.Matches(msg, keys.Back):
		return w.back()
	default:
		return w.top().update(msg)
	}
	return nil
}

// typing says whether letters are text on the screen on top.
func (w *wizard) typing() bool {
	t, ok := w.top().(typing)
	return ok && t.typing()
}

func (w *wizard) top() screen { return w.stack[len(w.stack)-1] }

// push shows a screen; Back returns to the one before.
func (w *wizard) push(s screen) { w.stack = append(w.stack, s) }

// back always works. On the first screen it leaves; what a screen was waiting
// for is given up.
func (w *wizard) back() tea.Cmd {
	if w.undoing != "" { // who gives it up proves no way in, and the server takes it back
		w.open(w.undoLeaveDialog())
		return nil
	}
	w.giveUp()
	if len(w.stack) == 1 {
		return w.quit()
	}
	var cmd tea.Cmd
	if l, ok := w.top().(leaver); ok {
		cmd = l.leave()
	}
	w.stack = w.stack[:len(w.stack)-1]
	w.refresh()
	return cmd
}

// giveUp waits no longer for what is waited for.
func (w *wizard) giveUp() {
	if w.busy != "" {
		w.stop()
		w.busy, w.after = "", nil
	}
	if i := w.verifying(); i >= 0 {
		v, _ := w.stack[i].(*verifyScreen)
		clear(v.measuring)
	}
}

// refresh has the screen on top drawn anew, because what it shows has changed.
func (w *wizard) refresh() {
	if r, ok := w.top().(interface{ refresh() }); ok {
		r.refresh()
	}
}

// quit asks only when something runs on the server.
func (w *wizard) quit() tea.Cmd {
	if w.running() {
		w.open(w.leaveDialog(w.run, true))
		return nil
	}
	if w.undoing != "" {
		w.open(w.undoLeaveDialog())
		return nil
	}
	return w.leave()
}

func (w *wizard) leave() tea.Cmd {
	w.stop()
	if l, ok := w.top().(leaver); ok {
		return tea.Sequence(l.leave(), tea.Quit)
	}
	return tea.Quit
}

// wait begins something that the admin waits for, and can give up by Back.
func (w *wizard) wait(what string) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	w.busy, w.stop = what, cancel
	return ctx
}

// open shows a dialog, after those that are already there.
func (w *wizard) open(d *dialog) {
	d.w = w
	d.shown, d.last = w.now(), w.now()
	w.dialogs = append(w.dialogs, d)
}

// closeDialog takes the first dialog away; the next one begins its grace.
func (w *wizard) closeDialog() {
	w.dialogs = w.dialogs[1:]
	if len(w.dialogs) > 0 {
		w.dialogs[0].shown, w.dialogs[0].last = w.now(), w.now()
	}
}
