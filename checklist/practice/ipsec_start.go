package practice

import "strings"

// The files that start the tunnels with the daemon.
const (
	initiator = "/etc/ipsec.d/aslwiz-initiate"
	startHook = "/etc/systemd/system/strongswan-starter.service.d/aslwiz.conf"
)

// startTunnels is the daemon's start: what its files declare, and what the unit starts.
func (m *machine) startTunnels() error {
	m.conns = nil // it remembers nothing
	m.readSecrets()
	m.readConns()
	if m.has(initiator) && strings.Contains(m.text(startHook), "ExecStartPost=-/bin/sh -c \"timeout 120 /bin/sh "+initiator+" &\"") {
		m.begin(sortedKeys(m.conns)...)
	}
	return nil
}

// begin starts tunnels that the daemon has loaded.
func (m *machine) begin(names ...string) {
	for _, name := range names {
		if c, ok := m.conns[name]; ok {
			c.begun = true
			m.conns[name] = c
		}
	}
	m.settleTunnels()
}

// began says whether this machine, the other end of c, has begun the tunnel.
func (m *machine) began(c conn) bool {
	for _, back := range m.conns {
		if back.left == c.right && back.right == c.left && back.begun {
			return true
		}
	}
	return false
}
