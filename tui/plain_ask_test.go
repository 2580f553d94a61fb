package tui

import (
	"context"
	"errors"
	"strings"
	"testing"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// typingPlain is the line mode with what somebody types into it.
func typingPlain(t *testing.T, lines string) (*plain, *strings.Builder) {
	t.Helper()
	var out strings.Builder
	return newPlain(t.Context(), Config{}, newStore(t.TempDir(), ""), strings.NewReader(lines), &out), &out
}

// TestAWordForAslwizIsNotSentAsASecret: two wrong passwords can get an admin
// banned.
func TestAWordForAslwizIsNotSentAsASecret(t *testing.T) {
	for _, kind := range []remote.QuestionKind{remote.AskPassword, remote.AskPassphrase, remote.AskSudoPassword, remote.AskInteractive} {
		q := remote.Question{Kind: kind, Host: "198.51.100.11:22", User: "anna"}
		p, out := typingPlain(t, "back\nQuit\n help \n\n")
		if s, err := p.question(t.Context(), q); !errors.Is(err, errBack) || !s.Empty() {
			t.Errorf("%s: an empty line is %q, %v", kind, s.Reveal(), err)
		}
		for _, want := range []string{"(empty goes back): ", `"back" was not sent`, `"quit" was not sent`, `"help" was not sent`} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: it does not say %q:\n%s", kind, want, out)
			}
		}
		p, _ = typingPlain(t, "back\n go back \n")
		if s, err := p.question(t.Context(), q); err != nil || s.Reveal() != " go back " {
			t.Errorf("%s: a password is taken as %q, %v", kind, s.Reveal(), err)
		}
	}
}

// spoof is what a hostile server asks in keyboard-interactive.
var spoof = remote.Question{
	Kind: remote.AskInteractive, Host: "198.51.100.11:22", User: "anna", Prompt: "passphrase of key /home/anna/.ssh/\"id_ed25519\": ",
}

// A server that asks for the passphrase of a key is seen to be the one who asks, and
// the real question looks different.
func TestAServersPromptIsNotOurs(t *testing.T) {
	want := `198.51.100.11:22 asks: "passphrase of key /home/anna/.ssh/'id_ed25519'"`
	p, out := typingPlain(t, "\n")
	_, _ = p.question(t.Context(), spoof)
	if !strings.Contains(out.String(), want) {
		t.Errorf("line mode does not say %s:\n%s", want, out)
	}
	head, body := questionWords(spoof)
	ours, mine := questionWords(remote.Question{Kind: remote.AskPassphrase, Prompt: "passphrase of key /home/anna/.ssh/id_ed25519"})
	if body[0] != want || head == ours || strings.Contains(strings.Join(mine, " "), "asks:") {
		t.Errorf("screens: %s: %q; our own: %s: %q", head, body, ours, mine)
	}
}

// TestTheWordsWorkWhereTheyAreSeen: also where a connection asks.
func TestTheWordsWorkWhereTheyAreSeen(t *testing.T) {
	for _, q := range []remote.Question{
		{Kind: remote.AskHostKey, Host: "198.51.100.11:22", Fingerprint: "SHA256:abc"},
		{Kind: remote.AskInteractive, Host: "198.51.100.11:22", Prompt: "Verification code:", Echo: true},
	} {
		for typed, want := range map[string]error{"help\nback\n": errBack, "quit\n": errQuit} {
			p, out := typingPlain(t, typed)
			if s, err := p.question(t.Context(), q); !errors.Is(err, want) || !s.Empty() {
				t.Errorf("%s: %q gives %q, %v:\n%s", q.Kind, typed, s.Reveal(), err, out)
			}
		}
	}
}

// TestNothingIsAKeyOfATunnelByMistake: no key is as short as a word, and an empty
// line has one generated, as the question says.
func TestNothingIsAKeyOfATunnelByMistake(t *testing.T) {
	for typed, want := range map[string]error{"back\n": errBack, "quit\n": errQuit, "\n": nil} {
		p, out := typingPlain(t, typed)
		if s, err := p.psk(t.Context(), "two"); !errors.Is(err, want) || !s.Empty() {
			t.Errorf("%q gives %q, %v:\n%s", typed, s.Reveal(), err, out)
		}
	}
}

// TestBackFromAPasswordLeadsToTheQuestionsBeforeIt, and nothing was sent.
func TestBackFromAPasswordLeadsToTheQuestionsBeforeIt(t *testing.T) {
	smallPage(t)
	var out strings.Builder
	in := strings.NewReader("198.51.100.11\n\n\n\n\nquit\n\n198.51.100.12\n\n\n\n\nsesame\nquit\n")
	var sent []string
	cfg := Config{Dial: func(ctx context.Context, to remote.Target, o remote.Options) (checklist.Host, error) {
		s, err := o.Ask(ctx, remote.Question{Kind: remote.AskPassword, Host: to.Host})
		if err != nil {
			return nil, &remote.ConnectError{Reason: remote.ReasonUnanswered, Err: err}
		}
		sent = append(sent, to.Host+" "+s.Reveal())
		return newFakeHost(), nil
	}}
	dir := t.TempDir()
	if err := newPlain(t.Context(), cfg, newStore(dir, dir+"/wizard.json"), in, &out).run(); err != nil {
		t.Fatal(err)
	}
	if len(sent) != 1 || sent[0] != "198.51.100.12 sesame" || !strings.Contains(out.String(), "Steps:") {
		t.Errorf("sent %q:\n%s", sent, out.String())
	}
	if strings.Contains(out.String(), "Try:") {
		t.Errorf("going back is told as a mistake:\n%s", out.String())
	}
}

// TestQuitAtTheOtherEndLeaves: its login is asked in the middle of a measurement.
func TestQuitAtTheOtherEndLeaves(t *testing.T) {
	smallPage(t)
	items := page.items()
	items[0].ID = "ipsec"
	p, out := typingPlain(t, "quit\n")
	p.s.host = newFakeHost()
	p.s.answers.Peers = []checklist.Peer{{Name: "two", SSH: "ops@198.51.100.12"}}
	p.cfg.Dial = func(ctx context.Context, _ remote.Target, o remote.Options) (checklist.Host, error) {
		_, err := o.Ask(ctx, remote.Question{Kind: remote.AskHostKey, Fingerprint: "SHA256:abc"})
		return nil, err
	}
	if err := p.measure(items, false); !errors.Is(err, errQuit) {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestWhatAConnectionSaysIsShown: a weak algorithm in use, a sudo that records.
func TestWhatAConnectionSaysIsShown(t *testing.T) {
	b := newBench(t, 100, 30)
	b.note = "this connection uses a weak algorithm"
	b.connect()
	if !strings.Contains(b.w.View(), "! "+b.note) {
		t.Errorf("the first look does not say it:\n%s", b.w.View())
	}
	var out strings.Builder
	cfg := Config{Dial: func(_ context.Context, _ remote.Target, o remote.Options) (checklist.Host, error) {
		o.Note(b.note)
		return newFakeHost(), nil
	}}
	p := newPlain(t.Context(), cfg, newStore(t.TempDir(), ""), strings.NewReader(""), &out)
	p.s = newSession()
	p.s.name, p.s.answers.Host = "box", "198.51.100.11"
	if err := p.dial(); err != nil || !strings.Contains(out.String(), "note: "+b.note) {
		t.Errorf("line mode does not say it: %v\n%s", err, out.String())
	}
}
