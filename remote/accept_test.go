package remote_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"aslwiz/remote"
	"aslwiz/remote/remotetest"
)

func accept(t *testing.T, words ...string) *remote.AcceptedKeys {
	t.Helper()
	a, err := remote.AcceptKeys(words...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAcceptKeysAreRead(t *testing.T) {
	for word, good := range map[string]bool{
		"SHA256:abc": true, "SHA256:abc=": true, "node=SHA256:abc": true, "[2001:db8::1]:22=SHA256:abc": true,
		"MD5:aa": false, "=SHA256:abc": false, "SHA256:": false, "node=": false, "node=MD5:aa": false, "": false,
		"a=SHA256:b=SHA256:c": false,
	} {
		if _, err := remote.AcceptKeys(word); (err == nil) != good {
			t.Errorf("%q: %v", word, err)
		}
	}
}

// A hostile jump host answers for the server with its own key, which the admin
// vouched for: the password must not come to it.
func TestAJumpHostCannotAnswerForTheServer(t *testing.T) {
	jumpHost, jumpKey, server := remotetest.NewKey(t), remotetest.NewKey(t), remotetest.NewKey(t)
	start := func(t *testing.T, behind remotetest.Key) (*admin, *remotetest.Server, *remotetest.Server) {
		a := newAdmin(t)
		a.opts.Ask = nil
		target := remotetest.Start(t, remotetest.Config{HostKeys: []ssh.Signer{behind.Signer}, Keys: []ssh.PublicKey{jumpKey.Public}})
		jump := remotetest.Start(t, remotetest.Config{
			HostKeys: []ssh.Signer{jumpHost.Signer}, Keys: []ssh.PublicKey{jumpKey.Public}, Forward: true,
			Names: map[string]string{"node.internal:22": target.Addr().String()},
		})
		jumpKey.Write(t, a.file(".ssh/id_ed25519"))
		return a, jump, target
	}
	for name, c := range map[string]struct {
		accepted []string
		behind   remotetest.Key
		in       bool
	}{
		"the jump host's key alone":               {[]string{"127.0.0.1=" + jumpHost.Fingerprint()}, jumpHost, false},
		"and as if it were the server's":          {[]string{"127.0.0.1=" + jumpHost.Fingerprint(), jumpHost.Fingerprint()}, jumpHost, false},
		"a bare one is not for a jump host":       {[]string{jumpHost.Fingerprint(), "node.internal=" + server.Fingerprint()}, server, false},
		"each by its name":                        {[]string{"127.0.0.1=" + jumpHost.Fingerprint(), "node.internal=" + server.Fingerprint()}, server, true},
		"the server's without one":                {[]string{"127.0.0.1=" + jumpHost.Fingerprint(), server.Fingerprint()}, server, true},
		"the names the wrong way round":           {[]string{"node.internal=" + jumpHost.Fingerprint(), "127.0.0.1=" + server.Fingerprint()}, server, false},
		"a name with another port is another's":   {[]string{"127.0.0.1=" + jumpHost.Fingerprint(), "node.internal:2222=" + server.Fingerprint()}, server, false},
		"a bare one of a jump host that is known": {[]string{jumpHost.Fingerprint()}, jumpHost, false},
	} {
		t.Run(name, func(t *testing.T) {
			a, jump, target := start(t, c.behind)
			if strings.HasSuffix(name, "that is known") {
				a.knows(map[*remotetest.Server]remotetest.Key{jump: jumpHost})
			}
			a.opts.AcceptHostKey = accept(t, c.accepted...)
			_, err := a.dial(remote.Target{Host: "node.internal", User: "anna", Jump: []string{"127.0.0.1:" + port(jump)}})
			if c.in != (err == nil) || !c.in && !errors.As(err, new(*remote.UnknownHostKeyError)) {
				t.Errorf("got %v", err)
			}
			if n := len(target.Attempts("")); !c.in && n > 0 {
				t.Errorf("%d credentials were offered to the wrong machine", n)
			}
		})
	}
}

// What was said of the server serves neither its peers nor a second name.
func TestAFingerprintServesOneName(t *testing.T) {
	a, s, host := stranger(t)
	a.opts.Ask = nil
	a.opts.AcceptHostKey = accept(t, host.Fingerprint())
	peer := a.opts
	peer.Peer = true
	if _, err := remote.Dial(t.Context(), at(s), peer); !errors.As(err, new(*remote.UnknownHostKeyError)) {
		t.Errorf("a peer was let in by the server's fingerprint: %v", err)
	}
	a.mustDial(at(s))
	other := at(s)
	other.Host = "localhost"
	if _, err := a.dial(other); !errors.As(err, new(*remote.UnknownHostKeyError)) {
		t.Errorf("a second name was let in by the same fingerprint: %v", err)
	}
	a.opts.KnownHosts = []string{a.file("other")}
	a.mustDial(at(s)) // the same name, at another connection of the run
}
