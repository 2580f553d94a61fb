package practice

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"time"
)

//go:embed data
var data embed.FS

// machine is one computer of the practice world.
type machine struct {
	w       *World
	name    string
	last    int    // of its addresses
	mac     string // of its network card
	files   map[string]*file
	changes int // counts writes, as a file's time does

	packages map[string]string // name → dpkg's word: "installed", "half-configured"
	lists    bool              // apt fetched its lists
	debconf  map[string]string
	units    map[string]*unit
	users    map[string]*user
	editor   string // "auto /bin/nano", as update-alternatives says
	aliases  map[string]string
	zone     string
	freeKiB  int64

	kernelName string
	boot       string
	booted     time.Time
	down       chan struct{} // closed when it is back; nil while it is up
	card       card
	rules      map[int][]rule // by family: 4, 6
	rpFilter   string
	shut       bool // SSH is shut by something beside the rules

	queue   []message
	sent    []string
	conns   map[string]conn   // that the daemon has loaded
	keys    map[string]string // by the pair of addresses, as the daemon read them
	up      map[string]*counted
	records []*record
}

type file struct {
	text  string
	mode  fs.FileMode
	owner string
	made  int
}

type user struct {
	home, group string
	groups      []string
}

// card is the network card as the kernel has it now.
type card struct {
	name     string
	addrs    []netip.Prefix
	gateway4 string
	gateway6 string
}

const (
	kernelVersion = "6.1.0-50-cloud-amd64"
	initramfsFile = "/boot/initrd.img-" + kernelVersion
	udevFile      = "/etc/udev/rules.d/70-persistent-net.rules"
	networkFile   = "/etc/network/interfaces"
	slotName      = "ens3" // what the kernel calls the card where no rule does
)

// newMachine is a fresh Debian 12 as a provider hands it over.
func newMachine(w *World, name, hostname string, last int) *machine {
	m := &machine{
		w: w, name: name, last: last, mac: fmt.Sprintf("52:54:00:51:00:%d", last),
		files: map[string]*file{}, packages: map[string]string{}, debconf: map[string]string{}, units: map[string]*unit{},
		users: map[string]*user{"root": {home: "/root", group: "root", groups: []string{"root"}}}, editor: "auto /bin/nano",
		aliases: map[string]string{}, zone: "Etc/UTC", freeKiB: 37 << 20, rules: map[int][]rule{}, rpFilter: "0", up: map[string]*counted{},
	}
	if name == serverName {
		m.zone = "America/New_York"
	}
	m.unpack("data/fresh")
	m.write("/etc/hostname", hostname+"\n")
	m.write("/etc/hosts", strings.ReplaceAll(m.text("/etc/hosts"), "debian", hostname))
	m.write("/etc/resolv.conf", "nameserver "+resolver+"\n")
	m.write(networkFile, fmt.Sprintf(freshInterfaces, m.home4(), m.home6()))
	m.makeInitramfs()
	for _, p := range []string{"systemd-timesyncd", "openssh-server", "ifupdown", "cron", "sudo", "dbus", "iputils-ping"} {
		m.packages[p] = "installed"
	}
	m.addUnit("ssh.service", "enabled")
	m.addUnit("systemd-timesyncd.service", "enabled")
	m.start()
	return m
}

// freshInterfaces is what the lab's fresh machines have.
const freshInterfaces = `# This file describes the network interfaces available on your system
# and how to activate them. For more information, see interfaces(5).

source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

allow-hotplug ens3
iface ens3 inet static
	address %s
	gateway 198.51.100.1
iface ens3 inet6 static
	address %s
	gateway 2001:db8:51::1
`

// home4 and home6 are the addresses that the provider gave the machine.
func (m *machine) home4() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(m.last)}), 24)
}

func (m *machine) home6() netip.Prefix {
	return netip.MustParsePrefix(fmt.Sprintf("2001:db8:51::%d/64", m.last))
}

// --- files -------------------------------------------------------------------

func (m *machine) write(path, text string) { m.writeAs(path, text, 0o644, "root:root") }

func (m *machine) writeAs(path, text string, mode fs.FileMode, owner string) {
	m.changes++
	m.files[path] = &file{text: text, mode: mode, owner: owner, made: m.changes}
}

// edit changes what a file holds, and nothing else of it.
func (m *machine) edit(path string, change func(string) string) {
	if f := m.files[path]; f != nil {
		m.writeAs(path, change(f.text), f.mode, f.owner)
		return
	}
	m.write(path, change(""))
}

func (m *machine) remove(path string) { delete(m.files, path) }

// text is what a file holds, "" where it is not there.
func (m *machine) text(path string) string {
	if f := m.files[path]; f != nil {
		return f.text
	}
	return ""
}

func (m *machine) has(path string) bool { return m.files[path] != nil }

// paths are the files below a folder, in order.
func (m *machine) paths(folder string) []string {
	var out []string
	for p := range m.files {
		if strings.HasPrefix(p, folder) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// unpack lays the files of a folder of data down where they belong. Those that
// are there already stay, as dpkg keeps an admin's own.
func (m *machine) unpack(folder string) {
	_ = fs.WalkDir(data, folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() { // a package without files
			return nil
		}
		at := strings.TrimPrefix(path, folder)
		text, err := data.ReadFile(path)
		if err != nil || m.has(at) {
			return err
		}
		mode := fs.FileMode(0o644)
		if strings.HasSuffix(at, "/ipsec.secrets") {
			mode = 0o600
		}
		m.writeAs(at, strings.ReplaceAll(string(text), "\r\n", "\n"), mode, "root:root")
		return nil
	})
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// fullName is what hostname -f finds for the kernel's name: in /etc/hosts, or else
// in DNS, where the domain is searched.
func (m *machine) fullName() (string, bool) {
	for line := range strings.Lines(m.text("/etc/hosts")) {
		w := strings.Fields(line)
		if len(w) > 1 && !strings.HasPrefix(w[0], "#") && slices.Contains(w[1:], m.kernelName) {
			return w[1], true
		}
	}
	full := m.kernelName + "." + domain
	return full, m.reachesDNS() && m.w.names.name == full
}

func (m *machine) installed(p string) bool { return m.packages[p] == "installed" }
