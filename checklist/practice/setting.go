package practice

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"aslwiz/remote"
)

// settingAnswer answers a setting by its name. Those that are about something
// with a name of its own, a user or a tunnel, have it at their end.
func (m *machine) settingAnswer(p remote.Probe) remote.Answer {
	name := p.Args[0]
	if read, ok := m.w.reads[name]; ok {
		return read(m, p)
	}
	if strings.HasSuffix(name, ".service") {
		return said(p, m.twoWords(name)+"\n")
	}
	word, rest, _ := strings.Cut(name, " ")
	switch {
	case word == "user":
		return m.userAnswer(p, rest)
	case word == "postfix":
		if !m.installed("postfix") {
			return remote.Answer{Probe: p, Code: 127}
		}
		return said(p, m.postconf(rest)+"\n")
	case strings.HasPrefix(name, "SNMPv3 user "):
		if !m.has(snmpState) {
			return remote.Answer{Probe: p, Code: 127}
		}
		return said(p, m.snmpUser(strings.TrimPrefix(name, "SNMPv3 user ")))
	case strings.HasPrefix(name, "other connections to "):
		return said(p, m.rivals(strings.TrimPrefix(name, "other connections to "), p.Args[1]))
	case strings.HasPrefix(name, "other firewalls on "):
		return said(p, "")
	case word == "iptables-save", word == "ip6tables-save":
		if !m.installed("iptables") {
			return said(p, "")
		}
		return said(p, m.savedRules(map[string]int{"iptables-save": 4, "ip6tables-save": 6}[word], false))
	case word == "tunnel" && strings.HasSuffix(rest, " in the daemon"):
		return m.loadedAnswer(p)
	case word == "tunnel":
		return m.tunnelLook(p, rest)
	}
	return m.notModelled(p)
}

func (m *machine) lines(list []string) []string {
	out := make([]string, len(list))
	for i, l := range list {
		out[i] = l + "\n"
	}
	return out
}

// machineText is what a machine says of itself. Its clock is this computer's: at
// another speed the two would part.
func (m *machine) machineText() string {
	now := time.Now()
	return fmt.Sprintf("kernel %s\narch x86_64\nhostname %s\nboot %s\nvirt kvm\ncores 2\nmhz 2599.995\nmem 4024288\ndisk 40474572\nfree %d\nnic %s\nclock %d.%09d\n",
		kernelVersion, m.kernelName, m.boot, m.freeKiB, m.card.name, now.Unix(), now.Nanosecond())
}

func (m *machine) sources() string {
	if !m.reachesDNS() {
		return "no deb.debian.org 80\nno security.debian.org 80\n"
	}
	return "ok deb.debian.org 80\nok security.debian.org 80\n"
}

func (m *machine) dpkgState() string {
	var b strings.Builder
	for _, name := range sortedKeys(m.packages) {
		if word := m.packages[name]; word != "installed" {
			fmt.Fprintf(&b, "%s ok %s\n", word, name)
		}
	}
	return b.String()
}

func (m *machine) initramfsAge() string {
	if r := m.files[udevFile]; r != nil && m.files[initramfsFile].made < r.made {
		return "older\n"
	}
	return "current\n"
}

func (m *machine) initramfsHash() string {
	return "initrd.img-" + kernelVersion + " " + hashOf(m.text(initramfsFile)) + "\n"
}

func (m *machine) aliasesInUse() string {
	return "root: " + m.aliases["root"] + "\npostmaster: " + m.aliases["postmaster"] + "\n"
}

const (
	changedFile  = "/var/lib/aslwiz/changed"
	rebootedFile = "/var/lib/aslwiz/rebooted"
)

func (m *machine) boots() string {
	first := func(path string) string {
		line, _, _ := strings.Cut(m.text(path), "\n")
		if line == "" {
			return "-"
		}
		return line
	}
	return m.boot + "\n" + first(changedFile) + "\n" + first(rebootedFile) + "\n"
}

