package tui

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// thing is a resource whose value the fake server keeps under its name.
type thing struct{ name, want, note string }

func (t thing) Name() string { return t.name }

func (t thing) Probes() []remote.Probe {
	return []remote.Probe{remote.ReadSetting(t.name, "read "+t.name)}
}

func (t thing) Compare(a []remote.Answer) (checklist.Change, error) {
	now, err := a[0].Text()
	if err != nil {
		return checklist.Change{}, err
	}
	c := checklist.Change{Kind: "setting", Now: orElse(now, "nothing"), Want: t.want, Same: now == t.want}
	if t.note != "" {
		c.Notes = []string{t.note}
	}
	if !c.Same {
		c.Script = []string{"set " + t.name + " " + t.want}
		c.Diff = fmt.Sprintf("--- %s\n+++ %s\n@@ -1 +1 @@\n-%s\n+%s\n", t.name, t.name, now, t.want)
	}
	return c, nil
}

// smallPage is a page of four steps and three items.
func smallPage(t testing.TB) {
	t.Helper()
	old := page
	t.Cleanup(func() { page = old })
	named := func(in checklist.In) ([]checklist.Resource, error) {
		if in.Answers.Hostname == "" {
			return nil, errors.New("the answers do not say the host name")
		}
		return []checklist.Resource{thing{"name", in.Answers.FQDN(), ""}}, nil
	}
	wants := func(r ...checklist.Resource) func(checklist.In) ([]checklist.Resource, error) {
		return func(checklist.In) ([]checklist.Resource, error) { return r, nil }
	}
	steps := []checklist.Step{
		{ID: "preflight", Title: "look whether the server is as it should be", Want: wants()},
		{ID: "packages", Title: "install the software that all servers need", Why: "every later step configures something that this line installs", Want: wants(thing{"software", "vim screen", "ntp is called ntpsec here"})},
		{ID: "hostname", Title: "set the host name", Why: "logs, mail and the monitoring all know the server by this name", Want: named},
		{ID: "firewall", Title: "let in only what is wanted", Guarded: true, Want: wants(thing{"rules", "on", ""})},
	}
	item := func(id, title, fix string, good func(string) bool) checklist.Item {
		return checklist.Item{
			ID: id, Title: title,
			Probes: func(checklist.In) []remote.Probe { return []remote.Probe{remote.ReadSetting(id, "read")} },
			Judge: func(_ checklist.In, s checklist.Seen) checklist.Finding {
				now, _ := s.Answers[0].Text()
				f := checklist.Finding{Status: checklist.Passed, Want: "on", Got: orElse(now, "nothing"), Evidence: []string{"$ read " + id + "\n" + now}}
				if now == "wait" {
					f.Status = checklist.Waiting
				} else if !good(now) {
					f.Status, f.Fix = checklist.Failed, &checklist.Fix{Kind: checklist.FixStep, Step: fix, Text: "run the step again"}
				}
				return f
			},
		}
	}
	page.steps = func() []checklist.Step { return steps }
	page.items = func() []checklist.Item {
		return []checklist.Item{
			item("name", "Is the host name set?", "hostname", func(s string) bool { return s == "stats.example.net" }),
			item("rules", "Is the firewall active?", "firewall", func(s string) bool { return s == "on" }),
			item("time", "Is the clock right?", "", func(string) bool { return true }),
		}
	}
	page.section = func(id string) (string, bool) {
		return "## A section\n\nWhat the page says about **" + id + "**, with `code` in it and a sentence that goes on for longer than a line.\n\n```\nsome command\n```\n", true
	}
}

// fakeHost is a server in memory: values that scripts set.
type fakeHost struct {
	mu      sync.Mutex
	values  map[string]string
	log     []string          // what a script prints beside its own lines
	hold    chan struct{}     // a script ends only when this is closed
	current *remote.Status    // what runs there at first
	refuse  map[string]bool   // steps that fail
	restore map[string]string // steps that are taken back, and why
	txs     map[string]remote.Transaction
	stopped chan struct{}
	closed  bool
	full    error // why no step can start
}

var _ checklist.Host = (*fakeHost)(nil)

func newFakeHost() *fakeHost {
	return &fakeHost{values: map[string]string{"name": "box"}, refuse: map[string]bool{}, restore: map[string]string{}, txs: map[string]remote.Transaction{}, stopped: make(chan struct{})}
}

