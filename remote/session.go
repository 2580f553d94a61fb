package remote

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ErrLost says that the connection ended in the middle of a request: whether
// the server carried it out is not known.
var ErrLost = errors.New("connection lost")

// ErrGarbled says that the server's end of the session spoke nonsense. The
// session is closed then.
var ErrGarbled = errors.New("the server's answer makes no sense")

//go:embed session.sh
var sessionLoop string

const (
	// helloLimit is how long a login shell may take to run a command.
	helloLimit = 30 * time.Second
	// sudoLimit is how long sudo may take to ask or to begin.
	sudoLimit = 45 * time.Second
	// answerGrace is how long an answer may lag behind the request's own limit,
	// and how long a transfer may stand still.
	answerGrace = 25 * time.Second
	// maxNoise is how much a login shell may say before it obeys.
	maxNoise = 1 << 20
)

// session is a root shell that answers one request at a time.
type session struct {
	host    string
	nonce   string
	p       pipe
	r       *bufio.Reader
	watch   *watchdog
	turn    chan struct{} // holds one token; who has it may talk
	greeted bool          // whether the loop was sent; it goes with the first request
	grace   time.Duration // answerGrace
	pace    int           // slowest

	uid      int
	sshConn  string // SSH_CONNECTION, as it was before sudo
	recorded bool   // sudo keeps what is sent

	once sync.Once
	dead chan struct{}
	err  error // why it is dead; read after dead is closed
}

// openSession turns a fresh login shell into a root session. password is asked
// for sudo's password, only when sudo wants one.
func openSession(ctx context.Context, host, user string, start func(command string) (pipe, error), password func(ctx context.Context, of string) (Secret, error)) (*session, error) {
	nonce := newNonce()
	s := &session{host: host, nonce: nonce, grace: answerGrace, pace: slowest, turn: make(chan struct{}, 1), dead: make(chan struct{})}
	// Starting the shell can block on a dead link; ctx must not wait for that.
	type started struct {
		p   pipe
		err error
	}
	ch := make(chan started, 1)
	go func() {
		p, err := start(shellCommand(nonce))
		ch <- started{p, err}
	}()
	select {
	case <-ctx.Done():
		go func() {
			if st := <-ch; st.err == nil {
				st.p.close()
			}
		}()
		return nil, ctx.Err()
	case st := <-ch:
		if st.err != nil {
			return nil, fmt.Errorf("%s: opening a shell: %w: %w", host, ErrLost, st.err)
		}
		s.p = st.p
	}
	s.r = bufio.NewReaderSize(s.p, 32<<10)
	s.watch = newWatchdog(helloLimit, func() { s.fail(&ShellError{Host: host, User: user, Reason: ShellSilent}) })
	defer context.AfterFunc(ctx, func() { s.fail(ctx.Err()) })()
	if err := s.becomeRoot(ctx, user, password); err != nil {
		s.fail(err)
		return nil, s.err
	}
	s.watch.stop()
	s.turn <- struct{}{}
	return s, nil
}

// fail closes the session. The first reason stays.
func (s *session) fail(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.dead)
		s.p.close()
	})
}

// Close ends the session; the server's end removes its directory.
func (s *session) Close() { s.fail(fmt.Errorf("%s: %w: closed from here", s.host, ErrLost)) }

// request is one exchange: a script, its standard input, and its limits.
type request struct {
	script string
	data   []byte
	limit  time.Duration
	max    int // bytes of output taken
}

// reply is what a request's script left behind.
type reply struct {
	code     int
	out, err []byte
}

// do runs one request. When ctx ends first it returns at once; the answer is
// then read and dropped behind its back.
func (s *session) do(ctx context.Context, q request) (reply, error) {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return reply{}, ctx.Err()
	case <-s.dead:
		return reply{}, s.err
	}
	type result struct {
		reply
		err error
	}
	ch := make(chan result, 1)
	go func() {
		r, err := s.exchange(q)
		s.watch.stop()
		if err != nil {
			s.fail(err)
			err = s.err
		} else {
			s.turn <- struct{}{}
		}
		ch <- result{r, err}
	}()
	select {
	case res := <-ch:
		return res.reply, res.err
	case <-ctx.Done():
		return reply{}, ctx.Err()
	case <-s.dead: // whatever still hangs in a dead link
		select {
		case res := <-ch:
			return res.reply, res.err
		default:
			return reply{}, s.err
		}
	}
}

