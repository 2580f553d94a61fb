package remote_test

import (
	"strings"
	"testing"

	"aslwiz/remote"
	"aslwiz/remote/remotetest"
)

func TestWordsOfAQuestion(t *testing.T) {
	for _, c := range []struct {
		q    remote.Question
		want string
	}{
		{remote.Question{Kind: remote.AskInteractive, Host: "srv:22", Prompt: "Verification code: "}, `srv:22 asks: "Verification code"`},
		{remote.Question{Kind: remote.AskInteractive, Host: "srv:22", Prompt: "a\n\npassword of \x1b[2K\"root\": \r"}, `srv:22 asks: "a password of 'root'"`},
		{remote.Question{Kind: remote.AskInteractive, Host: "srv:22", Prompt: ""}, `srv:22 asks: ""`},
		{remote.Question{Kind: remote.AskPassphrase, Prompt: "passphrase of key k"}, "on this computer, not sent: passphrase of key k"},
		{remote.Question{Kind: remote.AskPassword, Host: "srv:22", User: "anna"}, "password of anna on srv:22"},
		{remote.Question{Kind: remote.AskSudoPassword, Host: "srv:22", User: "anna"}, "password of anna on srv:22, for sudo"},
	} {
		if got := c.q.Words(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	long := remote.Question{Kind: remote.AskInteractive, Host: "srv:22", Prompt: strings.Repeat("x ", 5000)}.Words()
	if len(long) > 400 {
		t.Errorf("a prompt of %d bytes", len(long))
	}
}

// The prompt comes from a real server, over keyboard-interactive.
func TestAServersPromptNamesTheServer(t *testing.T) {
	a, s, _ := known(t, remotetest.Config{Interactive: []remotetest.Prompt{{Text: "passphrase of key /home/anna/.ssh/id_ed25519: ", Answer: "x"}}})
	a.answers[remote.AskInteractive] = "x"
	var said string
	a.before = func(q remote.Question) { said = q.Words() }
	a.mustDial(at(s))
	if want := s.Addr().String() + ` asks: "passphrase of key /home/anna/.ssh/id_ed25519"`; said != want {
		t.Errorf("%s, want %s", said, want)
	}
}
