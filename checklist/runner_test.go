package checklist

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"aslwiz/remote"
)

// memory is a host that has files and nothing else. What a transaction puts, the
// next survey reads; anything not modelled is answered as missing.
type memory struct {
	files map[string]string
	// before runs as a transaction starts: somebody else at work on the server.
	before func(*memory)
	// end is how a transaction ends; nil: done.
	end     func(*memory, remote.Transaction) remote.Status
	current *remote.Status
	started []remote.Transaction
	running remote.Transaction
	surveys int
	addr    netip.AddrPort  // where it was dialled
	moved   netip.AddrPort  // where it is dialled once the current transaction has ended
	asked   map[string]int  // how often, by path
	unread  map[string]bool // files that cannot be read
}

var _ Host = (*memory)(nil)

func (m *memory) Name() string { return "memory" }

func (m *memory) Survey(_ context.Context, probes []remote.Probe) ([]remote.Answer, error) {
	m.surveys++
	out := make([]remote.Answer, len(probes))
	for i, p := range probes {
		out[i] = m.answer(p)
	}
	return out, nil
}

func (m *memory) answer(p remote.Probe) remote.Answer {
	switch p.Kind {
	case remote.ProbeFile:
		if m.asked != nil {
			m.asked[p.Args[0]]++
		}
		if m.unread[p.Args[0]] {
			return remote.Answer{Probe: p, Issue: "timeout"}
		}
		content, ok := m.files[p.Args[0]]
		st := remote.FileState{Path: p.Args[0]}
		if ok {
			st = remote.FileState{
				Path: p.Args[0], Exists: true, Regular: true, Mode: 0o644, Owner: "root:root",
				SHA256: hashOf([]byte(content)), Content: []byte(content),
			}
		}
		return st.Answer(p)
	case remote.ProbeSetting:
		return remote.Answer{Probe: p, Out: []byte("boot 1\ncores 2\n")}
	case remote.ProbeCommand:
		return remote.Answer{Probe: p, Out: []byte("[]")}
	default:
		return remote.Answer{Probe: p, Issue: "missing"}
	}
}

func (m *memory) Current(context.Context) (remote.Status, bool, error) {
	if m.current == nil {
		return remote.Status{}, false, nil
	}
	return *m.current, true, nil
}

func (m *memory) Start(_ context.Context, tx remote.Transaction) error {
	m.started = append(m.started, tx)
	m.running = tx
	if m.before != nil {
		m.before(m)
	}
	return nil
}

func (m *memory) Follow(_ context.Context, id string, _ int64, on func(remote.Progress)) (remote.Status, error) {
	if m.current != nil && m.current.ID == id {
		st := *m.current
		m.current = nil
		on(remote.Progress{Lines: []string{"+ what it did"}, Percent: -1})
		if !st.State.Ended() {
			st.State = remote.TxDone
		}
		if m.moved.IsValid() {
			m.addr = m.moved
		}
		return st, nil
	}
	tx := m.running
	on(remote.Progress{Lines: []string{"+ write"}, Percent: -1})
	if m.end != nil {
		return m.end(m, tx), nil
	}
	for _, f := range tx.Files {
		m.files[f.Path] = string(f.After)
	}
	return remote.Status{ID: id, Step: tx.Step, State: remote.TxDone, BootID: "1"}, nil
}

func (m *memory) Stop(context.Context, string) error { return nil }

func (m *memory) Last(context.Context, string) (remote.Status, bool, error) {
	return remote.Status{}, false, nil
}

func (m *memory) Undo(context.Context, string) (remote.Status, error) {
	return remote.Status{}, errors.New("memory: nothing to undo")
}

func (m *memory) Reach(context.Context, []netip.AddrPort, time.Duration) []remote.Reach { return nil }

func (m *memory) ClientAddr() netip.AddrPort { return netip.AddrPort{} }

func (m *memory) ServerAddr() netip.AddrPort {
	if m.addr.IsValid() {
		return m.addr
	}
	return netip.MustParseAddrPort("192.0.2.1:22")
}

func newMemory(files map[string]string) *memory {
	m := &memory{files: map[string]string{"/etc/os-release": "ID=debian\nVERSION_ID=\"12\"\n"}}
	for k, v := range files {
		m.files[k] = v
	}
	return m
}

// fileStep is a step that wants one file.
func fileStep(id, path, content string) Step {
	return Step{ID: id, Title: id, Want: func(In) ([]Resource, error) {
		return []Resource{File{Path: path, Content: content}}, nil
	}}
}

