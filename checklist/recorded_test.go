package checklist

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"

	"aslwiz/remote"
)

var updateSteps = flag.Bool("update-steps", false, "write the golden plans of the recorded servers")

// recording is what a machine of the lab answered to the probes of the steps
// and items, before they were applied ("fresh") and after ("done").
type recording struct {
	Facts   Facts
	Dir     string
	Answers []struct {
		Key         string
		Code        int
		Out, Stderr string
	}
	byKey map[string]remote.Answer
}

func loadRecording(t testing.TB, name string) *recording {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "recorded", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	r := &recording{byKey: map[string]remote.Answer{}}
	if err := json.Unmarshal(data, r); err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Answers {
		r.byKey[strings.ReplaceAll(a.Key, "␟", "\x00")] = remote.Answer{Code: a.Code, Out: []byte(a.Out), Stderr: a.Stderr}
	}
	rel, ok := FindRelease(r.Facts.Release.ID, r.Facts.Release.Version)
	if !ok {
		t.Fatalf("%s: release not known", name)
	}
	r.Facts.Release = rel
	return r
}

// answer is the recorded answer to a probe.
func (r *recording) answer(p remote.Probe) remote.Answer {
	a, ok := r.byKey[p.Key()]
	a.Probe = p
	if !ok {
		a.Issue = "missing"
	}
	return a
}

func (r *recording) answers(probes []remote.Probe) []remote.Answer {
	out := make([]remote.Answer, len(probes))
	for i, p := range probes {
		out[i] = r.answer(p)
	}
	return out
}

const labKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEgoZzwKZnxrUA5GYkzOho0VL+vnMQoSHWrbfnrj5g+Z ops@lab"

// labAnswers are the answers that the recorded machines were set up by.
func labAnswers() Answers {
	return Answers{
		Host: "198.51.100.31", User: "root", Hostname: "stats", Domain: "example.net",
		Network: Network{IPv4: "198.51.100.11/24", Gateway4: "198.51.100.1", IPv6: "2001:db8:51::11/64", Gateway6: "2001:db8:51::1"},
		Mail:    Mail{Relay: "mail.example.net", Root: "noc@example.net"},
		SNMP:    SNMP{NMS: []string{"198.51.100.9", "2001:db8:51::9"}, User: "monitor"},
		Logging: Logging{Host: "log.example.net", Protocol: "tcp"},
		Time:    Time{Servers: []string{"198.51.100.1"}},
		Admins:  []Admin{{Name: "anna", Keys: []string{labKey}}},
	}
}

func planRecorded(t *testing.T, r *recording, s Step, a Answers, change func(remote.Answer) remote.Answer) StepPlan {
	t.Helper()
	in := In{Answers: a, Facts: r.Facts}
	wants, err := s.Want(in)
	groups := make([][]remote.Answer, len(wants))
	for i, w := range wants {
		groups[i] = r.answers(w.Probes())
		for j := range groups[i] {
			if change != nil {
				groups[i][j] = change(groups[i][j])
			}
		}
	}
	return planStep(s, in, wants, err, groups)
}

// show is a plan for golden files.
func show(p StepPlan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", p.Step, p.Status)
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "same=%v %s\n  now  %s\n  want %s\n", c.Same, c.Resource, c.Now, c.Want)
		for _, s := range []string{c.Waits, c.Short} {
			if s != "" {
				fmt.Fprintf(&b, "  but  %s\n", s)
			}
		}
		for _, n := range c.Notes {
			fmt.Fprintf(&b, "  note %s\n", n)
		}
		b.WriteString(c.Diff)
	}
	for _, s := range p.Problems {
		fmt.Fprintf(&b, "problem %s\n", s)
	}
	b.WriteString("--- script\n" + p.Script)
	return b.String()
}

// localSteps are the steps that the recordings hold answers for.
func localSteps() []Step {
	return []Step{
		stepPython, stepUsers, stepBashCompletion, stepEditor, stepNetwork, stepNICName, stepTimezone, stepTime,
		stepPostfix, stepDNS, stepSNMP, stepLogging,
	}
}

