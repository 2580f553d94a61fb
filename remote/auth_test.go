package remote_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"aslwiz/remote"
	"aslwiz/remote/remotetest"
)

func TestLogin(t *testing.T) {
	key, rsaKey := remotetest.NewKey(t), remotetest.NewRSAKey(t)
	locked := remotetest.WriteLocked(t, filepath.Join(t.TempDir(), "key"))
	lets := func(k remotetest.Key) remotetest.Config { return remotetest.Config{Keys: []ssh.PublicKey{k.Public}} }
	second := func(method string) remotetest.Config {
		return remotetest.Config{
			Keys: []ssh.PublicKey{key.Public}, Then: method, Password: "hunter2",
			Interactive: []remotetest.Prompt{{Text: "Verification code: ", Answer: "code"}},
		}
	}
	for _, tc := range []struct {
		name    string
		server  remotetest.Config
		prepare func(*admin, *remote.Target)
		asked   string
	}{
		{"named key", lets(key), func(a *admin, t *remote.Target) {
			t.Identity = []string{key.Write(a.t, a.file("some.key"))}
		}, ""},
		{"default key", lets(key), func(a *admin, _ *remote.Target) { key.Write(a.t, a.file(".ssh/id_ed25519")) }, ""},
		{"rsa key", lets(rsaKey), func(a *admin, _ *remote.Target) { rsaKey.Write(a.t, a.file(".ssh/id_rsa")) }, ""},
		{"encrypted key", lets(locked), func(a *admin, _ *remote.Target) {
			remotetest.WriteLocked(a.t, a.file(".ssh/id_ed25519"))
		}, "passphrase"},
		{"agent", lets(key), func(a *admin, _ *remote.Target) { a.agent(key) }, ""},
		{"agent, rsa", lets(rsaKey), func(a *admin, _ *remote.Target) { a.agent(rsaKey) }, ""},
		{"agent holds the encrypted key", lets(locked), func(a *admin, _ *remote.Target) {
			a.agent(remotetest.WriteLocked(a.t, a.file(".ssh/id_ed25519")))
		}, ""},
		{"public half names the agent's key", lets(key), func(a *admin, _ *remote.Target) {
			a.write("work.pub", string(ssh.MarshalAuthorizedKey(key.Public)))
			a.write(".ssh/config", "Host 127.0.0.1\n IdentitiesOnly yes\n IdentityFile "+a.file("work.pub")+"\n")
			a.agent(remotetest.NewKey(a.t), key)
		}, ""},
		{"password", remotetest.Config{Password: "hunter2"}, nil, "password"},
		{"interactive", remotetest.Config{Interactive: []remotetest.Prompt{{Text: "Code: ", Answer: "code"}}}, nil, "interactive"},
		{"interactive before password", remotetest.Config{
			Password: "hunter2", Interactive: []remotetest.Prompt{{Text: "Code: ", Answer: "code"}},
		}, nil, "interactive"},
		{"interactive without devices, then password", remotetest.Config{Password: "hunter2", Interactive: []remotetest.Prompt{}}, nil, ""},
		{"key, then password", second("password"), func(a *admin, _ *remote.Target) { key.Write(a.t, a.file(".ssh/id_ed25519")) }, "password"},
		{"key, then code", second("keyboard-interactive"), func(a *admin, _ *remote.Target) {
			key.Write(a.t, a.file(".ssh/id_ed25519"))
		}, "interactive"},
		{
			"password after more keys than sshd looks at",
			remotetest.Config{Keys: []ssh.PublicKey{key.Public}, Password: "hunter2"},
			func(a *admin, _ *remote.Target) {
				var keys []remotetest.Key
				for range 8 {
					keys = append(keys, remotetest.NewKey(a.t))
				}
				a.agent(keys...)
			}, "password",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := newAdmin(t)
			a.answers = map[remote.QuestionKind]string{
				remote.AskPassphrase: remotetest.Passphrase, remote.AskPassword: "hunter2", remote.AskInteractive: "code",
			}
			host := remotetest.NewKey(t)
			tc.server.HostKeys = []ssh.Signer{host.Signer}
			s := remotetest.Start(t, tc.server)
			a.knows(map[*remotetest.Server]remotetest.Key{s: host})
			target := at(s)
			if tc.prepare != nil {
				tc.prepare(a, &target)
			}
			c := a.mustDial(target)
			if got := says(t, c.SSH(), "echo in"); got != "in" {
				t.Errorf("said %q", got)
			}
			if got := a.questions(); got != tc.asked {
				t.Errorf("asked %q, want %q", got, tc.asked)
			}
		})
	}
}