// appendStep adds a line to a file that the step named brings.
func appendStep(id, path, line, brings string) Step {
	return Step{ID: id, Title: id, Want: func(In) ([]Resource, error) {
		return []Resource{Edit{Path: path, What: line, Step: brings, Apply: func(old string) (string, error) {
			if strings.Contains(old, line) {
				return old, nil
			}
			return old + line + "\n", nil
		}}}, nil
	}}
}

func statuses(r Result) string {
	var out []string
	for _, s := range r.Steps {
		out = append(out, s.Step+" "+string(s.Status))
	}
	return strings.Join(out, ", ")
}

func apply(t *testing.T, h Host, opt ApplyOptions) (Result, []Event, error) {
	t.Helper()
	var events []Event
	opt.Emit = func(e Event) { events = append(events, e) }
	opt.Unproven = true
	r, err := Apply(t.Context(), h, Answers{}, opt)
	return r, events, err
}

func TestApplyTwice(t *testing.T) {
	m := newMemory(nil)
	steps := []Step{fileStep("a", "/a", "1\n"), appendStep("b", "/a", "2", "a"), fileStep("c", "/c", "3\n")}
	// b comes last of all and changes what a owns; that is b's fault in real life,
	// so let it work on a file of its own.
	steps[1] = appendStep("b", "/b", "2", "packages")
	m.end = func(m *memory, tx remote.Transaction) remote.Status {
		for _, f := range tx.Files {
			m.files[f.Path] = string(f.After)
		}
		if tx.Step == "a" {
			m.files["/b"] = "old\n" // as a package would
		}
		return remote.Status{ID: tx.ID, State: remote.TxDone}
	}
	r, _, err := apply(t, m, ApplyOptions{Steps: steps})
	if got := statuses(r); err != nil || got != "a changed, b changed, c changed" {
		t.Fatalf("first: %s, %v", got, err)
	}
	if m.files["/b"] != "old\n2\n" {
		t.Errorf("/b is %q", m.files["/b"])
	}
	n := len(m.started)
	r, _, err = apply(t, m, ApplyOptions{Steps: steps})
	if got := statuses(r); err != nil || got != "a same, b same, c same" || len(m.started) != n {
		t.Errorf("second: %s, %v, %d transactions", got, err, len(m.started)-n)
	}
}

func TestApplyEnds(t *testing.T) {
	ends := func(s remote.TxState) func(*memory, remote.Transaction) remote.Status {
		return func(_ *memory, tx remote.Transaction) remote.Status {
			return remote.Status{ID: tx.ID, State: s, Code: 7, Reason: "because"}
		}
	}
	a, b := fileStep("a", "/a", "1\n"), fileStep("b", "/b", "2\n")
	for _, c := range []struct {
		name string
		end  func(*memory, remote.Transaction) remote.Status
		want string
		says string
	}{
		{"the script fails", ends(remote.TxFailed), "a failed", "because"},
		{"the guard restored", ends(remote.TxRestored), "a restored", "what was there before is back: because"},
		{"a restore that broke", ends(remote.TxBroken), "a failed", "could not all be brought back"},
		{"stopped", ends(remote.TxStopped), "a failed", "stopped: because"},
		{"the server changed", ends(remote.TxRefused), "a failed", "nothing was changed"},
		{"done, and read back otherwise", ends(remote.TxDone), "a failed", "still not as wanted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMemory(nil)
			m.end = c.end
			r, _, err := apply(t, m, ApplyOptions{Steps: []Step{a, b}})
			if got := statuses(r); err != nil || got != c.want || !r.Failed() {
				t.Fatalf("%s, %v, failed %v; want %s", got, err, r.Failed(), c.want)
			}
			if !strings.Contains(r.Steps[0].Reason, c.says) {
				t.Errorf("reason %q does not say %q", r.Steps[0].Reason, c.says)
			}
			if len(m.started) != 1 {
				t.Errorf("%d transactions, want the run to stop at the first", len(m.started))
			}
		})
	}
}

func TestApplyStopsWhenALaterStepsServerChanged(t *testing.T) {
	m := newMemory(map[string]string{"/b": "mine\n"})
	m.before = func(m *memory) { m.files["/b"] = "somebody else's\n" }
	r, events, err := apply(t, m, ApplyOptions{Steps: []Step{fileStep("a", "/a", "1\n"), fileStep("b", "/b", "2\n")}})
	if got := statuses(r); err != nil || got != "a changed, b failed" {
		t.Fatalf("%s, %v", got, err)
	}
	if last := events[len(events)-1]; !strings.Contains(strings.Join(last.Detail, "\n"), "/b") {
		t.Errorf("the event does not show what changed: %+v", last)
	}
	if len(m.started) != 1 || m.files["/b"] != "somebody else's\n" {
		t.Errorf("b was carried out all the same: %q", m.files["/b"])
	}
}

