//go:build unix

// Package ptytest runs a program in a terminal of its own, for tests: it types
// as a person would and reads what the screen says.
package ptytest

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
)

// Terminal is a program in a terminal that answers nothing it is asked.
type Terminal struct {
	// Patience is how long something may take to be said.
	Patience time.Duration

	t     testing.TB
	pty   *os.File
	cmd   *exec.Cmd
	vt    vt10x.Terminal
	news  chan struct{} // closed when the program has ended
	mu    sync.Mutex
	all   []byte
	seen  int // how much Next has gone past
	asked int // how much there was at the last Prompt
}

// Start runs cmd in a terminal of that size. It is killed at the end of the test.
func Start(t testing.TB, cmd *exec.Cmd, cols, rows uint16) *Terminal {
	t.Helper()
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: rows, Cols: cols})
	if err != nil {
		t.Fatal(err)
	}
	x := &Terminal{
		Patience: 10 * time.Second,
		t:        t, pty: f, cmd: cmd, news: make(chan struct{}, 1),
		vt: vt10x.New(vt10x.WithSize(int(cols), int(rows)), vt10x.WithWriter(io.Discard)),
	}
	go x.read()
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = f.Close() })
	return x
}

func (x *Terminal) read() {
	buf := make([]byte, 32<<10)
	kept := 0 // bytes of a character that has not all come
	for {
		n, err := x.pty.Read(buf[kept:])
		fresh := buf[kept : kept+n]
		whole := wholeRunes(buf[:kept+n])
		_, _ = x.vt.Write(buf[:whole])
		x.mu.Lock()
		x.all = append(x.all, fresh...)
		x.mu.Unlock()
		kept = copy(buf, buf[whole:kept+n])
		if err != nil {
			close(x.news)
			return
		}
		select {
		case x.news <- struct{}{}:
		default:
		}
	}
}

// wholeRunes is how many bytes of p end with a whole character.
func wholeRunes(p []byte) int {
	for i := len(p) - 1; i >= 0 && i >= len(p)-utf8.UTFMax; i-- {
		if utf8.RuneStart(p[i]) {
			if !utf8.FullRune(p[i:]) {
				return i
			}
			break
		}
	}
	return len(p)
}

// Type writes text to the terminal, as it is.
func (x *Terminal) Type(text string) {
	x.t.Helper()
	if _, err := io.WriteString(x.pty, text); err != nil {
		x.t.Fatal(err)
	}
}

// Keys are what the terminal sends for keys that are not letters.
var named = map[string]string{
	"enter": "\r", "esc": "\x1b", "tab": "\t", "shift+tab": "\x1b[Z", "backspace": "\x7f", "space": " ",
	"up": "\x1b[A", "down": "\x1b[B", "home": "\x1b[H", "end": "\x1b[F", "pgup": "\x1b[5~", "pgdown": "\x1b[6~",
	"ctrl+c": "\x03", "ctrl+d": "\x04", "ctrl+u": "\x15",
}

// Press presses keys, by their names or letters.
func (x *Terminal) Press(names ...string) {
	x.t.Helper()
	for _, n := range names {
		if sent, ok := named[n]; ok {
			n = sent
		}
		x.Type(n)
	}
}

// Resize makes the window another size.
func (x *Terminal) Resize(cols, rows uint16) {
	x.t.Helper()
	x.vt.Resize(int(cols), int(rows))
	if err := pty.Setsize(x.pty, &pty.Winsize{Rows: rows, Cols: cols}); err != nil {
		x.t.Fatal(err)
	}
}

// Screen is what is on the screen now, line by line.
func (x *Terminal) Screen() string {
	lines := strings.Split(x.vt.String(), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// Says says whether a text is on the screen, however it is broken into lines;
// what stands left of a bar is left out.
func (x *Terminal) Says(text string) bool { return strings.Contains(flat(x.Screen()), flat(text)) }

func flat(s string) string {
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		if _, right, ok := strings.Cut(line, "│"); ok {
			line = right
		}
		out = append(out, strings.Fields(line)...)
	}
	return strings.Join(out, " ")
}

// Until waits until all the texts are on the screen.
func (x *Terminal) Until(texts ...string) {
	x.t.Helper()
	for _, text := range texts {
		if !x.wait(func() bool { return x.Says(text) }) {
			x.t.Fatalf("the screen never said %q:\n%s", text, x.Screen())
		}
	}
}

// Next waits for a text in what was printed after the last one waited for.
func (x *Terminal) Next(text string) {
	x.t.Helper()
	found := func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		i := strings.Index(string(x.all[x.seen:]), text)
		if i >= 0 {
			x.seen += i + len(text)
		}
		return i >= 0
	}
	if !x.wait(found) {
		x.t.Fatalf("never said %q:\n%s", text, x.Output())
	}
}

// Any waits until one of the texts is on the screen, and says which.
func (x *Terminal) Any(texts ...string) (found string) {
	x.t.Helper()
	if !x.wait(func() bool {
		for _, text := range texts {
			if x.Says(text) {
				found = text
				return true
			}
		}
		return false
	}) {
		x.t.Fatalf("the screen never said any of %q:\n%s", texts, x.Screen())
	}
	return found
}

// wait looks again whenever something was printed.
func (x *Terminal) wait(is func() bool) bool {
	limit := time.After(x.Patience)
	for {
		if is() {
			return true
		}
		select {
		case _, more := <-x.news:
			if !more {
				return is()
			}
		case <-limit:
			return is()
		}
	}
}

// Output is all that was printed, with its sequences.
func (x *Terminal) Output() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return string(x.all)
}

// Forget lets go of what was printed so far.
func (x *Terminal) Forget() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.all, x.seen = nil, 0
}

// Kill ends the program without a warning, as a closed window or a crash does.
func (x *Terminal) Kill() {
	x.t.Helper()
	if err := x.cmd.Process.Kill(); err != nil {
		x.t.Fatal(err)
	}
	_ = x.cmd.Wait()
}

// Signal sends the program a signal.
func (x *Terminal) Signal(s os.Signal) {
	x.t.Helper()
	if err := x.cmd.Process.Signal(s); err != nil {
		x.t.Fatal(err)
	}
}

// Used is what an ended program has used of the machine.
func (x *Terminal) Used() *os.ProcessState { return x.cmd.ProcessState }

// Settle waits until nothing new was printed for a moment, as a person does who
// reads a question before answering it.
func (x *Terminal) Settle() { x.settle(600 * time.Millisecond) }

func (x *Terminal) settle(quiet time.Duration) {
	enough := time.After(3 * time.Second)
	for {
		select {
		case _, more := <-x.news:
			if !more {
				return
			}
		case <-time.After(quiet):
			return
		case <-enough:
			return
		}
	}
}

// End waits until the program has ended by itself.
func (x *Terminal) End() error {
	if !x.wait(func() bool {
		select {
		case _, more := <-x.news:
			return !more
		default:
			return false
		}
	}) {
		x.t.Fatalf("did not end:\n%s", x.Screen())
	}
	return x.cmd.Wait()
}

// Prompt is the next question of a program that prints lines: what stands after
// the last line's end, and ends with a colon, without the mark of a practice run.
func (x *Terminal) Prompt() string {
	x.t.Helper()
	prompt := ""
	if !x.wait(func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		text := string(x.all)
		prompt = strings.TrimPrefix(strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:]), "PRACTICE ")
		if len(x.all) == x.asked || !strings.HasSuffix(prompt, ":") {
			return false
		}
		x.asked = len(x.all)
		return true
	}) {
		x.t.Fatalf("asks nothing more:\n%s", x.Output())
	}
	return prompt
}
