package remote_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"aslwiz/remote"
	"aslwiz/remote/remotetest"
)

// admin is somebody's computer: an empty home, no agent, and the questions that
// were asked there.
type admin struct {
	t       *testing.T
	home    string
	opts    remote.Options
	answers map[remote.QuestionKind]string // "" closes the dialog
	before  func(remote.Question)          // runs while the question is open

	mu    sync.Mutex
	asked []remote.QuestionKind
}

func newAdmin(t *testing.T) *admin {
	t.Helper()
	here := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, here) })
	a := &admin{t: t, home: t.TempDir(), answers: map[remote.QuestionKind]string{}}
	t.Setenv("HOME", a.home)
	t.Setenv("USERPROFILE", a.home)
	t.Setenv("SSH_AUTH_SOCK", "")
	a.opts = remote.Options{Ask: a.ask, KnownHosts: []string{a.file(".ssh/known_hosts")}, ConnectTimeout: 5 * time.Second}
	return a
}

var errClosed = errors.New("dialog closed")

func (a *admin) ask(_ context.Context, q remote.Question) (remote.Secret, error) {
	a.mu.Lock()
	a.asked = append(a.asked, q.Kind)
	a.mu.Unlock()
	if a.before != nil {
		a.before(q)
	}
	answer := a.answers[q.Kind]
	if answer == "" {
		return remote.Secret{}, errClosed
	}
	return remote.NewSecret(answer), nil
}

// questions are the kinds asked since the last call.
func (a *admin) questions() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var kinds []string
	for _, k := range a.asked {
		kinds = append(kinds, string(k))
	}
	a.asked = nil
	return strings.Join(kinds, " ")
}

func (a *admin) file(name string) string { return filepath.Join(a.home, filepath.FromSlash(name)) }

func (a *admin) write(name, text string) string {
	a.t.Helper()
	file := a.file(name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		a.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return file
}

// knows adds the servers' keys to known_hosts.
func (a *admin) knows(servers map[*remotetest.Server]remotetest.Key) {
	a.t.Helper()
	var text strings.Builder
	for s, k := range servers {
		text.WriteString("[127.0.0.1]:" + port(s) + " " + string(ssh.MarshalAuthorizedKey(k.Public)))
	}
	a.write(".ssh/known_hosts", text.String())
}

// agent starts an agent that holds the keys.
func (a *admin) agent(keys ...remotetest.Key) {
	a.t.Helper()
	ring := agent.NewKeyring()
	for _, k := range keys {
		if err := ring.Add(agent.AddedKey{PrivateKey: k.Private, Comment: "laptop"}); err != nil {
			a.t.Fatal(err)
		}
	}
	socket := a.file("agent")
	l, err := new(net.ListenConfig).Listen(a.t.Context(), "unix", socket)
	if err != nil {
		a.t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				_ = agent.ServeAgent(ring, conn)
				_ = conn.Close()
			})
		}
	})
	a.t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	a.opts.AgentSocket = socket
}

func port(s *remotetest.Server) string {
	_, p, _ := net.SplitHostPort(s.Addr().String())
	return p
}

func at(s *remotetest.Server) remote.Target {
	return remote.Target{Host: "127.0.0.1", Port: s.Port(), User: "anna"}
}

