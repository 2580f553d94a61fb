//go:build lab

package lab

import (
	"bytes"
	"errors"
	"iter"
	"os/exec"
	"sync"
)

// safeBuffer is a buffer that a test reads while a command writes it.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func mapValues(m map[string]string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

func asExit(err error, exit **exec.ExitError) bool { return errors.As(err, exit) }
