package checklist

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"aslwiz/remote"
)

const (
	ntpConf    = "/etc/ntpsec/ntp.conf"
	ntpDefault = "/etc/default/ntpsec"
)

// stepTime makes the release's NTP daemon the one that sets the clock.
// Sources: the page (ntp in its packages, "set via ntp"); ntp.conf(5) of ntpsec
// for server, pool and tos; /usr/libexec/ntpsec/ntp-systemd-wrapper for
// IGNORE_DHCP.
var stepTime = Step{
	ID:       "time",
	Title:    "keep the clock right",
	Why:      "certificates, tunnels and logs all fail in odd ways on a server whose clock is wrong",
	Follows:  []string{"packages"},
	Services: timeServices,
	Want:     wantTime,
}

func timeServices(in In) []string {
	if isContainer(in.Facts.Virt) {
		return nil // its host's clock
	}
	return []string{ntpUnit(in)}
}

// ntpUnit is the unit of the release's NTP daemon.
func ntpUnit(in In) string { return orElse(in.Facts.Release.Units["ntp"], "ntpsec.service") }

// otherClocks are the daemons that would also set the clock.
var otherClocks = []string{"systemd-timesyncd.service", "chrony.service", "openntpd.service"}

func wantTime(in In) ([]Resource, error) {
	if isContainer(in.Facts.Virt) {
		return []Resource{manual("clock", fmt.Sprintf(
			"this is a container (%s): it has the clock of its host, and only the host can keep it right", in.Facts.Virt))}, nil
	}
	var out []Resource
	for _, unit := range otherClocks {
		out = append(out, serviceOff(unit, ""))
	}
	if servers := in.Answers.Time.Servers; len(servers) > 0 {
		out = append(out,
			Edit{
				Path: ntpConf, Step: "packages", What: "asks " + strings.Join(servers, ", "),
				Apply: func(old string) (string, error) { return setTimeServers(old, servers), nil },
				After: []string{"systemctl --no-block try-restart " + ntpUnit(in)},
				Note:  fewServersNote(servers),
			},
			Edit{
				Path: ntpDefault, Step: "packages", What: "no time servers from DHCP",
				Apply: func(old string) (string, error) { return setShellVar(old, "IGNORE_DHCP", "yes"), nil },
			})
	}
	return append(out, Service{Unit: ntpUnit(in), Step: "packages", Restart: true}), nil
}

func fewServersNote(servers []string) string {
	if len(servers) >= 4 || slices.ContainsFunc(servers, isPool) {
		return ""
	}
	return fmt.Sprintf("%d servers: the daemon cannot outvote one that is wrong; four can", len(servers))
}

// isContainer reports the words of systemd-detect-virt for machines without a
// kernel, and so without a clock, of their own.
func isContainer(virt string) bool {
	return slices.Contains([]string{
		"openvz", "lxc", "lxc-libvirt", "systemd-nspawn", "docker", "podman", "rkt", "wsl", "proot", "pouch", "container-other",
	}, virt)
}

// manual is a check that leaves something to a person.
func manual(title, text string) Check {
	return Check{Title: title, Judge: func([]remote.Answer) (Change, error) {
		return Change{Now: "left to a person", Want: "seen to by a person", Short: text}, nil
	}}
}

var (
	ntpSource = regexp.MustCompile(`^\s*(server|pool|peer)\s+(\S+)`)
	ntpTos    = regexp.MustCompile(`^(\s*tos\s.*\bminclock\s+)\d+(\s+minsane\s+)\d+(.*)$`)
)

func isPool(name string) bool {
	return name == "pool.ntp.org" || strings.HasSuffix(name, ".pool.ntp.org")
}

// setTimeServers replaces the lines that name time servers, where the first of
// them stands, and lets the daemon be content with as many as there are: the
// release's minsane 3 would never believe one or two.
func setTimeServers(old string, servers []string) string {
	want := make([]string, 0, len(servers))
	for _, s := range servers {
		word := "server"
		if isPool(s) {
			word = "pool"
		}
		want = append(want, word+" "+s+" iburst")
	}
	var out []string
	placed := false
	for _, l := range strings.Split(strings.TrimSuffix(old, "\n"), "\n") {
		if m := ntpSource.FindStringSubmatch(l); m != nil && !strings.HasPrefix(m[2], "127.127.") {
			if !placed {
				out = append(out, want...)
				placed = true
			}
			continue
		}
		if m := ntpTos.FindStringSubmatch(l); m != nil && !slices.ContainsFunc(servers, isPool) {
			clock, sane := min(len(servers), 4), 3
			if len(servers) < 3 {
				sane = 1
			}
			l = fmt.Sprintf("%s%d%s%d%s", m[1], clock, m[2], sane, m[3])
		}
		out = append(out, l)
	}
	if !placed {
		out = append(out, want...)
	}
	return strings.Join(out, "\n") + "\n"
}

// setShellVar gives a variable of a file that a shell reads a plain value, in
// the place of its last assignment or at the end.
func setShellVar(old, name, value string) string {
	lines := strings.Split(strings.TrimSuffix(old, "\n"), "\n")
	want := fmt.Sprintf("%s=%q", name, value)
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.HasPrefix(strings.TrimSpace(lines[i]), name+"=") {
			lines[i] = want
			return strings.Join(lines, "\n") + "\n"
		}
	}
	if old == "" {
		return want + "\n"
	}
	return strings.Join(append(lines, want), "\n") + "\n"
}
