package checklist

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"aslwiz/remote"
)

// tunnelHost is a host with files, secret files and a tunnel daemon that loads
// whatever a transaction brings.
type tunnelHost struct {
	*memory
	name, version, addr string
	secrets             map[string]string // by path: the content
	loaded              bool
	closed              bool
}

func newTunnelHost(name, version, addr string) *tunnelHost {
	m := newMemory(map[string]string{"/etc/os-release": fmt.Sprintf("ID=debian\nVERSION_ID=%q\n", version)})
	return &tunnelHost{memory: m, name: name, version: version, addr: addr, secrets: map[string]string{}}
}

func (h *tunnelHost) Name() string { return h.name }
func (h *tunnelHost) Close() error { h.closed = true; return nil }

func (h *tunnelHost) Survey(_ context.Context, probes []remote.Probe) ([]remote.Answer, error) {
	var out []remote.Answer
	for _, p := range probes {
		out = append(out, h.answer(p))
	}
	return out, nil
}

func (h *tunnelHost) answer(p remote.Probe) remote.Answer {
	switch {
	case p.Kind == remote.ProbeSecret:
		content, ok := h.secrets[p.Args[0]]
		if !ok {
			return remote.SecretState{}.Answer(p)
		}
		return secretStateOf(content, keyIn(content), p.Args[1]).Answer(p)
	case p.Kind == remote.ProbeUnit:
		return remote.Answer{Probe: p, Out: []byte("Id=" + p.Args[0] + "\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n")}
	case p.Kind == remote.ProbePackages:
		var b strings.Builder
		for _, n := range p.Args {
			fmt.Fprintf(&b, "%s\tinstalled\t1\n", n)
		}
		return remote.Answer{Probe: p, Out: []byte(b.String() + "=\n")}
	case p.Kind == remote.ProbeCommand && len(p.Args) > 2 && p.Args[2] == "address":
		return remote.Answer{Probe: p, Out: fmt.Appendf(nil,
			`[{"ifname":"eth0","link_type":"ether","addr_info":[{"local":%q,"prefixlen":24,"scope":"global"}]}]`, h.addr)}
	case p.Kind == remote.ProbeSetting && strings.Contains(p.Args[0], "in the daemon"):
		word := "not loaded\n"
		if h.loaded {
			word = "loaded\n"
		}
		return remote.Answer{Probe: p, Out: []byte(word)}
	case p.Kind == remote.ProbeSetting && strings.HasPrefix(p.Args[1], "[ -e /etc/"):
		return remote.Answer{Probe: p, Out: []byte(includeOf(p.Args[0]))}
	case p.Kind == remote.ProbeSetting && p.Args[0] != "machine":
		return remote.Answer{Probe: p}
	}
	return h.memory.answer(p)
}

func includeOf(path string) string {
	for _, d := range []ipsecDaemon{legacyDaemon, swanctlDaemon} {
		for _, i := range d.include {
			if i[0] == path {
				return i[1]
			}
		}
	}
	return ""
}

func keyIn(content string) string {
	_, rest, ok := strings.Cut(content, "0s")
	if !ok {
		return ""
	}
	return "0s" + strings.Fields(rest)[0]
}

func (h *tunnelHost) Follow(ctx context.Context, id string, offset int64, on func(remote.Progress)) (remote.Status, error) {
	tx := h.running
	for name, word := range tx.Secrets {
		_, doc, _ := strings.Cut(tx.Script, "<<EOF\n")
		doc, _, _ = strings.Cut(doc, "EOF\n")
		for _, s := range tx.Settings {
			if strings.Contains(s.Name, ".secrets") {
				h.secrets[s.Name] = strings.ReplaceAll(doc, "$key", word.Reveal())
			}
		}
		if !strings.Contains(tx.Script, "$ASLWIZ_SECRETS/"+name) {
			return remote.Status{}, errors.New("the script does not use the key " + name)
		}
	}
	h.loaded = true
	return h.memory.Follow(ctx, id, offset, on)
}

