package main

import (
	"context"
	"fmt"

	"aslwiz/remote"
)

// noTerminal is the answer to a question that nobody is there to hear.
func noTerminal(what, hint string) error {
	return &codeError{code: exitConnect, text: what + ", and there is no terminal to ask at", hint: hint}
}

// asker answers what connecting asks: from the files given, else at the terminal.
// A password from a file is the server's, no jump host's, and is given once: a second
// time would only repeat a refused one.
func (a *app) asker(f *connectFlags) remote.Ask {
	if a.terminal == nil && f.password.Empty() {
		return nil
	}
	given := false
	return func(ctx context.Context, q remote.Question) (remote.Secret, error) {
		password := q.Kind == remote.AskPassword || q.Kind == remote.AskInteractive && !q.Echo
		if password && !q.Jump && !f.password.Empty() && !given {
			given = true
			return f.password, nil
		}
		if a.terminal == nil {
			return withoutTerminal(q)
		}
		if q.Kind == remote.AskHostKey {
			return a.askHostKey(ctx, q)
		}
		text, err := a.terminal.ask(ctx, q.Words()+": ", q.Echo)
		return remote.NewSecret(text), err
	}
}

func withoutTerminal(q remote.Question) (remote.Secret, error) {
	switch q.Kind {
	case remote.AskHostKey:
		return remote.NewSecret("no"), nil // the refusal has its own error, with the fingerprint
	case remote.AskSudoPassword:
		return remote.Secret{}, noTerminal(q.Words(), "--sudo-password-file FILE")
	case remote.AskPassphrase:
		return remote.Secret{}, noTerminal(remote.CleanLine(q.Prompt), "add the key to an SSH agent: ssh-add")
	default:
		if q.Jump {
			return remote.Secret{}, noTerminal("jump host "+q.Words(), "a key for it, or an SSH agent")
		}
		return remote.Secret{}, noTerminal(q.Words(), "--password-file FILE, or a key")
	}
}

// askHostKey shows a key that nobody has vouched for.
func (a *app) askHostKey(ctx context.Context, q remote.Question) (remote.Secret, error) {
	fmt.Fprintf(a.terminal.out, `
%s has not been seen before. Its host key is

    %s

Compare it with what the server itself says, on its console or in the provider's
panel, not over this connection:
    for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k; done
`, q.Host, q.Fingerprint)
	word, err := a.terminal.choose(ctx, "Is it the same? (yes/no) ", "yes", "no")
	return remote.NewSecret(word), err
}
