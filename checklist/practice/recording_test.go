package practice

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// recording is what a real machine answered to the whole page in one state. They
// are made in the lab (see record_lab_test.go), into testdata/STATE.json.
type recording struct {
	Answers checklist.Answers `json:"answers"`
	Steps   []string          `json:"steps"`            // that were applied
	Breaks  []string          `json:"breaks,omitempty"` // what was broken then
	Said    []recorded        `json:"said"`
}

type recorded struct {
	Kind  remote.ProbeKind `json:"kind"`
	Args  []string         `json:"args"`
	Code  int              `json:"code"`
	Out   string           `json:"out"`
	Issue string           `json:"issue,omitempty"`
}

// listener notes what a host answers. Hashes of secrets say nothing and are left out.
type listener struct {
	checklist.Host
	said []recorded
	seen map[string]bool
}

func (l *listener) Survey(ctx context.Context, probes []remote.Probe) ([]remote.Answer, error) {
	answers, err := l.Host.Survey(ctx, probes)
	for _, a := range answers {
		if p := a.Probe; p.Kind != remote.ProbeSecret && !l.seen[p.Key()] {
			l.seen[p.Key()] = true
			l.said = append(l.said, recorded{p.Kind, p.Args, a.Code, string(a.Out), a.Issue})
		}
	}
	return answers, err
}

// ask puts every question of the page to a host.
func ask(ctx context.Context, h checklist.Host, a checklist.Answers) ([]recorded, error) {
	l := &listener{Host: h, seen: map[string]bool{}}
	in := checklist.In{Answers: a}
	var err error
	if in.Facts, err = checklist.GatherFacts(ctx, l); err != nil {
		return nil, err
	}
	if _, err := checklist.MakePlan(ctx, l, in, checklist.Steps()); err != nil {
		return nil, err
	}
	for _, it := range checklist.Items() {
		if it.Probes == nil {
			continue
		}
		if _, err := l.Survey(ctx, it.Probes(in)); err != nil {
			return nil, err
		}
	}
	return l.said, nil
}

func (r recording) write(file string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}

// stepsUntil are the ids of the page's steps up to one; all of them for "".
func stepsUntil(last string) []string {
	var out []string
	for _, s := range checklist.Steps() {
		out = append(out, s.ID)
		if s.ID == last {
			break
		}
	}
	return out
}

// recordedStates are the states of the recordings that there are.
func recordedStates(t *testing.T) []state {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out []state
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var r recording
		if err := json.Unmarshal(data, &r); err != nil {
			t.Fatal(f, err)
		}
		out = append(out, r.state(strings.TrimSuffix(filepath.Base(f), ".json")))
	}
	return out
}

func (r recording) state(name string) state {
	s := state{file: name, answers: r.Answers, steps: r.Steps, broken: r.Breaks, address: "11", before: (*machine).likeLabsServer}
	s.tried = slices.Contains(s.steps, "reboot") // whoever has finished the page sends a test
	for _, a := range r.Said {
		s.said = append(s.said, saidThere{remote.Probe{Kind: a.Kind, Args: a.Args}, a.Code, a.Out, a.Issue})
	}
	return s
}

// A recording of the practice server itself is answered alike, in every state: what
// the contract compares is all that the page asks.
func TestRecordingOfItself(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]recording{
		"fresh":           {},
		"half-way":        {Steps: stepsUntil("firewall")},
		"finished":        {Steps: stepsUntil("")},
		"snmpd silent":    {Steps: stepsUntil(""), Breaks: []string{"snmpd silent"}},
		"the keys differ": {Steps: stepsUntil(""), Breaks: []string{"the keys differ"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r.Answers = w.Answers()
			w.into(t, r.state(name))
			said, err := ask(t.Context(), w.Host(), r.Answers)
			if err != nil {
				t.Fatal(err)
			}
			if len(said) < 60 {
				t.Errorf("only %d questions", len(said))
			}
			for _, a := range said {
				if a.Issue != "" {
					t.Errorf("%s %s: %s", a.Kind, a.Args[0], a.Issue)
				}
			}
			other := newWorld(t)
			r.Said = said
			s := r.state(name)
			other.into(t, s)
			for _, there := range s.said {
				if diff := compare(s, there, other.server().answer(there.probe)); diff != "" && there.probe.Args[0] != "machine" {
					t.Errorf("%s %s: %s", there.probe.Kind, there.probe.Args[0], diff)
				}
			}
		})
	}
}