// What a later step only looks at may come in order meanwhile.
func TestApplyGoesOnWhenALookChanged(t *testing.T) {
	m := newMemory(nil)
	m.before = func(m *memory) { m.files["/record"] = "entered\n" }
	look := Step{ID: "look", Want: func(In) ([]Resource, error) {
		return []Resource{Check{Title: "record", Ask: []remote.Probe{remote.ReadFile("/record")}, Judge: func(a []remote.Answer) (Change, error) {
			if st, err := a[0].File(); err != nil || !st.Exists {
				return Change{Now: "not there", Short: "enter it"}, err
			}
			return Change{Now: "there"}, nil
		}}}, nil
	}}
	r, _, err := apply(t, m, ApplyOptions{Steps: []Step{fileStep("a", "/a", "1\n"), look}})
	if got := statuses(r); err != nil || got != "a changed, look same" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestApplyUnknownAndWaiting(t *testing.T) {
	m := newMemory(nil)
	m.unread = map[string]bool{"/a": true}
	r, _, err := apply(t, m, ApplyOptions{Steps: []Step{fileStep("a", "/a", "1\n")}})
	if got := statuses(r); err != nil || got != "a unknown" || !r.Failed() || len(m.started) != 0 {
		t.Errorf("unread file: %s, %v", got, err)
	}
	r, _, err = apply(t, newMemory(nil), ApplyOptions{Steps: []Step{appendStep("b", "/b", "2", "packages")}})
	if got := statuses(r); err != nil || got != "b failed" || !strings.Contains(r.Steps[0].Reason, `"packages"`) {
		t.Errorf("a step that waits: %+v, %v", r, err)
	}
}

func TestApprove(t *testing.T) {
	steps := []Step{fileStep("a", "/a", "1\n"), fileStep("b", "/b", "2\n"), fileStep("c", "/c", "3\n")}
	var asked []StepPlan
	m := newMemory(nil)
	r, _, err := apply(t, m, ApplyOptions{Steps: steps, Approve: func(p StepPlan) (bool, error) {
		asked = append(asked, p)
		if p.Step == "c" {
			return false, ErrQuit
		}
		return p.Step == "b", nil
	}})
	if got := statuses(r); !errors.Is(err, ErrQuit) || got != "a skipped, b changed" {
		t.Fatalf("%s, %v", got, err)
	}
	if m.started[0].Script != asked[1].Script {
		t.Errorf("what ran is not what was approved:\n%s\n%s", m.started[0].Script, asked[1].Script)
	}
}

func TestBlockingShortfall(t *testing.T) {
	check := func(short string, blocks bool) Step {
		return Step{ID: "preflight", Want: func(In) ([]Resource, error) {
			return []Resource{Check{Title: "disk", Judge: func([]remote.Answer) (Change, error) {
				return Change{Short: short, Blocks: blocks}, nil
			}}}, nil
		}}
	}
	b := fileStep("b", "/b", "2\n")
	for _, c := range []struct {
		step Step
		want string
	}{
		{check("", false), "preflight same, b changed"},
		{check("small", false), "preflight manual, b changed"},
		{check("full", true), "preflight failed"},
	} {
		r, _, err := apply(t, newMemory(nil), ApplyOptions{Steps: []Step{c.step, b}})
		if got := statuses(r); err != nil || got != c.want {
			t.Errorf("%s, %v; want %s", got, err, c.want)
		}
	}
}

func TestPickUp(t *testing.T) {
	m := newMemory(nil)
	m.current = &remote.Status{ID: "1-packages", Step: "packages", State: remote.TxRunning, Who: "anna@laptop", Since: time.Unix(0, 0)}
	_, events, err := apply(t, m, ApplyOptions{Steps: []Step{fileStep("a", "/a", "1\n")}})
	if err != nil {
		t.Fatal(err)
	}
	told := slices.ContainsFunc(events, func(e Event) bool {
		return e.Kind == EventNote && strings.Contains(e.Text, "packages") && strings.Contains(e.Text, "anna@laptop") && strings.Contains(e.Text, "1970-01-01 00:00:00 UTC")
	})
	if !told {
		t.Errorf("nobody was told who runs what since when: %+v", events)
	}
}

// What ended while nobody was there is told, with its log.
func TestPickUpShowsWhatNobodySaw(t *testing.T) {
	m := newMemory(nil)
	m.current = &remote.Status{ID: "1-packages", Step: "packages", State: remote.TxFailed, Who: "anna@laptop", Since: time.Unix(0, 0), Reason: "the script ended with status 100"}
	_, events, err := apply(t, m, ApplyOptions{Steps: []Step{fileStep("a", "/a", "1\n")}})
	if err != nil {
		t.Fatal(err)
	}
	var said string
	for _, e := range events {
		said += strings.Join(e.Lines, "\n") + e.Text + "\n"
	}
	for _, want := range []string{"+ what it did", "packages", "anna@laptop", "ended in the meantime: the script ended with status 100"} {
		if !strings.Contains(said, want) {
			t.Errorf("nobody is told %q:\n%s", want, said)
		}
	}
}

// An address that another aslwiz was moving is the server's from then on.
func TestPickUpFollowsAMove(t *testing.T) {
	m := newMemory(nil)
	m.addr, m.moved = netip.MustParseAddrPort("198.51.100.11:22"), netip.MustParseAddrPort("198.51.100.14:22")
	m.current = &remote.Status{ID: "1-reboot", Step: "reboot", State: remote.TxProving, Since: time.Unix(0, 0)}
	for named, want := range map[string][]string{"198.51.100.14/24": {"198.51.100.14"}, "198.51.100.15/24": nil, "": nil} {
		pickUpAMove(t, m, Answers{Host: "198.51.100.11", Network: Network{IPv4: named}}, want)
	}
}

// pickUpAMove wants the addresses that the server is followed to: its own word for
// one counts only where the answers name it.
func pickUpAMove(t *testing.T, m *memory, answers Answers, want []string) {
	t.Helper()
	m.addr = netip.MustParseAddrPort("198.51.100.11:22")
	m.current = &remote.Status{ID: "1-reboot", Step: "reboot", State: remote.TxProving, Since: time.Unix(0, 0)}
	var moved []string
	_, err := Apply(t.Context(), m, answers, ApplyOptions{Unproven: true, Steps: []Step{fileStep("a", "/a", "1\n")}, Emit: func(e Event) {
		if e.Kind == EventMoved {
			moved = append(moved, e.Text)
		}
	}})
	if err != nil || !slices.Equal(moved, want) {
		t.Errorf("%s: moved to %q, want %q, %v", answers.Network.IPv4, moved, want, err)
	}
}

func TestReleaseIsRefused(t *testing.T) {
	m := newMemory(nil)
	for os, want := range map[string]error{
		"ID=debian\nVERSION_ID=13\n":                            ErrUnproven,
		"ID=plan9\nVERSION_ID=4\nPRETTY_NAME=\"Debian of 9\"\n": ErrRelease,
	} {
		m.files["/etc/os-release"] = os
		_, err := Apply(t.Context(), m, Answers{}, ApplyOptions{Steps: []Step{fileStep("a", "/a", "1\n")}, Unproven: errors.Is(want, ErrRelease)})
		if !errors.Is(err, want) || !strings.Contains(fmt.Sprint(err), "runs Debian") || len(m.started) != 0 {
			t.Errorf("%v, %d transactions", err, len(m.started))
		}
	}
}

// What a step begins from may differ where its one line is the same: that stops
// the run too.
func TestDriftIsNeverSilent(t *testing.T) {
	of := func(before string) StepPlan {
		return StepPlan{Step: "firewall", Status: StepPending, Changes: []Change{{
			Resource: "IPv4 rules in force", Now: "9 rules", Settings: []remote.SettingChange{{Name: "IPv4", Before: before}},
		}}}
	}
	r := &run{changed: map[string]bool{}}
	if got := r.drift(of("1"), of("2"), Step{}); len(got) == 0 {
		t.Error("other rules, as many of them: nothing is said")
	}
	if got := r.drift(of("1"), of("1"), Step{}); len(got) != 0 {
		t.Errorf("nothing changed: %q", got)
	}
}

func TestSurveyCountPerStep(t *testing.T) {
	m := newMemory(nil)
	var steps []Step
	for i := range 20 {
		steps = append(steps, fileStep(fmt.Sprint("s", i), fmt.Sprint("/f", i), "x\n"))
	}
	if _, err := MakePlan(t.Context(), m, In{}, steps); err != nil || m.surveys != 1 {
		t.Errorf("%d requests for the plan of %d steps, %v; want 1", m.surveys, len(steps), err)
	}
}

func TestPickUpTellsOfARestore(t *testing.T) {
	for _, state := range []remote.TxState{remote.TxRestored, remote.TxBroken} {
		m := newMemory(nil)
		m.current = &remote.Status{
			ID: "1-firewall", Step: "firewall", State: state, Who: "anna@laptop", Since: time.Unix(0, 0),
			Reason: "the way in was not proved within 180 s", Detail: []string{"/etc/x: not restored"},
		}
		r, events, err := apply(t, m, ApplyOptions{Steps: []Step{fileStep("a", "/a", "1\n")}})
		if got := statuses(r); err != nil || got != "a changed" {
			t.Fatalf("%s: %s, %v", state, got, err)
		}
		var notes []Event
		for _, e := range events {
			if e.Kind == EventNote {
				notes = append(notes, e)
			}
		}
		if len(notes) != 1 || notes[0].Step != "firewall" || len(notes[0].Detail) != 1 {
			t.Fatalf("%s: notes %+v", state, notes)
		}
		ended := map[remote.TxState]string{remote.TxRestored: "was restored", remote.TxBroken: "not all of it"}[state]
		for _, word := range []string{ended, "not proved within 180 s", "anna@laptop", "1970-01-01 00:00:00 UTC"} {
			if !strings.Contains(notes[0].Text, word) {
				t.Errorf("%s: %q lacks %q", state, notes[0].Text, word)
			}
		}
	}
}

// TestRequests counts what a look at a server costs, whatever the number of steps
// and items: each request is a round trip.
func TestRequests(t *testing.T) {
	apart := func(it Item) bool { return it.Again } // measures over time
	for name, c := range map[string]struct {
		do   func(*memory) error
		want int
	}{
		"plan: facts and survey": {func(m *memory) error {
			facts, err := GatherFacts(t.Context(), m)
			if err != nil {
				return err
			}
			_, err = PlanBothEnds(t.Context(), m, In{Facts: facts}, Steps(), nil)
			return err
		}, 2},
		"a converged apply: facts and survey": {func(m *memory) error {
			_, _, err := apply(t, m, ApplyOptions{Steps: []Step{fileStep("a", "/a", "1\n"), fileStep("b", "/b", "2\n")}})
			return err
		}, 2},
		"verify": {func(m *memory) error {
			_, err := Verify(t.Context(), m, In{}, slices.DeleteFunc(Items(), apart), nil)
			return err
		}, 1},
		"verify, with what is looked at twice": {func(m *memory) error { _, err := Verify(t.Context(), m, In{}, Items(), nil); return err }, 2},
		"report":                               {func(m *memory) error { _, err := MakeReport(t.Context(), m, In{}, nil); return err }, 2},
	} {
		m := newMemory(map[string]string{"/a": "1\n", "/b": "2\n"})
		if err := c.do(m); err != nil || m.surveys != c.want || len(m.started) != 0 {
			t.Errorf("%s: %d requests, want %d; %d transactions, %v", name, m.surveys, c.want, len(m.started), err)
		}
	}
}

// A change that a step does not follow is no reason to read its state again before
// its turn; somebody else's change in between is still seen.
func TestReadAgainOnlyWhatAChangeConcerns(t *testing.T) {
	m := newMemory(nil)
	m.asked = map[string]int{}
	var steps []Step
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		steps = append(steps, fileStep(id, "/"+id, "1\n"))
	}
	steps[4].Follows = []string{"a"}
	r, _, err := apply(t, m, ApplyOptions{Steps: steps, Approve: func(p StepPlan) (bool, error) { return p.Step != "b", nil }})
	if got := statuses(r); err != nil || got != "a changed, b skipped, c changed, d changed, e changed" {
		t.Fatalf("%s, %v", got, err)
	}
	// Planned, then: a read back; b as the next after a; c at its turn and read back;
	// d as the next after c and read back; e as it follows a, as the next after d,
	// and read back.
	for path, want := range map[string]int{"/a": 2, "/b": 2, "/c": 3, "/d": 3, "/e": 4} {
		if m.asked[path] != want {
			t.Errorf("%s was read %d times, want %d", path, m.asked[path], want)
		}
	}
	m = newMemory(map[string]string{"/c": "mine\n"})
	m.before = func(m *memory) { m.files["/c"] = "somebody else's\n" }
	r, _, err = apply(t, m, ApplyOptions{Steps: steps, Approve: func(p StepPlan) (bool, error) { return p.Step != "b", nil }})
	if got := statuses(r); err != nil || got != "a changed, b skipped, c failed" {
		t.Errorf("somebody changed c: %s, %v", got, err)
	}
}
