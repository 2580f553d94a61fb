//go:build unix

package remote

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"

	"aslwiz/remote/remotetest"
)

// hostile is a Server whose far end is the test's own: it answers each request's
// script with a status and an output.
func hostile(t *testing.T, answer func(script string) (code int, out []byte)) *Server {
	t.Helper()
	far := func(nonce string, r *bufio.Reader, w io.Writer) {
		for {
			line, err := r.ReadString('\n')
			var script, data, limit, most int
			if _, bad := fmt.Sscanf(line, nonce+" %d %d %d %d", &script, &data, &limit, &most); err != nil || bad != nil {
				return
			}
			b := make([]byte, script+data)
			if _, err := io.ReadFull(r, b); err != nil {
				return
			}
			code, out := answer(string(b[:script]))
			if _, err := fmt.Fprintf(w, "%s %d %d 0\n%s", nonce, code, len(out), out); err != nil {
				return
			}
		}
	}
	s := &Server{name: "srv", client: &Client{path: &path{hops: []*hop{{}}}}}
	s.reopen = func(ctx context.Context) (*session, error) {
		return openSession(ctx, "srv", "anna", talker(far), never)
	}
	var err error
	if s.shell, err = s.reopen(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.shell.Close() })
	return s
}

// talker is a far end that greets properly, takes the loop, and then talks.
func talker(talk func(nonce string, r *bufio.Reader, w io.Writer)) func(string) (pipe, error) {
	return func(command string) (pipe, error) {
		_, rest, _ := strings.Cut(command, "' aslwiz ")
		nonce, _, _ := strings.Cut(rest, " ")
		hereIn, thereOut := io.Pipe()
		thereIn, hereOut := io.Pipe()
		go func() {
			fmt.Fprintf(thereOut, "%s hello 0 a 1 b 2\n%s ready\n", nonce, nonce)
			r := bufio.NewReaderSize(thereIn, 64<<10)
			n := 0
			if _, err := fmt.Fscanf(r, "%d\n", &n); err == nil {
				_, _ = io.CopyN(io.Discard, r, int64(n))
				talk(nonce, r, thereOut)
			}
			_ = thereOut.Close()
		}()
		return pipe{Reader: hereIn, Writer: hereOut, close: func() { _ = hereIn.Close(); _ = hereOut.Close() }}, nil
	}
}

// logOf answers polls with a log of total bytes, made by fill as it is asked for, and
// has each looked at.
func logOf(total int64, fill func(p []byte, offset int64), polled func()) func(string) (int, []byte) {
	chunk := make([]byte, pollMax)
	return func(script string) (int, []byte) {
		var offset int64
		if _, rest, ok := strings.Cut(script, " poll "); ok {
			_, _ = fmt.Sscan(rest, &offset)
		}
		polled()
		n := min(total-offset, int64(len(chunk)))
		fill(chunk[:max(n, 0)], offset)
		head := fmt.Appendf(nil, "id=x\nstate=done\nsize=%d\nup=1\nup_now=2\n\n", total)
		return 0, append(head, chunk[:max(n, 0)]...)
	}
}

// TestHostileLogs follows logs of many megabytes that are no text: memory stays
// small, and every line that comes out is clean. ASLWIZ_FAULTS=all makes them a
// gigabyte each.
func TestHostileLogs(t *testing.T) {
	total, limit := int64(8<<20), 90*time.Second
	if os.Getenv("ASLWIZ_FAULTS") == "all" {
		total, limit = 1<<30, 10*time.Minute
	}
	junk := []byte("\x1b[2J\x1b]0;title\x07\x00\xff\xfe\r\x1b[31mred\x9b2J\u202eevil\u2066 \x1eapt pmstatus:x:nan:\x1b[H\n\x1e\n")
	for name, fill := range map[string]func(p []byte, offset int64){
		"short lines": func(p []byte, _ int64) { repeat(p, []byte("Setting up something (1.2.3-4) ...\n")) },
		"one line":    func(p []byte, _ int64) { repeat(p, []byte("no end ")) },
		"redrawn":     func(p []byte, _ int64) { repeat(p, []byte("50%\r")) },
		"junk":        func(p []byte, _ int64) { repeat(p, junk) },
		"apt marks":   func(p []byte, _ int64) { repeat(p, []byte("\x1eapt pmstatus:a:12.5:b")) },
		"empty lines": func(p []byte, _ int64) { repeat(p, []byte("\n")) },
	} {
		t.Run(name, func(t *testing.T) {
			var most uint64
			polls, bad := 0, ""
			s := hostile(t, logOf(total, fill, func() {
				if polls++; polls%32 == 0 {
					most = max(most, heap())
				}
			}))
			s.masks.add(NewSecret("a secret that is looked for everywhere"))
			before := heap()
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			st, err := s.Follow(ctx, "x", 0, func(p Progress) {
				for _, l := range append(p.Lines, p.Doing) {
					if bad == "" && !clean(l) {
						bad = l
					}
				}
			})
			if err != nil || st.State != TxDone {
				t.Errorf("%+v, %v", st, err)
			}
			if grown := int64(most) - int64(before); most == 0 || grown > total/2 || grown > 8<<20 {
				t.Errorf("memory grew by %d KB in %d polls", grown>>10, polls)
			}
			if bad != "" {
				t.Errorf("%q reaches the screen", bad)
			}
		})
	}
}

