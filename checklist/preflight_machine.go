package checklist

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// What the page asks of a machine, less what a kernel and a file system keep for
// themselves: 4 GiB are seen as about 3.8, and a plan sold as 40 GB is 37.25 GiB,
// of which ext4 shows about 36.6.
// Source: the page, "Basic Requirements".
const (
	wantCores     = 2
	wantMHz       = 2000
	wantMemKiB    = 3584 << 10 // 3.5 GiB
	wantDiskKiB   = 36 << 20   // 36 GiB
	wantFreeKiB   = 3 << 20    // what the page's packages and their downloads take
	neededFreeKiB = 512 << 10  // below it dpkg and journald begin to fail
)

func gib(kib int64) string { return fmt.Sprintf("%.1f GiB", float64(kib)/(1<<20)) }

func judgeRelease(f Facts) Change {
	var names []string
	for _, r := range Releases() {
		names = append(names, r.Name)
	}
	c := Change{Now: f.Release.Name, Want: strings.Join(names, " or ")}
	switch {
	case f.Release.Dir == "":
		c.Short = fmt.Sprintf("the server runs %s; aslwiz knows %s", f.Release.Name, c.Want)
		c.Blocks = true
	case !f.Release.Proven:
		c.Notes = []string{"the page was not yet run on it on real machines: plan and verify work, apply asks for --unproven"}
	}
	c.Notes = append(c.Notes, "the page names Ubuntu 16.04, which gets no updates any more; AllStarLink itself supports Debian 12 and 13")
	return c
}

func judgeCores(f Facts) Change {
	c := Change{Now: fmt.Sprint(f.Cores), Want: fmt.Sprintf("at least %d", wantCores)}
	if f.Cores < wantCores {
		c.Short = fmt.Sprintf("too few: %d, and at least %d are asked for", f.Cores, wantCores)
	}
	return c
}

// judgeSpeed only tells: virtual machines and ARM show a wrong speed, or none.
func judgeSpeed(f Facts) Change {
	c := Change{Now: "not shown", Want: fmt.Sprintf("%d MHz or faster", wantMHz)}
	if f.MHz > 0 {
		c.Now = fmt.Sprintf("%.0f MHz", f.MHz)
		if f.MHz < wantMHz {
			c.Notes = []string{"slower than the page asks for, if the number is true: processors that save power show less than they can do"}
		}
	}
	return c
}

func judgeMemory(f Facts) Change {
	c := Change{Now: gib(f.MemKiB), Want: "4 GiB"}
	if f.MemKiB < wantMemKiB {
		c.Short = fmt.Sprintf("%s of memory, and 4 GiB are asked for", gib(f.MemKiB))
	}
	return c
}

func judgeDisk(f Facts) Change {
	c := Change{Now: gib(f.DiskKiB), Want: "40 GB (37.3 GiB)"}
	if f.DiskKiB < wantDiskKiB {
		c.Short = fmt.Sprintf("%s of disk at /, and 40 GB are asked for", gib(f.DiskKiB))
		c.Notes = []string{"if the disk itself is larger, the file system was not grown to fill it: see growpart(1) and resize2fs(8)"}
	}
	return c
}

func judgeSpace(f Facts) Change {
	c := Change{Now: gib(f.FreeKiB), Want: gib(wantFreeKiB)}
	switch {
	case f.FreeKiB < neededFreeKiB:
		c.Short = fmt.Sprintf("only %d MiB are free on /: a step could fail half-way; make room first", f.FreeKiB>>10)
		c.Blocks = true
	case f.FreeKiB < wantFreeKiB:
		c.Short = fmt.Sprintf("%s are free on /, and the page's packages may not fit", gib(f.FreeKiB))
	}
	return c
}

func judgeReadOnly(f Facts) Change {
	c := Change{Now: "yes", Want: "yes"}
	if f.ReadOnly {
		c.Now = "no"
		c.Short = "/ is mounted read-only, so nothing can be changed: the kernel does that when the disk has errors; see dmesg(1)"
		c.Blocks = true
	}
	return c
}

