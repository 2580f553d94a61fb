package practice

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"aslwiz/remote"
)

// conn is a connection that a tunnel's file declares.
type conn struct {
	name        string
	left, right netip.Addr
	loaded      time.Time
	trap        bool // auto=route: nothing leaves in clear, and nothing begins by itself
	begun       bool // by the daemon's configuration, by hand, or by traffic
}

// counted is a tunnel that is up.
type counted struct {
	since   time.Time
	in, out int
}

// ikeTime is how long two ends take to agree.
const ikeTime = time.Second

var connBlock = regexp.MustCompile(`(?m)^conn (\S+)\n((?:[ \t].*\n?)*)`)

// connsIn reads the connections of an ipsec.conf file that carry a tunnel.
func connsIn(text string) map[string]conn {
	out := map[string]conn{}
	for _, w := range connBlock.FindAllStringSubmatch(text, -1) {
		c := conn{name: w[1]}
		for line := range strings.Lines(w[2]) {
			k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch k {
			case "left":
				c.left, _ = netip.ParseAddr(v)
			case "right":
				c.right, _ = netip.ParseAddr(v)
			case "auto":
				c.trap, c.begun = v == "route", v == "start"
			}
		}
		if c.left.IsValid() && c.right.IsValid() {
			out[c.name] = c
		}
	}
	return out
}

var shuntBlock = regexp.MustCompile(`(?m)^conn (\S+)\n\tleft=::1\n\tleftsubnet=(\S+)\n\trightsubnet=(\S+)\n\ttype=passthrough\n\tauto=route\n`)

// shunts is what the daemon prints of the connections that stay outside: those
// that have the same ends are one to it, under the name of the first.
func (m *machine) shunts() (conns, shunted string) {
	for _, path := range m.tunnelFiles("/etc/ipsec.conf", ".conf") {
		for _, w := range shuntBlock.FindAllStringSubmatch(m.text(path), -1) {
			policy := fmt.Sprintf("%s === %s PASS\n", strings.ReplaceAll(w[2], ",", " "), strings.ReplaceAll(w[3], ",", " "))
			if conns == "" {
				conns = fmt.Sprintf("%12s:  ::1...%%any  IKEv1/2\n%12[1]s:   local:  [::1] uses public key authentication\n%12[1]s:   remote: uses public key authentication\n", w[1])
			}
			conns += fmt.Sprintf("%12s:   child:  %s", w[1], policy)
			shunted += fmt.Sprintf("%12s:  %s", w[1], policy)
		}
	}
	if shunted != "" {
		shunted = "Shunted Connections:\n" + shunted
	}
	return conns, shunted
}

// tunnelFiles are the files that ipsec.conf or ipsec.secrets takes in.
func (m *machine) tunnelFiles(main, suffix string) []string {
	if !strings.Contains(m.text(main), "\ninclude /etc/ipsec.d/*"+suffix) {
		return nil
	}
	var out []string
	for _, p := range m.paths("/etc/ipsec.d/") {
		if strings.HasSuffix(p, suffix) {
			out = append(out, p)
		}
	}
	return out
}

// readConns is ipsec update, or the daemon's start: what the files declare now.
// A connection that is as it was stays up.
func (m *machine) readConns() {
	old := m.conns
	m.conns = map[string]conn{}
	for _, path := range m.tunnelFiles("/etc/ipsec.conf", ".conf") {
		for name, c := range connsIn(m.text(path)) {
			c.loaded = m.w.clock.Now()
			if was, ok := old[name]; ok && was.left == c.left && was.right == c.right && was.trap == c.trap {
				c.loaded, c.begun = was.loaded, was.begun
			}
			m.conns[name] = c
		}
	}
	m.settleTunnels()
}

var secretLine = regexp.MustCompile(`(?m)^([0-9a-f:. ]+) : PSK (\S+)$`)

// readSecrets is ipsec rereadsecrets.
func (m *machine) readSecrets() {
	m.keys = map[string]string{}
	for _, path := range m.tunnelFiles("/etc/ipsec.secrets", ".secrets") {
		for _, w := range secretLine.FindAllStringSubmatch(m.text(path), -1) {
			ids := strings.Fields(w[1])
			for _, a := range ids {
				for _, b := range ids {
					m.keys[a+" "+b] = w[2]
				}
			}
		}
	}
	m.settleTunnels()
}

