package checklist

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aslwiz/remote"
)

// saidAnswers is what a real server answered, word for word; see TestReplayRecord.
type saidAnswers struct {
	At      time.Time      `json:"at"`
	Client  netip.AddrPort `json:"client"`
	Server  netip.AddrPort `json:"server"`
	Answers []saidAnswer   `json:"answers"`
}

// saidAnswer is a remote.Answer whose text can be read in a diff.
type saidAnswer struct {
	Kind   remote.ProbeKind `json:"kind"`
	Args   []string         `json:"args"`
	Code   int              `json:"code"`
	Out    string           `json:"out"`
	Stderr string           `json:"stderr,omitempty"`
	Issue  string           `json:"issue,omitempty"`
}

// replaySteps and replayItems are those whose answers are recorded.
func replaySteps() []Step {
	return []Step{stepPreflight, stepPackages, stepHostname, stepScreen, stepFirewall, stepFail2ban, stepReboot}
}

func replayItems() []Item {
	return []Item{itemServices, itemHostname, itemFirewall, itemScreen, itemFail2ban}
}

func replayIn() In {
	return In{Answers: Answers{
		Host: "198.51.100.11", Hostname: "stats", Domain: "example.net",
		Firewall: Firewall{Services: []string{"http", "iax2"}, Ports: []string{"8080/tcp"}},
		Fail2ban: Fail2ban{Ignore: []string{"203.0.113.7"}},
	}}
}

// replay is a host that answers from a recording, but for what a test changes.
type replay struct {
	*memory
	rec     saidAnswers
	changed map[string]remote.Answer
}

func newReplay(t *testing.T, name string) *replay {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "replay", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	r := &replay{memory: newMemory(nil), changed: map[string]remote.Answer{}}
	if err := json.Unmarshal(text, &r.rec); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *replay) ClientAddr() netip.AddrPort { return r.rec.Client }
func (r *replay) ServerAddr() netip.AddrPort { return r.rec.Server }

// find is the answer to a probe. Settings are found by their name, so that a
// recording outlives a change in how a value is read.
func (r *replay) find(p remote.Probe) remote.Answer {
	for _, id := range []string{p.Key(), p.Args[0]} {
		if a, ok := r.changed[id]; ok {
			a.Probe = p
			return a
		}
	}
	for _, a := range r.rec.Answers {
		same := slices.Equal(a.Args, p.Args) || p.Kind == remote.ProbeSetting && a.Args[0] == p.Args[0]
		if a.Kind == p.Kind && same {
			return remote.Answer{Probe: p, Code: a.Code, Out: []byte(a.Out), Stderr: a.Stderr, Issue: a.Issue}
		}
	}
	return remote.Answer{Probe: p, Code: -1, Issue: "missing"}
}

func (r *replay) Survey(_ context.Context, probes []remote.Probe) ([]remote.Answer, error) {
	answers := make([]remote.Answer, len(probes))
	for i, p := range probes {
		answers[i] = r.find(p)
	}
	return answers, nil
}

// says changes what is printed for a setting or a command, by its first argument.
func (r *replay) says(name, out string) *replay {
	r.changed[name] = remote.Answer{Out: []byte(out)}
	return r
}

// holds changes what a file holds.
func (r *replay) holds(path, content string) {
	r.changed[path] = remote.FileState{Path: path, Exists: true, Regular: true, Mode: 0o644, Owner: "root:root", Content: []byte(content)}.
		Answer(remote.ReadFile(path))
}

// mute lets a probe time out.
func (r *replay) mute(name string) {
	r.changed[name] = remote.Answer{Code: -1, Issue: "timeout"}
}

func (r *replay) in(t *testing.T) In {
	t.Helper()
	in := replayIn()
	var err error
	if in.Facts, err = GatherFacts(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	in.Facts.Skew = 0 // the recording is old
	return in
}

func (r *replay) plan(t *testing.T, in In, step Step) StepPlan {
	t.Helper()
	p, err := MakePlan(t.Context(), r, in, []Step{step})
	if err != nil {
		t.Fatal(err)
	}
	return p.Steps[0]
}

// measure judges an item as Verify does; after are changes that the second look
// sees.
func (r *replay) measure(in In, it Item, outside []remote.Reach, after *replay) Finding {
	seen := Seen{Outside: outside}
	for _, p := range it.Probes(in) {
		seen.Answers = append(seen.Answers, r.find(p))
		if after != nil {
			seen.After = append(seen.After, after.find(p))
		}
	}
	return it.Judge(in, seen)
}

// changeOf is the plan's change of a resource.
func changeOf(t *testing.T, p StepPlan, resource string) Change {
	t.Helper()
	for _, c := range p.Changes {
		if c.Resource == resource {
			return c
		}
	}
	t.Fatalf("step %s has no resource %q", p.Step, resource)
	return Change{}
}

// planText is a plan as the golden files hold it.
func planText(p StepPlan) string {
	var b strings.Builder
	b.WriteString("status: " + string(p.Status) + "\n")
	for _, line := range p.Problems {
		b.WriteString("problem: " + line + "\n")
	}
	for _, c := range p.Changes {
		mark := "change"
		if c.Same {
			mark = "same"
		}
		b.WriteString(mark + " " + c.Resource + ": " + c.Now + " -> " + c.Want + "\n")
		if c.Waits != "" {
			b.WriteString("  waits: " + c.Waits + "\n")
		}
		if c.Short != "" {
			b.WriteString("  short: " + c.Short + "\n")
		}
	}
	if p.Script != "" {
		b.WriteString("--- script\n" + p.Script)
	}
	return b.String()
}
