package practice

import (
	"fmt"
	"strings"
)

// socket is one that listens.
type socket struct {
	proto, addr, program string
	port, queue          int
}

// listening are the machine's sockets, by what runs.
func (m *machine) listening() []socket {
	var out []socket
	both := func(proto, program string, port, queue int, v4, v6 bool) {
		if v4 {
			out = append(out, socket{proto, "0.0.0.0", program, port, queue})
		}
		if v6 {
			out = append(out, socket{proto, "[::]", program, port, queue})
		}
	}
	if m.active("ntpsec.service") {
		both("udp", "ntpd", 123, 0, true, true)
		for _, a := range m.ownAddrs() {
			out = append(out, socket{"udp", a, "ntpd", 123, 0})
		}
	}
	v4, v6 := m.listensSNMP()
	both("udp", "snmpd", 161, 0, v4, v6)
	if m.active("strongswan-starter.service") {
		both("udp", "charon", 500, 0, true, true)
		both("udp", "charon", 4500, 0, true, true)
	}
	if m.mailRuns() {
		if m.postconf("inet_interfaces") == "loopback-only" {
			out = append(out, socket{"tcp", "127.0.0.1", "master", 25, 100}, socket{"tcp", "[::1]", "master", 25, 100})
		} else {
			both("tcp", "master", 25, 100, true, true)
		}
	}
	if m.active("ssh.service") {
		both("tcp", "sshd", 22, 128, true, true)
	}
	return out
}

// ownAddrs are the machine's addresses as ss writes them: ntpd has a socket on each.
func (m *machine) ownAddrs() []string {
	out := []string{"127.0.0.1", "[::1]", fmt.Sprintf("[fe80::5054:ff:fe51:%d]%%%s", m.last, m.card.name)}
	for _, p := range m.card.addrs {
		if p.Addr().Is6() {
			out = append(out, "["+p.Addr().String()+"]")
		} else {
			out = append(out, p.Addr().String())
		}
	}
	return out
}

// listens says whether something answers connections from outside to a TCP port.
func (m *machine) listens(port int) bool {
	for _, s := range m.listening() {
		if s.proto == "tcp" && s.port == port && !strings.Contains(s.addr, "127.0.0.1") && s.addr != "[::1]" {
			return true
		}
	}
	return false
}

// sockets is ss: in columns as wide as what is in them.
func (m *machine) sockets(wanted func(socket) bool, all bool) string {
	var list []socket
	addrWidth, portWidth := 0, 0
	for _, s := range m.listening() {
		if wanted(s) {
			list = append(list, s)
			addrWidth = max(addrWidth, len(s.addr))
			portWidth = max(portWidth, len(fmt.Sprint(s.port)))
		}
	}
	var b strings.Builder
	for i, s := range list {
		state, peer := "LISTEN", "0.0.0.0:*"
		if s.proto == "udp" {
			state = "UNCONN"
		}
		if strings.HasPrefix(s.addr, "[") {
			peer = "   [::]:*"
		}
		line := fmt.Sprintf("%s %-6d %-6d %*s:%-*d %s", state, 0, s.queue, addrWidth, s.addr, portWidth, s.port, peer)
		if all {
			line = fmt.Sprintf("%s %s users:((%q,pid=%d,fd=%d))", s.proto, line, s.program, 700+len(s.program), 3+i)
		}
		fmt.Fprintln(&b, line)
	}
	return b.String()
}

// ipAddress is ip -j address.
func (m *machine) ipAddress() string {
	var addrs []string
	for _, p := range m.card.addrs {
		if p.Addr().Is4() {
			addrs = append(addrs, fmt.Sprintf(`{"family":"inet","local":"%s","prefixlen":%d,"broadcast":"198.51.100.255","scope":"global","label":"%s",`+forever+`}`, p.Addr(), p.Bits(), m.card.name))
		}
	}
	for _, p := range m.card.addrs {
		if p.Addr().Is6() {
			addrs = append(addrs, fmt.Sprintf(`{"family":"inet6","local":"%s","prefixlen":%d,"scope":"global",`+forever+`}`, p.Addr(), p.Bits()))
		}
	}
	addrs = append(addrs, fmt.Sprintf(`{"family":"inet6","local":"fe80::5054:ff:fe51:%d","prefixlen":64,"scope":"link",`+forever+`}`, m.last))
	alt := ""
	if m.card.name != slotName {
		alt = `"altnames":["enp0s3","` + slotName + `"],`
	} else {
		alt = `"altnames":["enp0s3"],`
	}
	return `[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"mtu":65536,"qdisc":"noqueue","operstate":"UNKNOWN","group":"default","txqlen":1000,"link_type":"loopback","address":"00:00:00:00:00:00","broadcast":"00:00:00:00:00:00","addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host","label":"lo",` + forever +
		`},{"family":"inet6","local":"::1","prefixlen":128,"scope":"host","noprefixroute":true,` + forever + `}]},{"ifindex":2,"ifname":"` + m.card.name +
		`","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1500,"qdisc":"fq_codel","operstate":"UP","group":"default","txqlen":1000,"link_type":"ether","address":"` + m.mac +
		`","broadcast":"ff:ff:ff:ff:ff:ff",` + alt + `"addr_info":[` + strings.Join(addrs, ",") + "]}]\n"
}

const forever = `"valid_life_time":4294967295,"preferred_life_time":4294967295`

// ipRoute is ip -j route show default.
func (m *machine) ipRoute(f int) string {
	switch {
	case f == 4 && m.card.gateway4 != "":
		return fmt.Sprintf(`[{"dst":"default","gateway":"%s","dev":"%s","flags":["onlink"]}]`+"\n", m.card.gateway4, m.card.name)
	case f == 6 && m.card.gateway6 != "":
		return fmt.Sprintf(`[{"dst":"default","gateway":"%s","dev":"%s","metric":1024,"flags":["onlink"],"pref":"medium"}]`+"\n", m.card.gateway6, m.card.name)
	}
	return "[]\n"
}
