package checklist

import (
	"context"
	"net/netip"
	"time"

	"aslwiz/remote"
)

// Host is a server as the checklist knows it: something that answers probes and
// carries out transactions. remote.Server is one over SSH, the practice server
// one in memory.
type Host interface {
	// Name is how the admin calls the server.
	Name() string
	// Survey answers all probes in one request, in their order. An error means
	// that the host could not be asked; what a single probe met is in its answer.
	Survey(ctx context.Context, probes []remote.Probe) ([]remote.Answer, error)
	// Current is the transaction that holds the server: one that runs, one whose
	// guard waits, one that was lost. One that was restored, or broke in it, and a
	// newest one that ended in whatever way, is given once, when nobody has read of
	// it yet. ok is false when there is none.
	Current(ctx context.Context) (st remote.Status, ok bool, err error)
	// Start stages a transaction and lets it run, detached.
	Start(ctx context.Context, tx remote.Transaction) error
	// Follow reports a transaction's log from offset until it has ended, through
	// lost links and reboots, and proves the way in where it is guarded.
	Follow(ctx context.Context, id string, offset int64, on func(remote.Progress)) (remote.Status, error)
	// Stop asks a running transaction to end.
	Stop(ctx context.Context, id string) error
	// Last is the newest transaction of a step that left something to undo.
	Last(ctx context.Context, step string) (st remote.Status, ok bool, err error)
	// Undo brings back what a transaction's files and settings were before it.
	Undo(ctx context.Context, id string) (remote.Status, error)
	// Reach opens fresh TCP connections from where aslwiz runs.
	Reach(ctx context.Context, addrs []netip.AddrPort, timeout time.Duration) []remote.Reach
	// ClientAddr is the admin's own address as the server sees it; the zero value
	// when it is not known.
	ClientAddr() netip.AddrPort
	// ServerAddr is the server's own end of the admin's connection.
	ServerAddr() netip.AddrPort
}
