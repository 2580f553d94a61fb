package remote

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Server is one server with a root shell open on it. Its methods may be called
// from several goroutines; requests to the server take turns.
type Server struct {
	name   string
	client *Client
	opt    Options
	masks  masks
	reopen func(context.Context) (*session, error) // a new connection and a root shell on it

	mu     sync.Mutex // held while the shell is being replaced
	shell  *session
	sudo   Secret                    // the password that worked
	moves  map[string]netip.AddrPort // by transaction of this run: the address that it brings
	closed bool
}

// Connect logs in to the server t, becomes root there, and keeps a shell open
// over which everything else goes.
func Connect(ctx context.Context, t Target, o Options) (*Server, error) {
	c, err := Dial(ctx, t, o)
	if err != nil {
		return nil, err
	}
	s := &Server{name: t.Host, client: c, opt: o, sudo: o.SudoPassword, moves: map[string]netip.AddrPort{}}
	s.masks.add(o.SudoPassword)
	s.reopen = s.redial
	if s.shell, err = s.open(ctx, c.SSH()); err != nil {
		_ = c.Close()
		return nil, err
	}
	s.remark()
	return s, nil
}

// remark tells what the admin should know of the connection.
func (s *Server) remark() {
	if s.opt.Note == nil {
		return
	}
	if s.shell.recorded {
		s.opt.Note((&RecordedError{Host: s.name, User: s.User()}).Error() + "; " + (&RecordedError{User: s.User()}).Hint())
	}
	for _, weak := range s.client.Weak() {
		s.opt.Note(fmt.Sprintf("%s: this connection uses a weak algorithm that you allowed: %s; what is sent may be read or changed on its way", s.name, weak))
	}
}

// open makes a root shell on a connection.
func (s *Server) open(ctx context.Context, conn *ssh.Client) (*session, error) {
	return openSession(ctx, s.name, s.client.User(),
		func(command string) (pipe, error) { return startShell(conn, command) }, s.password)
}

// password is asked for once; the one that worked serves later shells.
func (s *Server) password(ctx context.Context, of string) (Secret, error) {
	if !s.sudo.Empty() {
		return s.sudo, nil
	}
	if s.opt.Ask == nil {
		return Secret{}, errors.New("nobody to ask")
	}
	pw, err := s.opt.Ask(ctx, Question{
		Kind: AskSudoPassword, Host: s.client.Address(), User: s.client.User(), Of: of,
		Prompt: fmt.Sprintf("Password of %s on %s, for sudo", s.client.User(), s.name),
	})
	if err == nil {
		s.sudo = pw
		s.masks.add(pw)
	}
	return pw, err
}

// root is the shell, made anew when the link was lost.
func (s *Server) root(ctx context.Context) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.shell.dead:
	default:
		return s.shell, nil
	}
	if s.closed {
		return nil, s.shell.err
	}
	shell, err := s.reopen(ctx)
	if err != nil {
		return nil, err
	}
	s.shell = shell
	return shell, nil
}

func (s *Server) redial(ctx context.Context) (*session, error) {
	if err := s.client.Redial(ctx); err != nil {
		return nil, err
	}
	return s.open(ctx, s.client.SSH())
}

func (s *Server) do(ctx context.Context, q request) (reply, error) {
	shell, err := s.root(ctx)
	if err != nil {
		return reply{}, err
	}
	return shell.do(ctx, q)
}

// ask is do for what changes nothing: asked once more when the link was lost
// under it.
func (s *Server) ask(ctx context.Context, q request) (reply, error) {
	r, err := s.do(ctx, q)
	if errors.Is(err, ErrLost) && ctx.Err() == nil {
		return s.do(ctx, q)
	}
	return r, err
}

// Name is how the admin calls the server.
func (s *Server) Name() string { return s.name }

// Client is the connection underneath.
func (s *Server) Client() *Client { return s.client }

// User is who logged in.
func (s *Server) User() string { return s.client.User() }

// Mask has a secret masked in whatever the server says from now on.
func (s *Server) Mask(secret Secret) { s.masks.add(secret) }

// ClientAddr is the admin's own address as the server sees it; the zero value
// when it is not known.
func (s *Server) ClientAddr() netip.AddrPort { a, _ := s.ends(); return a }

// ServerAddr is the server's own end of the admin's connection.
func (s *Server) ServerAddr() netip.AddrPort { _, a := s.ends(); return a }

// ends reads SSH_CONNECTION: two addresses, each followed by its port.
func (s *Server) ends() (client, server netip.AddrPort) {
	s.mu.Lock()
	f := strings.Fields(s.shell.sshConn)
	s.mu.Unlock()
	if len(f) != 4 {
		return client, server
	}
	parse := func(addr, port string) netip.AddrPort {
		a, err := netip.ParseAddr(addr)
		n, err2 := strconv.ParseUint(port, 10, 16)
		if err != nil || err2 != nil {
			return netip.AddrPort{}
		}
		return netip.AddrPortFrom(a, uint16(n))
	}
	return parse(f[0], f[1]), parse(f[2], f[3])
}

// Survey answers all probes in one request, in their order.
func (s *Server) Survey(ctx context.Context, probes []Probe) ([]Answer, error) {
	if len(probes) == 0 {
		return nil, nil
	}
	j := join(probes)
	q, err := surveyRequest(j.asked)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	r, err := s.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	if r.code != 0 {
		return nil, fmt.Errorf("%s: the survey ended with status %d: %s", s.name, r.code, FirstLine(string(r.err)))
	}
	answers, err := parseSurvey(j.asked, r.out)
	if err != nil {
		return nil, fmt.Errorf("%s: survey: %w", s.name, err)
	}
	for i := range answers {
		answers[i].Stderr = s.masks.text(answers[i].Stderr)
	}
	return j.split(probes, answers), nil
}

// Reach tries a fresh TCP connection to each address, from here.
func (s *Server) Reach(ctx context.Context, addrs []netip.AddrPort, timeout time.Duration) []Reach {
	return s.client.Reach(ctx, addrs, timeout)
}

// Close ends the shell and the connection. What runs on the server goes on.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.shell.Close()
	return s.client.Close()
}

// who is at the keyboard, for the server's records.
func (s *Server) who() string {
	who := s.opt.Who
	if who == "" {
		if u, err := user.Current(); err == nil {
			who = u.Username
		}
	}
	if a := s.ClientAddr(); a.IsValid() {
		who += " from " + a.Addr().String()
	}
	return CleanLine(strings.ReplaceAll(strings.TrimSpace(who), "\n", " "))
}
