package remote

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// dialled stands in a baseline for the address that was dialled, which only the
// way there may know by name.
const dialled = "dialled"

// moving stands in a baseline before an address that the connection moves to.
const moving = "moving-to="

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

// moveAhead moves to an address that is reached already, so that the old one may
// go; one that the transaction brings is demanded when it has run.
func (s *Server) moveAhead(ctx context.Context, to netip.AddrPort) (demanded []string) {
	if !to.IsValid() {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, freshLimit)
	defer cancel()
	name := moving + to.String()
	if c := s.fresh(limited, []string{name})[name]; c.err == nil {
		_ = c.conn.Close()
		s.moveTo(to)
		return nil
	}
	return []string{name}
}

// freeForMove refuses an address where known_hosts has another machine.
func (s *Server) freeForMove(to netip.AddrPort) error {
	if !to.IsValid() {
		return nil
	}
	if err := s.client.CheckAt(to); err != nil && !errors.As(err, new(*UnknownHostKeyError)) {
		return err
	}
	return nil
}

// plannedMove remembers the address that a transaction of this run brings.
func (s *Server) plannedMove(id string, to netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moves == nil {
		s.moves = map[string]netip.AddrPort{}
	}
	s.moves[id] = to
}

// mayMove says why the server is not followed to the address that a baseline names.
// The baseline lies on the server: an address that nobody planned here would be its
// word alone, and would be dialled, trusted and kept.
func (s *Server) mayMove(id string, to netip.AddrPort) error {
	s.mu.Lock()
	planned, here := s.moves[id]
	s.mu.Unlock()
	if !here && slices.Contains(s.opt.Moves, to.Addr()) { // another aslwiz began it
		planned = netip.AddrPortFrom(to.Addr(), uint16(s.client.server().port)) //nolint:gosec // a port
	}
	if planned != to {
		return fmt.Errorf("the server says that it moves to %s, which the answers here do not name; nothing is proved there", to)
	}
	return s.freeForMove(to)
}

// moveTo makes the server known under its new address. Where known_hosts cannot
// be written, the key is compared by a person once more.
func (s *Server) moveTo(to netip.AddrPort) {
	_ = s.client.TrustAt(to)
	s.client.MoveTo(to)
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

// movesAsPlanned is an error when a baseline names an address to move to that was
// not planned here. Without it the way in is not proved at all: the guard would be
// disarmed though the new address was never reached.
func (f *follower) movesAsPlanned(names []string) error {
	for _, n := range names {
		to, moves := strings.CutPrefix(n, moving)
		if !moves {
			continue
		}
		addr, err := netip.ParseAddrPort(to)
		if err != nil {
			return fmt.Errorf("the server says that it moves to %q, which is no address", FirstLine(to))
		}
		if err := f.s.mayMove(f.id, addr); err != nil {
			return err
		}
	}
	return nil
}

// move follows the server to its new address, once that is proved.
func (f *follower) move(names []string) {
	for _, n := range names {
		if to, ok := strings.CutPrefix(n, moving); ok {
			if addr, err := netip.ParseAddrPort(to); err == nil {
				f.s.moveTo(addr)
				f.note("from now on the server is dialled at %s", addr)
			}
		}
	}
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
