package tui

import (
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

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
				if strings.Contains(screen, "Ready for production, but") {
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
