package remote_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"aslwiz/remote"
	"aslwiz/remote/remotetest"
)

// sha1RSA is a host key that signs with SHA-1 alone.
func sha1RSA(t *testing.T) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerWithAlgorithms(remotetest.NewRSAKey(t).Signer.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is weak is used on the admin's word alone, and the error says which word.
func TestWeakAlgorithmsWaitForAWord(t *testing.T) {
	for name, c := range map[string]struct {
		offers  ssh.Config
		setting string
	}{
		"diffie-hellman-group14-sha1": {ssh.Config{KeyExchanges: []string{"diffie-hellman-group14-sha1"}}, "KexAlgorithms"},
		"diffie-hellman-group1-sha1":  {ssh.Config{KeyExchanges: []string{"diffie-hellman-group1-sha1"}}, "KexAlgorithms"},
		"hmac-sha1-96":                {ssh.Config{Ciphers: []string{"aes128-ctr"}, MACs: []string{"hmac-sha1-96"}}, "MACs"},
		"hmac-sha1":                   {ssh.Config{Ciphers: []string{"aes128-ctr"}, MACs: []string{"hmac-sha1"}}, "MACs"},
		"aes128-cbc":                  {ssh.Config{Ciphers: []string{"aes128-cbc"}}, "Ciphers"},
		"3des-cbc":                    {ssh.Config{Ciphers: []string{"3des-cbc"}}, "Ciphers"},
		"ssh-rsa":                     {ssh.Config{}, "HostKeyAlgorithms"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAdmin(t)
			key := remotetest.NewKey(t)
			key.Write(t, a.file(".ssh/id_ed25519"))
			cfg := remotetest.Config{Algorithms: c.offers, Keys: []ssh.PublicKey{key.Public}}
			if name == "ssh-rsa" {
				cfg.HostKeys = []ssh.Signer{sha1RSA(t)}
			}
			s := remotetest.Start(t, cfg)
			a.answers[remote.AskHostKey] = "yes"
			_, err := a.dial(at(s))
			var failed *remote.ConnectError
			if !errors.As(err, &failed) || failed.Reason != remote.ReasonAlgorithms || len(s.Attempts("")) != 0 {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), "old or weak: "+name) || !strings.Contains(failed.Hint(), "--allow-algorithms "+name) {
				t.Errorf("%v; try: %s", err, failed.Hint())
			}
			a.opts.AllowAlgorithms = []string{name}
			c1 := a.mustDial(at(s))
			if used := c1.Weak(); len(used) != 1 || used[0] != name+" with "+s.Addr().String() {
				t.Errorf("in use: %q", used)
			}
			if err := c1.Redial(t.Context()); err != nil {
				t.Error(err)
			}
			a.opts.AllowAlgorithms = nil
			a.write(".ssh/config", "Host 127.0.0.1\n  "+c.setting+" +"+name+"\n")
			if used := a.mustDial(at(s)).Weak(); len(used) != 1 {
				t.Errorf("allowed in ssh_config, in use: %q", used)
			}
		})
	}
}

// OpenSSH 7.2p2, of Ubuntu 16.04, needs nothing weak.
func TestAnOldOpenSSHNeedsNothingWeak(t *testing.T) {
	a := newAdmin(t)
	key := remotetest.NewKey(t)
	key.Write(t, a.file(".ssh/id_ed25519"))
	s := remotetest.Start(t, remotetest.Config{
		Keys: []ssh.PublicKey{key.Public}, HostKeys: []ssh.Signer{remotetest.NewRSAKey(t).Signer},
		Algorithms: ssh.Config{
			KeyExchanges: []string{"curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "diffie-hellman-group14-sha1"},
			Ciphers:      []string{"chacha20-poly1305@openssh.com", "aes128-ctr", "aes256-ctr", "aes128-gcm@openssh.com"},
			MACs:         []string{"hmac-sha2-256-etm@openssh.com", "hmac-sha1"},
		},
	})
	a.answers[remote.AskHostKey] = "yes"
	if used := a.mustDial(at(s)).Weak(); len(used) != 0 {
		t.Errorf("in use: %q", used)
	}
}

// An RSA key does not sign with SHA-1 for a server that wants just that.
func TestNoSHA1Signatures(t *testing.T) {
	key := remotetest.NewRSAKey(t)
	a, s, _ := known(t, remotetest.Config{Keys: []ssh.PublicKey{key.Public}, Signatures: []string{ssh.KeyAlgoRSA}})
	target := at(s)
	target.Identity = []string{key.Write(t, a.file("rsa"))}
	a.opts.Ask = nil
	if _, err := a.dial(target); err == nil {
		t.Error("it signed with SHA-1")
	}
	a.opts.AllowAlgorithms = []string{ssh.KeyAlgoRSA}
	a.mustDial(target)
}

// newer is a server that offers one key exchange, and no more than that.
func newer(kex string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, "SSH-2.0-OpenSSH_99\r\n")
		msg := append([]byte{20}, make([]byte, 16)...)
		for _, list := range []string{
			kex + ",kex-strict-s-v00@openssh.com", "ssh-ed25519", "aes128-ctr", "aes128-ctr",
			"hmac-sha2-256", "hmac-sha2-256", "none", "none", "", "",
		} {
			msg = append(binary.BigEndian.AppendUint32(msg, uint32(len(list))), list...)
		}
		msg = append(msg, 0, 0, 0, 0, 0)
		pad := 16 - (5+len(msg))%8
		packet := binary.BigEndian.AppendUint32(nil, uint32(1+len(msg)+pad))
		packet = append(append(append(packet, byte(pad)), msg...), make([]byte, pad)...)
		_, _ = c.Write(packet)
		silent(c)
	}
}

