//go:build lab

package lab

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// faultSteps are the page's steps that a container can carry out: it has no clock,
// network card or IPsec of its own.
var faultSteps = []string{
	"python", "users", "packages", "hostname", "screen", "bash-completion", "editor", "timezone", "fail2ban", "firewall", "postfix", "snmp", "logging",
}

// moment is when in a step a fault strikes.
type moment string

const (
	atStart  moment = "start"  // its job has begun
	atMiddle moment = "middle" // half of its log is written
	atEnd    moment = "end"    // its script has ended, and nobody has read that yet
	atRandom moment = "random" // anywhere between the connection and the end
)

// faultKinds are how a step is disturbed. A strike returns once the machine and
// the link are well again; what became of aslwiz is its own affair.
var faultKinds = []struct {
	name   string
	strike func(*faults, *exec.Cmd)
}{
	{"aslwiz killed -9", func(_ *faults, cmd *exec.Cmd) { _ = cmd.Process.Kill() }},
	{"link cut for a while", (*faults).cutLink},
	{"connection reset", (*faults).resetConnection},
	{jobKilled, (*faults).killJob},
	{"power cut", (*faults).powerCut},
	{"two aslwiz at once", (*faults).second},
	{diskFull, (*faults).fillDisk},
	{"own address banned", (*faults).banned},
}

const (
	jobKilled = "job killed -9"
	diskFull  = "disk full"
)

// silent are the faults under which the server may hear nothing of the end of a
// connection: its idle session stays until sshd notices (docs/safety.md, "What is not
// covered").
var silent = map[string]bool{"link cut for a while": true, "own address banned": true}

var idleSession = regexp.MustCompile(`(?m)^process \d+ (sudo -S -p \S+ password )?sh -c exec 2>/dev/null; ech?o?.*\n?`)

// faults is one run of the suite.
type faults struct {
	*wizard
	rnd      *rand.Rand
	step     string
	calm     []string       // the fingerprint of an undisturbed run
	logs     map[string]int // the size of each step's log in it
	took     map[string]time.Duration
	survived map[string][2]int // by kind: strikes that were survived, and all
	moments  map[moment]int
	steps    map[string]int // how often each was struck
}

// TestFaults provisions a container again and again, disturbed in every step, and
// wants the end of an undisturbed run each time. By itself it takes a pick;
// ASLWIZ_FAULTS=all takes every kind at every moment, ASLWIZ_FAULTS_SEED repeats a
// run's choices.
func TestFaults(t *testing.T) {
	seed := seedOf(t)
	f := newFaults(t, seed)
	f.undisturbed()
	all := []moment{atStart, atMiddle, atEnd, atRandom}
	kinds, wholes, often := faultKinds, wholeKinds, 100
	if os.Getenv("ASLWIZ_FAULTS") != "all" {
		kinds, wholes, often = pick(f.rnd, kinds, 2), pick(f.rnd, wholes, 1), 3
	}
	for _, k := range kinds {
		moments := all
		if os.Getenv("ASLWIZ_FAULTS") != "all" {
			moments = []moment{all[f.rnd.IntN(len(all))]}
		}
		for _, m := range moments {
			if k.name == jobKilled && m == atEnd {
				continue // it is over by then
			}
			t.Run(k.name+", "+string(m), func(t *testing.T) {
				sub := *f
				sub.wizard = f.in(t)
				sub.provision(k.name, m, k.strike)
			})
		}
	}
	for _, k := range wholes {
		f.wholeOften(k.name, often, seed, k.strike)
	}
	f.report(seed)
}

// pick is n of all, by chance.
func pick[T any](rnd *rand.Rand, all []T, n int) []T {
	all = slices.Clone(all)
	rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:n]
}

// undisturbed carries out all steps in peace, for what that leaves.
func (f *faults) undisturbed() {
	for _, step := range faultSteps {
		begun := time.Now()
		f.must(0, "apply", "--yes", "--plain", "--only", step)
		f.logs[step], f.took[step] = f.logSize(step, nil), time.Since(begun)
	}
	f.calm = fingerprint(f.t, Twin)
	if l := left(f.t, Twin); l != "" {
		f.t.Fatalf("an undisturbed run leaves:\n%s", l)
	}
}

