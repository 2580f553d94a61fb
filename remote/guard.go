package remote

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// dialled stands in a baseline for the address that was dialled, which only the
// way there may know by name.
const dialled = "dialled"

const (
	freshLimit   = 30 * time.Second // one fresh connection, login included
	proofRounds  = 3                // failed attempts before the proof is given up
	proofAtLeast = 12 * time.Second // and not before, for a service that restarts
	baselineMax  = 16               // ways in that are proved
	proofReserve = 3                // seconds before the guard's time in which none is begun
)

// baseline lists what a fresh, authenticated connection from here reaches now:
// exactly that is demanded after the change.
func (s *Server) baseline(ctx context.Context, g *Guard) ([]string, error) {
	if err := s.freeForMove(g.New); err != nil {
		return nil, fmt.Errorf("nothing was done: the server is to move to %s, where known_hosts has another machine: %w", g.New, err)
	}
	demanded := s.moveAhead(ctx, g.New)
	names := []string{dialled}
	for _, p := range g.Paths {
		if p.IsValid() && p != s.client.RemoteAddr() && len(names) < baselineMax {
			names = append(names, p.String())
		}
	}
	limited, cancel := context.WithTimeout(ctx, freshLimit)
	defer cancel()
	reached := s.fresh(limited, names)
	list := demanded
	for _, n := range names {
		if c := reached[n]; c.err == nil {
			_ = c.conn.Close()
			list = append(list, n)
		}
	}
	if err := reached[dialled].err; err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%s: a second connection is needed to prove the way in, and none comes about; nothing was done: %w", s.name, err)
	}
	return list, nil
}

// attempt is what came of a fresh connection.
type attempt struct {
	conn *ssh.Client
	err  error
}

// fresh connects anew to each name at once: a new TCP connection, the same host
// key, a full login.
func (s *Server) fresh(ctx context.Context, names []string) map[string]attempt {
	var mu sync.Mutex
	var wg sync.WaitGroup
	found := map[string]attempt{}
	for _, n := range names {
		wg.Go(func() {
			var a attempt
			var addr netip.AddrPort
			if n != dialled {
				addr, a.err = netip.ParseAddrPort(strings.TrimPrefix(n, moving))
			}
			if a.err == nil {
				a.conn, a.err = s.client.Fresh(ctx, addr)
			}
			mu.Lock()
			found[n] = a
			mu.Unlock()
		})
	}
	wg.Wait()
	return found
}

// prove demands fresh connections to everything in the baseline, and disarms the
// guard over one of them. When that cannot be had, it asks for the restore; the
// caller goes on following until the server says what became of it.
func (f *follower) prove(ctx context.Context) error {
	deadline := time.Now().Add(time.Duration(f.last.ended+f.last.guard-f.last.upNow-proofReserve) * time.Second)
	names, err := f.readBaseline(ctx)
	if err != nil {
		if curable(err) && ctx.Err() == nil {
			return nil // followed again, and proved then
		}
		return err
	}
	if err := f.movesAsPlanned(names); err != nil {
		f.unproved = f.s.masks.text(CleanLine(err.Error()))
		f.note("%s; the server takes the step back unless the aslwiz that began it proves it", f.unproved)
		return nil
	}
	f.note("proving the way in over fresh connections: %s", f.describe(names))
	began, open, rounds := time.Now(), names, 0
	var failed string
	var hopeless bool
	for {
		limited, cancel := context.WithDeadline(ctx, earlier(deadline, time.Now().Add(freshLimit)))
		var way *ssh.Client
		failed, open, way, hopeless = f.round(limited, open)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if way != nil {
			done, err := f.disarm(ctx, way)
			_ = way.Close()
			if done {
				f.move(names)
				return nil
			}
			failed, open = err.Error(), []string{dialled}
		}
		rounds++
		unreached := rounds >= proofRounds && time.Since(began) > proofAtLeast
		if unreached || hopeless || time.Now().After(deadline) {
			break
		}
		f.note("not reached yet: %s", failed)
		if err := sleep(ctx, min(time.Duration(rounds)*time.Second, 5*time.Second)); err != nil {
			return err
		}
	}
	f.unproved = "not reached over a fresh connection: " + f.s.masks.text(failed)
	f.note("%s; what was there before is being restored", f.unproved)
	f.hurry(ctx)
	return nil
}

