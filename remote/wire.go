package remote

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"time"
)

// wire is a connection that remembers what an error message or the keepalive
// wants to know of it.
type wire struct {
	net.Conn
	strange  func() // called once when the first line is not SSH's; may be nil
	mu       sync.Mutex
	greeting []byte // the first bytes that came
	seen     time.Time
	err      error // that ended reading
}

const greetingMax = 512

// Read implements net.Conn.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if w.note(p[:n], err) && w.strange != nil {
		w.strange()
	}
	return n, err
}

// note keeps what came, and says whether it ends a first line of another
// protocol.
func (w *wire) note(p []byte, err error) (strange bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(p) > 0 {
		w.seen = time.Now()
		if room := greetingMax - len(w.greeting); room > 0 {
			had := bytes.ContainsRune(w.greeting, '\n')
			w.greeting = append(w.greeting, p[:min(len(p), room)]...)
			strange = !had && bytes.ContainsRune(w.greeting, '\n') && !bytes.HasPrefix(w.greeting, []byte("SSH-"))
		}
	}
	if err != nil && w.err == nil {
		w.err = err
	}
	return strange
}

// dead is the error that ended the connection, if it has ended.
func (w *wire) dead() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// lastSeen is when anything came last.
func (w *wire) lastSeen() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// greeted says what the other end said first, and whether that was SSH. The
// protocol allows other lines before its version.
func (w *wire) greeted() (text string, isSSH bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text = string(w.greeting)
	return text, strings.HasPrefix(text, "SSH-") || strings.Contains(text, "\nSSH-")
}

// patience is a time limit that stands still while a person is asked.
type patience struct {
	mu      sync.Mutex
	limit   time.Duration
	timer   *time.Timer
	paused  int
	expired bool
}

func newPatience(limit time.Duration, expire func()) *patience {
	p := &patience{limit: limit}
	p.timer = time.AfterFunc(limit, func() {
		p.mu.Lock()
		if p.paused > 0 {
			p.mu.Unlock()
			return
		}
		p.expired = true
		p.mu.Unlock()
		expire()
	})
	return p
}

func (p *patience) pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused++
	p.timer.Stop()
}

// resume starts the whole time again: the answer took none of it.
func (p *patience) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused--; p.paused == 0 {
		p.timer.Reset(p.limit)
	}
}

// shorten leaves only d from now.
func (p *patience) shorten(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused == 0 && d < p.limit {
		p.timer.Reset(d)
	}
}

// stop ends the limit and says whether it was over.
func (p *patience) stop() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.timer.Stop()
	p.paused++
	return p.expired
}