func (h *fakeHost) Name() string { return "198.51.100.11" }

func (h *fakeHost) Survey(_ context.Context, probes []remote.Probe) ([]remote.Answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []remote.Answer
	for _, p := range probes {
		a := remote.Answer{Probe: p}
		switch {
		case p.Kind == remote.ProbeFile && p.Args[0] == "/etc/os-release":
			a.Out = []byte("file 644 root:root - /etc/os-release\nID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n")
		case p.Kind == remote.ProbeFile:
			a.Out = []byte("absent 0 - - " + p.Args[0] + "\n")
		case p.Kind == remote.ProbeSetting && p.Args[0] == "machine":
			a.Out = []byte("kernel 6.1.0\narch x86_64\nhostname box\nboot 1111\nvirt kvm\ncores 2\nmhz 2400.0\nmem 4194304\ndisk 41943040\nfree 38000000\nnic eth0\n")
		case p.Kind == remote.ProbeCommand && strings.Join(p.Args, " ") == "ip -j address":
			a.Out = []byte(`[{"ifname":"eth0","address":"52:54:00:00:00:01","link_type":"ether","flags":["UP"],"addr_info":[{"local":"198.51.100.11","prefixlen":24,"scope":"global"}]}]`)
		case p.Kind == remote.ProbeCommand:
			a.Out = []byte("[]")
		case p.Kind == remote.ProbeSetting:
			a.Out = []byte(h.values[p.Args[0]] + "\n")
		}
		out = append(out, a)
	}
	return out, nil
}

func (h *fakeHost) Current(context.Context) (remote.Status, bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current == nil {
		return remote.Status{}, false, nil
	}
	return *h.current, true, nil
}

func (h *fakeHost) Start(_ context.Context, tx remote.Transaction) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.full == nil {
		h.txs[tx.ID] = tx
	}
	return h.full
}

func (h *fakeHost) Follow(ctx context.Context, id string, _ int64, on func(remote.Progress)) (remote.Status, error) {
	h.mu.Lock()
	tx, st := h.txs[id], remote.Status{ID: id, Step: h.txs[id].Step, State: remote.TxDone}
	if h.current != nil && h.current.ID == id {
		st.Step, h.current = h.current.Step, nil
	}
	h.mu.Unlock()
	on(remote.Progress{Lines: append([]string{"+ begin"}, h.log...), Percent: 40, Doing: "unpacking vim", Elapsed: 3 * time.Second})
	if h.hold != nil {
		select {
		case <-h.hold:
		case <-h.stopped:
			st.State, st.Reason = remote.TxStopped, "on the admin's word"
			return st, nil
		case <-ctx.Done():
			return st, ctx.Err()
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse[tx.Step] {
		st.State, st.Code = remote.TxFailed, 100
		return st, nil
	}
	if why := h.restore[tx.Step]; why != "" {
		st.State, st.Reason = remote.TxRestored, why
		return st, nil
	}
	for line := range strings.Lines(tx.Script) {
		if name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "set "), " "); ok && strings.HasPrefix(line, "set ") {
			h.values[name] = value
		}
	}
	return st, nil
}

func (h *fakeHost) Stop(context.Context, string) error { close(h.stopped); return nil }

func (h *fakeHost) Last(context.Context, string) (remote.Status, bool, error) {
	return remote.Status{}, false, nil
}

func (h *fakeHost) Undo(context.Context, string) (remote.Status, error) {
	return remote.Status{State: remote.TxUndone}, nil
}

func (h *fakeHost) Reach(context.Context, []netip.AddrPort, time.Duration) []remote.Reach { return nil }

func (h *fakeHost) ClientAddr() netip.AddrPort { return netip.MustParseAddrPort("198.51.100.9:40000") }

func (h *fakeHost) ServerAddr() netip.AddrPort { return netip.MustParseAddrPort("198.51.100.11:22") }

func (h *fakeHost) Close() error { h.closed = true; return nil }

// bench is a wizard whose Cmds are run by hand: nothing happens by itself, and
// no time passes but what the test lets pass.
type bench struct {
	t     testing.TB
	w     *wizard
	host  *fakeHost
	clock time.Time
	sent  chan tea.Msg
	dir   string
	ask   func(context.Context, remote.Ask) error // what Dial asks
	note  string                                  // what connecting has to say
	far   *farHost                                // the other end of a tunnel
}

