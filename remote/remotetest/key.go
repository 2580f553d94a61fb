package remotetest

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "embed"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"
)

// Key is a key pair for tests.
type Key struct {
	Private crypto.Signer
	Signer  ssh.Signer
	Public  ssh.PublicKey
}

// Fingerprint is "SHA256:...".
func (k Key) Fingerprint() string { return ssh.FingerprintSHA256(k.Public) }

// NewKey makes an ed25519 key.
func NewKey(t testing.TB) Key {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newKey(t, private)
}

// Passphrase opens the file that WriteLocked writes.
const Passphrase = "open sesame"

// locked was made with one round of key derivation: the usual 16 take over a
// second under the race detector.
//
//go:embed testdata/locked_key
var locked []byte

// WriteLocked writes a private key that Passphrase opens, always the same one.
func WriteLocked(t testing.TB, file string) Key {
	t.Helper()
	private, err := ssh.ParseRawPrivateKeyWithPassphrase(locked, []byte(Passphrase))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, locked)
	return newKey(t, private.(*ed25519.PrivateKey))
}

// NewRSAKey makes an RSA key.
func NewRSAKey(t testing.TB) Key {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return newKey(t, private)
}

func newKey(t testing.TB, private crypto.Signer) Key {
	t.Helper()
	signer, err := ssh.NewSignerFromSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return Key{private, signer, signer.PublicKey()}
}

// Write writes the private key in OpenSSH's format and returns file.
func (k Key) Write(t testing.TB, file string) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(k.Private, "")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, pem.EncodeToMemory(block))
	return file
}

func writeFile(t testing.TB, file string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