func (a *admin) dial(t remote.Target) (*remote.Client, error) {
	c, err := remote.Dial(a.t.Context(), t, a.opts)
	if err == nil {
		a.t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

func (a *admin) mustDial(t remote.Target) *remote.Client {
	a.t.Helper()
	c, err := a.dial(t)
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

// says runs a command and returns what it printed.
func says(t *testing.T, c *ssh.Client, command string) string {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	out, err := s.CombinedOutput(command)
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	return strings.TrimSpace(string(out))
}

// known starts a server that lets key in, and an admin who knows the server.
func known(t *testing.T, cfg remotetest.Config) (*admin, *remotetest.Server, remotetest.Key) {
	t.Helper()
	a := newAdmin(t)
	host, key := remotetest.NewKey(t), remotetest.NewKey(t)
	cfg.HostKeys = []ssh.Signer{host.Signer}
	if cfg.Keys == nil && cfg.Password == "" && cfg.Interactive == nil {
		cfg.Keys = []ssh.PublicKey{key.Public}
		key.Write(t, a.file(".ssh/id_ed25519"))
	}
	s := remotetest.Start(t, cfg)
	a.knows(map[*remotetest.Server]remotetest.Key{s: host})
	return a, s, key
}

func TestClient(t *testing.T) {
	a, s, _ := known(t, remotetest.Config{Banner: "Unauthorised \x1b[31muse\x1b[0m is prohibited\n"})
	ctx, cancel := context.WithCancel(t.Context())
	c, err := remote.Dial(ctx, at(s), a.opts)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	cancel() // no longer matters
	if got := says(t, c.SSH(), `echo "$SSH_CONNECTION"; echo err >&2`); !strings.Contains(got, "127.0.0.1 ") || !strings.Contains(got, "err") {
		t.Errorf("the command said %q", got)
	}
	if c.RemoteAddr() != s.Addr() || c.LocalAddr().Addr() != s.Addr().Addr() || c.LocalAddr().Port() == 0 {
		t.Errorf("addresses %v and %v", c.LocalAddr(), c.RemoteAddr())
	}
	if c.User() != "anna" || c.Address() != s.Addr().String() || c.Banner() != "Unauthorised use is prohibited\n" {
		t.Errorf("user %q, address %q, banner %q", c.User(), c.Address(), c.Banner())
	}
	select {
	case <-c.Lost():
		t.Error("lost while it lives")
	default:
	}
	_ = c.Close()
	<-c.Lost()
	if err := c.Redial(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("redial after close: %v", err)
	}
}

func TestLostLink(t *testing.T) {
	t.Run("cut", func(t *testing.T) {
		a, s, _ := known(t, remotetest.Config{})
		c := a.mustDial(at(s))
		s.Cut()
		<-c.Lost()
	})
	t.Run("silent", func(t *testing.T) {
		a, s, _ := known(t, remotetest.Config{})
		a.opts.KeepAlive = 20 * time.Millisecond
		c := a.mustDial(at(s))
		s.Freeze(true)
		begin := time.Now()
		<-c.Lost()
		if d := time.Since(begin); d < 3*a.opts.KeepAlive {
			t.Errorf("given up after %v, which is less than three signs of life", d)
		}
	})
	t.Run("slow command is no loss", func(t *testing.T) {
		a, s, _ := known(t, remotetest.Config{})
		a.opts.KeepAlive = 200 * time.Millisecond // a busy computer may be late by as much as 15 ms
		c := a.mustDial(at(s))
		says(t, c.SSH(), "sleep 1")
	})
}

func TestRedialAsksNothing(t *testing.T) {
	for name, prepare := range map[string]func(*admin, *remotetest.Config, remotetest.Key){
		"encrypted key": func(a *admin, cfg *remotetest.Config, _ remotetest.Key) {
			k := remotetest.WriteLocked(a.t, a.file(".ssh/id_ed25519"))
			cfg.Keys = []ssh.PublicKey{k.Public}
		},
		"agent": func(a *admin, cfg *remotetest.Config, k remotetest.Key) {
			a.agent(remotetest.NewKey(a.t), k)
			cfg.Keys = []ssh.PublicKey{k.Public}
		},
		"password": func(_ *admin, cfg *remotetest.Config, _ remotetest.Key) { cfg.Password = "hunter2" },
		"interactive": func(_ *admin, cfg *remotetest.Config, _ remotetest.Key) {
			cfg.Interactive = []remotetest.Prompt{{Text: "Password: ", Answer: "hunter2"}}
		},
		"key and password": func(a *admin, cfg *remotetest.Config, k remotetest.Key) {
			k.Write(a.t, a.file(".ssh/id_ed25519"))
			cfg.Keys, cfg.Password, cfg.Then = []ssh.PublicKey{k.Public}, "hunter2", "password"
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAdmin(t)
			a.answers = map[remote.QuestionKind]string{
				remote.AskHostKey: "yes", remote.AskPassphrase: remotetest.Passphrase,
				remote.AskPassword: "hunter2", remote.AskInteractive: "hunter2",
			}
			var cfg remotetest.Config
			prepare(a, &cfg, remotetest.NewKey(t))
			s := remotetest.Start(t, cfg)
			c := a.mustDial(at(s))
			a.questions()
			// What is on disk no longer matters.
			if err := os.RemoveAll(a.file(".ssh")); err != nil {
				t.Fatal(err)
			}
			first := c.SSH()
			s.Cut()
			<-c.Lost()
			before := len(s.Attempts(""))
			if err := c.Redial(t.Context()); err != nil {
				t.Fatal(err)
			}
			if c.SSH() == first || says(t, c.SSH(), "echo back") != "back" {
				t.Error("no new connection")
			}
			for _, attempt := range s.Attempts("")[before:] {
				if !attempt.OK {
					t.Errorf("offered what had not worked: %v", attempt)
				}
			}
			if asked := a.questions(); asked != "" {
				t.Errorf("asked %s", asked)
			}
		})
	}
}

func TestRedialRefused(t *testing.T) {
	t.Run("key taken away", func(t *testing.T) {
		key := remotetest.NewKey(t)
		a, s, _ := known(t, remotetest.Config{Keys: []ssh.PublicKey{key.Public}})
		key.Write(t, a.file("work.key"))
		a.agent(remotetest.NewKey(t)) // not needed to get in, and not to be offered now
		target := at(s)
		target.Identity = []string{a.file("work.key")}
		c := a.mustDial(target)
		s.Configure(func(cfg *remotetest.Config) { cfg.Keys = nil })
		s.Cut()
		attempts := len(s.Attempts(""))
		var refused *remote.CredentialsError
		if err := c.Redial(t.Context()); !errors.As(err, &refused) {
			t.Fatalf("got %v", err)
		}
		if n := len(s.Attempts("")) - attempts; n != 1 {
			t.Errorf("%d attempts", n)
		}
		before := s.Connections()
		if err := c.Redial(t.Context()); !errors.As(err, &refused) {
			t.Fatalf("second time: %v", err)
		}
		if s.Connections() != before {
			t.Error("a refused credential was offered again")
		}
	})
	t.Run("another host key", func(t *testing.T) {
		a, s, _ := known(t, remotetest.Config{})
		c := a.mustDial(at(s))
		attempts := len(s.Attempts(""))
		other := remotetest.NewKey(t)
		s.Configure(func(cfg *remotetest.Config) { cfg.HostKeys = []ssh.Signer{other.Signer} })
		// Even when known_hosts was edited meanwhile.
		a.knows(map[*remotetest.Server]remotetest.Key{s: other})
		s.Cut()
		var changed *remote.ChangedHostKeyError
		if err := c.Redial(t.Context()); !errors.As(err, &changed) || changed.Fingerprint != other.Fingerprint() {
			t.Fatalf("got %v", err)
		}
		if len(s.Attempts("")) != attempts {
			t.Error("logged in to another machine")
		}
	})
	t.Run("one-time code", func(t *testing.T) {
		a, s, _ := known(t, remotetest.Config{Interactive: []remotetest.Prompt{{Text: "Verification code: ", Answer: "123456"}}})
		a.answers[remote.AskInteractive] = "123456"
		c := a.mustDial(at(s))
		s.Cut()
		var refused *remote.CredentialsError
		if err := c.Redial(t.Context()); !errors.As(err, &refused) || !strings.Contains(err.Error(), "one-time code") {
			t.Fatalf("got %v", err)
		}
		if n := len(s.Attempts("keyboard-interactive")); n != 1 {
			t.Errorf("%d codes were sent", n)
		}
	})
}

func TestFresh(t *testing.T) {
	a, s, key := known(t, remotetest.Config{})
	c := a.mustDial(at(s))
	fresh, err := c.Fresh(t.Context(), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Logins() != 2 || says(t, fresh, "echo here") != "here" {
		t.Error("no second connection")
	}
	_ = fresh.Close()
	if says(t, c.SSH(), "echo here") != "here" {
		t.Error("closing it closed the first")
	}

	impostor := remotetest.Start(t, remotetest.Config{Keys: []ssh.PublicKey{key.Public}})
	var changed *remote.ChangedHostKeyError
	if _, err := c.Fresh(t.Context(), impostor.Addr()); !errors.As(err, &changed) {
		t.Errorf("another machine: %v", err)
	} else if changed.Address != impostor.Addr().String() {
		t.Errorf("names %s", changed.Address)
	}
	s.Stop()
	var failed *remote.ConnectError
	if _, err := c.Fresh(t.Context(), netip.AddrPort{}); !errors.As(err, &failed) || failed.Reason != remote.ReasonRefused {
		t.Errorf("closed port: %v", err)
	}
}

func TestMoveTo(t *testing.T) {
	host := remotetest.NewKey(t)
	a, s, key := known(t, remotetest.Config{})
	old := remotetest.Start(t, remotetest.Config{HostKeys: []ssh.Signer{host.Signer}, Keys: []ssh.PublicKey{key.Public}})
	moved := remotetest.Start(t, remotetest.Config{HostKeys: []ssh.Signer{host.Signer}, Keys: []ssh.PublicKey{key.Public}})
	a.knows(map[*remotetest.Server]remotetest.Key{old: host})
	c := a.mustDial(at(old))
	if err := c.TrustAt(moved.Addr()); err != nil {
		t.Fatal(err)
	}
	c.MoveTo(moved.Addr())
	if err := c.Redial(t.Context()); err != nil || c.RemoteAddr() != moved.Addr() {
		t.Fatalf("at %v: %v", c.RemoteAddr(), err)
	}
	a.mustDial(at(moved))
	if asked := a.questions(); asked != "" {
		t.Errorf("asked %s", asked)
	}
	_ = s
}

func TestReach(t *testing.T) {
	a, s, _ := known(t, remotetest.Config{})
	c := a.mustDial(at(s))
	checkReach(t, c, s)
}

func checkReach(t *testing.T, c *remote.Client, s *remotetest.Server) {
	t.Helper()
	closed := closedPort(t)
	got := c.Reach(t.Context(), []netip.AddrPort{s.Addr(), closed}, 5*time.Second)
	if len(got) != 2 || got[0].Outcome != remote.ReachOpen || got[1].Outcome != remote.ReachRefused {
		t.Fatalf("got %+v", got)
	}
	if got[0].Addr != s.Addr() || got[1].Addr != closed || got[0].Err != "" || got[1].Err == "" {
		t.Errorf("got %+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := c.Reach(ctx, []netip.AddrPort{s.Addr()}, time.Second); got[0].Outcome == remote.ReachOpen {
		t.Errorf("cancelled: %+v", got)
	}
}

// closedPort is a port that was free a moment ago.
func closedPort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).AddrPort()
}
