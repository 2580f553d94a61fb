package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"aslwiz/remote/localfile"
)

// key is one private key, in a file or held by the agent. It is shared by all
// connections of a client, so that its passphrase is asked for once.
type key struct {
	name string        // for messages: "key /home/anna/.ssh/id_ed25519"
	pub  ssh.PublicKey // nil: only known once the file is decrypted

	mu         sync.Mutex
	pem        []byte // encrypted
	signer     ssh.Signer
	socket     string // of the agent that holds it
	passphrase bool   // was asked for already
	note       string // why it cannot be used
}

// signerFor gives the private half, asking for the passphrase when that is
// wanted for the first time.
func (k *key) signerFor(l *login) (ssh.Signer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.note != "":
		return nil, errors.New(k.note)
	case k.signer != nil:
		return k.signer, nil
	case k.socket != "":
		return &agentSigner{l.ctx, k.socket, k.pub}, nil
	case k.passphrase:
		return nil, errors.New("still locked")
	}
	k.passphrase = true
	if l.ask == nil {
		k.note = "needs its passphrase, and nobody can be asked"
		return nil, errors.New(k.note)
	}
	answer, err := l.question(Question{Kind: AskPassphrase, Prompt: "passphrase of " + k.name})
	if err != nil {
		// The key was not judged: another connection may ask again.
		k.passphrase = false
		return nil, err
	}
	k.signer, err = ssh.ParsePrivateKeyWithPassphrase(k.pem, []byte(answer.Reveal()))
	if err != nil {
		k.note = "wrong passphrase"
		return nil, errors.New(k.note)
	}
	k.pem = nil
	return k.signer, nil
}

// problem is why the key cannot be used, "" when nothing is known against it.
func (k *key) problem() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.note
}

// lazySigner offers the public half, and opens the private half only when the
// server has said that it would let the key in.
type lazySigner struct {
	key   *key
	login *login
}

func (s lazySigner) PublicKey() ssh.PublicKey { return s.key.pub }

// Algorithms implements ssh.MultiAlgorithmSigner.
func (s lazySigner) Algorithms() []string { return s.login.hop.offer.signatures(s.key.pub.Type()) }

func (s lazySigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(rand, data, "")
}