func TestANewerServerIsNotCalledOld(t *testing.T) {
	a := newAdmin(t)
	addr := listens(t, newer("sntrup761x25519-sha512"))
	_, err := a.dial(remote.Target{Host: "127.0.0.1", Port: int(addr.Port()), User: "anna"})
	var failed *remote.ConnectError
	if !errors.As(err, &failed) || failed.Reason != remote.ReasonAlgorithms {
		t.Fatalf("got %v", err)
	}
	said := err.Error() + "\n" + failed.Hint()
	for _, want := range []string{"the server offers sntrup761x25519-sha512;", "aslwiz offers mlkem768x25519-sha256, curve25519-sha256,", "add curve25519-sha256 to KexAlgorithms"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in: %s", want, said)
		}
	}
	if strings.Contains(said, "old") || strings.Contains(said, "--allow") || strings.Contains(said, "kex-strict") {
		t.Errorf("it says %s", said)
	}
}

// What ssh_config says of algorithms counts here too.
func TestAlgorithmsOfSSHConfig(t *testing.T) {
	for config, want := range map[string]string{
		"Ciphers aes256-ctr,aes128-cbc":                    "aes256-ctr",
		"Ciphers ^aes192-ctr":                              "aes192-ctr",
		"Ciphers -aes*gcm*,chacha20*":                      "aes128-ctr",
		"KexAlgorithms curve25519-sha256@libssh.org":       "curve25519-sha256",
		"KexAlgorithms -mlkem*,curve*":                     "ecdh-sha2-nistp256",
		"Ciphers aes128-ctr\n MACs hmac-sha2-512":          "hmac-sha2-512",
		"HostKeyAlgorithms rsa-sha2-256":                   "rsa-sha2-256",
		"HostKeyAlgorithms ^rsa-sha2-512,ssh-ed25519":      "rsa-sha2-512",
		"KexAlgorithms nonsense":                           "",
		"Ciphers -*":                                       "",
		"HostKeyAlgorithms sk-ssh-ed25519@openssh.com,foo": "",
	} {
		t.Run(config, func(t *testing.T) {
			a := newAdmin(t)
			key := remotetest.NewKey(t)
			key.Write(t, a.file(".ssh/id_ed25519"))
			s := remotetest.Start(t, remotetest.Config{
				Keys: []ssh.PublicKey{key.Public}, HostKeys: []ssh.Signer{remotetest.NewKey(t).Signer, remotetest.NewRSAKey(t).Signer},
			})
			a.answers[remote.AskHostKey] = "yes"
			a.write(".ssh/config", "Host 127.0.0.1\n "+config+"\n")
			c, err := a.dial(at(s))
			if want == "" {
				if err == nil || !strings.Contains(err.Error(), "leaves nothing that aslwiz knows") {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			n := c.SSH().Conn.(ssh.AlgorithmsConnMetadata).Algorithms()
			if !slices.Contains([]string{n.KeyExchange, n.HostKey, n.Read.Cipher, n.Read.MAC}, want) || len(c.Weak()) > 0 {
				t.Errorf("agreed on %+v, want %s", n, want)
			}
		})
	}
}

func TestOnlyWeakAlgorithmsAreAllowed(t *testing.T) {
	for name, want := range map[string]string{"aes128-cbc": "", "aes128-ctr": "is offered anyway", "rot13": "is not an algorithm"} {
		err := remote.CheckAlgorithms([]string{name})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