// What apply left is what plan wants: nothing to do, on each release. On a
// fresh server the plan and its script are as written down.
func TestRecordedPlans(t *testing.T) {
	t.Parallel()
	for _, name := range recordingNames(t) {
		r := loadRecording(t, name)
		for _, s := range localSteps() {
			t.Run(name+"/"+s.ID, func(t *testing.T) {
				t.Parallel()
				p := planRecorded(t, r, s, labAnswers(), nil)
				if strings.HasSuffix(name, "-done") {
					if p.Status != StepSame && p.Status != StepManual {
						t.Errorf("does not converge:\n%s", show(p))
					}
					return
				}
				parseShell(t, p.Script)
				compareGolden(t, filepath.Join("testdata", "steps", name+"-"+s.ID+".txt"), show(p))
			})
		}
	}
}

func recordingNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/recorded/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings", err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".json")
	}
	return files
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *updateSteps {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := unifiedDiff(file, string(want), got, true); d != "" {
		t.Error(d)
	}
}

// A server that cannot be read is unknown, never "same" and never to be changed.
func TestUnreadableIsUnknown(t *testing.T) {
	t.Parallel()
	r := loadRecording(t, "debian12-done")
	for _, s := range localSteps() {
		in := In{Answers: labAnswers(), Facts: r.Facts}
		wants, err := s.Want(in)
		if err != nil {
			t.Fatal(s.ID, err)
		}
		for _, w := range wants {
			for i, probe := range w.Probes() {
				if _, ok := w.(Service); ok && i > 0 {
					continue // asked only for the way back
				}
				if c, ok := w.(Check); ok && c.Title == "your own key" {
					continue // advice, which stops nothing
				}
				p := planRecorded(t, r, s, labAnswers(), func(a remote.Answer) remote.Answer {
					if a.Probe.Key() == probe.Key() {
						a.Issue, a.Out = "timeout", nil
					}
					return a
				})
				if p.Status != StepUnknown || p.Script != "" || len(p.Problems) == 0 {
					t.Errorf("%s: %s gave no answer, and the step is %s with problems %q", s.ID, probe, p.Status, p.Problems)
				}
			}
		}
	}
}

// Without their answers the steps say what is missing and change nothing.
func TestUnansweredIsManual(t *testing.T) {
	t.Parallel()
	r := loadRecording(t, "debian12-fresh")
	r.Facts.Virt = "kvm"
	a := Answers{Host: "198.51.100.31", Hostname: "stats", Domain: "example.net"}
	for _, s := range []Step{stepUsers, stepNetwork, stepNICName, stepPostfix, stepSNMP, stepLogging} {
		p := planRecorded(t, r, s, a, nil)
		if short, blocks := p.Short(); p.Status != StepManual || len(short) == 0 || blocks {
			t.Errorf("%s: %s\n%s", s.ID, p.Status, show(p))
		}
	}
}

func parseShell(t *testing.T, script string) {
	t.Helper()
	if _, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(script), "script"); err != nil {
		t.Errorf("%v in\n%s", err, script)
	}
}

// Every text that a shell reads on the server is one.
func TestShellTextsParse(t *testing.T) {
	t.Parallel()
	r := loadRecording(t, "debian12-fresh")
	r.Facts.Virt = "kvm"
	a := labAnswers()
	for _, version := range []string{"3", "2c"} {
		a.SNMP.Version = version
		in := In{Answers: a, Facts: r.Facts}
		for _, s := range localSteps() {
			wants, err := s.Want(in)
			if err != nil {
				t.Fatal(s.ID, err)
			}
			for _, w := range wants {
				checkProbes(t, w.Probes())
				c, _ := w.Compare(r.answers(w.Probes()))
				for _, set := range c.Settings {
					parseShell(t, set.Read)
					parseShell(t, set.Write)
				}
				parseShell(t, strings.Join(append(append([]string{}, c.Script...), c.OnChange...), "\n"))
				parseShell(t, strings.Join(c.After, "\n"))
				switch set := w.(type) {
				case BroughtSetting:
					parseShell(t, set.Set)
					parseShell(t, set.Write)
				case usmUser:
					parseShell(t, set.Set)
					parseShell(t, set.Write)
				}
			}
		}
		for _, it := range []Item{itemAddress, itemDNS, itemTime, itemMail, itemServicesOther, itemMonitoring} {
			checkProbes(t, it.Probes(in))
			if it.Act != nil {
				parseShell(t, strings.Join(it.Act(in), "\n"))
			}
		}
	}
}

func checkProbes(t *testing.T, probes []remote.Probe) {
	t.Helper()
	for _, p := range probes {
		if p.Kind == remote.ProbeSetting {
			parseShell(t, p.Args[1])
		}
	}
}