func (s lazySigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (sig *ssh.Signature, err error) {
	defer func() { s.login.unsigned = err != nil }()
	signer, err := s.key.signerFor(s.login)
	if err != nil {
		return nil, err
	}
	// An agent may wait for a touch or a confirmation.
	s.login.patience.pause()
	defer s.login.patience.resume()
	if a, ok := signer.(ssh.AlgorithmSigner); ok {
		return a.SignWithAlgorithm(rand, data, algorithm)
	}
	return signer.Sign(rand, data)
}

// keyring reads each key once for all hops.
type keyring struct {
	socket string
	agent  []*key // nil until listed
	listed bool
	files  map[string]*key
}

func newKeyring(o Options) *keyring {
	socket := o.AgentSocket
	// OpenSSH for Windows talks over a named pipe, which is not a socket.
	if socket == "" && runtime.GOOS != "windows" {
		socket = os.Getenv("SSH_AUTH_SOCK")
	}
	return &keyring{socket: socket, files: map[string]*key{}}
}

// keysFor are the keys to offer to h, in order: those named for it, the agent's,
// then the default files that the agent does not hold.
func (r *keyring) keysFor(ctx context.Context, h *hop) []*key {
	r.list(ctx)
	var keys []*key
	add := func(k *key) {
		same := func(o *key) bool { return o == k || k.pub != nil && o.pub != nil && sameKey(o.pub, k.pub) }
		if k != nil && !slices.ContainsFunc(keys, same) {
			keys = append(keys, k)
		}
	}
	for _, file := range h.identities {
		k := r.file(file)
		if k == nil {
			k = &key{name: "key " + file, note: "no such file"}
		}
		add(k)
	}
	if !h.identitiesOnly {
		for _, k := range r.agent {
			add(k)
		}
	}
	for _, file := range h.defaults {
		add(r.file(file))
	}
	return keys
}

// file reads a private key, or finds the agent's key that goes with a public
// one. It is nil when there is no such file.
func (r *keyring) file(file string) *key {
	if k, ok := r.files[file]; ok {
		return k
	}
	k := r.read(file)
	if k != nil && k.signer == nil && k.pub != nil {
		for _, held := range r.agent {
			if sameKey(held.pub, k.pub) {
				k = &key{name: k.name + " (agent)", pub: held.pub, socket: r.socket}
				break
			}
		}
	}
	if k != nil && k.signer == nil && k.pem == nil && k.socket == "" && k.note == "" {
		k.note = "only its public half is here, and the agent does not hold it"
	}
	r.files[file] = k
	return k
}

func (r *keyring) read(file string) *key {
	k := &key{name: "key " + file, pub: readPublic(file + ".pub")}
	text, err := localfile.Read(file, localfile.MaxKey)
	if err != nil {
		if k.pub != nil {
			return k
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		k.note = "cannot be read"
		if errors.Is(err, localfile.ErrNotFile) || errors.Is(err, localfile.ErrTooLarge) {
			k.note += ": " + errors.Unwrap(err).Error()
		}
		return k
	}
	signer, err := ssh.ParsePrivateKey(text)
	var locked *ssh.PassphraseMissingError
	switch {
	case err == nil:
		k.signer, k.pub = signer, signer.PublicKey()
	case errors.As(err, &locked):
		k.pem = text
		if locked.PublicKey != nil {
			k.pub = locked.PublicKey
		}
	default:
		if k.pub = readPublic(file); k.pub == nil {
			k.note = "not a private key"
		}
		return k
	}
	if note := openToOthers(file); note != "" { // the agent may still hold it
		k.signer, k.pem, k.note = nil, nil, note
	}
	return k
}

func readPublic(file string) ssh.PublicKey {
	text, err := localfile.Read(file, localfile.MaxKey)
	if err != nil {
		return nil
	}
	pub, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil
	}
	return pub
}

// list asks the agent for its keys, once. No agent is not an error: there are
// other ways to log in.
func (r *keyring) list(ctx context.Context) {
	if r.listed || r.socket == "" {
		return
	}
	r.listed = true
	err := withAgent(ctx, r.socket, func(a agent.ExtendedAgent) error {
		held, err := a.List()
		for _, h := range held {
			if pub, err := ssh.ParsePublicKey(h.Blob); err == nil {
				r.agent = append(r.agent, &key{name: agentKeyName(h), pub: pub, socket: r.socket})
			}
		}
		return err
	})
	if err != nil {
		r.agent = nil
	}
}

func agentKeyName(k *agent.Key) string {
	if comment := CleanLine(k.Comment); comment != "" {
		return fmt.Sprintf("agent key %q", comment)
	}
	return "agent key " + ssh.FingerprintSHA256(k)
}

func sameKey(a, b ssh.PublicKey) bool { return string(a.Marshal()) == string(b.Marshal()) }

// withAgent speaks to the agent over a connection of its own, so that none
// stays open behind a client, and a cancelled ctx ends the wait for a touch.
func withAgent(ctx context.Context, socket string, do func(agent.ExtendedAgent) error) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	return do(agent.NewClient(conn))
}

type agentSigner struct {
	ctx    context.Context
	socket string
	pub    ssh.PublicKey
}

func (s *agentSigner) PublicKey() ssh.PublicKey { return s.pub }

func (s *agentSigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(rand, data, "")
}

func (s *agentSigner) SignWithAlgorithm(_ io.Reader, data []byte, algorithm string) (sig *ssh.Signature, err error) {
	var flags agent.SignatureFlags
	switch algorithm {
	case ssh.KeyAlgoRSASHA256:
		flags = agent.SignatureFlagRsaSha256
	case ssh.KeyAlgoRSASHA512:
		flags = agent.SignatureFlagRsaSha512
	}
	err = withAgent(s.ctx, s.socket, func(a agent.ExtendedAgent) error {
		sig, err = a.SignWithFlags(s.pub, data, flags)
		return err
	})
	return sig, err
}

var (
	_ ssh.MultiAlgorithmSigner = lazySigner{}
	_ ssh.AlgorithmSigner      = (*agentSigner)(nil)
)