func newBench(t testing.TB, width, height int) *bench {
	t.Helper()
	smallPage(t)
	b := &bench{t: t, host: newFakeHost(), clock: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), sent: make(chan tea.Msg), dir: t.TempDir()}
	b.w = b.start()
	b.do(tea.WindowSizeMsg{Width: width, Height: height})
	return b
}

// start is a fresh start of the program over the same files.
func (b *bench) start() *wizard {
	b.t.Helper()
	st := newStore(b.dir+"/config", b.dir+"/state/wizard.json")
	servers, err := st.list()
	if err != nil {
		b.t.Fatal(err)
	}
	w := newWizard(Config{Dial: func(ctx context.Context, to remote.Target, o remote.Options) (checklist.Host, error) {
		if b.far != nil && to.Host == "198.51.100.12" {
			return b.far, b.far.away
		}
		if b.ask != nil {
			if err := b.ask(ctx, o.Ask); err != nil {
				return nil, err
			}
		}
		if b.note != "" {
			o.Note(b.note)
		}
		return b.host, nil
	}}, st, servers, func() time.Time { return b.clock })
	w.everySecond, w.soon = nil, nil
	w.engine.send = func(m tea.Msg) { b.sent <- m }
	return w
}

// do gives the wizard a message and carries out what comes of it, but for ticks
// of the clock.
func (b *bench) do(msg tea.Msg) {
	b.t.Helper()
	_, cmd := b.w.Update(msg)
	_ = b.w.View() // as the program does after every message
	b.carry(cmd)
}

// carry runs Cmds to their end, with what they send on the way.
func (b *bench) carry(cmd tea.Cmd) {
	b.t.Helper()
	if cmd == nil {
		return
	}
	done := make(chan tea.Msg, 1)
	go func() { done <- cmd() }()
	for {
		select {
		case m := <-b.sent:
			b.do(m)
			switch m.(type) {
			case questionMsg, approveMsg, pskMsg: // the Cmd waits for the answer
				go func() { b.late(<-done) }()
				return
			}
		case m := <-done:
			b.result(m)
			return
		case <-time.After(b.patience()):
			go func() { b.late(<-done) }()
			return
		}
	}
}

// patience is how long a Cmd may take: hardly any time when the fake holds it.
func (b *bench) patience() time.Duration {
	if b.host.hold != nil {
		return 100 * time.Millisecond
	}
	return 5 * time.Second
}

func (b *bench) result(m tea.Msg) {
	switch m := m.(type) {
	case nil, tickMsg, tea.QuitMsg:
	case tea.BatchMsg:
		for _, c := range m {
			b.carry(c)
		}
	default:
		b.do(m)
	}
}

// late keeps the end of a Cmd that had to wait until when takes it.
func (b *bench) late(m tea.Msg) {
	if _, ok := m.(tickMsg); !ok && m != nil {
		b.sent <- m
	}
}

// when takes what comes until something is true.
func (b *bench) when(what string, is func() bool) {
	b.t.Helper()
	for !is() {
		select {
		case m := <-b.sent:
			b.do(m)
		case <-time.After(5 * time.Second):
			b.t.Fatalf("waited in vain until %s:\n%s", what, b.w.View())
		}
	}
}

// keys presses keys: names of keys, or text that is typed.
func (b *bench) keys(names ...string) {
	b.t.Helper()
	for _, n := range names {
		b.do(press(n))
	}
}

func press(name string) tea.KeyMsg {
	for k, t := range map[string]tea.KeyType{
		"enter": tea.KeyEnter, "esc": tea.KeyEsc, "tab": tea.KeyTab, "shift+tab": tea.KeyShiftTab, "up": tea.KeyUp, "down": tea.KeyDown,
		"ctrl+c": tea.KeyCtrlC, "ctrl+d": tea.KeyCtrlD, "end": tea.KeyEnd, "home": tea.KeyHome, "pgdown": tea.KeyPgDown, "pgup": tea.KeyPgUp,
		"backspace": tea.KeyBackspace, "space": tea.KeySpace,
	} {
		if name == k {
			m := tea.KeyMsg{Type: t}
			if t == tea.KeySpace {
				m.Runes = []rune(" ")
			}
			return m
		}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}
