//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// screen is a terminal whose other end a test types at and reads.
type screen struct {
	t    *testing.T
	keys *os.File
	seen chan string
	text string
}

func newScreen(t *testing.T) (*terminal, *screen) {
	t.Helper()
	keys, tty, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo terminals here: ", err)
	}
	t.Cleanup(func() { _ = keys.Close(); _ = tty.Close() })
	s := &screen{t: t, keys: keys, seen: make(chan string, 64)}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := keys.Read(buf)
			if err != nil {
				return
			}
			s.seen <- string(buf[:n])
		}
	}()
	return &terminal{in: tty, out: tty, typed: make(chan typedLine, 1)}, s
}

// wait reads the screen until it shows text.
func (s *screen) wait(text string) {
	s.t.Helper()
	for limit := time.After(10 * time.Second); !strings.Contains(s.text, text); {
		select {
		case more := <-s.seen:
			s.text += more
		case <-limit:
			s.t.Fatalf("the screen never showed %q, but %q", text, s.text)
		}
	}
}

func (s *screen) typeLine(line string) {
	s.t.Helper()
	if _, err := s.keys.WriteString(line + "\n"); err != nil {
		s.t.Fatal(err)
	}
}

func TestPasswordIsNotShown(t *testing.T) {
	t.Parallel()
	term, s := newScreen(t)
	got := make(chan string)
	go func() {
		text, err := term.ask(t.Context(), "password: ", false)
		if err != nil {
			t.Error(err)
		}
		got <- text
	}()
	s.wait("password: ")
	time.Sleep(200 * time.Millisecond) // until the terminal has stopped to echo
	s.typeLine("hunter2")
	if text := <-got; text != "hunter2" {
		t.Errorf("got %q", text)
	}
	s.wait("\n")
	if strings.Contains(s.text, "hunter2") {
		t.Errorf("the screen shows the password: %q", s.text)
	}
}

func TestChooseAsksAgain(t *testing.T) {
	t.Parallel()
	term, s := newScreen(t)
	got := make(chan string)
	go func() {
		word, err := term.choose(t.Context(), "go on? ", "yes", "no")
		if err != nil {
			t.Error(err)
		}
		got <- word
	}()
	s.wait("go on? ")
	s.typeLine("")
	s.typeLine("perhaps")
	s.wait("type yes or no")
	s.typeLine("N")
	if word := <-got; word != "no" {
		t.Errorf("got %q", word)
	}
}

func TestQuestionEndsWithTheContext(t *testing.T) {
	t.Parallel()
	term, s := newScreen(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	got := make(chan error)
	go func() {
		_, err := term.ask(ctx, "well? ", true)
		got <- err
	}()
	s.wait("well? ")
	cancel(errInterrupted)
	if err := <-got; !errors.Is(err, errInterrupted) {
		t.Errorf("got %v", err)
	}
}
