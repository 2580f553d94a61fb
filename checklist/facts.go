package checklist

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"aslwiz/remote"
)

// Facts is what a server says about itself.
type Facts struct {
	Release  Release `json:"release"` // Dir is empty where it is not recognised; Name is then Pretty
	Pretty   string  `json:"pretty"`  // "Debian GNU/Linux 12 (bookworm)"
	Arch     string  `json:"arch"`
	Kernel   string  `json:"kernel"`
	BootID   string  `json:"boot_id"`
	Hostname string  `json:"hostname"` // the kernel's
	Virt     string  `json:"virt"`     // systemd-detect-virt's word: "kvm", "none", "lxc"

	Cores    int     `json:"cores"`
	MHz      float64 `json:"mhz"` // 0: not known
	MemKiB   int64   `json:"mem_kib"`
	DiskKiB  int64   `json:"disk_kib"` // size of the file system at /
	FreeKiB  int64   `json:"free_kib"`
	ReadOnly bool    `json:"read_only"` // / is mounted read-only

	NICs     []NIC        `json:"nics"`
	Gateway4 netip.Addr   `json:"gateway4"`
	Gateway6 netip.Addr   `json:"gateway6"`
	Route6   bool         `json:"route6"` // an IPv6 default route, with or without a gateway
	DNS      []netip.Addr `json:"dns"`

	SSHPort   int        `json:"ssh_port"`   // of the connection in use
	Client    netip.Addr `json:"client"`     // the admin's address as the server sees it
	Server    netip.Addr `json:"server"`     // the server's own end of the connection
	CloudInit bool       `json:"cloud_init"` // cloud-init is installed
	// Job is the step that runs there at this moment, by whom and since when; "" for
	// none.
	Job string `json:"job,omitempty"`
	// Skew is how far the server's clock is ahead of this computer's at least:
	// the time that the question took is not counted.
	Skew time.Duration `json:"skew"`
}

// NIC is a network interface with hardware behind it.
type NIC struct {
	Name  string         `json:"name"`
	MAC   string         `json:"mac"`
	Up    bool           `json:"up"`
	Addrs []netip.Prefix `json:"addrs"` // of global scope
}

// SSHPaths are the server's own global addresses with the SSH port in use.
func (f Facts) SSHPaths() []netip.AddrPort {
	var out []netip.AddrPort
	for _, n := range f.NICs {
		for _, a := range n.Addrs {
			out = append(out, netip.AddrPortFrom(a.Addr(), uint16(f.SSHPort)))
		}
	}
	return out
}

// machineRead prints what a machine is, a "key value" line each. What a system
// does not tell is left out. The physical cores of a machine may be fewer; the
// page counts what /proc/cpuinfo lists, as nproc does.
const machineRead = `echo "kernel $(uname -r)"; echo "arch $(uname -m)"; echo "hostname $(uname -n)"
echo "boot $(cat /proc/sys/kernel/random/boot_id)"
echo "virt $(systemd-detect-virt 2>/dev/null || :)"
echo "cores $(nproc --all)"
sed -n 's/^cpu MHz[^:]*: */mhz /p' /proc/cpuinfo 2>/dev/null | head -n 1
sed -n 's/^MemTotal: *\([0-9]*\).*/mem \1/p' /proc/meminfo
df -kP / | { read -r _; read -r _ size _ free _; echo "disk $size"; echo "free $free"; }
case ,$(findmnt -rno OPTIONS /), in *,ro,*) echo "readonly yes" ;; esac
command -v cloud-init >/dev/null && echo "cloudinit yes"
for d in /sys/class/net/*/device; do n=${d%/device}; [ -e "$d" ] && echo "nic ${n##*/}"; done
if [ -d /sys/fs/cgroup/system.slice/aslwiz-job.service ]; then
  m=; for d in ` + remote.TxRoot + `/*/; do case $d in *.tmp/) ;; *) m=${d}meta ;; esac; done
  echo "job $(sed -n 's/^step=//p' "$m"), begun by $(sed -n 's/^who=//p' "$m") at $(date -u -r "$m" '+%F %T UTC')"
fi
echo "clock $(date +%s.%N)"`

// factProbes are the questions of GatherFacts, by their place.
func factProbes() []remote.Probe {
	return []remote.Probe{
		remote.ReadFile("/etc/os-release"),
		remote.ReadSetting("machine", machineRead),
		remote.ReadCommand("ip", "-j", "address"),
		remote.ReadCommand("ip", "-j", "-4", "route", "show", "default"),
		remote.ReadCommand("ip", "-j", "-6", "route", "show", "default"),
		remote.ReadFile("/etc/resolv.conf"),
	}
}

// GatherFacts asks a server about itself, in one request. A release that is not
// recognised is a fact, not an error.
func GatherFacts(ctx context.Context, h Host) (Facts, error) {
	before := time.Now()
	a, err := h.Survey(ctx, factProbes())
	if err != nil {
		return Facts{}, err
	}
	f, err := parseFacts(a, before, time.Now())
	if err != nil {
		return f, fmt.Errorf("%s: %w", h.Name(), err)
	}
	f.SSHPort = int(h.ServerAddr().Port())
	f.Client = h.ClientAddr().Addr().Unmap().WithZone("")
	f.Server = h.ServerAddr().Addr().Unmap().WithZone("")
	return f, nil
}

