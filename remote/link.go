package remote

import (
	"context"
	"net"
	"net/netip"
	"time"

	"golang.org/x/crypto/ssh"
)

// missedMax is how many signs of life may be missing before a connection is
// given up.
const missedMax = 3

// link is a live connection: one SSH client for each hop, the server's last.
type link struct {
	clients []*ssh.Client
	wires   []*wire
	lost    chan struct{}
}

func newLink() *link { return &link{lost: make(chan struct{})} }

func (l *link) add(c *ssh.Client, w *wire) {
	l.clients = append(l.clients, c)
	l.wires = append(l.wires, w)
}

func (l *link) server() *ssh.Client { return l.clients[len(l.clients)-1] }

// watch notices the end of the connection, and brings it about when the server
// gives no sign of life. With every 0 it sends nothing. It must be called once.
func (l *link) watch(every time.Duration) {
	go func() {
		_ = l.server().Wait()
		l.cut()
		close(l.lost)
	}()
	if every > 0 {
		go l.keepAlive(every)
	}
}

// keepAlive asks for a sign of life. Anything that arrives is one: replies may
// queue behind a long log on a slow line.
func (l *link) keepAlive(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	w := l.wires[len(l.wires)-1]
	answered := make(chan struct{}, 1)
	asking, missed, seen := false, 0, w.lastSeen()
	for {
		select {
		case <-l.lost:
			return
		case <-answered:
			asking = false
		case <-ticker.C:
			if now := w.lastSeen(); now.After(seen) {
				missed, seen = 0, now
			} else if asking {
				missed++
			}
			if missed >= missedMax {
				l.cut()
				return
			}
			if !asking {
				asking = true
				go func() {
					// It returns at the latest when the connection is cut.
					_, _, _ = l.server().SendRequest("keepalive@openssh.com", true, nil)
					answered <- struct{}{}
				}()
			}
		}
	}
}

// cut ends the connections at once, the outermost first: nothing then waits for
// a host that does not answer.
func (l *link) cut() {
	for i, w := range l.wires {
		_ = w.Close()
		_ = l.clients[i].Close()
	}
}

// close cuts the link and waits for its goroutines.
func (l *link) close() {
	l.cut()
	for _, c := range l.clients {
		_ = c.Wait()
	}
}

func (l *link) local() netip.AddrPort {
	return addrPort(l.wires[0].LocalAddr())
}

// remote is the server's address, as far as this end can know it.
func (l *link) remote(dialled string) netip.AddrPort {
	if len(l.wires) == 1 {
		return addrPort(l.wires[0].RemoteAddr())
	}
	a, err := netip.ParseAddrPort(dialled)
	if err != nil {
		return netip.AddrPort{}
	}
	return a
}

func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// reach makes one TCP connection and sorts how it ended.
func (l *link) reach(ctx context.Context, addr netip.AddrPort, timeout time.Duration) Reach {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var conn net.Conn
	var err error
	if n := len(l.clients); n > 1 {
		conn, err = l.clients[n-2].DialContext(ctx, "tcp", addr.String())
	} else {
		var d net.Dialer
		conn, err = d.DialContext(ctx, "tcp", addr.String())
	}
	if err == nil {
		_ = conn.Close()
		return Reach{Addr: addr, Outcome: ReachOpen}
	}
	reason, detail := dialReason(err)
	r := Reach{Addr: addr, Outcome: ReachUnreachable, Err: joinDetail(string(reason), detail)}
	switch reason {
	case ReasonRefused, ReasonClosed:
		r.Outcome = ReachRefused
	case ReasonTimeout:
		r.Outcome = ReachTimeout
	}
	return r
}
