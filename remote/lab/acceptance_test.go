//go:build lab

package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// wizard runs aslwiz on the admin's computer against one machine.
type wizard struct {
	t       *testing.T
	bin     string
	answers string
	sudo    string // file with the sudo password
	home    string
	known   string // its known_hosts: what it learns is its own

	got map[string]string // what red last found, item by item
}

// newWizard builds aslwiz and gives it a home and answers of its own.
func newWizard(t *testing.T, answers string) *wizard {
	t.Helper()
	dir := t.TempDir()
	w := &wizard{t: t, bin: filepath.Join(dir, "aslwiz"), home: filepath.Join(dir, "home"), sudo: filepath.Join(dir, "sudo"), answers: filepath.Join(dir, "stats.yaml"), known: filepath.Join(dir, "known_hosts")}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", w.bin, "aslwiz/cmd/aslwiz")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Mkdir(w.home, 0o700); err != nil {
		t.Fatal(err)
	}
	keys, err := os.ReadFile(KnownHosts())
	must(t, err)
	for path, text := range map[string]string{w.sudo: SudoPassword + "\n", w.answers: answers, w.known: string(keys)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// in is the same wizard in another test.
func (w *wizard) in(t *testing.T) *wizard {
	t.Helper()
	sub := *w
	sub.t = t
	return &sub
}

// serverAnswers is the answers file of lab.sh.
func serverAnswers(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(Answers())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// command is aslwiz on the admin's computer, not started.
func (w *wizard) command(ctx context.Context, arg ...string) *exec.Cmd {
	verb, rest := arg[0], arg[1:]
	words := []string{"HOME=" + w.home, "XDG_STATE_HOME=" + w.home, "SSH_AUTH_SOCK=", w.bin, verb, "--known-hosts", w.known, "--ssh-config", SSHConfig(), "--sudo-password-file", w.sudo}
	words = append(words, w.answers)
	return Admin(ctx, "env", append(words, rest...)...)
}

// run runs aslwiz and returns its exit code and output.
func (w *wizard) run(arg ...string) (code int, stdout, stderr string) {
	w.t.Helper()
	start := time.Now()
	cmd := w.command(w.t.Context(), arg...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatalf("aslwiz %s: %v", strings.Join(arg, " "), err)
	}
	code = cmd.ProcessState.ExitCode()
	w.t.Logf("aslwiz %s: exit %d after %s", strings.Join(arg, " "), code, time.Since(start).Round(100*time.Millisecond))
	return code, out.String(), errs.String()
}

// must runs aslwiz and demands an exit code.
func (w *wizard) must(want int, arg ...string) string {
	w.t.Helper()
	code, out, errs := w.run(arg...)
	if code != want {
		w.t.Fatalf("aslwiz %s: exit %d, want %d\n%s\n%s", strings.Join(arg, " "), code, want, out, errs)
	}
	return out + errs
}

// red measures the items and returns the ids of those that are not green, each
// with the step that fixes it, or "peer" or "hand".
func (w *wizard) red(arg ...string) map[string]string {
	w.t.Helper()
	code, out, errs := w.run(append([]string{"verify", "--format", "json"}, arg...)...)
	var reports []struct {
		Findings []struct {
			Item, Status, Want, Got string
			Evidence                []string
			Fix                     *struct{ Kind, Step, Text string }
		}
	}
	if err := json.Unmarshal([]byte(out), &reports); err != nil || len(reports) != 1 {
		w.t.Fatalf("verify: exit %d, %v\n%s\n%s", code, err, out, errs)
	}
	red := map[string]string{}
	w.got = map[string]string{}
	for _, f := range reports[0].Findings {
		if f.Status == "passed" || f.Status == "manual" {
			continue
		}
		fix := ""
		if f.Fix != nil {
			fix = f.Fix.Kind
			if fix == "step" {
				fix = f.Fix.Step
			}
		}
		red[f.Item], w.got[f.Item] = fix, f.Got
		w.t.Logf("%s %s: want %s; got %s; %q", f.Item, f.Status, f.Want, f.Got, f.Evidence)
	}
	if (code == 0) != (len(red) == 0) {
		w.t.Errorf("verify: exit %d with %d items not green", code, len(red))
	}
	return red
}

// check is the independent verdict of check.sh: the items it finds bad or unknown.
func check(t *testing.T, items ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "./check.sh", items...)
	cmd.Env = append(os.Environ(), "WANT_HOSTNAME=stats", "WANT_DOMAIN=example.net")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("check.sh:\n%s", out)
	var bad []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 1 && f[1] != "ok" && (f[1] == "bad" || f[1] == "bad:" || f[1] == "unknown" || f[1] == "unknown:") {
			bad = append(bad, f[0])
		}
	}
	return bad
}

// sh runs a shell command as root on the server.
func sh(t *testing.T, script string) string {
	t.Helper()
	out, err := SSH(t.Context(), Server, script)
	if err != nil {
		t.Fatalf("%s: %s: %v", Server, script, err)
	}
	return strings.TrimSpace(out)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until polls a condition that is about to come true, and ends the test when it
// does not within the limit.
func until(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s", what, limit)
		case <-tick.C:
		}
	}
}

