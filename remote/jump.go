package remote

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// hop is one machine on the way, with what it takes to log in there again.
type hop struct {
	Hop
	alias          string // as the admin called it
	host           string
	port           int
	user           string
	keyName        string // in known_hosts, with a port
	identities     []string
	defaults       []string // identities when none are named
	identitiesOnly bool
	offer          algorithms
	orderGiven     bool     // of the host keys' algorithms, by ssh_config
	revoked        []string // files of keys that are never to be trusted
	hash           bool     // names are written to known_hosts as hashes

	mu          sync.Mutex
	credentials []*credential // all there are, in order; nil before the first login
	worked      []*credential // those that let us in
	pinned      ssh.PublicKey // of the first connection
	banner      string
	weak        []string // algorithms in use that were allowed by name alone
}

func (h *hop) refuse(c *credential) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.refused = true
}

func (h *hop) isRefused(c *credential) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return c.refused
}

func (h *hop) hostKey() ssh.PublicKey {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pinned
}

// path is the way to the server, and everything learned on it.
type path struct {
	hops    []*hop
	known   *hostKeys
	ring    *keyring
	ask     Ask
	timeout time.Duration
}

// open connects through every hop. With again, it asks nothing and offers only
// what worked before. A valid address replaces the last hop's.
func (p *path) open(ctx context.Context, again bool, address string) (*link, error) {
	l := newLink()
	var via *ssh.Client
	for i, h := range p.hops {
		at, dial := h.Hop, h.Address
		if i == len(p.hops)-1 && address != "" {
			at.Address, dial = address, address
		}
		client, w, err := p.connect(ctx, h, at, via, dial, again)
		if err != nil {
			l.close()
			return nil, err
		}
		l.add(client, w)
		via = client
	}
	return l, nil
}

// connect logs in to one hop. It connects a second time only when the first
// connection ended while the admin was thinking.
func (p *path) connect(ctx context.Context, h *hop, at Hop, via *ssh.Client, address string, again bool) (*ssh.Client, *wire, error) {
	if again {
		if why := h.cannotRedial(); why != "" {
			return nil, nil, &CredentialsError{Hop: at, User: h.user, Detail: why}
		}
	}
	for second := false; ; second = true {
		conn, err := p.dial(ctx, via, address)
		if err != nil {
			return nil, nil, dialError(ctx, at, err)
		}
		l := &login{ctx: ctx, at: at, hop: h, again: again, known: p.known, wire: &wire{Conn: conn, seen: time.Now()}}
		if !again {
			l.ask = p.ask
		}
		l.credentials = p.credentialsFor(ctx, h, again)
		client, err := l.run(p.timeout)
		if err == nil {
			return client, l.wire, nil
		}
		if second || !l.stale || l.stop != nil {
			return nil, nil, err
		}
	}
}

