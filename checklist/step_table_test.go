package checklist

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"

	"aslwiz/remote"
)

var updatePlans = flag.Bool("update-plans", false, "write the golden plans and firewall scripts anew")

// goldenFile compares got with a file of testdata.
func goldenFile(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *updatePlans {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; write it with -update-plans", err)
	}
	if got != string(want) {
		t.Errorf("%s differs; if that is right, write it anew with -update-plans\n%s", path, unifiedDiff(name, string(want), got, true))
	}
}

// posix parses shell text as a POSIX shell would.
func posix(t *testing.T, what, text string) {
	t.Helper()
	if _, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(text), what); err != nil {
		t.Errorf("%s is no POSIX shell text: %v\n%s", what, err, text)
	}
}

// checkShell parses all shell text that a plan holds.
func checkShell(t *testing.T, p StepPlan) {
	t.Helper()
	posix(t, p.Step, p.Script)
	for _, c := range p.Changes {
		for _, s := range c.Settings {
			posix(t, p.Step+": read "+s.Name, s.Read)
			posix(t, p.Step+": write "+s.Name, s.Write)
		}
		posix(t, p.Step+": after a restore of "+c.Resource, strings.Join(c.After, "\n"))
		for _, f := range c.Files {
			if strings.HasPrefix(string(f.After), "#!/bin/sh") {
				posix(t, f.Path, string(f.After))
			}
		}
	}
}

// TestReplayedPlans plans each step against what real servers answered: a fresh
// Debian 12 and 13, and one that aslwiz has provisioned, where there is nothing
// left to do.
func TestReplayedPlans(t *testing.T) {
	for _, name := range []string{"debian12-fresh", "debian13-fresh", "debian12-done"} {
		r := newReplay(t, name)
		in := r.in(t)
		for _, s := range replaySteps() {
			t.Run(name+"/"+s.ID, func(t *testing.T) {
				p := r.plan(t, in, s)
				checkShell(t, p)
				goldenFile(t, filepath.Join("plans", name+"-"+s.ID+".txt"), planText(p))
				if name == "debian12-done" && s.ID != "preflight" && p.Status != StepSame {
					t.Errorf("a second run would change something: %s", planText(p))
				}
			})
		}
	}
}