// sorted is the keys of a map in order.
func sorted(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// byCommand takes the fresh server through the page without a person, in two parts:
// what provision does by the wizard.
func byCommand(t *testing.T) {
	fresh(t)
	w := newWizard(t, serverAnswers(t))
	inTurn(t, []part{
		{"the plan of a fresh server shows every step", func(t *testing.T) { planFresh(t, w.in(t)) }},
		{"fresh", func(t *testing.T) { likePractice(t, "fresh", "none") }},
		{"apply carries out half of the page", func(t *testing.T) { applyUntilFirewall(t, w.in(t)) }},
		{"half-way", func(t *testing.T) { likePractice(t, "half-way", "firewall") }},
		{"an hour goes by", hadAnHour},
		{"apply carries out every step, reboots and ends", func(t *testing.T) { w.in(t).must(0, "apply", "--yes", "--plain") }},
		{"verify is green, and an independent check agrees", func(t *testing.T) {
			if red := w.in(t).red("--try", "--watch"); len(red) > 0 {
				t.Errorf("not green: %v", red)
			}
			independent(t)
		}},
		{"a second apply changes nothing", func(t *testing.T) { secondApply(t, w.in(t)) }},
	})
}

// provision takes the fresh server through the page by the wizard. What it ends
// with is where the other tests begin.
func provision(t *testing.T) {
	fresh(t)
	var answers string
	inTurn(t, []part{
		{"the wizard, from Start to an all-green hand-off", func(t *testing.T) { answers = wizardOnTheServer(t) }},
		{"an independent check agrees", independent},
		{"apply with the wizard's answers changes nothing", func(t *testing.T) { secondApply(t, newWizard(t, answers)) }},
	})
	keepProvisioned(t)
	leaveGreen(t)
}

// fresh starts the machines of the page as they were installed.
func fresh(t *testing.T) {
	t.Helper()
	must(t, Fresh(t.Context()))
}

// part is a piece of a test under its own name.
type part struct {
	name string
	test func(*testing.T)
}

// inTurn runs parts of which each builds on the one before.
func inTurn(t *testing.T, parts []part) {
	t.Helper()
	for _, p := range parts {
		if !t.Run(p.name, p.test) {
			t.Fatal("the rest builds on this")
		}
	}
}

func planFresh(t *testing.T, w *wizard) {
	out := w.must(2, "plan")
	for _, want := range []string{
		"preflight", "packages", "hostname", "screen", "firewall", "fail2ban", "reboot",
		"ipsec-tools",       // dropped, with its reason
		"-debian", "+stats", // the diff of /etc/hostname
		"put /etc/hostname", // the script
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan does not say %q\n%s", want, out)
		}
	}
	if bad := check(t, "hostname", "firewall"); !slices.Contains(bad, "firewall") || !slices.Contains(bad, "hostname") {
		t.Errorf("the independent check finds %v on a fresh server", bad)
	}
}

func applyUntilFirewall(_ *testing.T, w *wizard) {
	args := []string{"apply", "--yes", "--plain"}
	for _, step := range []string{"preflight", "python", "users", "packages", "hostname", "screen", "bash-completion", "editor", "firewall"} {
		args = append(args, "--only", step)
	}
	w.must(0, args...)
}

func independent(t *testing.T) {
	if bad := check(t); len(bad) > 0 {
		t.Errorf("the independent check finds %v", bad)
	}
}

func secondApply(t *testing.T, w *wizard) {
	before := sh(t, "ls /var/lib/aslwiz/tx")
	w.must(0, "plan")
	out := w.must(0, "apply", "--yes", "--plain")
	if !strings.Contains(out, "nothing to do") {
		t.Errorf("a second apply does not say that there is nothing to do:\n%s", out)
	}
	if after := sh(t, "ls /var/lib/aslwiz/tx"); after != before {
		t.Errorf("a second apply left transactions: %s", after)
	}
}

// undo takes steps back, and is refused where somebody changed what a step
// left.
func undo(t *testing.T) {
	provisioned(t)
	w := newWizard(t, serverAnswers(t))
	settled(t, w)
	sh(t, "echo '# mine' >> /etc/screenrc")
	out := w.must(3, "undo", "screen")
	if !strings.Contains(out, "# mine") {
		t.Errorf("a refused undo does not show what somebody changed:\n%s", out)
	}
	sh(t, "sed -i '$d' /etc/screenrc")
	w.must(0, "undo", "screen")
	if red := w.red(allButTime()...); !slices.Equal(sorted(red), []string{"screen"}) {
		t.Errorf("red after undo of screen: %v", red)
	}
	w.must(0, "undo", "firewall") // guarded, as the step is
	w.must(0, "undo", "hostname")
	if got := sh(t, "hostname; cat /etc/hostname"); got != "debian\ndebian" {
		t.Errorf("host name after undo: %q", got)
	}
}
