package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/crypto/ssh"

	"aslwiz/checklist"
	"aslwiz/remote"
	"aslwiz/remote/remotetest"
)

// TestARefusedFarEndIsNotTriedAgain: verify --watch looks every few seconds, and a server
// bans whoever it refuses a few times.
func TestARefusedFarEndIsNotTriedAgain(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("SSH_AUTH_SOCK", "")
	if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	remotetest.NewKey(t).Write(t, filepath.Join(home, ".ssh", "id_ed25519"))
	key := remotetest.NewKey(t)
	sshd := remotetest.Start(t, remotetest.Config{HostKeys: []ssh.Signer{key.Signer}, Keys: []ssh.PublicKey{remotetest.NewKey(t).Public}})
	in := checklist.In{Answers: checklist.Answers{Peers: []checklist.Peer{
		{Name: "two", Addresses: []string{"127.0.0.1"}, SSH: "ops@" + net.JoinHostPort("127.0.0.1", strconv.Itoa(sshd.Port()))},
	}}}
	accepted, err := remote.AcceptKeys("127.0.0.1=" + ssh.FingerprintSHA256(key.Signer.PublicKey()))
	if err != nil {
		t.Fatal(err)
	}
	ends := newFarEnds(&app{err: io.Discard}, server{name: "stats"}, &connectFlags{
		accepted: accepted, knownHosts: []string{filepath.Join(home, "known_hosts")},
	})
	defer ends.close()
	for range 3 {
		if err := ends.look(t.Context(), in)["two"].Err; !remote.Refused(err) {
			t.Fatalf("%v, want a refused login", err)
		}
	}
	if tries := sshd.Attempts("publickey"); len(tries) != 1 {
		t.Errorf("it was tried %d times: %v", len(tries), tries)
	}
}
