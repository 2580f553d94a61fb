package remotetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
)

// Exec is one command that a client asked for.
type Exec struct {
	Command string
	Env     []string // what was set with env requests, and SSH_CONNECTION
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Context context.Context // ends when the channel closes
}

// RunShell returns an Exec handler that gives the command to a shell of this
// machine; "" is /bin/sh. The command is killed when its channel closes.
func RunShell(shell string) func(*Exec) int {
	if shell == "" {
		shell = "/bin/sh"
	}
	return func(e *Exec) int {
		cmd := exec.CommandContext(e.Context, shell, "-c", e.Command)
		ownGroup(cmd)
		cmd.Env = append(os.Environ(), e.Env...)
		cmd.Stdout, cmd.Stderr = e.Stdout, e.Stderr
		// A pipe of our own: with cmd.Stdin set, Wait would wait for a client
		// that never closes its end.
		stdin, err := cmd.StdinPipe()
		if err != nil {
			return 255
		}
		if err := cmd.Start(); err != nil {
			fmt.Fprintln(e.Stderr, err)
			return 127
		}
		go func() {
			_, _ = io.Copy(stdin, e.Stdin)
			_ = stdin.Close()
		}()
		err = cmd.Wait()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return 255
		}
		return cmd.ProcessState.ExitCode()
	}
}

// connection is one client that has logged in.
type connection struct {
	server   *Server
	cfg      Config
	conn     *ssh.ServerConn
	sessions atomic.Int32
	wg       sync.WaitGroup
}

func (c *connection) open(ch ssh.NewChannel) {
	switch ch.ChannelType() {
	case "session":
		if c.cfg.MaxSessions > 0 && int(c.sessions.Load()) >= c.cfg.MaxSessions {
			_ = ch.Reject(ssh.ConnectionFailed, "open failed")
			return
		}
		c.sessions.Add(1)
		channel, requests, err := ch.Accept()
		if err != nil {
			c.sessions.Add(-1)
			return
		}
		c.wg.Go(func() {
			c.session(channel, requests)
			c.sessions.Add(-1)
			_ = channel.Close()
		})
	case "direct-tcpip":
		c.wg.Go(func() { c.forward(ch) })
	default:
		_ = ch.Reject(ssh.UnknownChannelType, "unknown channel type")
	}
}

// session serves one channel until its command ends or its client goes.
func (c *connection) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	ctx, cancel := context.WithCancel(c.server.ctx)
	defer cancel()
	local, remote := c.conn.LocalAddr().(*net.TCPAddr), c.conn.RemoteAddr().(*net.TCPAddr)
	e := &Exec{
		Stdin: channel, Stdout: channel, Stderr: channel.Stderr(), Context: ctx,
		Env: []string{fmt.Sprintf("SSH_CONNECTION=%s %d %s %d", remote.IP, remote.Port, local.IP, local.Port)},
	}
	done := make(chan struct{})
	started := false
	for {
		select {
		case <-done:
			return
		case r, ok := <-requests:
			if !ok {
				cancel()
				if started {
					<-done
				}
				return
			}
			var command struct{ Command string }
			var env struct{ Name, Value string }
			fine := false
			switch {
			case r.Type == "env" && ssh.Unmarshal(r.Payload, &env) == nil:
				e.Env, fine = append(e.Env, env.Name+"="+env.Value), true
			case r.Type == "exec" && !started && ssh.Unmarshal(r.Payload, &command) == nil:
				e.Command, started, fine = command.Command, true, true
			}
			if r.WantReply {
				_ = r.Reply(fine, nil)
			}
			if fine && r.Type == "exec" {
				go func() {
					defer close(done)
					status := struct{ Status uint32 }{uint32(c.cfg.Exec(e))}
					_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status))
					_ = channel.CloseWrite()
				}()
			}
		}
	}
}

// forward is direct-tcpip, with the words that sshd has for its errors.
func (c *connection) forward(ch ssh.NewChannel) {
	var to struct {
		Host   string
		Port   uint32
		Origin string
		From   uint32
	}
	if err := ssh.Unmarshal(ch.ExtraData(), &to); err != nil || !c.cfg.Forward {
		_ = ch.Reject(ssh.Prohibited, "administratively prohibited: open failed")
		return
	}
	address := net.JoinHostPort(to.Host, fmt.Sprint(to.Port))
	if name, ok := c.cfg.Names[address]; ok {
		address = name
	} else if net.ParseIP(to.Host) == nil {
		_ = ch.Reject(ssh.ConnectionFailed, "Name or service not known")
		return
	}
	conn, err := (&net.Dialer{}).DialContext(c.server.ctx, "tcp", address)
	if err != nil {
		_ = ch.Reject(ssh.ConnectionFailed, cause(err))
		return
	}
	defer func() { _ = conn.Close() }()
	channel, requests, err := ch.Accept()
	if err != nil {
		return
	}
	defer func() { _ = channel.Close() }()
	go ssh.DiscardRequests(requests)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(channel, conn)
		_ = channel.Close()
	})
	_, _ = io.Copy(conn, channel)
	_ = conn.Close()
	wg.Wait()
}

func cause(err error) string {
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		return sys.Err.Error()
	}
	return err.Error()
}
