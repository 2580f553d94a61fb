//go:build unix

package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
)

// A start is unsure only where a request was sent and no answer came.
func TestStartWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		talk   func(nonce string, r *bufio.Reader, w io.Writer)
		reopen error
		unsure bool
		want   error
	}{
		"the link is lost":     {func(_ string, r *bufio.Reader, _ io.Writer) { _, _ = r.ReadString('\n') }, nil, true, ErrLost},
		"no room in /run":      {func(n string, _ *bufio.Reader, w io.Writer) { fmt.Fprintf(w, "%s nowhere\n", n) }, nil, false, ErrDiskFull},
		"no login comes about": {nil, fmt.Errorf("srv: %w: too many connections", ErrConnect), false, ErrConnect},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &Server{name: "srv", client: &Client{}}
			shell, err := openSession(t.Context(), "srv", "anna", talker(c.talk), never)
			if err != nil {
				t.Fatal(err)
			}
			s.shell = shell
			s.reopen = func(context.Context) (*session, error) { return nil, c.reopen }
			if c.reopen != nil {
				shell.Close()
				<-shell.dead
			}
			err = s.Start(t.Context(), Transaction{ID: "20261201T000000Z-x", Step: "x", Script: "true\n"})
			if !errors.Is(err, c.want) || errors.Is(err, ErrUnsure) != c.unsure {
				t.Errorf("%v", err)
			}
		})
	}
}
