package practice

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// A service runs only if its configuration is right, and says why it does not.
func TestHealth(t *testing.T) {
	t.Parallel()
	for unit, c := range map[string]struct {
		spoil func(*machine)
		says  string
	}{
		"fail2ban.service":        {func(m *machine) { m.remove(jailFile) }, "log file for sshd jail"},
		"ntpsec.service":          {func(m *machine) { m.write("/etc/ntpsec/ntp.conf", "driftfile /x\n") }, "no time server"},
		"snmpd.service":           {func(m *machine) { m.remove("/etc/snmp/snmpd.conf") }, "no configuration"},
		"aslwiz-firewall.service": {func(m *machine) { m.files["/etc/network/firewall.sh"].mode = 0o644 }, "may not be run"},
	} {
		t.Run(unit, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.apply(t)
			m := w.server()
			c.spoil(m)
			if err := m.startUnit(unit); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			if u, err := m.answer(remote.ReadUnit(unit)).Unit(); err != nil || u.Active != "failed" || u.Result != "exit-code" {
				t.Errorf("%+v, %v", u, err)
			}
			if red := w.settled(t); len(red) == 0 {
				t.Error("every item is green")
			}
		})
	}
}

// Mail goes only where DNS, relay and mail system let it.
func TestMailNeedsItsRelay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(t)
	m := w.server()
	for _, c := range []struct {
		spoil func()
		why   string
	}{
		{func() { m.write("/etc/resolv.conf", "") }, "Host not found"},
		{func() { m.setPostconf("relayhost", "[elsewhere.example.org]") }, "Host not found"},
		{func() { w.relay.refuses = "554 5.7.1 no" }, "554 5.7.1 no"},
	} {
		resolv, relay := m.text("/etc/resolv.conf"), m.postconf("relayhost")
		c.spoil()
		m.mailRoot("x")
		if len(m.queue) != 1 || !strings.Contains(m.queue[0].why, c.why) {
			t.Errorf("the queue is %+v, want %s", m.queue, c.why)
		}
		m.write("/etc/resolv.conf", resolv)
		m.setPostconf("relayhost", relay)
		w.relay.refuses = ""
		if m.deliver(); len(m.queue) > 0 {
			t.Errorf("not delivered: %+v", m.queue)
		}
	}
}

// Where something overrides main.cf's relayhost, the relay that took the mail is named.
func TestMailBesideItsRelay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(t)
	w.server().setPostconf("transport_maps", "static:smtp:[smart.example.net]")
	w.try(t)
	f := w.settled(t)["mail"]
	if f.Status != checklist.Failed || !strings.Contains(f.Got, "was for smart.example.net, not for") || !strings.Contains(strings.Join(f.Evidence, "\n"), "relay smart.example.net, sent") {
		t.Errorf("the mail is %s: %s, %q", f.Status, f.Got, f.Evidence)
	}
}

// A tunnel that is up and has no trap is red, and its step sets the trap; the daemon's
// start begins tunnels by aslwiz's files alone.
func TestTunnelNeedsItsTrap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(t)
	w.try(t)
	wantGreen(t, w.settled(t))
	m := w.server()
	for name, c := range m.conns {
		c.trap = false // ipsec unroute
		m.conns[name] = c
	}
	f := w.settled(t)["ipsec"]
	if f.Status != checklist.Failed || !strings.Contains(f.Got, "no trap") || f.Fix == nil || f.Fix.Step != "ipsec" {
		t.Errorf("without a trap: %s, %q, %+v", f.Status, f.Got, f.Fix)
	}
	w.apply(t)
	wantGreen(t, w.settled(t))
	for _, hook := range []string{"there", "gone"} {
		if hook == "gone" {
			m.remove(startHook)
		}
		if err := m.startTunnels(); err != nil {
			t.Fatal(err)
		}
		for name, c := range m.conns {
			if c.begun != (hook == "there") {
				t.Errorf("the hook is %s, and %s was begun: %v", hook, name, c.begun)
			}
		}
	}
}

// The rules are looked at packet by packet.
func TestRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply(t)
	w.try(t)
	wantGreen(t, w.settled(t))
	m := w.server()
	peer, stranger := w.machine(peerName).home4().Addr(), netip.MustParseAddr("203.0.113.50")
	for _, c := range []struct {
		p    packet
		want bool
	}{
		{packet{from: stranger, proto: "tcp", port: 22}, true},
		{packet{from: stranger, proto: "tcp", port: 25}, false},
		{packet{from: stranger, proto: "udp", port: 161}, false},
		{packet{from: stranger, proto: "udp", port: 500}, false},
		{packet{from: peer, proto: "udp", port: 500}, true},
		{packet{from: peer, proto: "esp"}, true},
		{packet{from: peer, proto: "tcp", port: 25}, false},
		{packet{from: peer, proto: "tcp", port: 25, tunnel: true}, true},
		{packet{from: stranger, proto: "icmp"}, true},
	} {
		if got := m.verdict(c.p); got != c.want {
			t.Errorf("%+v: let in %t", c.p, got)
		}
	}
	if n := m.askedBySNMP(); n != 2 {
		t.Errorf("the monitoring system got %d answers of 2", n)
	}
}

// What takes effect only at boot and shuts the machine in is taken back by the
// guard, with all that the reboot was to prove, and the machine is there again.
func TestRebootIsTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	steps := checklist.Steps()
	last := slices.IndexFunc(steps, func(s checklist.Step) bool { return s.Reboots })
	w.apply(t, steps[:last]...)
	m := w.server()
	m.edit(networkFile, func(old string) string {
		return strings.ReplaceAll(old, "address 198.51.100.11", "address 198.51.100.99")
	})
	boot := m.boot
	r, _ := w.apply(t, steps[last])
	if got := r.Steps[0]; got.Status != checklist.StepRestored || !strings.Contains(got.Reason, "198.51.100.11:22 (i/o timeout)") {
		t.Fatalf("%+v", got)
	}
	if m.boot == boot || !m.card.has(m.home4().Addr()) || m.card.name != slotName {
		t.Errorf("boot %s, before %s; the card is %+v", m.boot, boot, m.card)
	}
	if strings.Contains(m.text(networkFile), "198.51.100.99") || m.has(udevFile) {
		t.Errorf("not taken back:\n%s", m.text(networkFile))
	}
	for _, id := range []string{"network", "nic-name", "firewall"} {
		if st, ok, _ := w.Host().Last(t.Context(), id); ok {
			t.Errorf("step %s still counts as done: %+v", id, st)
		}
	}
}
