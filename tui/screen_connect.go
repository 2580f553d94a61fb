package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// connectScreen asks how to reach the server, and goes there.
type connectScreen struct {
	w     *wizard
	form  *form
	wrong []string // why it did not work, and what to try
}

func newConnectScreen(w *wizard) *connectScreen {
	c := &connectScreen{w: w}
	c.begin()
	return c
}

// begin fills the form with what is known.
func (c *connectScreen) begin() {
	s := c.w.s
	c.form = newForm("connect", &s.answers, s.facts, s.typed)
}

func (c *connectScreen) title() string { return "connect" }

func (c *connectScreen) typing() bool { return c.w.busy == "" && c.form != nil }

func (c *connectScreen) leave() tea.Cmd {
	if c.form != nil {
		c.form.commit()
	}
	return tea.Sequence(c.w.saveDraft(), c.w.list())
}

func (c *connectScreen) keys() []key.Binding {
	if c.w.busy != "" {
		return []key.Binding{as(keys.Back, "give up")}
	}
	if c.form == nil {
		return []key.Binding{keys.Back}
	}
	return c.form.keys("connect")
}

func (c *connectScreen) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case openedMsg:
		if msg.session != c.w.s {
			return nil
		}
		if msg.err != nil {
			c.wrong = []string{remote.CleanText(msg.err.Error())}
			return nil
		}
		c.w.s.answers = msg.answers
		if !msg.draft {
			clear(c.w.s.typed) // it was about other answers
		}
		c.begin()
		return c.resume()
	case connectedMsg:
		c.wrong = connectWrong(msg.err)
		if c.form != nil {
			c.form.toPath(wrongField(msg.err))
		}
	case tea.KeyMsg:
		if c.form == nil || c.w.busy != "" {
			return nil
		}
		if c.form.update(msg) {
			return c.connect()
		}
	}
	return nil
}

// resume connects with what is known, unless that is not right.
func (c *connectScreen) resume() tea.Cmd {
	if c.form.toWrong() {
		return nil
	}
	return c.connect()
}

func (c *connectScreen) connect() tea.Cmd {
	s := c.w.s
	c.wrong = nil
	var known []known
	if start, ok := c.w.stack[0].(*startScreen); ok {
		known = start.servers
	}
	was := s.callIt(known)
	ctx := c.w.wait("connecting to " + clean(s.answers.Host))
	var forget tea.Cmd
	if st := c.w.store; was != s.name {
		forget = func() tea.Msg { return complaint(st.forget(was)) }
	}
	return tea.Batch(c.w.saveDraft(), forget, c.w.engine.connect(ctx, s), c.w.tick())
}

// wrongField is the field that an error of the connection is about; "" when it is
// about none.
func wrongField(err error) string {
	var (
		file  *keyFileError
		login *remote.CredentialsError
		way   *remote.ConnectError
	)
	switch {
	case errors.As(err, &file):
		return "identity"
	case errors.As(err, &login) && login.Target == "":
		return "user"
	case errors.As(err, &login), errors.As(err, &way) && way.Target != "":
		return "jump"
	case way == nil:
		return ""
	}
	switch way.Reason {
	case remote.ReasonRefused, remote.ReasonNotSSH:
		return "port"
	case remote.ReasonNotFound, remote.ReasonNameServer, remote.ReasonTimeout, remote.ReasonUnreachable:
		return "host"
	}
	return ""
}

// connectWrong says why there is no connection, and what to try.
func connectWrong(err error) []string {
	if err == nil {
		return nil
	}
	out := []string{remote.CleanText(err.Error())}
	var h interface{ Hint() string }
	if errors.Is(err, errRefused) { // the hint is for those who cannot be asked
		return append(out, "Try: do it again, and answer the question")
	}
	if errors.As(err, &h) && h.Hint() != "" {
		out = append(out, "Try: "+remote.CleanText(h.Hint()))
	}
	return out
}

func (c *connectScreen) view(w, h int) []string {
	var out []string
	switch {
	case c.w.busy != "":
		out = append(out, "", " "+c.w.busy+" "+glyph.more, "")
		return append(out, wrap(w, " ", "This logs in, checks that the server's key is the one you trust, gets root's rights through sudo "+
			"where they are needed, and reads the server. Nothing is changed. Esc gives up.")...)
	case len(c.wrong) > 0:
		out = append(out, style.bad.Render(" "+glyph.bad+" Not connected"))
		for _, p := range c.wrong {
			for l := range strings.SplitSeq(p, "\n") {
				out = append(out, wrap(w, "   ", clean(l))...)
			}
		}
		out = append(out, "")
	default:
		out = append(out, wrap(w, " ", "How do you reach the server? Nothing is changed there before you say so.")...)
		out = append(out, "")
	}
	if c.form != nil {
		out = append(out, c.form.view(w, h-len(out))...)
	}
	return out
}

// connected goes on from the connection to the first look, or to what still
// runs there.
func (w *wizard) connected(msg connectedMsg) tea.Cmd {
	if msg.session != w.s || w.busy == "" || errors.Is(msg.err, context.Canceled) {
		if msg.host != nil {
			return func() tea.Msg { closeHost(msg.host); return nil }
		}
		return nil
	}
	w.busy = ""
	if msg.err != nil {
		return w.top().update(msg)
	}
	w.s.host, w.s.current, w.s.notes = msg.host, msg.current, msg.notes
	w.s.took(msg.look.facts, msg.look.plan)
	if w.s.file == "" {
		w.s.file = w.store.file(w.s.name)
	}
	w.push(newLookScreen(w))
	cmd := w.saveDraft()
	if c := msg.current; c != nil && !c.State.Ended() {
		w.notice = fmt.Sprintf("step %s still runs there; following it", clean(c.Step))
		return tea.Batch(cmd, w.follow(c.Step))
	} else if c != nil && c.State == remote.TxDone {
		w.notice = clean(checklist.Meanwhile(*c))
		return cmd
	} else if c != nil {
		w.open(toldDialog("What happened meanwhile", checklist.Meanwhile(*c), *c))
		return cmd
	}
	return tea.Batch(cmd, w.whereItWas())
}

// toldDialog says how something ended on the server, with the places that it names.
func toldDialog(head, text string, st remote.Status) *dialog {
	return &dialog{
		head: head, body: append([]string{clean(text)}, detailLines(st)...),
		options: []option{{bind("esc", "go on", "esc", "enter"), func() tea.Cmd { return nil }}},
	}
}

// detailLines are the places that a server names with how a step ended.
func detailLines(st remote.Status) (out []string) {
	for _, d := range st.Detail {
		for l := range strings.Lines(d) {
			out = append(out, clean(l))
		}
	}
	return out
}

// whereItWas goes to what was on the screen when aslwiz was left, or to what
// comes after it when that is done by now.
func (w *wizard) whereItWas() tea.Cmd {
	at := w.s.at
	if at == "verification" {
		return w.goToVerify()
	}
	if _, ok := stepByID(at); !ok || at == "preflight" {
		return nil
	}
	if w.s.done(at) {
		if at = w.s.nextStep(at); at == "" {
			return nil
		}
	}
	w.notice = "going on where you were; Esc leads to the first look"
	return w.goToStep(at)
}
