package remote

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// moving stands in a baseline before an address that the connection moves to.
const moving = "moving-to="

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
