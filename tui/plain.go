package tui

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
	"golang.org/x/term"

	"aslwiz/checklist"
)

// plain is the line mode: the same fields and events as lines that are never
// drawn over, for screen readers, pipes and simple terminals.
type plain struct {
	ctx     context.Context
	cfg     Config
	store   store
	s       *session
	peers   peers
	out     io.Writer
	in      *bufio.Reader
	fd      int // of a terminal that is read from; -1 without one
	lines   chan typedLine
	asking  sync.Mutex // one question at a time; guards reading
	reading bool
	width   int
	now     func() time.Time
}

type typedLine struct {
	text string
	err  error
}

// What a prompt can end in besides an answer.
var (
	errBack = errors.New("back")
	errQuit = errors.New("quit")
	// errRehearse is the choice of the practice server at the start.
	errRehearse = errors.New("practice")
)

func newPlain(ctx context.Context, cfg Config, st store, in io.Reader, out io.Writer) *plain {
	lipgloss.SetColorProfile(termenv.Ascii)
	p := &plain{ctx: ctx, cfg: cfg, store: st, s: newSession(), out: out, in: bufio.NewReader(in), fd: -1, lines: make(chan typedLine, 1), width: 78, now: time.Now}
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.fd = int(f.Fd())
	}
	return p
}

func (p *plain) say(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

// tell says a sentence, broken at words.
func (p *plain) tell(first, text string) {
	for _, l := range wrap(p.width, first, text) {
		p.say("%s", l)
	}
}

func (p *plain) sayLines(lines []string) {
	for _, l := range lines {
		p.say("%s", l)
	}
}

// read waits for a line. One that is being typed when ctx ends is read on by the
// next question.
func (p *plain) read(ctx context.Context, secret bool) (string, error) {
	p.asking.Lock()
	defer p.asking.Unlock()
	return p.readNow(ctx, secret)
}

// readNow is read for whoever holds asking.
func (p *plain) readNow(ctx context.Context, secret bool) (string, error) {
	if !p.reading {
		p.reading = true
		go func() {
			if secret && p.fd >= 0 && p.in.Buffered() == 0 {
				b, err := term.ReadPassword(p.fd)
				p.lines <- typedLine{string(b), err}
				return
			}
			text, err := p.in.ReadString('\n')
			p.lines <- typedLine{text, err}
		}()
	}
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case l := <-p.lines:
		p.reading = false
		if secret && p.fd >= 0 {
			fmt.Fprint(p.out, "\r\n")
		}
		if l.err != nil && l.text == "" {
			p.say("")
			return "", errQuit // the input has ended: there is nobody to go on with
		}
		return strings.TrimRight(l.text, "\r\n"), nil
	}
}

const everywhere = "At every question: back goes back, help explains, review shows all answers, quit leaves. " +
	"Where what you type is not shown, an empty line goes back, and there are no such words. Nothing typed is lost."

// review shows every answer given so far.
func (p *plain) review() {
	p.say("Your answers so far:")
	for _, f := range allFields(p.s.answers) {
		if text := clean(p.s.typedOr(f)); hasPath(f.path) && text != "" && text != "no" {
			p.say("  %s: %s", f.label, text)
		}
	}
	p.say("Everything else keeps its default.")
}

// typedOr is what stands in a field, or its answer.
func (s *session) typedOr(f field) string {
	if text, ok := s.typed[f.path]; ok {
		return text
	}
	return f.get(s.answers)
}

// ask puts the fields one by one, from one on: the first for "". Back on the first
// one is errBack; what was typed stays, right or wrong.
func (p *plain) ask(step, from string) error {
	f := newForm(step, &p.s.answers, p.s.facts, p.s.typed) // the same judgement and defaults as on the screen
	begin := slices.IndexFunc(f.fields, func(fd field) bool { return fd.path == from })
	for i := max(0, begin); i < len(f.fields); {
		fd := f.fields[i]
		line, err := p.askField(fd)
		switch {
		case errors.Is(err, errBack) && i > 0:
			i--
			continue
		case err != nil:
			return err
		}
		p.s.typed[fd.path] = line
		p.save() // a closed terminal loses nothing that was typed
		if wrong := f.judge(fd); wrong != "" {
			p.tell("Not yet right: ", clean(wrong))
			continue
		}
		f.fill()
		i++
	}
	return nil
}

func (p *plain) askField(fd field) (string, error) {
	was := clean(p.s.typed[fd.path])
	help := func() {
		p.tell("", fd.help)
		if fd.example != "" {
			p.say("For example: %s", fd.example)
		}
		if fd.choices != nil {
			if fd.kind == manyOf {
				p.say("Choose from these, separated by spaces:")
			} else {
				p.say("Choose one:")
			}
			for _, c := range fd.choices(p.s.facts) {
				p.tell("  ", clean(c.label))
			}
		}
		p.tell("", "Enter alone keeps what is in brackets; a minus sign alone empties it. "+everywhere)
	}
	text := fd.label
	switch fd.kind {
	case yesNo:
		text += ", yes or no"
	case manyOf:
		text += ", any of " + strings.Join(choiceNames(fd, p.s.facts), ", ")
	case oneOf:
		text += ", " + strings.Join(choiceNames(fd, p.s.facts), " or ")
	}
	line, err := p.prompt(fmt.Sprintf("%s [%s]: ", text, orElse(was, "nothing")), help)
	switch {
	case err != nil:
		return "", err
	case line == "":
		return was, nil
	case line == "-", fd.kind == oneOf && line == "nothing":
		return "", nil
	}
	return clean(line), nil
}

// choiceNames are what may be typed; an empty field is one of the choices too,
// where it has words.
func choiceNames(fd field, facts checklist.Facts) []string {
	var out []string
	for _, c := range fd.choices(facts) {
		if c.value == "" {
			out = append(out, "nothing ("+clean(c.label)+")")
			continue
		}
		out = append(out, c.value)
	}
	return out
}
