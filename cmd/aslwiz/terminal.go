package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// terminal is the person at the keyboard. What is typed comes from the terminal
// itself, so that a pipe on standard input never answers a question.
type terminal struct {
	in      *os.File
	out     io.Writer
	typed   chan typedLine // the line that is being typed, when somebody reads
	reading bool
	found   *term.State // as the program found it
}

type typedLine struct {
	text string
	err  error
}

// openTerminal is nil where nobody can be asked.
func openTerminal(in, err *os.File) *terminal {
	t := &terminal{in: in, out: err, typed: make(chan typedLine, 1)}
	if !term.IsTerminal(int(in.Fd())) {
		tty, e := os.OpenFile("/dev/tty", os.O_RDWR, 0)
		if e != nil {
			return nil
		}
		t.in, t.out = tty, tty
	}
	if term.IsTerminal(int(err.Fd())) {
		t.out = err
	} else if t.in == in {
		if tty, e := os.OpenFile("/dev/tty", os.O_WRONLY, 0); e == nil {
			t.out = tty
		}
	}
	t.found, _ = term.GetState(int(t.in.Fd()))
	return t
}

// restore gives the terminal back as it was found.
func (t *terminal) restore() {
	if t.found != nil {
		_ = term.Restore(int(t.in.Fd()), t.found)
	}
}

// ask puts a question and waits for the line typed. Without echo the terminal
// shows nothing of it. A cancelled ctx gives the terminal back as it was.
func (t *terminal) ask(ctx context.Context, prompt string, echo bool) (string, error) {
	fmt.Fprint(t.out, prompt)
	fd := int(t.in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	// A question that was given up may have left a reader behind: it reads on.
	if !t.reading {
		t.reading = true
		go func() {
			if echo {
				text, err := readLine(t.in)
				t.typed <- typedLine{text, err}
				return
			}
			b, err := term.ReadPassword(fd)
			t.typed <- typedLine{string(b), err}
		}()
	}
	select {
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		fmt.Fprintln(t.out)
		return "", context.Cause(ctx)
	case l := <-t.typed:
		t.reading = false
		if !echo {
			fmt.Fprintln(t.out)
		}
		if errors.Is(l.err, io.EOF) && l.text == "" {
			return "", fmt.Errorf("%w: the terminal was closed", errInterrupted)
		}
		return l.text, nil
	}
}

// choose asks until one of the answers is typed: whole words or first letters.
func (t *terminal) choose(ctx context.Context, prompt string, words ...string) (string, error) {
	for {
		typed, err := t.ask(ctx, prompt, true)
		if err != nil {
			return "", err
		}
		typed = strings.ToLower(strings.TrimSpace(typed))
		for _, w := range words {
			if typed == w || len(typed) == 1 && typed[0] == w[0] {
				return w, nil
			}
		}
		if typed != "" {
			fmt.Fprintf(t.out, "type %s\n", list(words))
		}
	}
}

// readLine reads up to the newline and not a byte further: the rest belongs to
// the next question.
func readLine(r io.Reader) (string, error) {
	var line []byte
	buf := make([]byte, 1)
	for {
		n, err := r.Read(buf)
		if n == 1 {
			if buf[0] == '\n' {
				return strings.TrimRight(string(line), "\r"), nil
			}
			line = append(line, buf[0])
		}
		if err != nil {
			return string(line), err
		}
	}
}
