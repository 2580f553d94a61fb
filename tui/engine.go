package tui

import (
	"context"
	"fmt"
	"sync"

	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// engine is the side of the wizard that waits: each of its methods makes a Cmd.
type engine struct {
	cfg  Config
	send func(tea.Msg)

	peers peers

	mu    sync.Mutex
	hosts []checklist.Host // to close at the end
}

// What a Cmd reports. Every message names what it is about, so that one that
// comes late is not taken for another.
type (
	questionMsg struct {
		question remote.Question
		answer   chan<- answered
	}
	answered struct {
		secret remote.Secret
		err    error
	}
	connectedMsg struct {
		notes   []string // what the admin should know of the connection
		session *session
		host    checklist.Host
		look    lookedMsg
		current *remote.Status
		err     error
	}
	lookedMsg struct {
		session *session
		facts   checklist.Facts
		plan    checklist.Plan
		err     error
	}
	approveMsg struct {
		run    *run
		plan   checklist.StepPlan
		answer chan<- approval
	}
	approval   struct{ yes, quit bool }
	appliedMsg struct {
		run    *run
		result checklist.Result
		err    error
	}
	undoneMsg struct {
		session *session
		step    string
		status  remote.Status
		err     error
	}
	dialledMsg struct {
		session *session
		peer    string
		host    checklist.Host
		err     error
	}
	foundMsg struct {
		session *session
		events  eventsMsg
	}
	verifiedMsg struct {
		session *session
		items   []string
		err     error
	}
)

// ask brings a question of the connection to the screen and waits for it.
func (e *engine) ask(ctx context.Context, q remote.Question) (remote.Secret, error) {
	answer := make(chan answered, 1)
	e.send(questionMsg{q, answer})
	select {
	case a := <-answer:
		return a.secret, a.err
	case <-ctx.Done():
		return remote.Secret{}, ctx.Err()
	}
}

// target is where the answers say the server is.
func target(a checklist.Answers, file string) remote.Target {
	t := remote.Target{Host: a.Host, Port: a.Port, User: a.User, Jump: a.Jump}
	if a.Identity != "" {
		t.Identity = []string{localPath(file, a.Identity)}
	}
	return t
}

// dial logs in, after a look at the key file that was named.
func dial(ctx context.Context, cfg Config, t remote.Target, o remote.Options) (checklist.Host, error) {
	if err := checkKeyFile(t.Identity); err != nil {
		return nil, err
	}
	return cfg.Dial(ctx, t, o)
}

// connect logs in, asks whether something runs there, and reads the server.
func (e *engine) connect(ctx context.Context, s *session) tea.Cmd {
	t, answers := target(s.answers, s.file), s.answers
	return func() tea.Msg {
		o := e.cfg.Options
		o.Ask, o.Moves = e.ask, answers.Network.Addresses()
		msg := connectedMsg{session: s}
		o.Note = func(text string) { msg.notes = append(msg.notes, text) }
		h, err := dial(ctx, e.cfg, t, o)
		if err != nil {
			msg.err = err
			return msg
		}
		e.mu.Lock()
		e.hosts = append(e.hosts, h)
		e.mu.Unlock()
		msg.host = h
		st, ok, err := h.Current(ctx)
		if err != nil {
			msg.err = err
			return msg
		}
		if ok {
			msg.current = &st
		}
		msg.look = look(ctx, s, h, answers)
		msg.err = msg.look.err
		return msg
	}
}

// look reads the server and plans all steps.
func (e *engine) look(ctx context.Context, s *session) tea.Cmd {
	h, answers := s.host, s.answers
	return func() tea.Msg { return look(ctx, s, h, answers) }
}

func look(ctx context.Context, s *session, h checklist.Host, answers checklist.Answers) lookedMsg {
	msg := lookedMsg{session: s}
	if msg.facts, msg.err = checklist.GatherFacts(ctx, h); msg.err == nil {
		msg.plan, msg.err = checklist.MakePlan(ctx, h, checklist.In{Answers: answers, Facts: msg.facts}, page.steps())
	}
	return msg
}

// apply carries out the steps of a run. What its screen has shown is approved;
// anything else is asked.
func (e *engine) apply(r *run) tea.Cmd {
	h, answers, name := r.s.host, r.s.answers, r.s.name
	return func() tea.Msg {
		p := &pump{send: func(m tea.Msg) { e.send(runMsg{r, m.(eventsMsg)}) }}
		write, done := e.journal(name)
		result, err := checklist.Apply(r.ctx, h, answers, checklist.ApplyOptions{
			Steps:    r.steps,
			Approve:  func(plan checklist.StepPlan) (bool, error) { return e.approve(r, plan) },
			Emit:     func(ev checklist.Event) { write(ev); p.emit(ev) },
			Unproven: r.unproven,
			Stop:     r.stop,
			Secret:   e.psk,
			Dial: func(ctx context.Context, p checklist.Peer) (checklist.Host, error) {
				h, err := e.peer(ctx, p)
				e.send(dialledMsg{r.s, p.Name, h, err})
				return h, err
			},
		})
		p.close()
		done()
		return appliedMsg{r, result, err}
	}
}

// pskMsg asks for the key of a tunnel; an empty answer has one generated.
type pskMsg struct {
	tunnel string
	answer chan<- answered
}

// psk asks for the key of a tunnel.
func (e *engine) psk(ctx context.Context, tunnel string) (remote.Secret, error) {
	answer := make(chan answered, 1)
	e.send(pskMsg{tunnel, answer})
	select {
	case a := <-answer:
		return a.secret, a.err
	case <-ctx.Done():
		return remote.Secret{}, ctx.Err()
	}
}

// peer logs in to the other end of a tunnel.
func (e *engine) peer(ctx context.Context, p checklist.Peer) (checklist.Host, error) {
	return e.peers.dial(ctx, e.cfg, e.ask, p)
}

// runMsg is a batch of events of one run.
type runMsg struct {
	run    *run
	events eventsMsg
}

// approve lets a step run that is exactly what the screen showed.
func (e *engine) approve(r *run, plan checklist.StepPlan) (bool, error) {
	if err := r.ctx.Err(); err != nil {
		return false, err
	}
	if r.approved(plan) {
		return true, nil
	}
	answer := make(chan approval, 1)
	e.send(approveMsg{r, plan, answer})
	select {
	case a := <-answer:
		if a.quit {
			return false, checklist.ErrQuit
		}
		return a.yes, nil
	case <-r.ctx.Done():
		return false, r.ctx.Err()
	}
}

// verify measures items; with try, it first does what some need to be seen to
// work.
func (e *engine) verify(ctx context.Context, s *session, items []checklist.Item, try bool) tea.Cmd {
	h, answers := s.host, s.answers
	var ids []string
	for _, it := range items {
		ids = append(ids, it.ID)
	}
	return func() tea.Msg {
		msg := verifiedMsg{session: s, items: ids}
		facts, err := checklist.GatherFacts(ctx, h)
		if err != nil {
			msg.err = err
			return msg
		}
		write, done := e.journal(s.name)
		defer done()
		in := checklist.In{Answers: answers, Facts: facts}
		if try {
			if msg.err = checklist.Act(ctx, h, in, items, write); msg.err != nil {
				return msg
			}
		}
		in.Far = e.peers.look(ctx, e.cfg, e.ask, in, items)
		_, msg.err = checklist.Verify(ctx, h, in, items, func(ev checklist.Event) {
			write(ev)
			e.send(foundMsg{s, eventsMsg{ev}})
		})
		return msg
	}
}

// undo takes back what a step changed last.
func (e *engine) undo(ctx context.Context, s *session, step string) tea.Cmd {
	h := s.host
	return func() tea.Msg {
		st, err := checklist.Undo(ctx, h, step, func(ev checklist.Event) { e.send(foundMsg{s, eventsMsg{ev}}) })
		return undoneMsg{s, step, st, err}
	}
}

// journal is where the events of a server are kept; doing nothing when none is.
func (e *engine) journal(server string) (write func(checklist.Event), done func()) {
	if e.cfg.Journal == nil {
		return func(checklist.Event) {}, func() {}
	}
	write, path, closeIt := e.cfg.Journal(server)
	return write, func() {
		if err := closeIt(); err != nil {
			e.send(noticeMsg(fmt.Sprintf("the journal %s is not complete: %v", path, err)))
		}
	}
}

// noticeMsg is one line for the admin that asks for nothing.
type noticeMsg string

// close ends all connections.
func (e *engine) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, h := range e.hosts {
		closeHost(h)
	}
	e.hosts = nil
}
