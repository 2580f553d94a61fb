package tui

import (
	"os"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
)

// restart is a fresh start of the program over the same files, as after a kill.
func (b *bench) restart() {
	b.t.Helper()
	was := b.w
	servers, err := was.store.list()
	if err != nil {
		b.t.Fatal(err)
	}
	b.w = newWizard(was.engine.cfg, was.store, servers, was.now)
	b.w.everySecond, b.w.soon = nil, nil
	b.w.engine.send = was.engine.send
	b.do(tea.WindowSizeMsg{Width: was.width, Height: was.height})
}

// form is the step whose questions are on the screen; "" when none are.
func (b *bench) form() string {
	if a, ok := b.w.top().(*answersScreen); ok {
		return a.step
	}
	return ""
}

// A step with a draft that is not right is asked again and never run, also when
// the session was left or killed in between.
func TestAResumedSessionAsksAWrongAnswerAgain(t *testing.T) {
	for _, how := range []string{"left by Esc", "killed"} {
		t.Run(how, func(t *testing.T) {
			b, _ := practising(t)
			b.keys("enter", "a")
			for b.form() != "firewall" {
				if b.form() == "" {
					t.Fatalf("no form of the firewall:\n%s", b.w.View())
				}
				b.keys("ctrl+d")
			}
			b.keys("tab", "tab", "tab", "0.0.0.0/0", "tab", "203.0.113.5", "ctrl+d")
			b.contains("not yet right: 0.0.0.0/0")
			if how == "killed" {
				b.do(keepMsg{})
				b.restart()
			} else {
				b.keys("esc", "esc", "esc")
				b.do(b.w.list()()) // as leaving the last one has it done
			}
			b.contains("begun; its answers are not complete yet")
			b.keys("enter")
			for b.form() != "" {
				b.keys("esc")
			}
			b.keys("a")
			for range 5 {
				if b.form() == "firewall" {
					break
				}
				b.keys("ctrl+d")
			}
			if b.form() != "firewall" || b.w.run != nil {
				t.Fatalf("the firewall is not asked again (run: %v):\n%s", b.w.run != nil, b.w.View())
			}
			b.contains("0.0.0.0/0", "203.0.113.5")
			b.keys("ctrl+d")
			b.contains("not yet right: 0.0.0.0/0")
			if got := b.w.s.answers.Firewall.Blocks; len(got) != 1 {
				t.Errorf("the answers hold %q, and the form 0.0.0.0/0", got)
			}
		})
	}
}

// wholeBench is a server with a whole answers file, and then a host name that is
// not right in the form.
func wholeBench(t *testing.T) (b *bench, file string) {
	b = newBench(t, 100, 30)
	b.connect()
	b.keys("enter", "n")
	for range "box" {
		b.keys("backspace")
	}
	b.keys("stats", "enter", "example.net", "enter")
	b.do(keepMsg{})
	b.keys("e", "_")
	b.do(keepMsg{})
	b.restart()
	return b, b.dir + "/config/198.51.100.11.yaml"
}

func TestAKilledSessionKeepsAWrongAnswerBesideTheFile(t *testing.T) {
	b, file := wholeBench(t)
	if data, err := os.ReadFile(file); err != nil || strings.Contains(string(data), "stats_") {
		t.Fatalf("%s %v", data, err)
	}
	b.keys("enter")
	for b.form() != "" {
		b.keys("esc")
	}
	b.keys("p", "r")
	if b.w.run != nil {
		t.Error("a step was run with an answer that is not right")
	}
	b.contains("stats_", "an answer of step hostname is not right yet", "not yet right")
}

func TestAnAnswersFileThatWasEditedStands(t *testing.T) {
	b, file := wholeBench(t)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(data), "stats", "web", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	b.restart()
	b.keys("enter")
	if got := b.w.s.answers.Hostname; got != "web" {
		t.Errorf("the host name is %q", got)
	}
	if got := b.w.s.typed["hostname"]; strings.Contains(got, "_") {
		t.Errorf("the form has %q", got)
	}
}

// What cannot become an answer at all is not right either: the answers then hold
// what was there before.
func TestADraftThatIsNoAnswerIsWrong(t *testing.T) {
	smallPage(t)
	s := newSession()
	s.answers = checklist.Answers{Host: "198.51.100.11", Hostname: "stats", Domain: "example.net"}
	s.typed["firewall.take_over"] = "perhaps"
	if got := s.wrong(); got != "firewall" {
		t.Errorf("wrong: %q", got)
	}
	if !s.needsAnswers("firewall") {
		t.Error("the firewall is not asked again")
	}
}

// Answers that would lock the admin out are wrong at their field.
func TestAFormThatLocksOutSaysItAtTheField(t *testing.T) {
	for name, c := range map[string]struct {
		keys []string
		path string
		says string
	}{
		"shut out":           {[]string{"tab", "tab", "tab", "198.51.100.9"}, "firewall.blocks", "would lock you out"},
		"not among them":     {[]string{"tab", "tab", "tab", "tab", "203.0.113.5"}, "firewall.ssh_from", "you would be locked out"},
		"SSH to some, twice": {[]string{"tab", "tab", "22/tcp from 203.0.113.5"}, "firewall.limited", "say in firewall.ssh_from who may use it"},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := practising(t)
			b.keys("enter")
			b.do(b.w.goToStep("firewall"))
			if b.form() == "" {
				b.keys("e")
			}
			b.keys(c.keys...)
			b.keys("ctrl+d")
			b.contains("not yet right", c.says)
			if b.form() != "firewall" {
				t.Fatalf("taken:\n%s", b.w.View())
			}
			b.keys("esc", "e")
			b.contains("not yet right", c.says)
			if a, ok := b.w.top().(*answersScreen); !ok || a.form.field().path != c.path {
				t.Errorf("e does not open at %s:\n%s", c.path, b.w.View())
			}
		})
	}
}

// A step that has something to fix first holds up itself and what comes after it,
// not what comes before.
func TestABlockedStepHoldsUpWhatComesAfter(t *testing.T) {
	b, _ := practising(t, "chrony")
	b.keys("enter")
	b.do(b.w.goToStep("python"))
	b.keys("r")
	b.when("python has run", func() bool { return b.w.run != nil && b.w.run.ended })
	b.do(b.w.goToStep("users"))
	for b.form() != "" {
		b.keys("ctrl+d")
	}
	b.keys("r")
	b.when("users has run", func() bool { return b.w.run.ended })
	b.lacks("cannot run yet")
	if !b.w.run.has("users") {
		t.Errorf("users was not run:\n%s", b.w.View())
	}
	b.do(b.w.goToStep("hostname"))
	for b.form() != "" {
		b.keys("ctrl+d")
	}
	b.keys("r")
	b.contains("this cannot run yet: fix what step packages names")
}

// In lines the same draft stands, and nothing is run with it.
func TestAResumedSessionInLinesAsksAWrongAnswerAgain(t *testing.T) {
	b, _ := wholeBench(t)
	var out strings.Builder
	in := strings.NewReader("1\npackages\nrun\nquit\n")
	if err := newPlain(t.Context(), b.w.engine.cfg, b.w.store, in, &out).run(); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"An answer of step hostname is not right yet", "Host name [stats_]"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("not said: %s\n%s", text, out.String())
		}
	}
	if b.host.values["software"] != "" {
		t.Error("a step was run with an answer that is not right")
	}
}
