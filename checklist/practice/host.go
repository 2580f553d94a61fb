package practice

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// Host is one machine of the world as the program knows it: over a connection
// that a reboot drops.
type Host struct{ m *machine }

var (
	_ checklist.Host     = (*Host)(nil)
	_ checklist.LookerUp = (*Host)(nil)
)

// Name implements checklist.Host.
func (h *Host) Name() string { return h.m.name }

// surveyTime is how long an answer is on its way.
const surveyTime = 80 * time.Millisecond

// enter waits until the machine is up and takes the world's lock.
func (h *Host) enter(ctx context.Context) error {
	w := h.m.w
	if err := w.clock.Sleep(ctx, surveyTime); err != nil {
		return err
	}
	for {
		w.mu.Lock()
		down := h.m.down
		if down == nil {
			h.m.settle()
			w.settleTunnels()
			return nil
		}
		w.mu.Unlock()
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: does not answer: %w", h.m.name, ctx.Err())
		case <-down:
		}
	}
}

func (h *Host) leave() { h.m.w.mu.Unlock() }

// Survey implements checklist.Host.
func (h *Host) Survey(ctx context.Context, probes []remote.Probe) ([]remote.Answer, error) {
	if err := h.enter(ctx); err != nil {
		return nil, err
	}
	defer h.leave()
	h.m.askedBySNMP()
	out := make([]remote.Answer, len(probes))
	for i, p := range probes {
		out[i] = h.m.answer(p)
	}
	return out, nil
}

// Reach implements checklist.Host: knocks from the admin's computer, counted by
// the machine's rules. No socket is opened, and a knock that is dropped is known
// at once.
func (h *Host) Reach(ctx context.Context, addrs []netip.AddrPort, _ time.Duration) []remote.Reach {
	out := make([]remote.Reach, len(addrs))
	if err := h.enter(ctx); err != nil {
		for i, a := range addrs {
			out[i] = remote.Reach{Addr: a, Outcome: remote.ReachTimeout, Err: "no answer"}
		}
		return out
	}
	defer h.leave()
	for i, a := range addrs {
		out[i] = h.m.reach(a)
	}
	return out
}

// admin is where the person sits, by the family of an address.
func admin(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.MustParseAddr(adminIP)
	}
	return netip.MustParseAddr("2001:db8:51::9")
}

// reach is what comes of a connection from the admin's computer.
func (m *machine) reach(a netip.AddrPort) remote.Reach {
	r := remote.Reach{Addr: a, Outcome: remote.ReachTimeout, Err: "i/o timeout"}
	if !m.card.has(a.Addr()) || !m.verdict(packet{from: admin(a.Addr()), proto: "tcp", port: int(a.Port())}) || m.shut && a.Port() == 22 {
		return r
	}
	if !m.listens(int(a.Port())) {
		return remote.Reach{Addr: a, Outcome: remote.ReachRefused, Err: "connection refused"}
	}
	return remote.Reach{Addr: a, Outcome: remote.ReachOpen}
}

// ClientAddr implements checklist.Host.
func (h *Host) ClientAddr() netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(adminIP), 40022)
}

// ServerAddr implements checklist.Host.
func (h *Host) ServerAddr() netip.AddrPort { return netip.AddrPortFrom(h.m.home4().Addr(), 22) }
