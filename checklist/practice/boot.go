package practice

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// start is what happens at boot: what takes effect only then, takes effect.
func (m *machine) start() {
	m.boot, m.booted = newBoot(), m.w.clock.Now()
	m.kernelName = strings.TrimSpace(m.text("/etc/hostname"))
	m.rules, m.rpFilter = map[int][]rule{}, "0"
	m.conns, m.keys, m.up = map[string]conn{}, map[string]string{}, map[string]*counted{}
	m.card = m.readInterfaces(m.cardName())
	for _, s := range services() {
		u, _, ok := m.unitOf(s.name)
		if !ok {
			continue
		}
		u.active, u.failed = false, false
		if u.enabled == "enabled" {
			_ = m.startUnit(s.name) // a failed unit is in its state
		}
	}
}

func newBoot() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

var (
	udevMAC  = regexp.MustCompile(`(?m)^[^#\n]*ATTR\{address\}=="([0-9a-f:]+)".*\bNAME="([^"]+)"`)
	carries  = "carries udev's rules:\n"
	ifaceAny = regexp.MustCompile(`^iface\s+(\S+)\s+(inet6?)\s+static$`)
)

// makeInitramfs puts the present udev rules into the initramfs.
func (m *machine) makeInitramfs() {
	m.write(initramfsFile, fmt.Sprintf("initramfs of %s, made by write %d, %s%s", kernelVersion, m.changes, carries, m.text(udevFile)))
}

// cardName is what udev calls the card, by the rules in the initramfs.
func (m *machine) cardName() string {
	_, rules, _ := strings.Cut(m.text(initramfsFile), carries)
	for _, w := range udevMAC.FindAllStringSubmatch(rules, -1) {
		if strings.EqualFold(w[1], m.mac) {
			return w[2]
		}
	}
	return slotName
}

// readInterfaces is what ifup makes of /etc/network/interfaces for the card. The
// card is brought up under its name, or by its hardware address.
func (m *machine) readInterfaces(name string) card {
	text := m.text(networkFile)
	wanted, as := false, name
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) < 2 || w[0] != "auto" && w[0] != "allow-hotplug" {
			continue
		}
		for _, word := range w[1:] {
			if to, ok := strings.CutPrefix(word, "mac/"+m.mac+"="); ok {
				wanted, as = true, to
			}
			wanted = wanted || word == name
		}
	}
	c := card{name: name}
	if !wanted {
		return c
	}
	inside := false
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) == 0 || strings.HasPrefix(w[0], "#") {
			continue
		}
		if w[0] == "iface" || w[0] == "auto" || strings.HasPrefix(w[0], "allow-") || w[0] == "source" {
			found := ifaceAny.FindStringSubmatch(strings.TrimSpace(line))
			inside = found != nil && found[1] == as
			continue
		}
		if inside && len(w) > 1 {
			c.set(w[0], w[1])
		}
	}
	return c
}

func (c *card) set(key, value string) {
	switch key {
	case "address":
		if p, err := netip.ParsePrefix(value); err == nil && !slices.Contains(c.addrs, p) {
			c.addrs = append(c.addrs, p)
		}
	case "gateway":
		if strings.Contains(value, ":") {
			c.gateway6 = value
		} else {
			c.gateway4 = value
		}
	}
}

// add is ip address add.
func (c *card) add(prefix, dev string) error {
	p, err := netip.ParsePrefix(prefix)
	switch {
	case err != nil:
		return err
	case dev != c.name:
		return fmt.Errorf("Cannot find device %q", dev) //nolint:staticcheck // ip's own words
	}
	c.set("address", p.String())
	return nil
}

// has says whether the card has an address now.
func (c card) has(a netip.Addr) bool {
	return slices.ContainsFunc(c.addrs, func(p netip.Prefix) bool { return p.Addr() == a })
}
