package remote_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"aslwiz/remote"
	"aslwiz/remote/remotetest"
)

// listens starts something on a port that is not an SSH server.
func listens(t *testing.T, talk func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				talk(conn)
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func greets(line string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, line)
		_, _ = io.CopyN(io.Discard, c, 1) // the client's own greeting
	}
}

func silent(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func TestNotAnSSHServer(t *testing.T) {
	for _, tc := range []struct {
		name   string
		talk   func(net.Conn)
		reason remote.Reason
		want   string
	}{
		{"mail", greets("220 mail.example.net ESMTP\r\n"), remote.ReasonNotSSH, `it says "220 mail.example.net ESMTP"`},
		{"mail that waits", func(c net.Conn) {
			_, _ = io.WriteString(c, "220 mail.example.net ESMTP\r\n")
			silent(c)
		}, remote.ReasonNotSSH, "ESMTP"},
		{"web", greets("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"), remote.ReasonNotSSH, `"HTTP/1.1 400 Bad Request"`},
		{"binary", greets("\x15\x03\x01\x00\x02\x02\x46\x1b[31m"), remote.ReasonNotSSH, "not an SSH server"},
		{"closes", func(net.Conn) {}, remote.ReasonClosed, "before its greeting"},
		{"too many logins", greets("Exceeded MaxStartups\r\n"), remote.ReasonBusy, "Exceeded MaxStartups"},
		{"penalty", greets("Not allowed at this time\r\n"), remote.ReasonBusy, "Not allowed"},
		{"silent", silent, remote.ReasonTimeout, "nothing greets"},
		{"falls silent", func(c net.Conn) {
			_, _ = io.WriteString(c, "SSH-2.0-sleepy\r\n")
			silent(c)
		}, remote.ReasonTimeout, "the login did not end"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := newAdmin(t)
			a.opts.ConnectTimeout = time.Hour
			if tc.reason == remote.ReasonTimeout {
				a.opts.ConnectTimeout = 50 * time.Millisecond
			}
			addr := listens(t, tc.talk)
			_, err := a.dial(remote.Target{Host: "127.0.0.1", Port: int(addr.Port()), User: "anna"})
			var failed *remote.ConnectError
			if !errors.As(err, &failed) || failed.Reason != tc.reason || !errors.Is(err, remote.ErrConnect) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), addr.String()+": ") ||
				strings.Contains(err.Error(), "\x1b") || failed.Hint() == "" {
				t.Errorf("got %q, want %q in it", err, tc.want)
			}
		})
	}
}

func TestPortClosed(t *testing.T) {
	a := newAdmin(t)
	addr := closedPort(t)
	_, err := a.dial(remote.Target{Host: "127.0.0.1", Port: int(addr.Port()), User: "anna"})
	var failed *remote.ConnectError
	if !errors.As(err, &failed) || failed.Reason != remote.ReasonRefused || err.Error() != addr.String()+": connection refused" {
		t.Errorf("got %v", err)
	}
}

func TestCancel(t *testing.T) {
	t.Run("while the server is silent", func(t *testing.T) {
		a := newAdmin(t)
		ctx, cancel := context.WithCancel(t.Context())
		addr := listens(t, func(c net.Conn) {
			_, _ = io.CopyN(io.Discard, c, 1)
			cancel()
			silent(c)
		})
		_, err := remote.Dial(ctx, remote.Target{Host: "127.0.0.1", Port: int(addr.Port()), User: "anna"}, a.opts)
		if !errors.Is(err, context.Canceled) || errors.Is(err, remote.ErrConnect) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("while a question is open", func(t *testing.T) {
		a, s, _ := stranger(t)
		ctx, cancel := context.WithCancel(t.Context())
		a.before = func(remote.Question) { cancel() }
		_, err := remote.Dial(ctx, at(s), a.opts)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestConfigErrors(t *testing.T) {
	for name, tc := range map[string]struct{ config, host, want string }{
		"proxy command": {"Host x\n ProxyCommand nc %h %p\n", "x", "ProxyJump"},
		"bad port":      {"Host x\n Port ssh\n", "x", `"ssh"`},
		"no host":       {"", "", "no host"},
		"bad jump":      {"Host x\n ProxyJump a:b:c@\n", "x", "[user@]host[:port]"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAdmin(t)
			a.write(".ssh/config", tc.config)
			_, err := a.dial(remote.Target{Host: tc.host})
			var failed *remote.ConnectError
			if !errors.As(err, &failed) || failed.Reason != remote.ReasonConfig || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A person may take longer than the time limit of the network.
func TestTimeStandsStillWhileAsking(t *testing.T) {
	a := newAdmin(t)
	s := remotetest.Start(t, remotetest.Config{Password: "hunter2"})
	a.opts.ConnectTimeout = 200 * time.Millisecond
	a.answers = map[remote.QuestionKind]string{remote.AskHostKey: "yes", remote.AskPassword: "hunter2"}
	a.before = func(remote.Question) { <-time.After(2 * a.opts.ConnectTimeout) }
	a.mustDial(at(s))
	if s.Connections() != 1 {
		t.Errorf("%d connections", s.Connections())
	}
}