// bothEnds applies the step on stats, with two reached by its login.
func bothEnds(t *testing.T, here, there *tunnelHost, ask func(context.Context, string) (remote.Secret, error)) (Result, string) {
	t.Helper()
	var seen strings.Builder
	note := func(v any) {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&seen, "%s\n%+v\n", data, v)
	}
	peer := Peer{Name: "two", Addresses: []string{there.addr}, SSH: "admin@two"}
	answers := Answers{Host: here.addr, Hostname: "stats", Domain: "example.net", Peers: []Peer{peer}}
	got, err := Apply(t.Context(), here, answers, ApplyOptions{
		Steps: []Step{stepIPsec}, Emit: func(e Event) { note(e) }, Secret: ask,
		Approve: func(p StepPlan) (bool, error) {
			note(p)
			fmt.Fprintln(&seen, "APPROVE", p.Title, p.Script)
			if far := strings.Contains(p.Title, "the other end"); far != p.Guarded {
				t.Errorf("%s: guarded is %v", p.Title, p.Guarded)
			}
			return true, nil
		},
		Dial: func(context.Context, Peer) (Host, error) { return there, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	note(got)
	for _, h := range []*tunnelHost{here, there} {
		for _, content := range h.secrets {
			if word := keyIn(content); word == "" || strings.Contains(seen.String(), word[2:20]) {
				t.Errorf("%s: the key %q was shown", h.name, word)
			}
		}
	}
	return got, seen.String()
}

func TestBothEndsGetTheSameKey(t *testing.T) {
	t.Parallel()
	here, there := newTunnelHost("stats", "12", "198.51.100.11"), newTunnelHost("two", "13", "198.51.100.12")
	got, seen := bothEnds(t, here, there, nil)
	if len(here.started) != 1 || len(there.started) != 1 || strings.Count(seen, "APPROVE") != 2 || got.Failed() || !got.Changed() {
		t.Fatalf("%d and %d transactions, %d approvals: %+v\n%s", len(here.started), len(there.started), strings.Count(seen, "APPROVE"), got, seen)
	}
	a, b := here.secrets["/etc/ipsec.d/two.secrets"], there.secrets["/etc/swanctl/conf.d/stats.secrets.conf"]
	if keyIn(a) == "" || keyIn(a) != keyIn(b) {
		t.Errorf("the ends differ:\n%s\n%s", a, b)
	}
	if !there.closed {
		t.Error("the connection to the other end was left open")
	}
	// A second run finds nothing to do at either end.
	got, _ = bothEnds(t, here, there, func(context.Context, string) (remote.Secret, error) {
		t.Error("a key was asked for, and none has to be set")
		return remote.Secret{}, nil
	})
	if got.Changed() || len(here.started)+len(there.started) != 2 {
		t.Errorf("the second run changed something: %+v", got)
	}
}

func TestADifferentKeyIsRenewedAtBothEnds(t *testing.T) {
	t.Parallel()
	for what, spoil := range map[string]func(*tunnelHost){
		"missing": func(h *tunnelHost) { clear(h.secrets) },
		"another": func(h *tunnelHost) {
			for path, c := range h.secrets {
				h.secrets[path] = strings.Replace(c, keyIn(c), generatePSK(), 1)
			}
		},
	} {
		for _, end := range []string{"here", "there"} {
			t.Run(what+" "+end, func(t *testing.T) {
				t.Parallel()
				here, there := newTunnelHost("stats", "12", "198.51.100.11"), newTunnelHost("two", "12", "198.51.100.12")
				bothEnds(t, here, there, nil)
				old := keyIn(here.secrets["/etc/ipsec.d/two.secrets"])
				spoil(map[string]*tunnelHost{"here": here, "there": there}[end])
				typed := "0s" + generatePSK()[2:]
				_, _ = bothEnds(t, here, there, func(_ context.Context, name string) (remote.Secret, error) {
					if name != "two" {
						t.Errorf("asked for %q", name)
					}
					return remote.NewSecret(typed), nil
				})
				a, b := keyIn(here.secrets["/etc/ipsec.d/two.secrets"]), keyIn(there.secrets["/etc/ipsec.d/stats.secrets"])
				if a != typed || b != typed || a == old {
					t.Errorf("after the second run: %d and %d transactions, same %v, new %v", len(here.started), len(there.started), a == b, a != old)
				}
			})
		}
	}
}

func TestAnEndWithoutLoginIsShown(t *testing.T) {
	t.Parallel()
	here := newTunnelHost("stats", "12", "198.51.100.11")
	var note Event
	answers := Answers{Host: here.addr, Hostname: "stats", Domain: "example.net", Peers: []Peer{pasted}}
	got, err := Apply(t.Context(), here, answers, ApplyOptions{Steps: []Step{stepIPsec}, Emit: func(e Event) {
		if e.Kind == EventNote {
			note = e
		}
	}})
	if err != nil || got.Failed() {
		t.Fatal(got, err)
	}
	text := strings.Join(note.Detail, "\n")
	word := keyIn(here.secrets["/etc/ipsec.d/nms.secrets"])
	if !strings.Contains(text, "conn stats-4") || !strings.Contains(text, "$key") || word == "" || strings.Contains(text, word[2:]) {
		t.Errorf("shown for the other end:\n%s", text)
	}

	// It is shown again when the step is run alone, and only then.
	for _, steps := range [][]Step{{stepIPsec}, {stepIPsec, stepTimezone}} {
		note = Event{}
		got, _ := Apply(t.Context(), here, answers, ApplyOptions{Steps: steps, Emit: func(e Event) {
			if e.Kind == EventNote {
				note = e
			}
		}})
		if again := strings.Join(note.Detail, "\n") == text; again != (len(steps) == 1) || got.Changed() {
			t.Errorf("with %d steps: shown %v, %+v", len(steps), again, got)
		}
	}
	// Who does not say what runs there gets the text for what runs here.
	unsaid := pasted
	unsaid.Far = ""
	if got, err := FarEndText(tunnelIn(releaseDebian12, unsaid), unsaid); err != nil || strings.TrimRight(got, "\n") != text {
		t.Errorf("without far: %v\n%s", err, got)
	}
}

// The plan shows what apply would do at both ends, a key that differs included,
// and does nothing.
func TestPlanShowsBothEnds(t *testing.T) {
	t.Parallel()
	here, there := newTunnelHost("stats", "12", "198.51.100.11"), newTunnelHost("two", "12", "198.51.100.12")
	peer := Peer{Name: "two", Addresses: []string{there.addr}, SSH: "admin@two"}
	var refused error
	dial := func(context.Context, Peer) (Host, error) { return there, refused }
	plan := func() (h, f StepPlan) {
		t.Helper()
		in := In{Answers: Answers{Host: here.addr, Hostname: "stats", Domain: "example.net", Peers: []Peer{peer}}}
		var err error
		if in.Facts, err = GatherFacts(t.Context(), here); err != nil {
			t.Fatal(err)
		}
		p, err := PlanBothEnds(t.Context(), here, in, []Step{stepIPsec}, dial)
		if err != nil || len(p.Far) != 1 || len(p.Far[0].Steps) != 1 {
			t.Fatalf("%+v, %v", p, err)
		}
		return p.Steps[0], p.Far[0].Steps[0]
	}
	if h, f := plan(); h.Status != StepPending || f.Status != StepPending || !strings.Contains(f.Script, "put /etc/ipsec.d/stats.conf") {
		t.Errorf("fresh: %s and %s\n%s", h.Status, f.Status, f.Script)
	}
	bothEnds(t, here, there, nil)
	if h, f := plan(); h.Status != StepSame || f.Status != StepSame {
		t.Errorf("converged: %s and %s", h.Status, f.Status)
	}
	for path, c := range there.secrets {
		there.secrets[path] = strings.Replace(c, keyIn(c), generatePSK(), 1)
	}
	if h, f := plan(); h.Status != StepPending || f.Status != StepPending {
		t.Errorf("with another key there: %s and %s", h.Status, f.Status)
	}
	if n := len(here.started) + len(there.started); n != 2 || !there.closed {
		t.Errorf("planning made transactions (%d), or left the connection open", n)
	}
	refused = errors.New("two: connection refused")
	if h, f := plan(); h.Status != StepSame || f.Status != StepUnknown || !strings.Contains(f.Problems[0], "connection refused") {
		t.Errorf("out of reach: %s and %s %q", h.Status, f.Status, f.Problems)
	}
}

func TestAnUnreachableEndChangesNothing(t *testing.T) {
	t.Parallel()
	here := newTunnelHost("stats", "12", "198.51.100.11")
	answers := Answers{Host: here.addr, Hostname: "stats", Domain: "example.net", Peers: []Peer{two}}
	_, err := Apply(t.Context(), here, answers, ApplyOptions{
		Steps: []Step{stepIPsec},
		Dial:  func(context.Context, Peer) (Host, error) { return nil, errors.New("two: connection refused") },
	})
	if err == nil || !strings.Contains(err.Error(), "tunnel two") || len(here.started) != 0 {
		t.Errorf("%d transactions, %v", len(here.started), err)
	}
}
