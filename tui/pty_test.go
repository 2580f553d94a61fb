//go:build unix

package tui

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"aslwiz/checklist"
	"aslwiz/remote"
	"aslwiz/remote/ptytest"
)

// TestMain is also the program that the tests below run in a terminal.
func TestMain(m *testing.M) {
	switch os.Getenv("ASLWIZ_TUI_CHILD") {
	case "begin":
		fmt.Println("begun")
		os.Exit(0)
	case "flood":
		os.Exit(flood())
	case "wizard", "plain":
		os.Exit(child(os.Getenv("ASLWIZ_TUI_CHILD") == "plain"))
	}
	os.Exit(m.Run())
}

// child is the wizard on a fake server with the small page.
func child(plain bool) int {
	t := &testing.B{}
	smallPage(t)
	h := newFakeHost()
	dir := os.Getenv("ASLWIZ_TUI_DIR")
	err := Run(context.Background(), Config{
		Dial: func(ctx context.Context, _ remote.Target, o remote.Options) (checklist.Host, error) {
			_, err := o.Ask(ctx, remote.Question{Kind: remote.AskSudoPassword, Host: "198.51.100.11:22", User: "anna"})
			return h, err
		},
		Folder: dir, State: dir, In: os.Stdin, Out: os.Stdout, Plain: plain,
	})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func runInTerminal(t testing.TB, kind string, env ...string) *ptytest.Terminal {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append([]string{"ASLWIZ_TUI_CHILD=" + kind, "ASLWIZ_TUI_DIR=" + t.TempDir(), "TERM=xterm-256color", "LANG=C.UTF-8", "HOME=" + t.TempDir()}, env...)
	return ptytest.Start(t, cmd, 80, 24)
}

// TestAMuteTerminalHoldsNothingUp is about every command: what asks the terminal
// does so before main, and would wait five seconds.
func TestAMuteTerminalHoldsNothingUp(t *testing.T) {
	t.Parallel()
	began := time.Now()
	x := runInTerminal(t, "begin")
	x.Next("begun")
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("took %s", took)
	}
	if strings.Contains(x.Output(), "\x1b") {
		t.Errorf("the terminal was asked: %q", x.Output())
	}
}

func TestTheScreensInATerminal(t *testing.T) {
	t.Parallel()
	x := runInTerminal(t, "wizard", "NO_COLOR=1")
	x.Until("which server?")
	x.Press("enter")
	x.Until("How do you reach the server?")
	x.Type("198.51.100.11")
	if x.Settle(); !strings.Contains(x.Output(), "\x1b[7m") {
		t.Error("without colours nobody sees where the next letter goes")
	}
	x.Press("ctrl+d")
	x.Until("Password for sudo")
	x.Settle()
	x.Type("sesame")
	x.Press("enter")
	x.Until("This is the server")
	x.Resize(59, 19)
	x.Until("59 columns by 19 lines")
	x.Resize(120, 40)
	x.Until("This is the server")
	x.Press("q")
	_ = x.End()
	if strings.Contains(x.Output(), "sesame") {
		t.Error("the password was shown")
	}
	if coloured := regexp.MustCompile(`\x1b\[[0-9;]*([34][0-8]|9[0-7]|10[0-7])[0-9;]*m`).FindString(x.Output()); coloured != "" {
		t.Errorf("colours in spite of NO_COLOR: %q", coloured)
	}
	if strings.Contains(x.Output(), "\x1b]11;?") || strings.Contains(x.Output(), "\x1b]10;?") {
		t.Error("the terminal was asked for its colours")
	}
}

func TestLineModeInATerminal(t *testing.T) {
	t.Parallel()
	x := runInTerminal(t, "plain")
	// What it says, and what is typed then; "-" is nothing at all.
	for _, turn := range [][2]string{
		{"Server [nothing]:", "198.51.100.11"},
		{"User [nothing]:", "anna"},
		{"SSH port [nothing]:", "x"},
		{"not a whole number", "-"},
		{"SSH port [x]:", "22"},
		{"Key file", ""},
		{"Jump hosts", ""},
		{"Password for sudo (empty goes back):", "quit"},
		{"\"quit\" was not sent", "-"},
		{"Password for sudo (empty goes back):", "sesame"},
		{"Next is step packages", ""},
		{"Step packages (run", "run"},
		{"Step packages: changed", "-"},
		{"Next is step hostname", ""},
		{"Host name [box]:", "back"},
		{"Next is step hostname", "hostname"},
		{"Host name [box]:", "stats"},
		{"Domain [nothing]:", "back"},
		{"Host name [stats]:", ""},
		{"Domain [nothing]:", "example.net"},
		{"Step hostname (run", "review"},
		{"Domain: example.net", "-"},
		{"Step hostname (run", ""},
		{"Nothing was changed yet", "-"},
		{"Step hostname (run", "run"},
		{"Next is step firewall", "verify"},
		{"RED", "-"},
		{"Verification", "fix rules"},
		{"Services to let in", "http"},
		{"Further ports", "?"},
		{"For example: 8080/tcp", "-"},
		{"Further ports", ""},
		{"Limited access", ""},
		{"Shut out", ""},
		{"Who may use SSH", ""},
		{"Switch off", "no"},
		{"Step firewall (run", "run"},
		{"Step firewall: changed", "-"},
		{"Verification", "red"},
		{"3 ok", "-"},
		{"Verification", "quit"},
	} {
		x.Next(turn[0])
		if turn[1] != "-" {
			x.Type(turn[1] + "\n")
		}
	}
	_ = x.End()
	if strings.Contains(x.Output(), "sesame") {
		t.Error("the password was shown")
	}
	if strings.Contains(x.Output(), "\x1b") {
		t.Errorf("an escape sequence in line mode: %q", x.Output())
	}
}