func (m *machine) failedBefore() string {
	_, rest, _ := strings.Cut(m.text(rebootedFile), "\n")
	return rest
}

const communityFile = "/etc/snmp/snmpd.conf.d/aslwiz-community.conf"

var communityLine = regexp.MustCompile(`(?m)^rocommunity6? \S+ (\S+) .*$`)

func (m *machine) community() string {
	f := m.files[communityFile]
	if f == nil {
		return ""
	}
	out := octal(f.mode) + " " + f.owner + "\n"
	for _, w := range communityLine.FindAllStringSubmatch(f.text, -1) {
		out += w[1] + "\n"
	}
	return out
}

// setCommunity makes the community's file for the addresses of value, which is as the
// machine says it.
func (m *machine) setCommunity(value string) {
	lines := strings.Fields(value)
	if len(lines) < 2 {
		m.remove(communityFile)
		return
	}
	secret := hashOf(newBoot())[:32]
	if old := strings.Fields(m.text(communityFile)); len(old) > 1 {
		secret = old[1]
	}
	text := ""
	for _, nms := range lines[2:] {
		word := "rocommunity"
		if strings.Contains(nms, ":") {
			word = "rocommunity6"
		}
		text += word + " " + secret + " " + nms + " -V all\n"
	}
	m.writeAs(communityFile, text, 0o640, lines[1])
}

// logConnected says whether rsyslog has a connection to the log host.
func (m *machine) logConnected() bool {
	conf := m.text("/etc/rsyslog.d/60-aslwiz.conf")
	return m.active("rsyslog.service") && strings.Contains(conf, `protocol="tcp"`) && m.reachesDNS()
}

// includesAnswer is the line by which a main file of strongSwan's reads the
// tunnels' own. Where that file is not there, a step that waits for it is told so.
func (m *machine) includesAnswer(p remote.Probe) remote.Answer {
	main := p.Args[0]
	line := "include /etc/ipsec.d/*" + strings.TrimPrefix(main, "/etc/ipsec") + "\n"
	switch {
	case !m.has(main) && strings.Contains(p.Args[1], "exit 127"):
		return remote.Answer{Probe: p, Code: 127}
	case strings.Contains("\n"+m.text(main), "\n"+line):
		return said(p, line)
	}
	return said(p, "no such line\n")
}

// rivals are the files beside a tunnel's own that declare a connection to the same
// other end; read names it, as a pattern.
func (m *machine) rivals(name, read string) string {
	var b strings.Builder
	for _, path := range append([]string{"/etc/ipsec.conf"}, m.paths("/etc/ipsec.d/")...) {
		if path == "/etc/ipsec.d/"+name+".conf" || !strings.HasSuffix(path, ".conf") {
			continue
		}
		for _, c := range connsIn(m.text(path)) {
			if strings.Contains(read, quotedAddr(c.right)) {
				fmt.Fprintln(&b, path)
				break
			}
		}
	}
	return b.String()
}

func quotedAddr(a netip.Addr) string { return strings.ReplaceAll(a.String(), ".", "[.]") }

var connNames = regexp.MustCompile(`for conn in ([^;]+);`)

// loadedAnswer says whether the daemon has the connections that read names.
func (m *machine) loadedAnswer(p remote.Probe) remote.Answer {
	if !m.installed("strongswan-starter") {
		return remote.Answer{Probe: p, Code: 127}
	}
	if !m.active("strongswan-starter.service") {
		return said(p, "not running with all of its parts\n")
	}
	w := connNames.FindStringSubmatch(p.Args[1])
	if w == nil {
		return m.notModelled(p)
	}
	for name := range strings.FieldsSeq(w[1]) {
		switch c, ok := m.conns[name]; {
		case !ok:
			return said(p, "not loaded\n")
		case !c.trap:
			return said(p, "loaded, without its trap\n")
		}
	}
	return said(p, "loaded\n")
}
