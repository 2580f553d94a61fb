package remote

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Defaults of Options.
const (
	DefaultConnectTimeout = 30 * time.Second
	DefaultKeepAlive      = 15 * time.Second
)

// Client is a logged-in connection to a server, by way of its jump hosts. Its
// methods may be called from several goroutines.
type Client struct {
	path      *path
	keepAlive time.Duration

	redial sync.Mutex // one Redial at a time
	mu     sync.Mutex
	link   *link
	moved  string // address that took the place of the one dialled
	closed bool
}

// Dial connects to the server t and logs in. Every machine on the way has its
// host key checked. No credential is offered twice, and at most one password.
// Once it has returned, the end of ctx no longer matters to the connection.
//
// An error that wraps ErrConnect has a Hint method; one that wraps
// context.Canceled does not.
func Dial(ctx context.Context, t Target, o Options) (*Client, error) {
	hops, err := resolve(t, o)
	if err != nil {
		return nil, err
	}
	c := &Client{
		path:      &path{hops: hops, known: newHostKeys(o), ring: newKeyring(o), ask: o.Ask, timeout: o.ConnectTimeout},
		keepAlive: o.KeepAlive,
	}
	if c.path.timeout <= 0 {
		c.path.timeout = DefaultConnectTimeout
	}
	if c.keepAlive <= 0 {
		c.keepAlive = DefaultKeepAlive
	}
	l, err := c.path.open(ctx, false, "")
	if err != nil {
		return nil, err
	}
	l.watch(c.keepAlive)
	c.link = l
	return c, nil
}

// current is the present link, and the address it was dialled at.
func (c *Client) current() (l *link, address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.moved != "" {
		return c.link, c.moved
	}
	return c.link, c.server().Address
}

func (c *Client) server() *hop { return c.path.hops[len(c.path.hops)-1] }

// SSH is the present connection; after a Redial it is another one.
func (c *Client) SSH() *ssh.Client {
	l, _ := c.current()
	return l.server()
}

// Close ends the connection. A Redial then returns net.ErrClosed. What Fresh
// opened stays open.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	l := c.link
	c.mu.Unlock()
	l.close()
	<-l.lost
	return nil
}

// Redial replaces the connection, lost or not, with the credentials that
// worked, and asks nothing. The server must present the host key of the first
// connection. A credential refused now is not offered again: the error is then
// a *CredentialsError, and only a new Dial can help.
func (c *Client) Redial(ctx context.Context) error {
	c.redial.Lock()
	defer c.redial.Unlock()
	c.mu.Lock()
	old, moved, closed := c.link, c.moved, c.closed
	c.mu.Unlock()
	if closed {
		return net.ErrClosed
	}
	old.close()
	l, err := c.path.open(ctx, true, moved)
	if err != nil {
		return err
	}
	l.watch(c.keepAlive)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		l.close()
		return net.ErrClosed
	}
	c.link = l
	return nil
}

// MoveTo makes every later Redial go to addr, where the same server has moved.
func (c *Client) MoveTo(addr netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved = addr.String()
}

// Fresh opens a second, independent connection over the same jump hosts to addr,
// another address of the same server: it must present the same host key. The
// zero addr is the address dialled. It asks nothing and sends no keepalives. The
// caller closes it, which closes its connections to the jump hosts too.
func (c *Client) Fresh(ctx context.Context, addr netip.AddrPort) (*ssh.Client, error) {
	_, address := c.current()
	if addr.IsValid() {
		address = addr.String()
	}
	l, err := c.path.open(ctx, true, address)
	if err != nil {
		return nil, err
	}
	l.watch(0)
	return l.server(), nil
}

// CheckAt compares the server's key with what known_hosts has for another address
// of it. An address that is not there yet is an *UnknownHostKeyError.
func (c *Client) CheckAt(addr netip.AddrPort) error {
	db, err := c.path.known.load()
	if err != nil {
		return err
	}
	return db.check(Hop{Address: addr.String()}, addr.String(), net.TCPAddrFromAddrPort(addr), c.HostKey())
}

// TrustAt adds the server's key to known_hosts under another address of it, where
// nothing is known yet. A key that is known there, or revoked, stays the only one.
func (c *Client) TrustAt(addr netip.AddrPort) error {
	err := c.CheckAt(addr)
	if errors.As(err, new(*UnknownHostKeyError)) {
		return c.path.known.add(addr.String(), c.HostKey(), c.server().hash)
	}
	return err
}

// RemoteAddr is the server's address. Behind a jump host that was given a name
// it is the zero value: only that host knows what the name meant.
func (c *Client) RemoteAddr() netip.AddrPort {
	l, address := c.current()
	return l.remote(address)
}

// LocalAddr is this end's address on the first hop.
func (c *Client) LocalAddr() netip.AddrPort {
	l, _ := c.current()
	return l.local()
}

// Lost is closed when the present connection has ended, for whatever reason.
// After a Redial it is another channel.
func (c *Client) Lost() <-chan struct{} {
	l, _ := c.current()
	return l.lost
}

// User is the name logged in with.
func (c *Client) User() string { return c.server().user }

// Address is "host:port" of the server, as it was dialled.
func (c *Client) Address() string {
	_, address := c.current()
	return address
}

// Jumps are "host:port" of the jump hosts, in order.
func (c *Client) Jumps() []string {
	var jumps []string
	for _, h := range c.path.hops[:len(c.path.hops)-1] {
		jumps = append(jumps, h.Address)
	}
	return jumps
}

// Banner is what the server said before the first login, cleaned.
func (c *Client) Banner() string {
	h := c.server()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.banner
}

// Weak names the weak algorithms that the way to the server uses, on the admin's
// word, each with the machine.
func (c *Client) Weak() (used []string) {
	for _, h := range c.path.hops {
		h.mu.Lock()
		for _, name := range h.weak {
			used = append(used, name+" with "+h.Address)
		}
		h.mu.Unlock()
	}
	return used
}

// HostKey is the key that the server presented and has to present again.
func (c *Client) HostKey() ssh.PublicKey { return c.server().hostKey() }

// Reach tries a fresh TCP connection to each address at once: from here, or from
// the last jump host when there is one. The answers are in the order of addrs.
func (c *Client) Reach(ctx context.Context, addrs []netip.AddrPort, timeout time.Duration) []Reach {
	l, _ := c.current()
	answers := make([]Reach, len(addrs))
	var wg sync.WaitGroup
	for i, addr := range addrs {
		wg.Go(func() { answers[i] = l.reach(ctx, addr, timeout) })
	}
	wg.Wait()
	return answers
}
