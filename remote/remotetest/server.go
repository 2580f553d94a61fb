// Package remotetest is an SSH server inside the test process, on 127.0.0.1.
// It runs what it is told with the local /bin/sh as the present user, so that a
// real shell session can be driven through it, and it can be made to misbehave:
// refuse, fall silent, drop its connections, change its key.
package remotetest

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// Config is how a Server behaves. Its zero value lets nobody in.
type Config struct {
	HostKeys    []ssh.Signer      // nil: a new ed25519 key
	Keys        []ssh.PublicKey   // let in
	Algorithms  ssh.Config        // what is offered; the zero value: the library's own choice
	Signatures  []string          // taken of clients' keys; nil: the library's own choice
	Password    string            // "": the method is not offered
	Interactive []Prompt          // keyboard-interactive; nil: not offered
	Then        string            // a second method wanted after the key: "password" or "keyboard-interactive"
	Banner      string            // sent before the login
	MaxSessions int               // sessions open at once on a connection; 0: no limit
	Forward     bool              // allow direct-tcpip, as a jump host does
	Names       map[string]string // "host:port" as asked of a jump host, to the real address
	Exec        func(*Exec) int   // runs a command, returns its status; nil: RunShell
	Shell       string            // of RunShell; "": /bin/sh
}

// Prompt is one question of keyboard-interactive.
type Prompt struct {
	Text   string
	Echo   bool
	Answer string // the right one
}

// Attempt is one try to log in, as the server judged it. A key that is only
// asked about and not known counts too, as it does for sshd.
type Attempt struct {
	User   string
	Method string // "publickey", "password", "keyboard-interactive"
	OK     bool   // also when a second method is still wanted
}

// Server is a running SSH server.
type Server struct {
	t        testing.TB
	listener net.Listener
	ctx      context.Context
	wg       sync.WaitGroup

	mu       sync.Mutex
	cfg      Config
	conns    map[*gate]bool
	frozen   chan struct{} // closed when thawed; nil when not frozen
	attempts []Attempt
	logins   int
	answered int
	accepted int
}

// Start starts a server that ends with the test.
func Start(t testing.TB, cfg Config) *Server {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.HostKeys == nil {
		cfg.HostKeys = []ssh.Signer{NewKey(t).Signer}
	}
	if cfg.Exec == nil {
		cfg.Exec = RunShell(cfg.Shell)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{t: t, listener: listener, ctx: ctx, cfg: cfg, conns: map[*gate]bool{}}
	s.wg.Go(s.accept)
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		s.Freeze(false)
		s.Cut()
		s.wg.Wait()
	})
	return s
}

// Addr is where it listens.
func (s *Server) Addr() netip.AddrPort { return s.listener.Addr().(*net.TCPAddr).AddrPort() }

// Port is the port it listens on.
func (s *Server) Port() int { return int(s.Addr().Port()) }

// Configure changes how the server behaves to connections that come later.
func (s *Server) Configure(change func(*Config)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.cfg)
}

// Cut ends all live connections at once, as a broken link does.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
}

// Stop closes the port: connections that live go on, new ones are refused.
func (s *Server) Stop() { _ = s.listener.Close() }

// Freeze makes the server read nothing more while on is true: connections stay
// open and nothing is answered.
func (s *Server) Freeze(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case on && s.frozen == nil:
		s.frozen = make(chan struct{})
	case !on && s.frozen != nil:
		close(s.frozen)
		s.frozen = nil
	}
}

// Logins is how many connections have logged in so far.
func (s *Server) Logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

// Answered is how many prompts of keyboard-interactive were answered so far.
func (s *Server) Answered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answered
}

// Connections is how many TCP connections came so far.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// Live is how many connections are open.
func (s *Server) Live() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// WaitLive waits until n connections are open.
func (s *Server) WaitLive(n int) {
	for s.Live() != n {
		time.Sleep(time.Millisecond)
	}
}

// Attempts are all tries to log in so far, of one method or, with "", of all.
func (s *Server) Attempts(method string) []Attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	var attempts []Attempt
	for _, a := range s.attempts {
		if method == "" || a.Method == method {
			attempts = append(attempts, a)
		}
	}
	return attempts
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		g := &gate{Conn: conn, server: s, closed: make(chan struct{})}
		s.mu.Lock()
		s.conns[g] = true
		s.accepted++
		s.mu.Unlock()
		s.wg.Go(func() {
			s.serve(g)
			_ = g.Close()
			s.mu.Lock()
			delete(s.conns, g)
			s.mu.Unlock()
		})
	}
}

func (s *Server) serve(g *gate) {
	s.mu.Lock()
	cfg := s.cfg
	s.mu.Unlock()
	conn, channels, requests, err := ssh.NewServerConn(g, s.sshConfig(cfg))
	if err != nil {
		return
	}
	s.wg.Go(func() { answerGlobal(requests) })
	c := &connection{server: s, cfg: cfg, conn: conn}
	for ch := range channels {
		c.open(ch)
	}
	c.wg.Wait()
}

// answerGlobal refuses all global requests, keepalives included: sshd answers
// those with a failure too, and any answer is a sign of life.
func answerGlobal(requests <-chan *ssh.Request) {
	for r := range requests {
		if r.WantReply {
			_ = r.Reply(false, nil)
		}
	}
}

// gate is a connection whose reading can be stopped.
type gate struct {
	net.Conn
	server *Server
	once   sync.Once
	closed chan struct{}
}

// Read implements net.Conn.
func (g *gate) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	g.server.mu.Lock()
	frozen := g.server.frozen
	g.server.mu.Unlock()
	if frozen != nil {
		select {
		case <-frozen:
		case <-g.closed:
		}
	}
	return n, err
}

// Close implements net.Conn.
func (g *gate) Close() error {
	g.once.Do(func() { close(g.closed) })
	return g.Conn.Close()
}
