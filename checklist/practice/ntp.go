package practice

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"aslwiz/remote"
)

var ntpSource = regexp.MustCompile(`(?m)^\s*(?:server|pool)\s+(\S+)`)

func (m *machine) timeSources() []string {
	var out []string
	for _, w := range ntpSource.FindAllStringSubmatch(m.text("/etc/ntpsec/ntp.conf"), -1) {
		out = append(out, w[1])
	}
	return out
}

// syncTime is how long the daemon needs to believe its servers: minutes on a real
// server, and in the practice world as long as a person likes to wait for it.
const syncTime = 5 * time.Second

// synced says whether the kernel calls its clock synchronised.
func (m *machine) synced() bool {
	return m.active("ntpsec.service") && m.reachesDNS() && m.w.clock.Now().Sub(m.booted) > syncTime
}

// ntptimeAnswer is what ntptime prints.
func (m *machine) ntptimeAnswer(p remote.Probe) remote.Answer {
	if !m.installed("ntpsec") {
		return remote.Answer{Probe: p, Code: 127}
	}
	code, word, status := 5, "ERROR", "0x41 (PLL,UNSYNC)"
	if m.synced() {
		code, word, status = 0, "OK", "0x2001 (PLL,NANO)"
	}
	return said(p, fmt.Sprintf(`ntp_gettime() returns code %d (%s)
  time ec9f1a5c.24f10000 %s, (.144303),
  maximum error 17000 us, estimated error 33 us, TAI offset 37
ntp_adjtime() returns code %[1]d (%[2]s)
  modes 0x0 (),
  offset 41.270 us, frequency 3.211 ppm, interval 1 s,
  maximum error 17000 us, estimated error 33 us,
  status %[4]s,
  time constant 6, precision 0.001 us, tolerance 500 ppm,
`, code, word, m.w.clock.Now().UTC().Format("2006-01-02T15:04:05.000Z"), status))
}

// ntpqAnswer is what ntpq -np prints.
func (m *machine) ntpqAnswer(p remote.Probe) remote.Answer {
	if !m.installed("ntpsec") {
		return remote.Answer{Probe: p, Code: 127}
	}
	if !m.active("ntpsec.service") {
		return said(p, "***Socket error; probably ntpd is not running\n\n")
	}
	var b strings.Builder
	b.WriteString("     remote           refid      st t when poll reach   delay   offset   jitter\n" + strings.Repeat("=", 79) + "\n")
	sources := m.timeSources()
	for _, name := range sources {
		if strings.Contains(name, "pool") {
			fmt.Fprintf(&b, " %-15.15s .POOL.          16 p    -  256    0   0.0000   0.0000   0.0010\n", name)
		}
	}
	for i := range sources {
		mark := " "
		if m.synced() {
			mark = map[bool]string{true: "*", false: "+"}[i == 0]
		}
		fmt.Fprintf(&b, "%s203.0.113.%-5d 192.0.2.%-7d 2 u   17   64    7   1.2034  -0.0413   0.0331\n", mark, 10+i, i+1)
	}
	return said(p, b.String())
}