func parseFacts(a []remote.Answer, before, after time.Time) (Facts, error) {
	var f Facts
	if len(a) != len(factProbes()) {
		return f, fmt.Errorf("%d answers to %d questions about the machine", len(a), len(factProbes()))
	}
	osRelease, err := a[0].File()
	if err != nil {
		return f, err
	}
	f.Release, f.Pretty = parseOSRelease(string(osRelease.Content))
	machine, err := a[1].Text()
	if err != nil {
		return f, err
	}
	hardware := f.readMachine(machine, before, after)
	if f.NICs, err = parseNICs(a[2], hardware); err != nil {
		return f, err
	}
	if f.Gateway4, _, err = defaultRoute(a[3]); err != nil {
		return f, err
	}
	// Without IPv6 in the kernel, ip fails here: there is no such route then.
	f.Gateway6, f.Route6, _ = defaultRoute(a[4])
	// A machine without resolv.conf has no resolvers; one that cannot be read is no reason to stop.
	if resolv, err := a[5].File(); err == nil {
		f.DNS = parseResolvers(string(resolv.Content))
	}
	return f, nil
}

// parseOSRelease reads os-release(5).
func parseOSRelease(s string) (r Release, pretty string) {
	v := map[string]string{}
	for line := range strings.Lines(remote.CleanText(s)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		v[key] = strings.Trim(value, `"'`)
	}
	pretty = cmp.Or(v["PRETTY_NAME"], v["NAME"], "an operating system that does not say its name")
	if r, ok := FindRelease(v["ID"], v["VERSION_ID"]); ok {
		return r, pretty
	}
	return Release{ID: v["ID"], Version: v["VERSION_ID"], Name: pretty}, pretty
}

// readMachine reads machineRead's lines and returns the interfaces with
// hardware behind them.
func (f *Facts) readMachine(text string, before, after time.Time) (hardware []string) {
	for line := range strings.Lines(text) {
		key, v, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.ParseInt(v, 10, 64)
		switch key {
		case "kernel":
			f.Kernel = v
		case "arch":
			f.Arch = v
		case "hostname":
			f.Hostname = v
		case "boot":
			f.BootID = v
		case "virt":
			f.Virt = v
		case "cores":
			f.Cores = int(n)
		case "mhz":
			f.MHz, _ = strconv.ParseFloat(v, 64)
		case "mem":
			f.MemKiB = n
		case "disk":
			f.DiskKiB = n
		case "free":
			f.FreeKiB = n
		case "readonly":
			f.ReadOnly = true
		case "cloudinit":
			f.CloudInit = true
		case "job":
			f.Job = remote.CleanLine(v)
		case "nic":
			hardware = append(hardware, v)
		case "clock":
			f.Skew = skew(v, before, after)
		}
	}
	return hardware
}

// skew is how far seconds, which a server said at some time between before and
// after, is from both at least.
func skew(seconds string, before, after time.Time) time.Duration {
	whole, frac, _ := strings.Cut(seconds, ".")
	s, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return 0
	}
	ns, _ := strconv.ParseInt(frac, 10, 64)
	switch at := time.Unix(s, ns); {
	case at.Before(before):
		return at.Sub(before)
	case at.After(after):
		return at.Sub(after)
	}
	return 0
}

// parseNICs reads `ip -j address`. In a container no interface has hardware
// behind it: there all but the loopback count.
func parseNICs(a remote.Answer, hardware []string) ([]NIC, error) {
	var links []struct {
		Name  string   `json:"ifname"`
		MAC   string   `json:"address"`
		Type  string   `json:"link_type"`
		Flags []string `json:"flags"`
		Addrs []struct {
			Local netip.Addr `json:"local"`
			Bits  int        `json:"prefixlen"`
			Scope string     `json:"scope"`
		} `json:"addr_info"`
	}
	if err := a.JSON(&links); err != nil {
		return nil, err
	}
	var out []NIC
	for _, l := range links {
		if l.Type == "loopback" || len(hardware) > 0 && !slices.Contains(hardware, l.Name) {
			continue
		}
		n := NIC{Name: remote.CleanLine(l.Name), MAC: remote.CleanLine(l.MAC), Up: slices.Contains(l.Flags, "UP")}
		for _, ad := range l.Addrs {
			if ad.Scope == "global" && ad.Local.IsValid() {
				n.Addrs = append(n.Addrs, netip.PrefixFrom(ad.Local, ad.Bits))
			}
		}
		out = append(out, n)
	}
	return out, nil
}

// defaultRoute reads `ip -j route show default`: the gateway of the first one
// that has one.
func defaultRoute(a remote.Answer) (gateway netip.Addr, ok bool, err error) {
	if a.Err() == nil && a.Code == 0 && len(strings.TrimSpace(string(a.Out))) == 0 {
		return gateway, false, nil
	}
	var routes []struct {
		Gateway string `json:"gateway"`
		Dev     string `json:"dev"`
		Type    string `json:"type"` // "unreachable" for a route that refuses
	}
	if err := a.JSON(&routes); err != nil {
		return gateway, false, err
	}
	for _, r := range routes {
		if r.Type != "" && r.Type != "unicast" || r.Dev == "lo" {
			continue
		}
		ok = true
		if gw, err := netip.ParseAddr(remote.CleanLine(r.Gateway)); err == nil {
			return gw, true, nil
		}
	}
	return gateway, ok, nil
}

// parseResolvers reads the name servers of resolv.conf(5).
func parseResolvers(s string) (out []netip.Addr) {
	for line := range strings.Lines(s) {
		if w := strings.Fields(line); len(w) > 1 && w[0] == "nameserver" {
			if a, err := netip.ParseAddr(remote.CleanLine(w[1])); err == nil {
				out = append(out, a)
			}
		}
	}
	return out
}