func repeat(p, unit []byte) {
	for len(p) > 0 {
		p = p[copy(p, unit):]
	}
}

// heap is how many bytes are in use, garbage left aside.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// clean says whether a line is fit for a screen.
func clean(l string) bool {
	return utf8.ValidString(l) && len(l) <= MaxLine+len("…") &&
		!strings.ContainsFunc(l, func(r rune) bool {
			return r != '\t' && unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
		})
}

// TestHostileStatus: a status of lies is no success, and no endless wait.
func TestHostileStatus(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		head string
		want TxState
	}{
		"a state that is not known": {"state=fine", TxLost},
		"escapes":                   {"state=failed\nreason=\x1b[2Jall is well\x00\ndetail=\x1b]0;x\x07", TxFailed},
		"numbers beyond all bounds": {"state=done\nlimit=9223372036854775807\nguard=9223372036854775807\nended=9223372036854775807\nup=99999999999999999999\nsince=9223372036854775807", TxDone},
		"negative numbers":          {"state=done\nup=-5\nup_now=-9\nsize=-1\nlimit=-1", TxDone},
		"keys without end":          {"state=stopped\n" + strings.Repeat("detail=x\n", 9000) + "x=y", TxStopped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := hostile(t, func(string) (int, []byte) { return 0, []byte(c.head + "\n\n") })
			st, err := s.Follow(limited(t), "x", 0, nil)
			if err != nil || st.State != c.want {
				t.Errorf("%s, %v", st.State, err)
			}
			for _, l := range append(st.Detail, st.Reason) {
				if !clean(l) {
					t.Errorf("%q reaches the screen", l)
				}
			}
		})
	}
}

// TestHostileFollow: a transaction that is never said to be over, or whose log grows for
// ever, is left once it has had more than its time.
func TestHostileFollow(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer string
		over   bool // with an error
	}{
		"never over":                {"state=running\nlimit=9223372036854775807\n\n", true},
		"for ever proving":          {"state=proving\nreason=soon\nguard=60\n\n", true},
		"a log without end":         {"state=running\nlimit=60\n\nand one more line\n", true},
		"a log without end, at end": {"state=done\nlimit=60\n\nand one more line\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := hostile(t, func(string) (int, []byte) { return 0, []byte(c.answer) })
			f := s.newFollower("x", 0, nil)
			f.began = time.Now().Add(-giveUpAfter - limitAtMost*time.Second)
			st, err := f.run(limited(t))
			if (err != nil) != c.over || errors.Is(err, context.DeadlineExceeded) || st.State == "" {
				t.Errorf("%+v, %v", st, err)
			}
		})
	}
}

// TestHostileBaseline: a server's word does not make the admin's computer connect
// to places without number.
func TestHostileBaseline(t *testing.T) {
	t.Parallel()
	s := hostile(t, func(string) (int, []byte) {
		return 0, []byte(strings.Repeat("192.0.2.1:22\n", 1200))
	})
	names, err := s.newFollower("x", 0, nil).readBaseline(limited(t))
	if err != nil || len(names) > baselineMax {
		t.Errorf("%d places, %v", len(names), err)
	}
}

