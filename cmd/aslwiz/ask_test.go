package main

import (
	"testing"

	"aslwiz/remote"
)

// The password in a file is the server's: a jump host that asks first is not given it,
// and it is given once.
func TestPasswordFileIsTheServers(t *testing.T) {
	t.Parallel()
	ask := (&app{}).asker(&connectFlags{password: remote.NewSecret("correct horse")})
	for i, c := range []struct {
		q    remote.Question
		want string
	}{
		{remote.Question{Kind: remote.AskPassword, Jump: true}, ""},
		{remote.Question{Kind: remote.AskInteractive, Jump: true}, ""},
		{remote.Question{Kind: remote.AskPassword}, "correct horse"},
		{remote.Question{Kind: remote.AskPassword}, ""},
	} {
		got, err := ask(t.Context(), c.q)
		if got.Reveal() != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%d: %q, %v", i, got.Reveal(), err)
		}
	}
}
