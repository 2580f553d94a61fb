package remote_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"aslwiz/remote"
	"aslwiz/remote/remotetest"
)

// stranger is a server whose key is not known, and an admin with a key for it.
func stranger(t *testing.T) (*admin, *remotetest.Server, remotetest.Key) {
	t.Helper()
	a := newAdmin(t)
	host, key := remotetest.NewKey(t), remotetest.NewKey(t)
	key.Write(t, a.file(".ssh/id_ed25519"))
	s := remotetest.Start(t, remotetest.Config{HostKeys: []ssh.Signer{host.Signer}, Keys: []ssh.PublicKey{key.Public}})
	a.opts.KnownHosts = []string{a.file("new/known_hosts"), a.file(".ssh/known_hosts")}
	return a, s, host
}

func TestUnknownHostKey(t *testing.T) {
	t.Run("nobody to ask", func(t *testing.T) {
		a, s, host := stranger(t)
		a.opts.Ask = nil
		a.opts.AcceptHostKey = accept(t, remotetest.NewKey(t).Fingerprint())
		_, err := a.dial(at(s))
		var unknown *remote.UnknownHostKeyError
		if !errors.As(err, &unknown) || !errors.Is(err, remote.ErrConnect) {
			t.Fatalf("got %v", err)
		}
		if want := "--accept-host-key 127.0.0.1:" + port(s) + "=" + host.Fingerprint(); !strings.Contains(unknown.Hint(), want) || unknown.Declined {
			t.Errorf("hint %q", unknown.Hint())
		}
		if len(s.Attempts("")) != 0 {
			t.Error("logged in before the key was accepted")
		}
	})
	t.Run("asked", func(t *testing.T) {
		a, s, host := stranger(t)
		var question remote.Question
		a.before = func(q remote.Question) { question = q }
		a.answers[remote.AskHostKey] = "yes"
		a.mustDial(at(s))
		if question.Fingerprint != host.Fingerprint() || question.Host != s.Addr().String() {
			t.Errorf("asked %+v", question)
		}
		file := a.opts.KnownHosts[0]
		text, err := os.ReadFile(file)
		if want := "[127.0.0.1]:" + port(s) + " " + string(ssh.MarshalAuthorizedKey(host.Public)); err != nil || string(text) != want {
			t.Errorf("known_hosts is %q, want %q: %v", text, want, err)
		}
		if runtime.GOOS != "windows" {
			for name, want := range map[string]os.FileMode{file: 0o600, a.file("new"): 0o700 | os.ModeDir} {
				if info, err := os.Stat(name); err != nil || info.Mode() != want {
					t.Errorf("%s: %v, %v", name, info.Mode(), err)
				}
			}
		}
		a.questions()
		a.mustDial(at(s))
		if asked := a.questions(); asked != "" {
			t.Errorf("asked %s again", asked)
		}
	})
	t.Run("declined", func(t *testing.T) {
		a, s, _ := stranger(t)
		a.answers[remote.AskHostKey] = "no"
		_, err := a.dial(at(s))
		var unknown *remote.UnknownHostKeyError
		if !errors.As(err, &unknown) || !unknown.Declined || len(s.Attempts("")) != 0 {
			t.Errorf("got %v", err)
		}
		if _, err := os.Stat(a.opts.KnownHosts[0]); err == nil {
			t.Error("the key was kept")
		}
	})
	t.Run("accepted beforehand", func(t *testing.T) {
		a, s, host := stranger(t)
		a.opts.AcceptHostKey = accept(t, remotetest.NewKey(t).Fingerprint(), host.Fingerprint())
		a.mustDial(at(s))
		a.opts.AcceptHostKey = nil
		a.mustDial(at(s))
		if asked := a.questions(); asked != "" {
			t.Errorf("asked %s", asked)
		}
	})
}

func TestChangedHostKey(t *testing.T) {
	a, s, host := stranger(t)
	before := remotetest.NewKey(t)
	// Line 2 cannot be read and must neither hide the others nor shift them; the
	// last line has no newline.
	file := a.write(".ssh/known_hosts", "# mine\nexample.net ssh-rsa1 nonsense\n[127.0.0.1]:"+port(s)+" "+
		strings.TrimSpace(string(ssh.MarshalAuthorizedKey(before.Public))))
	a.opts.AcceptHostKey = accept(t, host.Fingerprint()) // is not for keys that changed
	a.answers[remote.AskHostKey] = "yes"
	_, err := a.dial(at(s))
	var changed *remote.ChangedHostKeyError
	if !errors.As(err, &changed) || !errors.Is(err, remote.ErrConnect) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{s.Addr().String() + ": ", file + " line 3", before.Fingerprint(), host.Fingerprint()} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if want := fmt.Sprintf("ssh-keygen -R '[127.0.0.1]:%s' -f '%s'", port(s), file); !strings.Contains(changed.Hint(), want) ||
		!strings.Contains(changed.Hint(), "really reinstalled") {
		t.Errorf("hint %q, want %q in it", changed.Hint(), want)
	}
	if asked := a.questions(); asked != "" || len(s.Attempts("")) != 0 {
		t.Errorf("asked %q, %d attempts", asked, len(s.Attempts("")))
	}
}

func TestRevokedHostKey(t *testing.T) {
	a, s, host := stranger(t)
	a.write(".ssh/known_hosts", "@revoked * "+string(ssh.MarshalAuthorizedKey(host.Public)))
	a.opts.AcceptHostKey = accept(t, host.Fingerprint())
	_, err := a.dial(at(s))
	var changed *remote.ChangedHostKeyError
	if !errors.As(err, &changed) || !changed.Revoked || strings.Contains(changed.Hint(), "ssh-keygen") {
		t.Errorf("got %v", err)
	}
}

// A file whose last line has no newline must not swallow the new key.
func TestKnownHostsWithoutNewline(t *testing.T) {
	a, s, host := stranger(t)
	other := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(remotetest.NewKey(t).Public)))
	a.opts.KnownHosts = []string{a.write(".ssh/known_hosts", "example.net "+other)}
	a.opts.AcceptHostKey = accept(t, host.Fingerprint())
	a.mustDial(at(s))
	text, _ := os.ReadFile(a.opts.KnownHosts[0])
	if lines := strings.Split(string(text), "\n"); len(lines) != 3 || lines[0] != "example.net "+other {
		t.Errorf("known_hosts is %q", text)
	}
}

// The server has keys of two kinds and would present the one that is not known.
func TestOnlyOneKindIsKnown(t *testing.T) {
	ed, rsa, key := remotetest.NewKey(t), remotetest.NewRSAKey(t), remotetest.NewKey(t)
	for name, k := range map[string]remotetest.Key{"ed25519": ed, "rsa": rsa} {
		t.Run(name, func(t *testing.T) {
			a := newAdmin(t)
			key.Write(t, a.file(".ssh/id_ed25519"))
			s := remotetest.Start(t, remotetest.Config{
				HostKeys: []ssh.Signer{rsa.Signer, ed.Signer}, Keys: []ssh.PublicKey{key.Public},
			})
			a.knows(map[*remotetest.Server]remotetest.Key{s: k})
			c := a.mustDial(at(s))
			if ssh.FingerprintSHA256(c.HostKey()) != k.Fingerprint() {
				t.Errorf("presented %s", c.HostKey().Type())
			}
			if err := c.Redial(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