// settleTunnels notes which tunnels are up, at both ends of each.
func (w *World) settleTunnels() {
	for _, m := range w.machines {
		for name, c := range m.conns {
			switch other := m.agrees(c); {
			case other == nil || m.up[name] == nil && !c.begun && !other.began(c):
				delete(m.up, name)
			case m.up[name] == nil:
				m.up[name] = &counted{since: w.clock.Now()}
			}
		}
		for name := range m.up {
			if _, ok := m.conns[name]; !ok {
				delete(m.up, name)
			}
		}
	}
}

func (m *machine) settleTunnels() { m.w.settleTunnels() }

// agrees is the machine at the other end of a connection, when both ends want the
// same, with the same key, and their filters let it through; else nil.
func (m *machine) agrees(c conn) *machine {
	if o := m.answers(c); o != nil && m.sameKey(o, c) {
		return o
	}
	return nil
}

// sameKey says whether the other end has the same key for a connection, and one at all.
func (m *machine) sameKey(o *machine, c conn) bool {
	ids := c.left.String() + " " + c.right.String()
	return m.keys[ids] != "" && m.keys[ids] == o.keys[ids]
}

// answers is the machine at the other end of a connection, when it wants one too and
// both filters let it through; else nil.
func (m *machine) answers(c conn) *machine {
	if !m.active("strongswan-starter.service") || !m.card.has(c.left) || m.down != nil {
		return nil
	}
	for _, o := range m.w.machines {
		if o == m || o.down != nil || !o.card.has(c.right) || !o.active("strongswan-starter.service") || m.w.peerAway(o) || m.w.peerAway(m) {
			continue
		}
		for _, back := range o.conns {
			if back.left == c.right && back.right == c.left && m.letsIKE(c.right) && o.letsIKE(c.left) {
				return o
			}
		}
	}
	return nil
}

// letsIKE says whether the filter lets a tunnel with a in. It counts nothing.
func (m *machine) letsIKE(a netip.Addr) bool {
	before := make([]rule, len(m.rules[family(a)]))
	copy(before, m.rules[family(a)])
	ok := m.verdict(packet{from: a, proto: "udp", port: 500}) && m.verdict(packet{from: a, proto: "esp"})
	copy(m.rules[family(a)], before)
	return ok
}

// established says whether a connection is up by now.
func (m *machine) established(name string) bool {
	u := m.up[name]
	return u != nil && m.w.clock.Now().Sub(u.since) >= ikeTime
}

// tunnelUp says whether there is a tunnel with an address.
func (m *machine) tunnelUp(a netip.Addr) bool {
	for name, c := range m.conns {
		if c.right == a && m.established(name) {
			return true
		}
	}
	return false
}

// statusall is what ipsec statusall prints of the daemon.
func (m *machine) statusall() string {
	if !m.active("strongswan-starter.service") {
		return ""
	}
	var conns, routed, sas strings.Builder
	up, connecting := 0, 0
	for i, name := range sortedKeys(m.conns) {
		c := m.conns[name]
		fmt.Fprintf(&conns, "%12s:  %s...%s  IKEv2, dpddelay=30s\n", name, c.left, c.right)
		for _, side := range []struct {
			word string
			a    netip.Addr
		}{{"local: ", c.left}, {"remote:", c.right}} {
			fmt.Fprintf(&conns, "%12s:   %s [%s] uses pre-shared key authentication\n", name, side.word, side.a)
		}
		fmt.Fprintf(&conns, "%12s:   child:  dynamic === dynamic TRANSPORT, dpdaction=start\n", name)
		if bits := c.left.BitLen(); c.trap {
			fmt.Fprintf(&routed, "%12s{%d}:  ROUTED, TRANSPORT, reqid %[2]d\n%12[1]s{%[2]d}:   %[3]s/%[4]d === %[5]s/%[4]d\n", name, i+1, c.left, bits, c.right)
		}
		if o := m.answers(c); o != nil && !m.sameKey(o, c) {
			continue // the other end refused, and the daemon has given up
		}
		if !m.established(name) && !c.begun && m.up[name] == nil {
			continue
		}
		if !m.established(name) {
			connecting++
			fmt.Fprintf(&sas, "%12s[%d]: CONNECTING, %s[%%any]...%s[%%any]\n%12[1]s[%[2]d]: IKEv2 SPIs: ffe0fdcecd633965_i* 0000000000000000_r\n", name, i+1, c.left, c.right)
			continue
		}
		up++
		u := m.up[name]
		age := m.w.clock.Now().Sub(u.since).Round(time.Second)
		bits := c.left.BitLen()
		fmt.Fprintf(&sas, "%12s[%d]: ESTABLISHED %d seconds ago, %s[%[4]s]...%s[%[5]s]\n", name, i+1, int(age.Seconds()), c.left, c.right)
		fmt.Fprintf(&sas, "%12s[%d]: IKE proposal: AES_GCM_16_256/PRF_HMAC_SHA2_384/ECP_384\n", name, i+1)
		fmt.Fprintf(&sas, "%12s{%d}:  INSTALLED, TRANSPORT, reqid %[2]d, ESP SPIs: c4c5fa8%[2]d_i cb620a1%[2]d_o\n", name, i+1)
		fmt.Fprintf(&sas, "%12s{%d}:  AES_GCM_16_256, %s_i%s, %s_o%s, rekeying in 42 minutes\n", name, i+1, bytesOf(u.in), pktsOf(u.in), bytesOf(u.out), pktsOf(u.out))
		fmt.Fprintf(&sas, "%12s{%d}:   %s/%d === %s/%[4]d\n", name, i+1, c.left, bits, c.right)
	}
	if up+connecting == 0 {
		sas.WriteString("  none\n")
	}
	outside, policies := m.shunts()
	if routed.Len() > 0 {
		policies += "Routed Connections:\n" + routed.String()
	}
	return fmt.Sprintf(`Status of IKE charon daemon (strongSwan 5.9.8, Linux %s, x86_64):
  uptime: %d seconds, since %s
  worker threads: 11 of 16 idle, 5/0/0/0 working, job queue: 0/0/0/0, scheduled: 4
Listening IP addresses:
  %s
  %s
Connections:
%s%s%sSecurity Associations (%d up, %d connecting):
%s`, kernelVersion, int(m.w.clock.Now().Sub(m.booted).Seconds()), m.booted.UTC().Format("Jan 02 15:04:05 2006"), m.home4().Addr(), m.home6().Addr(), conns.String(), outside, policies, up, connecting, sas.String())
}