// TestProbesAreShell parses what every step and item asks a server.
func TestProbesAreShell(t *testing.T) {
	in := newReplay(t, "debian12-done").in(t)
	var probes []remote.Probe
	for _, s := range replaySteps() {
		wants, err := s.Want(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range wants {
			probes = append(probes, r.Probes()...)
		}
	}
	for _, it := range replayItems() {
		probes = append(probes, it.Probes(in)...)
	}
	for _, p := range probes {
		if p.Kind == remote.ProbeSetting {
			posix(t, p.Args[0], p.Args[1])
		}
	}
}

// TestUnreadable lets each probe of each step time out in turn: a step is then
// unknown, and never "same". Preflight only reports what the page does not ask.
func TestUnreadable(t *testing.T) {
	r := newReplay(t, "debian12-done")
	in := r.in(t)
	for _, s := range replaySteps()[1:] {
		wants, err := s.Want(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range wants {
			for _, p := range w.Probes() {
				r := newReplay(t, "debian12-done")
				r.mute(p.Key())
				got := r.plan(t, in, s)
				// A service's setting is only read to be put back, when it changes.
				if _, isService := w.(Service); isService && p.Kind == remote.ProbeSetting {
					continue
				}
				if got.Status != StepUnknown || len(got.Problems) == 0 || got.Script != "" {
					t.Errorf("%s: without %s the step is %s, %q", s.ID, p, got.Status, got.Problems)
				}
			}
		}
	}
}

func TestPackages(t *testing.T) {
	policy := func(installed, offered, neither string) string {
		var dpkg, apt strings.Builder
		for n := range strings.FieldsSeq(installed) {
			fmt.Fprintf(&dpkg, "%s\tinstalled\t1.0\n", n)
		}
		for n := range strings.FieldsSeq(installed + " " + offered) {
			fmt.Fprintf(&apt, "%s:\n  Installed: (none)\n  Candidate: 1.0\n", n)
		}
		_ = neither // apt-cache says nothing of a name that it does not know
		return dpkg.String() + "=\n" + apt.String()
	}
	p := Packages{Names: []string{"ntp", "vim", "ipsec-tools", "ncdu"}, Release: releaseDebian12, Mend: true}
	for _, tt := range []struct {
		name, installed, offered, lists, trouble string
		same                                     bool
		short                                    string
		script                                   []string
	}{
		{name: "all there", installed: "ntpsec vim ncdu", lists: "x_Packages", same: true},
		{
			name: "one missing", installed: "ntpsec vim", offered: "ncdu", lists: "x_Packages",
			script: []string{"apt_get update", "apt_install '' ncdu"},
		},
		{
			name: "cut off before", installed: "ntpsec vim ncdu", lists: "x_Packages", trouble: "half-configured ok vim\n",
			script: []string{"dpkg_configure"},
		},
		{
			name: "cut off before, and one missing", installed: "vim ncdu", offered: "ntpsec", lists: "x_Packages", trouble: "unpacked ok vim\n",
			script: []string{"dpkg_configure", "apt_get update", "apt_install '' ntpsec"},
		},
		{name: "apt offers one not", installed: "ntpsec vim", lists: "x_Packages", same: true, short: "apt on the server offers no ncdu"},
		{name: "apt has no lists", installed: "vim", script: []string{"apt_get update", "apt_install '' ntpsec ncdu"}},
		{
			name: "one missing, one not offered", installed: "vim", offered: "ncdu", lists: "x_Packages", short: "offers no ntpsec",
			script: []string{"apt_install '' ncdu ntpsec"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			probes := p.Probes()
			c, err := p.Compare([]remote.Answer{
				{Probe: probes[0], Out: []byte(policy(tt.installed, tt.offered, ""))},
				{Probe: probes[1], Out: []byte(tt.lists)},
				{Probe: probes[2], Out: []byte(tt.trouble)},
				{Probe: probes[3]},
			})
			if err != nil {
				t.Fatal(err)
			}
			if c.Same != tt.same || !strings.Contains(c.Short, tt.short) || tt.short == "" && c.Short != "" {
				t.Errorf("same %t, short %q", c.Same, c.Short)
			}
			posix(t, tt.name, strings.Join(c.Script, "\n"))
			for _, line := range tt.script {
				if !slices.Contains(c.Script, line) {
					t.Errorf("no line %q in %q", line, c.Script)
				}
			}
			if tt.script == nil && len(c.Script) > 0 {
				t.Errorf("runs %q", c.Script)
			}
		})
	}
	names, notes := p.exact()
	if !slices.Equal(names, []string{"ntpsec", "vim", "ncdu"}) || len(notes) != 2 {
		t.Errorf("exact names %q, notes %q", names, notes)
	}
	if names, notes := (Packages{Names: []string{"bash-completion"}}).exact(); !slices.Equal(names, []string{"bash-completion"}) || notes != nil {
		t.Errorf("without a release: %q, %q", names, notes)
	}
}

func TestReboot(t *testing.T) {
	for boots, want := range map[string]bool{
		"now\n-\n-\n":       false, // never restarted
		"now\nold\nold\n":   true,
		"now\n-\nold\n":     true,
		"now\nnow\nold\n":   false, // changed since
		"now\n-\nnow\n":     false, // told to, and did not
		"now\nnow\nnow\n":   false,
		"now\nold\n":        false, // an empty file
		"now\nolder\nold":   true,
		"now\nolder\n-\n":   false,
		"now\n\nold\n":      true,
		"now\nnow\nolder":   false,
		"now\nold\nolder\n": true,
	} {
		c, err := reboot{}.Compare([]remote.Answer{{Out: []byte(boots)}})
		if err != nil || c.Same != want {
			t.Errorf("%q: same %t, %v", boots, c.Same, err)
		}
		if c.Same == (len(c.Script) > 0) {
			t.Errorf("%q: same %t with the script %q", boots, c.Same, c.Script)
		}
	}
}

func TestMissingAnswers(t *testing.T) {
	r := newReplay(t, "debian12-done")
	for name, tt := range map[string]struct {
		step Step
		edit func(*In)
		want string
	}{
		"no name":             {stepHostname, func(in *In) { in.Answers.Hostname = "" }, "hostname and domain"},
		"no SSH port":         {stepFirewall, func(in *In) { in.Facts.SSHPort = 0 }, "SSH port in use is not known"},
		"locks itself out":    {stepFirewall, func(in *In) { in.Answers.Firewall.SSHFrom = []string{"203.0.113.0/24"} }, "you would be locked out"},
		"unknown service":     {stepFirewall, func(in *In) { in.Answers.Firewall.Services = []string{"gopher"} }, "not a service"},
		"unknown release":     {stepPackages, func(in *In) { in.Facts.Release = Release{Name: "Plan 9"} }, "Plan 9 is not a release"},
		"unknown fail2ban":    {stepFail2ban, func(in *In) { in.Facts.Release = Release{Name: "Plan 9"} }, "unit of fail2ban is not known"},
		"a prefix that isn't": {stepFail2ban, func(in *In) { in.Answers.Fail2ban.Ignore = []string{"elsewhere"} }, "fail2ban.ignore"},
	} {
		t.Run(name, func(t *testing.T) {
			in := r.in(t)
			tt.edit(&in)
			p := r.plan(t, in, tt.step)
			if p.Status != StepUnknown || len(p.Problems) == 0 || !strings.Contains(p.Problems[0], tt.want) {
				t.Errorf("%s, %q", p.Status, p.Problems)
			}
		})
	}
}
