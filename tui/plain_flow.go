package tui

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// run is the line mode from the choice of a server to its verification.
func (p *plain) run() error {
	p.tell("", "aslwiz takes a server through the AllStarLink wiki's page \"Server Provisioning\", step by step. Nothing is changed before you say so.")
	if words := p.cfg.practiceWords(); words != "" {
		p.tell("", words)
	}
	p.tell("", everywhere)
	for {
		err := p.oneServer()
		switch {
		case errors.Is(err, errBack):
			continue
		case errors.Is(err, errRehearse):
			return p.cfg.Rehearse()
		case errors.Is(err, errQuit), err != nil && p.ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		return nil
	}
}

func (p *plain) oneServer() error {
	if err := p.choose(); err != nil {
		return err
	}
	if err := p.connect(); err != nil {
		return err
	}
	defer closeHost(p.s.host)
	p.say("")
	p.sayLines(factLines(p.s.facts, p.width))
	p.sayLines(planLines(p.s.plan["preflight"], p.width, spokenMarks))
	if m := providerMessage(p.s.facts, p.s.plan["preflight"]); m != "" {
		p.say("\nA message to your provider, ready to send:\n\n%s", m)
	}
	if c := p.s.current; c != nil && c.State.Ended() {
		p.tell("", clean(checklist.Meanwhile(*c)))
		p.sayLines(detailLines(*c))
	} else if c != nil {
		if st, ok := stepByID(c.Step); ok {
			p.tell("", "Step "+st.ID+" still runs there; following it.")
			if err := p.carryOut([]checklist.Step{st}, false); err != nil {
				return err
			}
		}
	}
	return p.menu()
}

// choose asks which server; a number, or new.
func (p *plain) choose() error {
	servers, err := p.store.list()
	if err != nil {
		return err
	}
	p.s = p.store.begun()
	if len(servers) == 0 && p.cfg.Rehearse == nil {
		return nil
	}
	past := startScreen{w: &wizard{now: p.now}}
	if len(servers) > 0 {
		p.say("\nServers:")
	}
	for i, k := range servers {
		name := clean(k.Name)
		if k.Host != k.Name {
			name += ", " + clean(k.Host)
		}
		p.say("  %d: %s; %s", i+1, name, clean(past.past(k)))
	}
	for {
		line, err := p.prompt(p.choiceOf(servers), func() {
			p.tell("", "The number of a server above, or new for one that is not there; practice, where it is offered, is the whole page on a server in memory. "+everywhere)
		})
		if errors.Is(err, errBack) {
			return errQuit
		}
		if err != nil || line == "new" || line == "" && len(servers) == 0 {
			return err
		}
		if line == "practice" && p.cfg.Rehearse != nil {
			return errRehearse
		}
		n, err := strconv.Atoi(orElse(line, defaultOf(servers)))
		if err != nil || n < 1 || n > len(servers) {
			p.say("There is no such server in the list.")
			continue
		}
		k := servers[n-1]
		if k.Wrong != "" {
			p.tell("", "Its answers file has a mistake: "+clean(k.Wrong)+" Correct "+clean(k.File)+" first.")
			continue
		}
		p.s = openSession(k)
		if k.File != "" {
			a, err := p.store.load(k.File)
			if err != nil {
				return err
			}
			if !k.draftStands(a) {
				p.s.answers = a
				clear(p.s.typed) // it was about other answers
			}
		}
		return nil
	}
}

// defaultOf is the number of the server whose run was cut off, else of the last one used.
func defaultOf(servers []known) string {
	return strconv.Itoa(1 + max(0, slices.IndexFunc(servers, func(k known) bool { return k.Running != "" })))
}

// choiceOf is the question which server it is.
func (p *plain) choiceOf(servers []known) string {
	switch {
	case p.cfg.Rehearse == nil:
		return "A number, or new [" + defaultOf(servers) + "]: "
	case len(servers) == 0:
		return "A new server, or practice on one in memory? new or practice [new]: "
	}
	return "A number, new or practice [" + defaultOf(servers) + "]: "
}

// connect asks how to reach the server until it is reached.
func (p *plain) connect() error {
	begin, from := p.s.name != "" && p.s.answers.Host != "", ""
	for {
		if !begin {
			p.say("\nHow do you reach the server?")
			if err := p.ask("connect", from); err != nil {
				p.save()
				return err
			}
		}
		begin = false
		known, err := p.store.list()
		if err != nil {
			return err
		}
		was := p.s.callIt(known)
		p.save()
		if was != p.s.name {
			if err := p.store.forget(was); err != nil {
				return err
			}
		}
		p.say("Connecting to %s.", clean(p.s.answers.Host))
		err = p.dial()
		switch {
		case err == nil:
			return nil
		case p.ctx.Err() != nil, errors.Is(err, errQuit):
			return err
		case errors.Is(err, errBack): // from a question of the connection
			from = ""
			continue
		}
		from = wrongField(err) // back leads to what was asked before it
		p.say("Not connected.")
		for _, l := range connectWrong(err) {
			p.tell("", clean(strings.ReplaceAll(l, "\n", " ")))
		}
	}
}

func (p *plain) dial() error {
	o := p.cfg.Options
	o.Ask, o.Moves = p.question, p.s.answers.Network.Addresses()
	o.Note = func(text string) { p.tell("note: ", clean(text)) }
	h, err := dial(p.ctx, p.cfg, target(p.s.answers, p.s.file), o)
	if err != nil {
		return err
	}
	p.s.host = h
	st, ok, err := h.Current(p.ctx)
	if err != nil {
		return err
	}
	p.s.current = nil
	if ok {
		p.s.current = &st
	}
	if p.s.file == "" {
		p.s.file = p.store.file(p.s.name)
	}
	return p.look()
}

// look reads the server and plans.
func (p *plain) look() error {
	m := look(p.ctx, p.s, p.s.host, p.s.answers)
	if m.err != nil {
		return m.err
	}
	p.s.took(m.facts, m.plan)
	return nil
}

// save keeps what was typed.
func (p *plain) save() {
	w := &wizard{s: p.s, store: p.store, now: p.now}
	if cmd := w.saveDraft(); cmd != nil {
		if note, ok := cmd().(noticeMsg); ok {
			p.tell("note: ", clean(string(note)))
		}
	}
}

func (p *plain) remember(change func(*known)) {
	if err := p.store.remember(p.s.name, change); err != nil {
		p.tell("note: ", clean(err.Error()))
	}
}

// menu is between two steps.
func (p *plain) menu() error {
	p.steps()
	for {
		next := p.s.nextStep("")
		question := "\nNo step is left. Enter verifies"
		if next != "" {
			question = "\nNext is step " + next + ". Enter shows it"
		}
		line, err := p.word(question+"; or steps, all, verify, or a step's name: ", p.menuHelp)
		if err != nil {
			return err
		}
		_, isStep := stepByID(line)
		switch {
		case line == "steps":
			p.steps()
			continue
		case line == "verify", line == "" && next == "":
			err = p.verify()
		case line == "all":
			err = p.all()
		case line == "":
			err = p.step(next)
		case isStep:
			err = p.step(line)
		default:
			p.say("There is no step %q.", clean(line))
			continue
		}
		if err := p.tolerate(err); err != nil {
			return err
		}
	}
}

// tolerate says an error after which the menu still makes sense, and hands on
// the others.
func (p *plain) tolerate(err error) error {
	switch {
	case err == nil, errors.Is(err, errBack):
		return nil
	case errors.Is(err, errQuit), p.ctx.Err() != nil:
		return err
	}
	for _, l := range connectWrong(err) {
		p.tell("", remote.CleanLine(strings.ReplaceAll(l, "\n", " ")))
	}
	return nil
}

func (p *plain) menuHelp() {
	p.tell("", "Enter goes to the next step that has something to do, and changes nothing yet. steps lists all. all runs everything that is left and stops for a question or a failure. "+
		"verify measures the result. The name of a step goes there. "+everywhere)
}

// steps lists the page's steps with their states.
func (p *plain) steps() {
	p.say("\nSteps:")
	for i, st := range page.steps() {
		p.say("  %d of %d, %s: %s", i+1, len(page.steps()), st.ID, p.s.status[st.ID])
	}
}
