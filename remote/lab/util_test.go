//go:build lab

package lab

import (
	"bytes"
	"errors"
	"iter"
	"os/exec"
	"slices"
	"strings"
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

// difference is what two texts do not have in common, line by line: - only in the first, + only
// in the second.
func difference(before, after string) string {
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	if slices.Equal(a, b) {
		return ""
	}
	var out []string
	for _, line := range a {
		if !slices.Contains(b, line) {
			out = append(out, "-"+line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			out = append(out, "+"+line)
		}
	}
	if len(out) == 0 {
		return "the same lines in another order:\n" + after
	}
	return strings.Join(out, "\n")
}
