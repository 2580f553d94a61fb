//go:build unix

package remote_test

import (
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"aslwiz/remote"
	"aslwiz/remote/remotetest"
)

func chmod(t *testing.T, file string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
}

// A private key that others can read is not used, as with ssh(1).
func TestAKeyThatOthersCanRead(t *testing.T) {
	key := remotetest.NewKey(t)
	for _, mode := range []os.FileMode{0o644, 0o640, 0o604} {
		t.Run(mode.String(), func(t *testing.T) { // by itself: an admin looks for goroutines that are left
			a, s, _ := known(t, remotetest.Config{Keys: []ssh.PublicKey{key.Public}})
			a.opts.Ask = nil
			target := at(s)
			file := key.Write(t, a.file("some.key"))
			target.Identity = []string{file}
			chmod(t, file, mode)
			_, err := a.dial(target)
			if want := "chmod 600 " + file; err == nil || !strings.Contains(err.Error(), want) || len(s.Attempts("publickey")) > 0 {
				t.Errorf("got %v", err)
			}
			a.agent(key) // which holds it, so that the file does not matter
			a.mustDial(target)
		})
	}
}

// Whoever can write an ssh_config chooses the server, the key and the jump host.
func TestAnSSHConfigThatOthersCanWrite(t *testing.T) {
	key := remotetest.NewKey(t)
	for name, c := range map[string]struct {
		spoil func(a *admin)
		want  string
	}{
		"group":   {func(a *admin) { chmod(a.t, a.write(".ssh/config", "Host x\n"), 0o664) }, ".ssh/config"},
		"anybody": {func(a *admin) { chmod(a.t, a.write(".ssh/config", "Host x\n"), 0o606) }, ".ssh/config"},
		"included": {func(a *admin) {
			a.write(".ssh/config", "Include "+a.file(".ssh/conf.d/*")+"\n")
			chmod(a.t, a.write(".ssh/conf.d/a", "Host x\n"), 0o666)
		}, "conf.d/a"},
		"including itself, often": {func(a *admin) {
			chmod(a.t, a.write(".ssh/config", strings.Repeat("Include "+a.file(".ssh/config")+"\n", 10)), 0o620)
		}, ".ssh/config"},
		"named by the admin": {func(a *admin) {
			a.opts.SSHConfig = a.write("other", "Host x\n")
			chmod(a.t, a.opts.SSHConfig, 0o666)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, s, _ := known(t, remotetest.Config{Keys: []ssh.PublicKey{key.Public}})
			key.Write(t, a.file(".ssh/id_ed25519"))
			c.spoil(a)
			_, err := a.dial(at(s))
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "others than you can write it")) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRevokedHostKeys(t *testing.T) {
	for name, c := range map[string]struct {
		list    func(host remotetest.Key) string
		revoked bool
		want    string // "": the server is let through
	}{
		"listed":     {func(h remotetest.Key) string { return "# old\n" + string(ssh.MarshalAuthorizedKey(h.Public)) }, true, "revoked"},
		"not listed": {func(remotetest.Key) string { return string(ssh.MarshalAuthorizedKey(remotetest.NewKey(t).Public)) }, false, ""},
		"binary":     {func(remotetest.Key) string { return "SSHKRL\n\x00..." }, false, "KRL"},
		"not there":  {nil, false, "is not there"},
	} {
		t.Run(name, func(t *testing.T) {
			a, s, host := stranger(t)
			a.knows(map[*remotetest.Server]remotetest.Key{s: host})
			a.write(".ssh/config", "Host 127.0.0.1\n RevokedHostKeys ~/.ssh/revoked\n")
			if c.list != nil {
				a.write(".ssh/revoked", c.list(host))
			}
			_, err := a.dial(at(s))
			var changed *remote.ChangedHostKeyError
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || errors.As(err, &changed) != c.revoked {
				t.Errorf("got %v", err)
			}
			if err != nil && len(s.Attempts("")) > 0 {
				t.Error("logged in all the same")
			}
		})
	}
}

func TestHashKnownHosts(t *testing.T) {
	a, s, host := stranger(t)
	a.write(".ssh/config", "Host *\n HashKnownHosts yes\n")
	a.opts.AcceptHostKey = accept(t, host.Fingerprint())
	a.mustDial(at(s))
	text, _ := os.ReadFile(a.opts.KnownHosts[0])
	if !strings.HasPrefix(string(text), "|1|") || strings.Contains(string(text), "127.0.0.1") {
		t.Errorf("known_hosts is %q", text)
	}
	a.opts.AcceptHostKey, a.opts.Ask = nil, nil
	a.mustDial(at(s))
}

// An authority may be of another kind than the key that it signed, and may be revoked.
func TestHostCertificates(t *testing.T) {
	ca, host, key := remotetest.NewKey(t), remotetest.NewRSAKey(t), remotetest.NewKey(t)
	cert := &ssh.Certificate{Key: host.Public, CertType: ssh.HostCert, ValidPrincipals: []string{"127.0.0.1"}, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, ca.Signer); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewCertSigner(cert, host.Signer)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		lines string
		in    bool
	}{
		"known authority":   {"@cert-authority * " + string(ssh.MarshalAuthorizedKey(ca.Public)), true},
		"revoked authority": {"@cert-authority * " + string(ssh.MarshalAuthorizedKey(ca.Public)) + "@revoked * " + string(ssh.MarshalAuthorizedKey(ca.Public)), false},
		"revoked key":       {"@cert-authority * " + string(ssh.MarshalAuthorizedKey(ca.Public)) + "@revoked * " + string(ssh.MarshalAuthorizedKey(host.Public)), false},
		"another authority": {"@cert-authority * " + string(ssh.MarshalAuthorizedKey(key.Public)), false},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAdmin(t)
			a.opts.Ask = nil
			key.Write(t, a.file(".ssh/id_ed25519"))
			s := remotetest.Start(t, remotetest.Config{HostKeys: []ssh.Signer{signer, host.Signer}, Keys: []ssh.PublicKey{key.Public}})
			a.write(".ssh/known_hosts", c.lines)
			if _, err := a.dial(at(s)); (err == nil) != c.in || !c.in && len(s.Attempts("")) > 0 {
				t.Errorf("got %v", err)
			}
		})
	}
}