// globalUnicast is where public IPv6 addresses are. Source: RFC 4291, 2.4.
var globalUnicast = netip.MustParsePrefix("2000::/3")

func judgeIPv6(f Facts) Change {
	var addrs []string
	for _, n := range f.NICs {
		for _, a := range n.Addrs {
			if globalUnicast.Contains(a.Addr()) {
				addrs = append(addrs, a.String())
			}
		}
	}
	c := Change{Now: strings.Join(addrs, ", "), Want: "a global address and a default route"}
	switch {
	case len(addrs) == 0:
		c.Now = "no global address"
		c.Short = "no global IPv6 address, and every new server is to have IPv6"
	case !f.Route6:
		c.Now += ", no default route"
		c.Short = "an IPv6 address but no IPv6 default route: nothing outside can be reached over it"
	}
	return c
}

// isolated are systemd-detect-virt's words for machines that share the kernel of
// another.
var isolated = []string{"openvz", "lxc", "lxc-libvirt", "systemd-nspawn", "docker", "podman", "rkt", "wsl", "proot", "pouch", "container-other"}

func judgeVirt(f Facts) Change {
	c := Change{Now: orElse(f.Virt, "not known"), Want: "a machine with a kernel of its own"}
	if f.Virt == "none" {
		c.Now = "hardware"
	}
	if slices.Contains(isolated, f.Virt) {
		c.Short = fmt.Sprintf("a container (%s): its kernel, clock and network card belong to the host, so IPsec, time and the card's name may not be settable here", f.Virt)
	}
	return c
}

// maxSkew is where a clock is no longer just a little off.
const maxSkew = 5 * time.Minute

func judgeClock(f Facts) Change {
	s := f.Skew.Round(time.Second)
	c := Change{Now: "as this computer's", Want: "as this computer's"}
	if s != 0 {
		c.Now = fmt.Sprintf("%s ahead of this computer's", s)
		if s < 0 {
			c.Now = fmt.Sprintf("%s behind this computer's", -s)
		}
		c.Notes = []string{"one of the two clocks is wrong; apt and certificates refuse a server whose clock is far off"}
	}
	if s.Abs() >= maxSkew {
		c.Short = fmt.Sprintf("the server's clock is %s: if it is the wrong one, apt may refuse its lists as not valid yet; set it with `date -u -s`, and step time keeps it right", c.Now)
	}
	return c
}

// Message is what the step leaves to send to somebody, "" for nothing: for step
// preflight, what the provider should put right.
func (s StepPlan) Message() string {
	if s.Step != "preflight" {
		return ""
	}
	return ProviderMessage(s.Changes, s.in.Answers, s.in.Facts)
}

// ProviderMessage is what to write to the provider where the machine falls short
// of the page, from the changes of step preflight; "" when it does not.
func ProviderMessage(changes []Change, a Answers, f Facts) string {
	mine := []string{checkRelease, checkCores, checkSpeed, checkMemory, checkDisk, checkPartitions, checkIPv6, checkVirt}
	var short []string
	for _, c := range changes {
		if c.Short != "" && slices.Contains(mine, c.Resource) {
			short = append(short, "- "+c.Resource+": "+c.Short)
		}
	}
	if len(short) == 0 {
		return ""
	}
	name := a.Host
	if a.Hostname != "" && a.Domain != "" {
		name = fmt.Sprintf("%s (%s)", a.FQDN(), a.Host)
	}
	return fmt.Sprintf(`Subject: server %s is not as ordered

Hello,

the server %s does not have what we ask of a server:

%s

What we ask for: at least %d processors of 2 GHz or faster, 4 GiB of memory, 40 GB of disk with / as the only
partition, and IPv6. What it shows: %d processor(s), %s of memory, %s at /, %s.

Please put this right, or tell us what you can offer instead.
`, name, name, strings.Join(short, "\n"), wantCores, f.Cores, gib(f.MemKiB), gib(f.DiskKiB), f.Pretty)
}
