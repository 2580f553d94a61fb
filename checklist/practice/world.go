package practice

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// World is the practice server, the machines that it deals with, and what is
// around them: DNS, a mail relay, time servers, a monitoring system.
type World struct {
	clock    *Clock
	mu       sync.Mutex
	machines []*machine
	forms    []form
	catalog  map[string]pack
	reads    map[string]read
	// unmodelled are the probes that the world could not answer.
	unmodelled []string
	names      names
	relay      relay
	trouble    map[string]*trouble
	ctx        context.Context
	cancel     context.CancelFunc
}

// The machines' names in the answers.
const (
	serverName = "PRACTICE"
	peerName   = "two"
	nmsName    = "nms"
)

// New makes a world with a fresh server, and the troubles that are asked for.
func New(clock *Clock, troubles ...string) (*World, error) {
	w := &World{clock: clock, forms: forms(), reads: reads(), catalog: readCatalog()}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.names = names{name: hostName + "." + domain, missing: map[string]bool{}, wrong: map[netip.Addr]string{}}
	w.machines = []*machine{
		newMachine(w, serverName, "debian", 11),
		newMachine(w, peerName, "two", 12),
		newMachine(w, nmsName, "nms", 13),
	}
	w.trouble = map[string]*trouble{}
	for _, name := range troubles {
		if err := w.letTrouble(name); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Close ends what still runs in the world.
func (w *World) Close() { w.cancel() }

// Clock is the world's time.
func (w *World) Clock() *Clock { return w.clock }

func (w *World) server() *machine { return w.machines[0] }

func (w *World) machine(name string) *machine {
	for _, m := range w.machines {
		if m.name == name {
			return m
		}
	}
	return nil
}

// Host is the practice server as the program knows it.
func (w *World) Host() *Host { return &Host{w.server()} }

// Dial connects to the machine that has the target's address, as a real login
// would; nothing is asked.
func (w *World) Dial(_ context.Context, t remote.Target, _ remote.Options) (checklist.Host, error) {
	for _, m := range w.machines {
		for _, a := range []netip.Addr{m.home4().Addr(), m.home6().Addr()} {
			if t.Host == a.String() || t.Host == m.name {
				return &Host{m}, nil
			}
		}
	}
	return nil, fmt.Errorf("%s: is no machine of the practice world, which has %s, %s and %s", t.Host,
		w.machines[0].home4().Addr(), w.machines[1].home4().Addr(), w.machines[2].home4().Addr())
}

// The practice world's own network, of addresses that are for documentation.
const (
	hostName = "practice" // so that no report or message is taken for a real server's
	domain   = "example.net"
	resolver = "198.51.100.1"
	adminIP  = "198.51.100.9"
)

// Answers are all that the page asks, proposed.
func (w *World) Answers() checklist.Answers {
	s := w.server()
	peer := func(m *machine) checklist.Peer {
		a4, a6 := m.home4().Addr().String(), m.home6().Addr().String()
		return checklist.Peer{Name: m.name, Addresses: []string{a4, a6}, SSH: "ops@" + a4}
	}
	nms := w.machine(nmsName)
	return checklist.Answers{
		Host: s.home4().Addr().String(), User: "root", Hostname: hostName, Domain: domain,
		Network: checklist.Network{
			MAC: s.mac, IPv4: s.home4().String(), Gateway4: resolver, IPv6: s.home6().String(), Gateway6: "2001:db8:51::1",
			DNS: []string{resolver}, Search: []string{domain},
		},
		Admins: []checklist.Admin{{Name: "anna", Keys: []string{practiceKey}}},
		Mail:   checklist.Mail{Relay: "mail." + domain, Root: "noc@" + domain},
		SNMP: checklist.SNMP{
			NMS: []string{nms.home4().Addr().String(), nms.home6().Addr().String()}, User: "monitor", Location: "practice", Contact: "noc@" + domain,
		},
		Logging: checklist.Logging{Host: "log." + domain, Protocol: "tcp"},
		Peers:   []checklist.Peer{peer(w.machine(peerName)), peer(nms)},
	}
}

// practiceKey opens nothing: its private half was thrown away.
const practiceKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEgoZzwKZnxrUA5GYkzOho0VL+vnMQoSHWrbfnrj5g+Z anna@practice"

// pass lets time pass without keeping the world from others.
func (w *World) pass(ctx context.Context, d time.Duration) error {
	w.mu.Unlock()
	defer w.mu.Lock()
	return w.clock.Sleep(ctx, d)
}