func bytesOf(packets int) string { return fmt.Sprintf("%d bytes", packets*64) }

func pktsOf(packets int) string {
	if packets == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d pkts, 1s ago)", packets)
}

// tunnelLook is the item's look at one connection: the daemon's word, a ping that
// goes through the tunnel, and the daemon's word again.
func (m *machine) tunnelLook(p remote.Probe, name string) remote.Answer {
	if !m.installed("strongswan-starter") {
		return remote.Answer{Probe: p, Code: 127, Out: []byte("no ipsec on this server\n")}
	}
	const part = "=== aslwiz ===\n"
	before := m.statusall()
	c, tunnelled := m.conns[name]
	if tunnelled && c.trap { // what is sent begins it
		m.begin(name)
	}
	right, through := c.right, m.established(name)
	if !tunnelled { // in plain
		right, through = pinged(p), true
	}
	replies, tail := "", "3 packets transmitted, 0 received, 100% packet loss, time 2034ms\n\n"
	if through {
		if tunnelled {
			m.ping(name, c)
		}
		for n := range 3 {
			replies += fmt.Sprintf("64 bytes from %s: icmp_seq=%d ttl=64 time=21.%d ms\n", right, n+1, n)
		}
		tail = "3 packets transmitted, 3 received, 0% packet loss, time 1004ms\nrtt min/avg/max/mdev = 21.000/21.100/21.200/0.082 ms\n"
	}
	head := fmt.Sprintf("PING %s (%[1]s) 56(84) bytes of data.", right)
	if right.Is6() {
		head = fmt.Sprintf("PING %s(%[1]s) 56 data bytes", right)
	}
	ping := fmt.Sprintf("%s\n%s\n--- %s ping statistics ---\n%s", head, replies, right, tail)
	return said(p, before+part+ping+part+m.statusall())
}

// pinged is the address in the look's own script.
func pinged(p remote.Probe) netip.Addr {
	_, after, _ := strings.Cut(p.Args[1], "ping -n ")
	for _, w := range strings.Fields(after) {
		if a, err := netip.ParseAddr(w); err == nil {
			return a
		}
	}
	return netip.Addr{}
}

// ping counts three packets through a tunnel, at both ends.
func (m *machine) ping(name string, c conn) {
	m.up[name].in, m.up[name].out = m.up[name].in+3, m.up[name].out+3
	other := m.agrees(c)
	if other == nil {
		return
	}
	for n, back := range other.conns {
		if u := other.up[n]; u != nil && back.right == c.left {
			u.in, u.out = u.in+3, u.out+3
		}
	}
}
