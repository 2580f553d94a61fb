package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	pollTenths   = 10               // how long the server waits for news, in tenths of a second
	pollMax      = 64 << 10         // bytes of log in one answer, as in tx.sh
	pollPace     = time.Second      // between polls that brought nothing
	silentAfter  = 20 * time.Second // a log that says nothing is worth a word
	silentEvery  = 5 * time.Second
	giveUpAfter  = 20 * time.Minute       // beside the transaction's own limits; systemd ends a job 15 minutes after them
	stagedAtMost = 20 * time.Second       // until a job that was started says so
	pollAtLeast  = 200 * time.Millisecond // an answer without news that comes sooner was not waited for there
	limitAtMost  = 6 * 3600               // seconds that a server's word on its own limits is believed
	noLog        = math.MaxInt64 / 2
)

// errSlow says that the server is there and too busy to answer in time.
var errSlow = errors.New("no answer in time; the server is very busy")

// The status of timeout(1) when it had to end what it ran.
const (
	timedOut = 124
	killed   = 137 // when even that was not enough
)

// Follow reports a transaction's log from offset until it has ended, through
// lost links and reboots, and proves the way in where it is guarded. When ctx
// ends it returns at once and leaves the transaction running.
func (s *Server) Follow(ctx context.Context, id string, offset int64, on func(Progress)) (Status, error) {
	if !txID.MatchString(id) {
		return Status{}, fmt.Errorf("%s: %q: %w", s.name, id, ErrNoTransaction)
	}
	return s.newFollower(id, offset, on).run(ctx)
}

// follower is one Follow.
type follower struct {
	s      *Server
	id     string
	undo   string // what its words to tx.sh begin with: "undo-" when it follows an undo
	offset int64
	on     func(Progress)
	log    *logReader

	last     report
	contact  time.Time // when the server last answered
	news     time.Time // when the log last grew
	said     time.Time // when silence was last mentioned
	began    time.Time // later by as long as the server was away
	lost     bool
	unproved string // why the proof was given up
}

func (s *Server) newFollower(id string, offset int64, on func(Progress)) *follower {
	if on == nil {
		on = func(Progress) {}
	}
	now := time.Now()
	return &follower{
		s: s, id: id, offset: offset, on: on, log: newLogReader(&s.masks),
		contact: now, news: now, said: now, began: now,
	}
}

func (f *follower) run(ctx context.Context) (Status, error) {
	for {
		asked := time.Now()
		chunk, err := f.poll(ctx)
		switch {
		case ctx.Err() != nil:
			return f.last.Status, ctx.Err()
		case err != nil:
			if err := f.reconnect(ctx, err); err != nil {
				return f.last.Status, err
			}
			continue
		}
		f.feed(chunk)
		r := f.last
		over := time.Since(f.began) > f.patience()
		switch {
		case over && !r.State.Ended():
			return r.Status, fmt.Errorf("%s: %s is said to be %s still, long after its time; nobody waits for it any more", f.s.name, f.id, r.State)
		case len(chunk) > 0 && !over:
		case r.State.Ended():
			return f.end(ctx), nil
		case r.State == TxProving && f.unproved == "" && r.Reason == "" && f.provable():
			if err := f.prove(ctx); err != nil {
				return f.last.Status, err
			}
		case r.State == TxStaged && time.Since(f.began) > stagedAtMost:
			return r.Status, fmt.Errorf("%s: transaction %s was staged and does not begin; see journalctl -u aslwiz-job there", f.s.name, f.id)
		case r.State == TxProving || r.reboots && r.ended > 0 || time.Since(asked) < pollAtLeast:
			if err := sleep(ctx, pollPace); err != nil {
				return r.Status, err
			}
		}
	}
}

// provable says whether a proof would count now: what takes effect only at boot
// is proved in a later boot than the one that armed the guard.
func (f *follower) provable() bool {
	return f.undo != "" || !f.last.through || f.last.armed != f.last.bootNow
}