func (s *session) exchange(q request) (reply, error) {
	lag := q.limit + s.grace
	s.watch = newWatchdog(s.grace, func() {
		s.fail(fmt.Errorf("%s: %w: no answer within %s", s.host, ErrLost, lag.Round(time.Second)))
	})
	size := len(q.script) + len(q.data) + q.max + 64<<10
	s.watch.end = time.Now().Add(min(maxExchange, lag+s.grace+time.Duration(size)*time.Second/time.Duration(s.pace)))
	if err := s.send(q); err != nil {
		return reply{}, fmt.Errorf("%s: %w: %w", s.host, ErrLost, err)
	}
	s.watch.extend(lag)
	line, err := s.readLine(200)
	if err != nil {
		return reply{}, err
	}
	code, outLen, errLen, err := s.parseFrame(line, q.max)
	if err != nil {
		return reply{}, err
	}
	r := reply{code: code}
	if r.out, err = s.readBytes(outLen); err != nil {
		return reply{}, err
	}
	r.err, err = s.readBytes(errLen)
	return r, err
}

// send writes a request in few large pieces, watching that they move.
func (s *session) send(q request) error {
	var b bytes.Buffer
	if !s.greeted {
		fmt.Fprintf(&b, "%d\n%s", len(sessionLoop), sessionLoop)
		s.greeted = true
	}
	seconds := max(1, int((q.limit+time.Second-1)/time.Second))
	fmt.Fprintf(&b, "%s %d %d %d %d\n%s", s.nonce, len(q.script), len(q.data), seconds, q.max, q.script)
	b.Write(q.data)
	for b.Len() > 0 {
		if _, err := s.p.Write(b.Next(64 << 10)); err != nil {
			return err
		}
		s.watch.extend(s.grace)
	}
	return nil
}

// parseFrame reads "NONCE status outlen errlen" and believes no length beyond
// what was asked for.
func (s *session) parseFrame(line string, limit int) (code, outLen, errLen int, err error) {
	garbled := fmt.Errorf("%s: %w: %.200q", s.host, ErrGarbled, FirstLine(line))
	f := strings.Fields(line)
	if len(f) == 2 && f[0] == s.nonce && f[1] == "nowhere" {
		return 0, 0, 0, fmt.Errorf("%s: %w: no room for a small file in /run, /dev/shm or /tmp", s.host, ErrDiskFull)
	}
	if len(f) != 4 || f[0] != s.nonce {
		return 0, 0, 0, garbled
	}
	var n [3]int
	for i := range n {
		if n[i], err = strconv.Atoi(f[i+1]); err != nil || n[i] < 0 {
			return 0, 0, 0, garbled
		}
	}
	if n[0] > 255 || n[1] > limit || n[2] > 64<<10 {
		return 0, 0, 0, garbled
	}
	return n[0], n[1], n[2], nil
}

func (s *session) readLine(limit int) (string, error) {
	var b strings.Builder
	for {
		c, err := s.r.ReadByte()
		if err != nil {
			return "", fmt.Errorf("%s: %w: %w", s.host, ErrLost, err)
		}
		if c == '\n' {
			return b.String(), nil
		}
		if b.Len() >= limit {
			return "", fmt.Errorf("%s: %w: %.200q", s.host, ErrGarbled, FirstLine(b.String()))
		}
		b.WriteByte(c)
	}
}

// readBytes reads exactly n bytes, watching that they keep coming. Memory grows
// with what arrives, not with what was announced.
func (s *session) readBytes(n int) ([]byte, error) {
	var b bytes.Buffer
	for b.Len() < n {
		m, err := io.CopyN(&b, s.r, int64(min(32<<10, n-b.Len())))
		if m > 0 {
			s.watch.extend(s.grace)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %w", s.host, ErrLost, err)
		}
	}
	return b.Bytes(), nil
}

// maxExchange bounds a transfer that moves only just enough to look alive; so
// does slowest, in bytes a second, for a small one.
const (
	maxExchange = 30 * time.Minute
	slowest     = 4 << 10
)

// watchdog calls bite unless it is extended or stopped in time.
type watchdog struct {
	mu    sync.Mutex
	timer *time.Timer
	end   time.Time
}

func newWatchdog(d time.Duration, bite func()) *watchdog {
	return &watchdog{timer: time.AfterFunc(d, bite), end: time.Now().Add(maxExchange)}
}

func (w *watchdog) extend(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer.Stop() {
		w.timer.Reset(min(d, time.Until(w.end)))
	}
}

func (w *watchdog) stop() { w.timer.Stop() }

func newNonce() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails: see crypto/rand
	return hex.EncodeToString(b)
}