// A refused password counts towards a ban: one is enough.
func TestWrongSecretIsSentOnce(t *testing.T) {
	both := remotetest.Config{Password: "hunter2", Interactive: []remotetest.Prompt{{Text: "Password: ", Answer: "hunter2"}}}
	for name, cfg := range map[string]remotetest.Config{
		"password":          {Password: "hunter2"},
		"interactive":       {Interactive: both.Interactive},
		"both":              both,
		"prompt comes back": {Interactive: append(both.Interactive, both.Interactive...)},
	} {
		t.Run(name, func(t *testing.T) {
			a, s, _ := known(t, cfg)
			a.answers[remote.AskPassword] = "geheim-77"
			a.answers[remote.AskInteractive] = "geheim-77"
			_, err := a.dial(at(s))
			var refused *remote.CredentialsError
			if !errors.As(err, &refused) || !errors.Is(err, remote.ErrConnect) {
				t.Fatalf("got %v", err)
			}
			if n := s.Answered() + len(s.Attempts("password")); n != 1 {
				t.Errorf("%d attempts: %v", n, s.Attempts(""))
			}
			if n := len(strings.Fields(a.questions())); n != 1 {
				t.Errorf("%d questions", n)
			}
			if len(refused.Tried) != 1 || refused.Hint() == "" {
				t.Errorf("tried %q, hint %q", refused.Tried, refused.Hint())
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v %s", err, err, err, refused.Hint()), "geheim") {
				t.Errorf("the password is in the error: %#v", err)
			}
		})
	}
}

// A slip on Enter is no try: three of them are a ban.
func TestAnEmptyPasswordIsNotSent(t *testing.T) {
	for method, cfg := range map[string]remotetest.Config{
		"password":    {Password: "hunter2"},
		"interactive": {Interactive: []remotetest.Prompt{{Text: "Password: ", Answer: "hunter2"}}},
	} {
		t.Run(method, func(t *testing.T) {
			a, s, _ := known(t, cfg)
			a.opts.Ask = func(context.Context, remote.Question) (remote.Secret, error) { return remote.Secret{}, nil }
			_, err := a.dial(at(s))
			if !errors.Is(err, remote.ErrConnect) || !strings.Contains(err.Error(), "no password was typed") || s.Answered()+len(s.Attempts("password")) != 0 {
				t.Errorf("%v; sent %v", err, s.Attempts(""))
			}
		})
	}
}

func TestPassphrase(t *testing.T) {
	t.Run("not asked for a key that the server does not know", func(t *testing.T) {
		a, s, _ := known(t, remotetest.Config{Keys: []ssh.PublicKey{remotetest.NewKey(t).Public}})
		remotetest.WriteLocked(t, a.file(".ssh/id_ed25519"))
		_, err := a.dial(at(s))
		if asked := a.questions(); asked != "" || err == nil {
			t.Errorf("asked %q: %v", asked, err)
		}
	})
	t.Run("asked once", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "key")
		key := remotetest.WriteLocked(t, file)
		a, s, _ := known(t, remotetest.Config{Keys: []ssh.PublicKey{key.Public}})
		a.answers[remote.AskPassphrase] = "geheim-77"
		target := at(s)
		target.Identity = []string{file}
		_, err := a.dial(target)
		if asked := a.questions(); asked != "passphrase" {
			t.Errorf("asked %q", asked)
		}
		if want := file + " (wrong passphrase)"; err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("got %v, want %q in it", err, want)
		}
	})
	t.Run("dialog closed", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "key")
		key := remotetest.WriteLocked(t, file)
		a, s, _ := known(t, remotetest.Config{Keys: []ssh.PublicKey{key.Public}, Password: "hunter2"})
		target := at(s)
		target.Identity = []string{file}
		_, err := a.dial(target)
		if !errors.Is(err, errClosed) || !errors.Is(err, remote.ErrConnect) || a.questions() != "passphrase" {
			t.Errorf("got %v", err)
		}
	})
}

func TestNobodyToAsk(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	key := remotetest.WriteLocked(t, file)
	a, s, _ := known(t, remotetest.Config{Keys: []ssh.PublicKey{key.Public}, Password: "hunter2"})
	a.opts.Ask = nil
	target := at(s)
	target.Identity = []string{file}
	_, err := a.dial(target)
	var refused *remote.CredentialsError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"needs its passphrase", "nobody can be asked for a password"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if n := len(s.Attempts("password")); n != 0 {
		t.Errorf("%d passwords sent", n)
	}
}

// sshd drops a connection that has not logged in within two minutes.
func TestSlowAnswer(t *testing.T) {
	for _, kind := range []remote.QuestionKind{remote.AskHostKey, remote.AskPassphrase, remote.AskPassword} {
		t.Run(string(kind), func(t *testing.T) {
			a := newAdmin(t)
			cfg := remotetest.Config{Password: "hunter2"}
			if kind == remote.AskPassphrase {
				key := remotetest.WriteLocked(t, a.file(".ssh/id_ed25519"))
				cfg = remotetest.Config{Keys: []ssh.PublicKey{key.Public}}
			}
			s := remotetest.Start(t, cfg)
			a.answers = map[remote.QuestionKind]string{
				remote.AskHostKey: "yes", remote.AskPassword: "hunter2", remote.AskPassphrase: remotetest.Passphrase,
			}
			a.before = func(q remote.Question) {
				if q.Kind == kind {
					s.Cut()
					s.WaitLive(0)
				}
			}
			a.mustDial(at(s))
			if asked := strings.Fields(a.questions()); len(asked) != 2 {
				t.Errorf("asked %v", asked)
			}
			if s.Connections() != 2 || s.Logins() != 1 {
				t.Errorf("%d connections, %d logins", s.Connections(), s.Logins())
			}
		})
	}
}