// poll asks for the log from the offset on, and what became of the transaction.
func (f *follower) poll(ctx context.Context) ([]byte, error) {
	args := []string{f.undo + "poll", strconv.FormatInt(f.offset, 10), strconv.Itoa(pollTenths)}
	if f.undo == "" && time.Since(f.news) > silentAfter {
		args = append(args, "holder")
	}
	r, err := f.s.do(ctx, txCall(f.id, 30*time.Second, pollMax+(64<<10), args...))
	if err != nil {
		return nil, err
	}
	if r.code == timedOut || r.code == killed { // the job goes on; only the answer about it was late
		return nil, fmt.Errorf("%s: %w", f.s.name, errSlow)
	}
	if err := f.s.callError(f.id, r); err != nil {
		return nil, err
	}
	head, chunk, ok := bytes.Cut(r.out, []byte("\n\n"))
	if !ok {
		return nil, fmt.Errorf("%s: %w: %.200q", f.s.name, ErrGarbled, FirstLine(string(r.out)))
	}
	f.last = parseReport(head)
	f.last.Status = f.s.maskStatus(f.last.Status)
	if f.lost {
		f.began = f.began.Add(time.Since(f.contact)) // it may have been off for as long as it liked
		f.lost = false
		f.note("the server answers again")
	}
	f.contact = time.Now()
	return chunk, nil
}

// feed reports what a poll brought.
func (f *follower) feed(chunk []byte) {
	f.offset += int64(len(chunk))
	p := Progress{Lines: f.log.write(chunk)}
	if len(chunk) > 0 {
		f.news = time.Now()
	}
	silent := time.Since(f.news)
	mention := silent > silentAfter && time.Since(f.said) > silentEvery && f.last.State == TxRunning
	if mention {
		f.said = time.Now()
		p.Silent, p.Holder = silent, f.s.masks.text(f.last.holder)
	}
	if len(p.Lines) > 0 || f.log.changed || mention {
		f.report(p)
	}
}

func (f *follower) report(p Progress) {
	p.Percent, p.Doing = f.log.percent, f.log.doing
	f.log.changed = false
	if f.last.since0 && f.last.upNow >= f.last.up {
		p.Elapsed = time.Duration(f.last.upNow-f.last.up) * time.Second
	}
	f.on(p)
}

func (f *follower) note(format string, args ...any) {
	f.report(Progress{Note: f.s.masks.text(fmt.Sprintf(format, args...))})
}

func (f *follower) end(ctx context.Context) Status {
	if f.last.takenBack() {
		f.s.markTold(ctx, f.id)
	}
	if lines := f.log.flush(); len(lines) > 0 {
		f.report(Progress{Lines: lines})
	}
	st := f.last.Status
	if f.unproved != "" && st.State != TxDone && !strings.Contains(st.Reason, f.unproved) {
		st.Reason = strings.TrimPrefix(st.Reason+"; "+f.unproved, "; ")
	}
	return st
}

// patience is how long a transaction is waited for, without a word from the server or
// with one that it is not over.
func (f *follower) patience() time.Duration {
	return giveUpAfter + time.Duration(min(f.last.limit, limitAtMost)+min(f.last.guard, limitAtMost))*time.Second
}

// reconnect waits until the server answers again. Only what a later attempt can
// cure is tried again: a refused credential never is.
func (f *follower) reconnect(ctx context.Context, err error) error {
	for wait := 500 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		if !curable(err) {
			return err
		}
		if time.Since(f.contact) > f.patience() {
			return fmt.Errorf("%w; %s may still be running there: connect again later to follow it", err, f.id)
		}
		if !f.lost {
			f.lost = true
			if errors.Is(err, errSlow) {
				f.note("the server is slow to answer, trying again; the step goes on by itself there")
			} else {
				f.note("the connection was lost, trying again; the step goes on by itself on the server")
			}
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		attempt, cancel := context.WithTimeout(ctx, 90*time.Second)
		_, err = f.s.root(attempt)
		cancel()
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// curable says whether an error may go away by itself.
func curable(err error) bool {
	var connect *ConnectError
	var refused *CredentialsError
	switch {
	case errors.Is(err, ErrSudo):
		return false
	case errors.As(err, &refused): // pam_nologin, for a moment after a boot
		return strings.Contains(refused.Detail, "booting up") || strings.Contains(refused.Detail, "not permitted to log in yet")
	}
	return errors.Is(err, ErrLost) || errors.Is(err, errSlow) || errors.As(err, &connect) || errors.Is(err, context.DeadlineExceeded)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