// seedOf is what all choices come from.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("ASLWIZ_FAULTS_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64N(1e6)
	}
	t.Logf("seed %d", seed)
	return seed
}

func newFaults(t *testing.T, seed uint64) *faults {
	t.Helper()
	ctx := t.Context()
	if Start(ctx, Twin) != nil {
		must(t, Up(ctx, Twin))
	}
	answers := fmt.Sprintf(`host: %s
user: admin
identity: %s
admins: [{name: anna, keys: [%q]}]
hostname: stats
domain: example.net
firewall: {services: [http]}
snmp: {nms: [198.51.100.13], user: monitor}
mail: {relay: mail.example.net, root: noc@example.net}
logging: {host: log.example.net}
`, Twin.IPv4(), Key("admin"), annasKey(t))
	w := newWizard(t, answers)
	if Restore(ctx, Twin, almost) != nil {
		// Most packages are there: all would take minutes each time.
		must(t, Reset(ctx, Twin))
		w.must(0, "apply", "--yes", "--plain", "--only", "packages")
		_, err := SSH(ctx, Twin, `export DEBIAN_FRONTEND=noninteractive
apt-get -qq update; apt-get -qq install postfix snmpd rsyslog fail2ban python3-systemd python3 python-is-python3 >/dev/null
apt-get -qq purge ncdu pbzip2 haveged >/dev/null`)
		must(t, err)
		must(t, Snapshot(ctx, Twin, almost))
	}
	return &faults{
		wizard: w, rnd: rand.New(rand.NewPCG(seed, 0)), logs: map[string]int{}, took: map[string]time.Duration{},
		survived: map[string][2]int{}, moments: map[moment]int{}, steps: map[string]int{},
	}
}

// almost is the snapshot of a fresh twin on which only a few packages are missing.
const almost = "almost"

// provision carries out all steps, each of them disturbed.
func (f *faults) provision(kind string, m moment, strike func(*faults, *exec.Cmd)) {
	must(f.t, Restore(f.t.Context(), Twin, almost))
	if kind == diskFull {
		m = atRandom // this host sees nothing of the small disk
		_, err := SSH(f.t.Context(), Twin, smallDisk)
		must(f.t, err)
	}
	struck := 0
	for _, step := range faultSteps {
		f.step = step
		if f.disturb(m, strike) {
			struck++
			f.steps[step]++
		}
		f.again()
	}
	f.endsAsUndisturbed(silent[kind])
	if struck == 0 {
		f.t.Error("it never struck: the test is no good")
	}
	f.count(f.t, kind, struck)
	f.moments[m] += struck
	f.t.Logf("%s, %s: struck in %d of %d steps", kind, m, struck, len(faultSteps))
}

// count notes how often a test struck, and whether that was survived.
func (f *faults) count(t *testing.T, kind string, struck int) {
	n := f.survived[kind]
	if !t.Failed() {
		n[0] += struck
	}
	n[1] += struck
	f.survived[kind] = n
}

// endsAsUndisturbed wants nothing to do any more, and nothing else than an undisturbed
// run leaves; idle says that a session may not know yet that its connection has gone.
func (f *faults) endsAsUndisturbed(idle bool) {
	f.t.Helper()
	out := f.must(0, append([]string{"apply", "--yes", "--plain"}, onlyThese(faultSteps)...)...)
	if !strings.Contains(out, "nothing to do") {
		f.t.Errorf("run once more, it still finds something to do:\n%s", out)
	}
	if d := differences(f.calm, fingerprint(f.t, Twin)); len(d) > 0 {
		f.t.Errorf("the end is not that of an undisturbed run:\n%s", strings.Join(d, "\n"))
	}
	l := left(f.t, Twin)
	if idle {
		l = strings.TrimSpace(idleSession.ReplaceAllString(l, ""))
	}
	if l != "" {
		f.t.Errorf("left behind:\n%s", l)
	}
}

