package tui

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// evil is what a server might say to take over the admin's terminal.
const evil = "x\x1b]0;evil\x07\x1b[2J\x1b[31mred\x1b[0m\u009b31m\x1bP+q\x1b\\\b\x00\u202ey"

var colour = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// harmless fails when a screen holds more than text, line ends and our colours.
func harmless(t *testing.T, where, screen string) {
	t.Helper()
	for i, r := range colour.ReplaceAllString(screen, "") {
		if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e') {
			t.Fatalf("%s: %q at %d reached the screen:\n%q", where, r, i, screen)
		}
	}
}

// TestNothingThatAServerSaysIsASequence has a server say evil in every place and
// goes through every screen.
func TestNothingThatAServerSaysIsASequence(t *testing.T) {
	b := newBench(t, 100, 30)
	look := func(where string) { t.Helper(); harmless(t, where, b.w.View()) }
	b.host.values = map[string]string{"name": "box" + evil, "software": evil, "rules": evil, "time": evil}
	b.host.log = []string{evil, "Setting" + evil + "up"}
	b.host.refuse["firewall"] = true
	b.host.current = &remote.Status{ID: "x", Step: "firewall", State: remote.TxRestored, Who: evil, Reason: evil}
	b.do(listedMsg{servers: []known{{Name: evil, Host: evil, Wrong: evil}, {Name: "x", Counts: evil, Running: evil, At: evil}}})
	look("start")
	b.keys("enter")
	look("connect, a wrong file")
	b.keys("esc", "down", "down", "enter")
	b.ask = func(context.Context, remote.Ask) error { return errors.New("no" + evil) }
	b.keys("198.51.100.11", "ctrl+d")
	look("connect, refused")
	b.ask, b.note = nil, evil
	for _, kind := range []remote.QuestionKind{remote.AskHostKey, remote.AskPassword, remote.AskPassphrase, remote.AskSudoPassword, remote.AskInteractive} {
		answer := make(chan answered, 1)
		b.do(questionMsg{remote.Question{Kind: kind, Host: evil, User: evil, Prompt: evil, Fingerprint: evil}, answer})
		look("question " + string(kind))
		b.pause()
		b.keys("esc")
	}
	b.keys("ctrl+d")
	look("first look")
	for _, id := range []string{"packages", "hostname", "firewall"} {
		b.w.s.asked[id] = true
		b.do(b.w.goToStep(id))
		look("step " + id)
		b.keys("e")
		look("answers of " + id)
		b.keys("esc", "r")
		look("run of " + id)
		b.keys("enter")
	}
	b.w.s.facts.Pretty, b.w.s.facts.Hostname = evil, evil
	b.w.stack = b.w.stack[:1]
	b.w.push(newLookScreen(b.w))
	look("first look, its facts")
	b.keys("v")
	look("verification")
	b.keys("enter")
	look("item")
	b.keys("esc", "h")
	b.do(reportedMsg{session: b.w.s, report: checklist.Report{Server: evil, System: evil, Message: evil}})
	look("hand-off")
}

// TestLineModeSaysNothingButText does the same where nothing is drawn over.
func TestLineModeSaysNothingButText(t *testing.T) {
	smallPage(t)
	h := newFakeHost()
	h.values = map[string]string{"name": "box" + evil, "software": evil, "rules": evil, "time": evil}
	h.log = []string{evil, "Setting" + evil + "up"}
	h.current = &remote.Status{ID: "x", Step: "firewall", State: remote.TxRestored, Who: evil, Reason: evil}
	var out strings.Builder
	in := strings.NewReader("198.51.100.11\n\n\n\n\npackages\nrun\nhostname\nstats\nexample.net\nscript\nrun\nfirewall\n\n\n\n\n\n\nrun\nverify\nrules\ntime\nreview\nquit\n")
	cfg := Config{Dial: func(ctx context.Context, _ remote.Target, o remote.Options) (checklist.Host, error) {
		_, err := o.Ask(ctx, remote.Question{Kind: remote.AskPassword, Host: evil, User: evil, Prompt: evil})
		return h, err
	}}
	dir := t.TempDir()
	if err := newPlain(t.Context(), cfg, newStore(dir, dir+"/wizard.json"), in, &out).run(); err != nil {
		t.Fatal(err)
	}
	harmless(t, "line mode", out.String())
	if !strings.Contains(out.String(), "Verification") {
		t.Errorf("did not come to its end:\n%s", out.String())
	}
}

// TestLineModeSaysAStepOnce: a word that is not understood does not have the
// whole step read aloud again.
func TestLineModeSaysAStepOnce(t *testing.T) {
	smallPage(t)
	h := newFakeHost()
	var out strings.Builder
	in := strings.NewReader("198.51.100.11\n\n\n\n\npackages\nrnu\nhelp\nscript\nquit\n")
	cfg := Config{Dial: func(context.Context, remote.Target, remote.Options) (checklist.Host, error) { return h, nil }}
	dir := t.TempDir()
	if err := newPlain(t.Context(), cfg, newStore(dir, dir+"/wizard.json"), in, &out).run(); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Count(text, "Why: ") != 1 || strings.Count(text, "Step packages (run") != 4 {
		t.Errorf("the step is not said once, and asked about four times:\n%s", text)
	}
}

// TestLineModeGoesOnAtTheWrongField: nobody hears the right answers again.
func TestLineModeGoesOnAtTheWrongField(t *testing.T) {
	smallPage(t)
	h := newFakeHost()
	var out strings.Builder
	in := strings.NewReader("198.51.100.11\n\n2222\n\n\n22\n\n\nquit\n")
	cfg := Config{Dial: func(_ context.Context, to remote.Target, _ remote.Options) (checklist.Host, error) {
		if to.Port == 2222 {
			return nil, &remote.ConnectError{Reason: remote.ReasonRefused}
		}
		return h, nil
	}}
	dir := t.TempDir()
	if err := newPlain(t.Context(), cfg, newStore(dir, dir+"/wizard.json"), in, &out).run(); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	_, again, _ := strings.Cut(text, "Not connected.")
	if strings.Contains(again, "Server [") || !strings.Contains(again, "SSH port [2222]") || !strings.Contains(again, "Steps:") {
		t.Errorf("did not go on at the port:\n%s", text)
	}
}

// TestLineModeNamesEveryChoice: also the one that is an empty field.
func TestLineModeNamesEveryChoice(t *testing.T) {
	var out strings.Builder
	p := newPlain(t.Context(), Config{}, newStore(t.TempDir(), ""), strings.NewReader("nothing\n"), &out)
	p.s.typed["logging.protocol"] = "tcp"
	for _, f := range fieldsOf("logging", p.s.answers) {
		if f.path != "logging.protocol" {
			continue
		}
		if got, err := p.askField(f); err != nil || got != "" {
			t.Errorf("nothing is taken as %q, %v", got, err)
		}
	}
	if want := "Protocol, nothing (tcp, the usual one) or tls or udp [tcp]: "; out.String() != want {
		t.Errorf("asked %q, want %q", out.String(), want)
	}
}

func TestTheKeyOfATunnelIsNotShown(t *testing.T) {
	b := newBench(t, 80, 24)
	answer := make(chan answered, 1)
	b.do(pskMsg{"two", answer})
	b.pause()
	b.keys("a key that nobody may see, of some length")
	b.lacks("nobody may see")
	b.keys("enter")
	if a := <-answer; a.secret.Reveal() != "a key that nobody may see, of some length" {
		t.Errorf("%v", a)
	}
}