// dial opens the TCP connection, from here or from the jump host.
func (p *path) dial(ctx context.Context, via *ssh.Client, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	if via != nil {
		return via.DialContext(ctx, "tcp", address)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

// cannotRedial says why there is no use in connecting again without a person.
func (h *hop) cannotRedial() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.worked {
		if c.refused {
			return "what let us in before was refused since"
		}
		if c.spent {
			return "it wants a one-time code, so connect anew"
		}
	}
	return ""
}

func (p *path) credentialsFor(ctx context.Context, h *hop, again bool) []*credential {
	h.mu.Lock()
	defer h.mu.Unlock()
	if again {
		return append([]*credential(nil), h.worked...)
	}
	if h.credentials == nil {
		for _, k := range p.ring.keysFor(ctx, h) {
			h.credentials = append(h.credentials, &credential{method: methodKey, key: k})
		}
		h.credentials = append(h.credentials,
			&credential{method: methodInteractive, answers: map[string]Secret{}},
			&credential{method: methodPassword})
	}
	return append([]*credential(nil), h.credentials...)
}

// run does the handshake and the login on the connection.
func (l *login) run(limit time.Duration) (*ssh.Client, error) {
	stop := context.AfterFunc(l.ctx, func() { _ = l.wire.Close() })
	defer stop()
	l.patience = newPatience(limit, func() { _ = l.wire.Close() })
	// A mail server would wait for minutes. Some gateways do say a line of their
	// own before SSH's.
	l.wire.strange = func() { l.patience.shorten(time.Second) }

	known, err := l.known.load()
	if err != nil {
		_ = l.wire.Close()
		return nil, &ConnectError{Hop: l.at, Reason: ReasonHostKey, Detail: err.Error(), Err: err}
	}
	// The library checks the host key in a goroutine of its own, which may
	// still wait for the admin when the connection has already failed.
	var checking sync.Mutex
	var presented ssh.PublicKey
	var banner strings.Builder
	config := &ssh.ClientConfig{
		Config:        ssh.Config{KeyExchanges: l.hop.offer.kex, Ciphers: l.hop.offer.ciphers, MACs: l.hop.offer.macs},
		User:          l.hop.user,
		ClientVersion: "SSH-2.0-aslwiz",
		AuthCallback:  l.next,
		HostKeyCallback: func(_ string, remote net.Addr, key ssh.PublicKey) error {
			checking.Lock()
			defer checking.Unlock()
			presented = key
			return l.checkHostKey(known, remote, key)
		},
		BannerCallback: func(text string) error {
			if banner.Len() < MaxLine {
				banner.WriteString(text)
			}
			return nil
		},
	}
	if pinned := l.hop.hostKey(); pinned != nil {
		config.HostKeyAlgorithms = algorithmsOf(pinned, l.hop.offer.hostKeys)
	} else {
		config.HostKeyAlgorithms = known.algorithms(l.hop.keyName, l.hop.offer.hostKeys, l.hop.orderGiven)
	}
	conn, channels, requests, err := ssh.NewClientConn(l.wire, l.at.Address, config)
	checking.Lock()
	defer checking.Unlock()
	expired := l.patience.stop()
	if err == nil && (expired || !stop()) {
		_ = conn.Close()
		err = net.ErrClosed
	}
	if err != nil {
		return nil, l.failure(err, expired, CleanText(banner.String()))
	}
	l.settle(true)
	l.succeed(presented, CleanText(banner.String()), weakInUse(conn))
	return ssh.NewClient(conn, channels, requests), nil
}

// succeed keeps what the first login learned, for those that follow.
func (l *login) succeed(key ssh.PublicKey, banner string, weak []string) {
	h := l.hop
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pinned == nil {
		h.pinned = key
	}
	if !l.again {
		h.worked, h.banner, h.weak = l.worked, banner, weak
	}
}

// checkHostKey is the answer to the key that the server presents.
func (l *login) checkHostKey(known *knownDB, remote net.Addr, key ssh.PublicKey) error {
	l.stop = l.judgeHostKey(known, remote, key)
	return l.stop
}

func (l *login) judgeHostKey(known *knownDB, remote net.Addr, key ssh.PublicKey) error {
	if pinned := l.hop.hostKey(); pinned != nil {
		if sameKey(pinned, key) {
			return nil
		}
		return &ChangedHostKeyError{
			Hop: l.at, Name: l.hop.keyName, Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key),
			Known: []KnownKey{{Type: pinned.Type(), Fingerprint: ssh.FingerprintSHA256(pinned)}},
		}
	}
	if err := l.hop.checkRevoked(l.at, key); err != nil {
		return err
	}
	err := known.check(l.at, l.hop.keyName, remote, key)
	var unknown *UnknownHostKeyError
	if !errors.As(err, &unknown) {
		if err == nil {
			l.known.accept.seen(l.hop, ssh.FingerprintSHA256(key))
		}
		return err
	}
	if l.known.accept.accepts(l.hop, l.at.Target == "", l.known.peer, unknown.Fingerprint) {
		// A file that cannot be written is no reason to refuse: who vouched for
		// the key on the command line does so again next time.
		_ = l.known.add(l.hop.keyName, key, l.hop.hash)
		return nil
	}
	if l.ask == nil {
		return unknown
	}
	answer, err := l.question(Question{
		Kind: AskHostKey, Fingerprint: unknown.Fingerprint,
		Prompt: "the host key of " + l.at.Address + " is not known yet: " + unknown.Type + " " + unknown.Fingerprint,
	})
	if err != nil {
		return err
	}
	if answer.Reveal() != "yes" {
		unknown.Declined = true
		return unknown
	}
	if err = l.known.add(l.hop.keyName, key, l.hop.hash); err != nil {
		return &ConnectError{Hop: l.at, Reason: ReasonHostKey, Detail: "cannot be kept: " + err.Error(), Err: err}
	}
	return nil
}
