package practice

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// saidThere is what a real machine of the lab answered to a probe.
type saidThere struct {
	probe remote.Probe
	code  int
	out   string
	issue string
}

// state is a state of a real machine that was recorded, and how the practice
// server gets into the same one.
type state struct {
	file    string // below testdata
	answers checklist.Answers
	steps   []string // that were applied there
	address string   // the machine's, by its last number
	name    string   // its host name, where the page did not set it
	// before is what the machine was like before the page, beside a fresh system.
	before func(*machine)
	tried  bool        // a test mail was sent then
	broken []string    // in the end
	said   []saidThere // where it was read already
}

func states() []state {
	replayed := checklist.Answers{
		Host: "198.51.100.11", Hostname: "stats", Domain: "example.net",
		Firewall: checklist.Firewall{Services: []string{"http", "iax2"}, Ports: []string{"8080/tcp"}},
		Fail2ban: checklist.Fail2ban{Ignore: []string{"203.0.113.7"}},
	}
	local := checklist.Answers{
		Host: "198.51.100.11", User: "root", Hostname: "stats", Domain: "example.net",
		Network: checklist.Network{IPv4: "198.51.100.11/24", Gateway4: "198.51.100.1", IPv6: "2001:db8:51::11/64", Gateway6: "2001:db8:51::1"},
		Mail:    checklist.Mail{Relay: "mail.example.net", Root: "noc@example.net"},
		SNMP:    checklist.SNMP{NMS: []string{"198.51.100.9", "2001:db8:51::9"}, User: "monitor"},
		Logging: checklist.Logging{Host: "log.example.net", Protocol: "tcp"},
		Admins:  []checklist.Admin{{Name: "anna", Keys: []string{strings.Replace(practiceKey, "anna@practice", "ops@lab", 1)}}},
	}
	utc := func(m *machine) { m.zone = "Etc/UTC" }
	return []state{
		{file: "replay/debian12-fresh.json", answers: replayed, address: "13", name: "debian", before: (*machine).likeLabsNMS},
		{
			file: "replay/debian12-done.json", answers: replayed, address: "77",
			steps: []string{"packages", "hostname", "screen", "firewall", "fail2ban", "reboot"},
		},
		{file: "recorded/debian12-fresh.json", answers: local, address: "33", name: "f12", before: utc},
		{
			file: "recorded/debian12-done.json", answers: local, address: "31", before: utc,
			steps: []string{"python", "users", "packages", "hostname", "bash-completion", "editor", "timezone", "time", "postfix", "snmp", "logging"},
		},
	}
}

// likeLabsServer lets the machine be what the lab's fresh server is: with compilers, which
// take minutes to unpack there, in another zone, and with files as its image has them.
func (m *machine) likeLabsServer() {
	for _, p := range []string{"g++", "gcc", "libacl1-dev", "libssl-dev", "python3", "python3-dev"} {
		m.packages[p] = "installed"
	}
	m.zone = "Europe/Berlin"
	m.write(networkFile, strings.ReplaceAll(m.text(networkFile), "\t", ""))
	m.files["/etc/hostname"].mode = 0o755
}

// likeLabsNMS lets the machine be what the lab's monitoring system is: a server
// that has a compiler and a daemon of tunnels already.
func (m *machine) likeLabsNMS() {
	for _, p := range []string{"g++", "gcc", "libacl1-dev", "libssl-dev", "libstrongswan-standard-plugins", "python3", "python3-dev", "strongswan-charon", "strongswan-starter"} {
		m.packages[p] = "installed"
	}
	m.lists = true
	m.write(aptList, "")
	m.addUnit("strongswan-starter.service", "enabled")
	_ = m.startUnit("strongswan-starter.service") // it always can
	m.files["/etc/hostname"].mode = 0o755
}

// read reads a recording, in either of the forms that the checklist's tests keep.
func (s state) read(t *testing.T) []saidThere {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", filepath.FromSlash(s.file)))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Answers []struct {
			Kind            remote.ProbeKind
			Args            []string
			Key, Out, Issue string
			Code            int
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	var out []saidThere
	for _, a := range file.Answers {
		if a.Key != "" {
			kind, rest, _ := strings.Cut(a.Key, "␟")
			a.Kind, a.Args = remote.ProbeKind(kind), strings.Split(rest, "␟")
		}
		out = append(out, saidThere{remote.Probe{Kind: a.Kind, Args: a.Args}, a.Code, a.Out, a.Issue})
	}
	return out
}

