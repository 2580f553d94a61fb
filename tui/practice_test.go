package tui

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"aslwiz/checklist"
	"aslwiz/checklist/practice"
)

// practising is the wizard on a practice server, at its start.
func practising(t *testing.T, troubles ...string) (*bench, *practice.World) {
	t.Helper()
	world, err := practice.New(practice.NewClock(practice.Max), troubles...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	answers := world.Answers()
	cfg := Config{Practice: &answers, Dial: world.Dial}
	dir := t.TempDir()
	st := newStore(dir+"/config", dir+"/state/wizard.json")
	if err := cfg.propose(st); err != nil {
		t.Fatal(err)
	}
	servers, err := st.list()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, host: newFakeHost(), clock: time.Now(), sent: make(chan tea.Msg), dir: dir}
	b.w = newWizard(cfg, st, servers, func() time.Time { return b.clock })
	b.w.everySecond, b.w.soon = nil, nil
	b.w.engine.send = func(m tea.Msg) { b.sent <- m }
	b.do(tea.WindowSizeMsg{Width: 80, Height: 24})
	return b, world
}

// Enter alone goes from the start to a green hand-off, also where something goes
// wrong on the way, and PRACTICE is on every screen.
func TestPracticeByEnterAlone(t *testing.T) {
	for _, troubles := range [][]string{nil, {"firewall", "disk"}, {"relay", "apt"}, {"dns", "peer", "link", "apt", "firewall", "disk", "relay"}} {
		t.Run(strings.Join(troubles, "+"), func(t *testing.T) {
			b, world := practising(t, troubles...)
			screens := map[string]bool{}
			for range 400 {
				b.clock = b.clock.Add(2 * time.Second) // nobody answers faster than they read
				_ = world.Clock().Sleep(t.Context(), 2*time.Second)
				screen := ansi.Strip(b.w.View())
				head, _, _ := strings.Cut(screen, "\n")
				if !strings.Contains(head, practiceMark) {
					t.Fatalf("a screen without the mark:\n%s", screen)
				}
				screens[b.w.top().title()] = true
				for _, d := range b.w.dialogs {
					screens[d.head] = true
				}
				if strings.Contains(screen, "Ready for production") {
					if !screens["Send a test?"] {
						t.Error("mail is green without a test mail")
					}
					if len(screens) < 40 {
						t.Errorf("only %d screens were passed", len(screens))
					}
					return
				}
				b.keys("enter")
				b.when("the run goes on", func() bool { return b.w.run == nil || b.w.run.ended || len(b.w.dialogs) > 0 })
			}
			t.Fatalf("no hand-off:\n%s", ansi.Strip(b.w.View()))
		})
	}
}

// On a real server Enter carries nothing out.
func TestEnterIsNotPractisedOnRealServers(t *testing.T) {
	b := newBench(t, 80, 24)
	b.connect()
	b.keys("enter", "enter", "enter")
	if len(b.host.txs) > 0 || strings.Contains(b.w.View(), practiceMark) {
		t.Errorf("%d transactions by Enter alone:\n%s", len(b.host.txs), b.w.View())
	}
}

const simulated = "PRACTICE: this is of the simulated server, not of a real one\n"

// What leaves a practice run says what it is of: nobody takes it for a real
// server's.
func TestWhatLeavesPracticeIsMarked(t *testing.T) {
	b, world := practising(t)
	terminal, err := os.Create(filepath.Join(t.TempDir(), "terminal"))
	if err != nil {
		t.Fatal(err)
	}
	b.w.engine.cfg.Out = terminal
	b.keys("enter")
	b.until("This is the server")
	h := newHandoffScreen(b.w)
	b.w.push(h)
	b.carry(h.measure())
	b.until("The message for the admin list " + strings.TrimSpace(simulated))
	b.keys("c", "m", "w")
	saved, err := os.ReadFile(b.w.store.reportFile("practice"))
	if err != nil {
		t.Fatal(err)
	}
	copied := copiedTo(t, terminal)
	if len(copied) != 2 {
		t.Fatalf("copied were %q", copied)
	}
	var out strings.Builder
	dir := t.TempDir()
	answers := world.Answers()
	p := newPlain(t.Context(), Config{Practice: &answers, Dial: world.Dial}, newStore(dir, dir+"/wizard.json"), strings.NewReader("\nverify\nreport\nquit\n"), &out)
	if err := p.cfg.propose(p.store); err != nil {
		t.Fatal(err)
	}
	if err := p.run(); err != nil {
		t.Fatal(err)
	}
	lines, err := os.ReadFile(p.store.reportFile("practice"))
	if err != nil {
		t.Fatalf("%v:\n%s", err, out.String())
	}
	for what, text := range map[string]string{"report copied": copied[0], "message copied": copied[1], "report saved": string(saved), "report saved in line mode": string(lines)} {
		if !strings.HasPrefix(text, simulated) {
			t.Errorf("%s begins %.80q", what, text)
		}
	}
	for what, text := range map[string]string{"report saved": string(saved), "line mode": out.String()} {
		if n := strings.Count(text, simulated); n != 2 {
			t.Errorf("%s: %d marks, one of the report and one of the message in it", what, n)
		}
	}
}

// copiedTo is what was put on the clipboard of a terminal.
func copiedTo(t *testing.T, terminal *os.File) (out []string) {
	t.Helper()
	data, err := os.ReadFile(terminal.Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("\x1b\\]52;c;([^\x07]*)\x07").FindAllSubmatch(data, -1) {
		text, err := base64.StdEncoding.DecodeString(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
	return out
}

// A real server's report is as it was made.
func TestWhatLeavesARealServerIsNotMarked(t *testing.T) {
	t.Parallel()
	r := checklist.Report{Server: "stats.example.net", Message: "Hello\n"}
	if report, message := (Config{}).handed(r); report != r.Markdown() || message != r.Message {
		t.Errorf("%q, %q", report, message)
	}
}