func onlyThese(steps []string) []string {
	var args []string
	for _, s := range steps {
		args = append(args, "--only", s)
	}
	return args
}

// disturb runs the step and strikes; false when it was over before.
func (f *faults) disturb(m moment, strike func(*faults, *exec.Cmd)) bool {
	ctx, cancel := context.WithTimeout(f.t.Context(), 4*time.Minute)
	defer cancel()
	before, _ := filepath.Glob(Written(Twin, "/var/lib/aslwiz/tx/*"))
	cmd := f.command(ctx, "apply", "--yes", "--plain", "--guard", "40s", "--only", f.step)
	log := &safeBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	must(f.t, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	at := time.After(time.Duration(f.rnd.Int64N(int64(max(f.took[f.step], time.Second)))))
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return false
		case <-at:
			if m == atRandom {
				strike(f, cmd)
				<-ended
				return true
			}
		case <-tick.C:
			if f.reached(m, before) {
				strike(f, cmd)
				<-ended
				return true
			}
		}
	}
}

// reached says whether the step under way has come to a moment. This host sees
// what the container writes.
func (f *faults) reached(m moment, before []string) bool {
	switch m {
	case atStart:
		return f.logSize(f.step, before) >= 0
	case atMiddle:
		return f.logSize(f.step, before) > f.logs[f.step]/2
	case atEnd:
		status, _ := os.ReadFile(filepath.Join(f.newest(f.step, before), "status"))
		return strings.HasPrefix(string(status), "state=proving") || strings.HasPrefix(string(status), "state=done")
	}
	return false
}

// newest is the folder of a step's newest transaction that was not there before.
func (f *faults) newest(step string, before []string) string {
	now, _ := filepath.Glob(Written(Twin, "/var/lib/aslwiz/tx/*-"+step))
	if len(now) == 0 || strings.Contains(strings.Join(before, "\n")+"\n", now[len(now)-1]+"\n") {
		return "none"
	}
	return now[len(now)-1]
}

// logSize is the size of the newest log of a step, -1 when there is none.
func (f *faults) logSize(step string, before []string) int {
	fi, err := os.Stat(filepath.Join(f.newest(step, before), "log"))
	if err != nil {
		return -1
	}
	return int(fi.Size())
}

// again runs the step until it ends well, as an admin would.
func (f *faults) again() {
	var out string
	for range 4 {
		code, o, e := f.run("apply", "--yes", "--plain", "--guard", "40s", "--only", f.step)
		if code == 0 {
			return
		}
		out = o + e
		if code != 3 {
			f.t.Logf("%.2000s", out)
		}
	}
	f.t.Errorf("step %s does not end well when it is run again:\n%s", f.step, out)
}

// narrowed is a copy of the answers with which the firewall step has something to do.
func (f *faults) narrowed() string {
	text, err := os.ReadFile(f.answers)
	must(f.t, err)
	path := filepath.Join(f.t.TempDir(), "stats.yaml")
	changed := strings.Replace(string(text), "services: [http]", `services: [http], ssh_from: ["198.51.100.0/24", "2001:db8:51::/64"]`, 1)
	must(f.t, os.WriteFile(path, []byte(changed), 0o600))
	return path
}

func (f *faults) report(seed uint64) {
	var b strings.Builder
	total := [2]int{}
	for _, kind := range slices.Sorted(maps.Keys(f.survived)) {
		n := f.survived[kind]
		fmt.Fprintf(&b, "  %-24s %4d of %4d survived\n", kind, n[0], n[1])
		total[0], total[1] = total[0]+n[0], total[1]+n[1]
	}
	fmt.Fprintf(&b, "  %-24s %4d of %4d survived\n", "in all", total[0], total[1])
	f.t.Logf("seed %d, moments %v, steps %v\n%s", seed, f.moments, f.steps, b.String())
}