var (
	bootIDs  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	counters = regexp.MustCompile(`(?m)\[\d+:\d+\]`)
	comments = regexp.MustCompile(`(?m)^# (Generated|Completed).*\n`)
	sources  = regexp.MustCompile(`(?m)^        500 http.*\n`)
	pids     = regexp.MustCompile(`pid=\d+,fd=\d+`)
	stamps   = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ fail2ban +\[\d+\]`)
	known    = regexp.MustCompile(`(?m)^\S+\tnot-installed\t\n`) // dpkg knows the name, and no more
	weights  = regexp.MustCompile(`(?m)^( \*\*\* \S+) \d+$`)     // whether the mirror has it, too
	blanks   = regexp.MustCompile(`[ \t]+`)
)

// plainly takes out of an answer what differs from machine to machine: addresses,
// names, ids, counters, and the width of columns.
func (s state) plainly(out string) string {
	for _, end := range []string{"198.51.100.%s\"", "2001:db8:51::%s\"", "fe51:%s\"", "52:54:00:51:00:%s\""} {
		out = strings.ReplaceAll(out, fmt.Sprintf(end, s.address), fmt.Sprintf(end, "11"))
	}
	out = strings.ReplaceAll(out, "host0", slotName) // what a container's card is called
	if s.name != "" {
		out = strings.ReplaceAll(out, s.name, "debian")
	}
	out = bootIDs.ReplaceAllString(out, "BOOT")
	out = counters.ReplaceAllString(out, "[n:n]")
	out = comments.ReplaceAllString(out, "")
	out = sources.ReplaceAllString(out, "")
	out = pids.ReplaceAllString(out, "pid=n,fd=n")
	out = stamps.ReplaceAllString(out, "TIME fail2ban")
	out = known.ReplaceAllString(out, "")
	out = weights.ReplaceAllString(out, "$1")
	return blanks.ReplaceAllString(out, " ")
}

// The practice server answers like the lab's real machines, in each state that was
// recorded, but for the differences of the table; and each of those is real.
func TestContract(t *testing.T) {
	t.Parallel()
	for _, s := range append(states(), recordedStates(t)...) {
		t.Run(s.file, func(t *testing.T) {
			t.Parallel()
			s.isAlike(t)
		})
	}
}

// isAlike requires the practice server to answer in this state what the real
// machine answered.
func (s state) isAlike(t *testing.T) {
	t.Helper()
	w := newWorld(t)
	w.into(t, s)
	if s.said == nil {
		s.said = s.read(t)
	}
	same := 0
	for _, there := range s.said {
		if there.issue != "" {
			continue // too slow under emulation: nothing was said
		}
		here := w.server().answer(there.probe)
		id := string(there.probe.Kind) + " " + there.probe.Args[0]
		if there.probe.Kind == remote.ProbeCommand || there.probe.Kind == remote.ProbePackages {
			id = string(there.probe.Kind) + " " + strings.Join(there.probe.Args, " ")
		}
		d, known := differenceOf(s.file, id)
		diff := compare(s, there, here)
		switch {
		case diff == "" && known && !d.sometimes:
			t.Errorf("%s: answers alike; the difference %q is out of date", id, d.reason)
		case diff != "" && !known:
			t.Errorf("%s: %s", id, diff)
		case diff == "":
			same++
		}
	}
	t.Logf("%d answers alike", same)
}

// onlyOf are the lines of an answer that speak of the packages that the probe named:
// several questions may have been asked in one call.
func onlyOf(names []string, out string) string {
	said := map[string]string{}
	block, policies := "", false
	for line := range strings.Lines(out) {
		switch name, _, _ := strings.Cut(line, "\t"); {
		case line == "=\n":
			policies = true
			continue
		case !policies:
			block = name
		case !strings.HasPrefix(line, " "):
			block = strings.TrimSpace(line)
			said[block] = "" // the same again
		}
		said[block] += line
	}
	var kept string
	for _, name := range names {
		kept += said[name] + said[name+":"]
	}
	return kept
}

// unsteadily are answers that hold times, counts and random numbers, and what is
// taken out of them. What is left is what they say.
var unsteadily = map[string][]struct {
	what *regexp.Regexp
	with string
}{
	"tunnel": {
		// nothing reads these
		{regexp.MustCompile(`(?m)^ *(malloc|worker threads|loaded plugins|uptime):? .*\n`), ""},
		{regexp.MustCompile(`(?m)^.*(IKEv2 SPIs|Tasks active|Tasks queued|Tasks passive).*\n`), ""},
		// charon's threads share the place where getprotobynumber(3) leaves a name: asked
		// about several tunnels at once, it writes one over the other
		{regexp.MustCompile(`(?m)^.*-ndp:.* PASS\n`), ""},
		{regexp.MustCompile(`(?m)^ *\w+-ndp:`), "ndp:"}, // of the tunnel that was loaded first
		{regexp.MustCompile(`\d+ (second|minute|hour)s?`), "n seconds"},
		{regexp.MustCompile(`\[\d+\]`), "[n]"},
		{regexp.MustCompile(`\{\d+\}`), "{n}"},
		{regexp.MustCompile(`reqid \d+`), "reqid n"},
		{regexp.MustCompile(`[0-9a-f]{8}_`), "n_"},
		{regexp.MustCompile(`\d+ bytes_([io])( \(\d+ pkts?, \d+s ago\))?`), "n bytes_$1"},
		{regexp.MustCompile(`time[= ][0-9.]+ ?ms`), "time n"},
		{regexp.MustCompile(`(?m)^rtt .*`), "rtt"},
		{regexp.MustCompile(`\(\d+ up`), "(n up"}, // two ends that begin at once log in twice
	},
	"ntptime": {
		{regexp.MustCompile(`time [0-9a-f.]+ [0-9TZ:.-]+, \([0-9.]+\)`), "time"},
		{regexp.MustCompile(`-?[0-9.]+ (us|ppm|s)\b`), "n $1"},
		{regexp.MustCompile(`TAI offset \d+|time constant \d+`), "n"},
	},
	"ntpq": {
		{regexp.MustCompile(`(?m)^[ +#x.-]([0-9a-f.:]+ [0-9a-f.:]+) .*\n`), ""}, // beside the one that is followed
		{regexp.MustCompile(`(?m)^\*[0-9a-f.:]+ [0-9a-f.:]+ \d+ u .*`), "* server"},
	},
	"the sshd jail": {
		{regexp.MustCompile(`(Currently|Total) (failed|banned): \d+`), "$1 $2: n"},
		{regexp.MustCompile(`(Banned IP list:).*`), "$1"},
		{regexp.MustCompile("(?m)^[|`]- ([0-9a-f.:/]+)$"), "- $1"}, // in no order
	},
	"mail sent": {
		{regexp.MustCompile(`(?m)^[0-9A-F]+:`), "ID:"},
		{regexp.MustCompile(`delays?=[0-9./]+`), "delay"},
		{regexp.MustCompile(` conn_use=\d+,`), ""},
		{regexp.MustCompile(`\(250 [^)]*\)`), "(250)"},
	},
	"mail queue": {
		{regexp.MustCompile(`(?m)^[0-9A-F]+ \d+ .*@\S+$`), "MAIL"},
		{regexp.MustCompile(`(?m)^-- .*`), "-- n"},
	},
	"initramfs": {{regexp.MustCompile(`[0-9a-f]{64}`), "HASH"}},
}

// steadily is an answer to the probe what without its unsteady parts.
func steadily(what, out string) string {
	if strings.HasPrefix(what, "tunnel ") {
		what = "tunnel"
	}
	rules, ok := unsteadily[what]
	if !ok {
		return out
	}
	for _, r := range rules {
		out = r.what.ReplaceAllString(out, r.with)
	}
	if out = sortedLines(out); strings.HasPrefix(what, "mail ") || what == "tunnel" {
		out = strings.Join(slices.Compact(strings.Split(out, "\n")), "\n") // how many is chance
	}
	return out
}

// compare says how two answers to the same probe differ.
func compare(s state, there saidThere, here remote.Answer) string {
	if here.Issue != "" || here.Code != there.code {
		return fmt.Sprintf("ends with %d %s, there with %d", here.Code, here.Issue, there.code)
	}
	got, want := s.plainly(string(here.Out)), s.plainly(there.out)
	if there.probe.Kind == remote.ProbeUnit || there.probe.Args[0] == "ss" {
		got, want = sortedLines(got), sortedLines(want)
	}
	if there.probe.Kind == remote.ProbePackages {
		got, want = onlyOf(there.probe.Args, got), onlyOf(there.probe.Args, want)
	}
	got, want = steadily(there.probe.Args[0], got), steadily(there.probe.Args[0], want)
	if got == want {
		return ""
	}
	ours, theirs := strings.Split(got, "\n"), strings.Split(want, "\n")
	only := func(a, b []string) string {
		left := slices.Clone(b)
		return strings.Join(slices.DeleteFunc(slices.Clone(a), func(l string) bool {
			i := slices.Index(left, l)
			if i >= 0 {
				left = slices.Delete(left, i, i+1)
			}
			return i >= 0
		}), "\n")
	}
	return fmt.Sprintf("of %d and %d lines, only here\n%s\nonly there\n%s", len(ours), len(theirs), only(ours, theirs), only(theirs, ours))
}

// sortedLines are the lines of what comes in no order.
func sortedLines(s string) string {
	var out []string
	for l := range strings.Lines(s) {
		out = append(out, strings.TrimSpace(l))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// into brings the practice server into a state, by the program itself.
func (w *World) into(t *testing.T, s state) {
	t.Helper()
	if s.before != nil {
		s.before(w.server())
	}
	var steps []checklist.Step
	for _, id := range s.steps {
		step, ok := checklist.StepByID(id)
		if !ok {
			t.Fatalf("there is no step %s", id)
		}
		steps = append(steps, step)
	}
	r, err := checklist.Apply(t.Context(), w.Host(), s.answers, checklist.ApplyOptions{Steps: steps, Dial: w.peers()})
	if err != nil || r.Failed() {
		t.Fatalf("%v %+v", err, r.Steps)
	}
	_ = w.clock.Sleep(t.Context(), syncTime)
	if s.tried {
		w.try(t)
	}
	for _, b := range s.broken {
		if err := w.Break(b); err != nil {
			t.Fatal(err)
		}
	}
}
