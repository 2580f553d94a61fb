//go:build unix

package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"aslwiz/remote/ptytest"
)

var updateDocs = flag.Bool("update-docs", false, "draw the pictures of the documentation anew")

// inTerminal runs aslwiz in a terminal, with a home of its own.
func inTerminal(t *testing.T, cols, rows uint16, args ...string) *ptytest.Terminal {
	t.Helper()
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Args[0] = "aslwiz"
	cmd.Env = []string{"HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_STATE_HOME=" + home, "TMPDIR=" + home, "TERM=xterm-256color", "LANG=C.UTF-8", "SSH_AUTH_SOCK="}
	x := ptytest.Start(t, cmd, cols, rows)
	x.Patience = 60 * time.Second
	return x
}

// rehearse is somebody who goes through the practice server's page.
func rehearse(x *ptytest.Terminal) *ptytest.Person {
	return &ptytest.Person{Terminal: x, Quiet: 80 * time.Millisecond, Replies: []ptytest.Reply{
		{To: "Key of the tunnel", Type: "enter"},
		{To: "This changes the other server", Type: "y"},
		{To: "the server restarts", Type: "y"},
	}}
}

// A shutdown of the computer ends the wizard, and the terminal is as it was.
func TestTheWizardEndsOnASignal(t *testing.T) {
	t.Parallel()
	for range 15 { // what ends it raced with another who waited for the signal
		x := inTerminal(t, 80, 24, "practice")
		x.Until("which server?")
		x.Signal(syscall.SIGTERM)
		if err := x.End(); err != nil {
			t.Errorf("it ended with %v", err)
		}
		if !strings.Contains(x.Output(), "\x1b[?1049l") {
			t.Error("the screen is not given back")
		}
	}
}

// What comes from a pipe is read in lines: nobody's keys are there to be waited for.
func TestAPipedAnswerStartsTheLines(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	aslwiz := filepath.Join(home, "aslwiz-in-the-tty")
	if err := os.Symlink(os.Args[0], aslwiz); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `printf '\nquit\n' | "$1" practice --speed max`, "sh", aslwiz)
	cmd.Env = []string{"HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_STATE_HOME=" + home, "TMPDIR=" + home, "TERM=xterm-256color", "PATH=" + os.Getenv("PATH")}
	x := ptytest.Start(t, cmd, 80, 24)
	x.Patience = 30 * time.Second
	x.Until("Next is step")
	if err := x.End(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if strings.Contains(x.Output(), "\x1b[?1049h") {
		t.Error("it took the whole screen")
	}
}