// round tries what is still open. When nothing is left it returns a connection
// over which the guard may be disarmed. A refused credential or another host key
// makes it hopeless: trying again could only do harm.
func (f *follower) round(ctx context.Context, open []string) (failed string, left []string, way *ssh.Client, hopeless bool) {
	found := f.s.fresh(ctx, open)
	var why []string
	for _, n := range open {
		a := found[n]
		switch {
		case a.err != nil:
			why = append(why, fmt.Sprintf("%s (%s)", f.describe([]string{n}), FirstLine(a.err.Error())))
			left = append(left, n)
			hopeless = hopeless || !curable(a.err)
		case way == nil:
			way = a.conn
		default:
			_ = a.conn.Close()
		}
	}
	if len(left) > 0 && way != nil {
		_ = way.Close()
		way = nil
	}
	return strings.Join(why, ", "), left, way, hopeless
}

// disarm tells the guard, through a root shell on a fresh connection, that the
// way in is proved. false means that it is not known to have heard.
func (f *follower) disarm(ctx context.Context, way *ssh.Client) (bool, error) {
	shell, err := f.s.open(ctx, way)
	if err != nil {
		return false, err
	}
	defer shell.Close()
	r, err := shell.do(ctx, txCall(f.id, time.Minute, 4<<10, f.undo+"disarm"))
	if err != nil {
		return false, err
	}
	if err := f.s.callError(f.id, r); err != nil {
		return false, err
	}
	f.note("the way in is proved, so the change stays: the guard is disarmed")
	return true, nil
}

// hurry asks for the restore over the old connection, when that still lives. The
// guard comes to it by itself otherwise.
func (f *follower) hurry(ctx context.Context) {
	f.s.mu.Lock()
	shell := f.s.shell
	f.s.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, _ = shell.do(limited, txCall(f.id, 10*time.Second, 4<<10, f.undo+"hurry", CleanLine(f.unproved)))
}

func (f *follower) readBaseline(ctx context.Context) ([]string, error) {
	name := "baseline"
	if f.undo != "" {
		name = "undo.baseline"
	}
	names, err := f.s.readBaseline(ctx, f.id, name)
	if err == nil && len(names) == 0 {
		names = []string{dialled} // what is demanded at the very least
	}
	return names, err
}

// readBaseline reads a list of ways in; there is none of a step without a guard.
func (s *Server) readBaseline(ctx context.Context, id, name string) ([]string, error) {
	r, err := s.do(ctx, request{script: fmt.Sprintf("cat %s/%s/%s", TxRoot, id, name), limit: 10 * time.Second, max: 16 << 10})
	if err != nil || r.code != 0 {
		return nil, err
	}
	names := strings.Fields(string(r.out))
	// A server has few ways in. A list of many is no list of its own: connecting
	// everywhere would be a scan of networks on its word.
	return names[:min(len(names), baselineMax)], nil
}

// undoBaseline is what must be reached after an undo: of the ways in that the step
// was proved by, those that are reached now. It is empty without a guard.
func (s *Server) undoBaseline(ctx context.Context, id string) ([]string, error) {
	names, err := s.readBaseline(ctx, id, "baseline")
	if err != nil || len(names) == 0 {
		return nil, err
	}
	var g Guard
	for _, n := range names {
		if a, err := netip.ParseAddrPort(n); err == nil {
			g.Paths = append(g.Paths, a)
		}
	}
	return s.baseline(ctx, &g)
}

// describe names the addresses for a person.
func (f *follower) describe(names []string) string {
	var list []string
	for _, n := range names {
		if n == dialled {
			n = f.s.client.Address()
		}
		n = strings.TrimPrefix(n, moving)
		list = append(list, n)
	}
	return strings.Join(list, ", ")
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