// TestHostileDrip: an answer that comes byte by byte, always just in time, ends
// all the same.
func TestHostileDrip(t *testing.T) {
	t.Parallel()
	s, err := openSession(t.Context(), "srv", "anna", talker(func(nonce string, _ *bufio.Reader, w io.Writer) {
		fmt.Fprintf(w, "%s 0 100000 0\n", nonce)
		for {
			if _, err := w.Write([]byte{'x'}); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}), never)
	if err != nil {
		t.Fatal(err)
	}
	s.grace = 50 * time.Millisecond
	begin := time.Now()
	_, err = s.do(t.Context(), request{script: "true", limit: 100 * time.Millisecond, max: 1000})
	if !errors.Is(err, ErrGarbled) {
		t.Errorf("more than was asked for: %v", err)
	}
	s, err = openSession(t.Context(), "srv", "anna", talker(func(nonce string, _ *bufio.Reader, w io.Writer) {
		fmt.Fprintf(w, "%s 0 10000 0\n", nonce)
		for {
			if _, err := w.Write([]byte{'x'}); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}), never)
	if err != nil {
		t.Fatal(err)
	}
	s.grace = 50 * time.Millisecond
	s.pace = 64 << 10
	_, err = s.do(t.Context(), request{script: "true", limit: 100 * time.Millisecond, max: 10000})
	if !errors.Is(err, ErrLost) || time.Since(begin) > 20*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

// TestHostileSSH: what is no SSH server, or one that stalls at any point, is an
// error in time, with a reason fit for a screen.
func TestHostileSSH(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	key := remotetest.NewKey(t).Write(t, home+"/key")
	for name, talk := range map[string]func(net.Conn){
		"says nothing":         func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"closes at once":       func(net.Conn) {},
		"endless first line":   func(c net.Conn) { _, _ = io.Copy(c, zeros{}) },
		"endless lines":        func(c net.Conn) { _, _ = io.Copy(c, &endless{text: "\x1b[2Jhello\r\n"}) },
		"stops after greeting": func(c net.Conn) { fmt.Fprint(c, "SSH-2.0-x\r\n"); _, _ = io.Copy(io.Discard, c) },
		"junk after greeting": func(c net.Conn) {
			fmt.Fprint(c, "SSH-2.0-x\r\n")
			_, _ = io.Copy(c, &endless{text: "\xff\xff\xff\xff\x00"})
		},
		"a huge packet": func(c net.Conn) { fmt.Fprint(c, "SSH-2.0-x\r\n\x7f\xff\xff\xff"); _, _ = io.Copy(io.Discard, c) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						talk(c)
						_ = c.Close()
					}()
				}
			}()
			begin := time.Now()
			_, err = Connect(limited(t), Target{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, User: "anna", Identity: []string{key}}, Options{
				KnownHosts: []string{home + "/known_hosts"}, SSHConfig: os.DevNull, AgentSocket: home + "/none", ConnectTimeout: 2 * time.Second,
			})
			if err == nil || time.Since(begin) > 20*time.Second {
				t.Fatalf("%v after %v", err, time.Since(begin))
			}
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !clean(line) {
					t.Errorf("%q reaches the screen", line)
				}
			}
		})
	}
}

type endless struct {
	text string
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.text[e.at]
		e.at = (e.at + 1) % len(e.text)
	}
	return len(p), nil
}

// TestHostileLogin: a server that lets in, and whose shell then never stops
// talking, or sends a banner without end.
func TestHostileLogin(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	key, hostKey := remotetest.NewKey(t), remotetest.NewKey(t)
	swallowed := make(chan int64, 10)
	srv := remotetest.Start(t, remotetest.Config{
		HostKeys: []ssh.Signer{hostKey.Signer}, Keys: []ssh.PublicKey{key.Public}, Banner: strings.Repeat("\x1b[2Jwelcome\n", 10000),
		Exec: func(e *remotetest.Exec) int {
			n, _ := io.Copy(e.Stdout, io.LimitReader(&endless{text: "motd \x1b[2J\n"}, 1<<30))
			swallowed <- n
			return 0
		},
	})
	_, err := Connect(limited(t), Target{Host: "127.0.0.1", Port: srv.Port(), User: "anna", Identity: []string{key.Write(t, home+"/key")}}, Options{
		AcceptHostKey: mustAccept(hostKey.Fingerprint()), KnownHosts: []string{home + "/known_hosts"}, SSHConfig: os.DevNull, AgentSocket: home + "/none",
	})
	if !errors.Is(err, ErrGarbled) || !clean(FirstLine(err.Error())) || bytes.ContainsRune([]byte(err.Error()), 0x1b) {
		t.Errorf("%q", err)
	}
	select {
	case n := <-swallowed:
		if n > 8<<20 {
			t.Errorf("it took %d MB from a server that says nothing to the point", n>>20)
		}
	case <-limited(t).Done():
		t.Error("it still listens")
	}
}