// In lines, too, a step can be stopped, or left to itself.
func TestCtrlCInLinesAsks(t *testing.T) {
	t.Parallel()
	x := inTerminal(t, 80, 24, "practice", "--plain")
	x.Until("A number, or new")
	x.Type("\n")
	x.Until("or a step's name")
	x.Type("packages\n")
	x.Until("(run, skip, script, back")
	x.Type("run\n")
	x.Until("Ctrl-C asks")
	x.Until("Unpacking")
	x.Press("ctrl+c")
	x.Until("stop, leave or watch")
	x.Type("what\n")
	x.Until("finishes the packages in hand")
	x.Type("stop\n")
	x.Until("Step packages: failed: stopped on request")
	x.Forget()
	x.Type("packages\n")
	x.Until("(run, skip, script, back")
	x.Type("run\n")
	x.Until("Unpacking")
	x.Press("ctrl+c")
	x.Until("stop, leave or watch")
	x.Type("leave\n")
	x.Until("Left. A step that runs goes on")
	if err := x.End(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// TestTheWizardFromStartToHandOff goes through the whole page on the practice
// server as a person would: with a lost link and a full disk on the way, a wrong
// answer that Back corrects, a step left out whose item is red until it is run,
// and an item that takes its time.
func TestTheWizardFromStartToHandOff(t *testing.T) {
	t.Parallel()
	x := inTerminal(t, 120, 40, "practice", "--speed", "max", "--trouble", "link,disk")
	p := rehearse(x)
	x.Until("which server?")
	shot(t, x, "start")
	x.Press("enter")
	p.GoOn("first look")
	shot(t, x, "first-look")
	p.GoOn("packages")
	p.Ended = func(step string) {
		shot(t, x, "failed-"+step)
		x.Until("packages", "failed", "enough free space")
		p.Ended = nil
	}
	p.GoOn("hostname, answers")

	x.Press("end", "ctrl+u")
	x.Type("my server")
	x.Until("so far")
	x.Press("enter")
	x.Until("not yet right")
	shot(t, x, "wrong-answer")
	x.Press("esc") // Back works from a field that is not right, and keeps it
	x.Until("e change answers")
	x.Press("e")
	x.Until("my server")
	p.Answers = map[string][]string{"Host name": {"stats"}}
	p.Skip = []string{"screen"}
	p.GoOn("hostname")
	shot(t, x, "change")

	p.GoOn("verification")
	x.Until("1 RED", "not ready for production")
	for range 6 {
		x.Press("down")
	}
	x.Until("f goes to the step screen")
	shot(t, x, "verification")
	x.Press("f")
	x.Until("r run this step")
	x.Press("r")
	x.Until("back to the verification")
	x.Press("enter")
	p.Calm()
	x.Press("t") // mail is not known to arrive before one is sent
	x.Until("Send a test?")
	x.Press("y")
	for range 10 { // what waits is measured again by itself too, in its own time
		if p.Calm(); x.Says("as the page wants it") {
			break
		}
		x.Press("R")
	}
	x.Until("as the page wants it")
	x.Press("h")
	x.Until("Ready for production")
	shot(t, x, "hand-off")
	x.Press("t", "w")
	x.Until("saved as")
	x.Press("q")
	if err := x.End(); err != nil {
		t.Error(err)
	}
	if strings.Contains(x.Output(), "\x1b]11;?") {
		t.Error("the terminal was asked for its colours")
	}
}

// shot draws a picture for the documentation, when that is asked for.
func shot(t *testing.T, x *ptytest.Terminal, name string) {
	t.Helper()
	if !*updateDocs {
		return
	}
	x.Settle()
	file := filepath.Join("..", "..", "docs", "screens", name+".svg")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(x.SVG("aslwiz: "+name)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestLineModeFromStartToHandOff is the same in lines, where nothing is drawn
// over: with a wrong answer, back, help and review, and a red item that is mended.
func TestLineModeFromStartToHandOff(t *testing.T) {
	t.Parallel()
	x := inTerminal(t, 200, 50, "practice", "--plain", "--speed", "max")
	// What it says, and what is typed then; "-" is nothing at all.
	say := func(turns ...[2]string) {
		t.Helper()
		for _, turn := range turns {
			x.Next(turn[0])
			if turn[1] != "-" {
				x.Type(turn[1] + "\n")
			}
		}
	}
	say([][2]string{
		{"A number, or new [1]:", ""},
		{"Next is step python", ""},
		{"Step python (run", "help"},
		{"run carries the step out", "-"},
		{"Step python (run", "run"},
		{"Step python: changed", "-"},
		{"Next is step users", "hostname"},
		{"Host name [", "my server"},
		{"Not yet right", "-"},
		{"Host name [my server]:", "stats2"},
		{"Domain [", "back"},
		{"Host name [stats2]:", "stats"},
		{"Domain [", ""},
		{"Step hostname (run", "review"},
		{"Host name: stats", "-"},
		{"Step hostname (run", "run"},
		{"Step hostname: changed", "-"},
		{"Next is step users", "screen"},
		{"Step screen (run", "skip"},
		{"Next is step users", "all"},
	}...)
	for rest := true; rest; { // every answer as it is proposed
		switch x.Prompt() {
		case "Go on with it? yes, skip or quit:":
			x.Type("yes\n")
		case "No step is left. Enter verifies; or steps, all, verify, or a step's name:":
			rest = false
		default:
			x.Type("\n")
		}
	}
	say([][2]string{
		{"No step is left", ""},
		{"screen: RED", "-"},
		{"Verification (", "screen"},
		{"want: the normal buffer", "-"},
		{"Verification (", "fix screen"},
		{"Step screen (run", "run"},
		{"Verification (", "red"},
		{"screen: ok", "-"},
		{"Verification (", "try"},
		{"mail: ok", "-"},
		{"Verification (", "wait"},
		{"Nothing waits", "-"},
		{"Verification (", "report"},
		{"ready for production", "-"},
		{"Saved as", "-"},
		{"Verification (", "told"},
		{"Ticked", "-"},
		{"Verification (", "quit"},
	}...)
	if err := x.End(); err != nil {
		t.Error(err)
	}
	if strings.Contains(x.Output(), "\x1b") {
		t.Errorf("an escape sequence in line mode:\n%q", x.Output())
	}
}
