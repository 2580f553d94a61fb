package practice

import (
	"context"
	"slices"
	"strings"
	"testing"

	"aslwiz/checklist"
	"aslwiz/remote"
)

func newWorld(t *testing.T, troubles ...string) *World {
	t.Helper()
	w, err := New(NewClock(Max), troubles...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// peers logs in to the other ends of tunnels.
func (w *World) peers() func(context.Context, checklist.Peer) (checklist.Host, error) {
	return func(ctx context.Context, p checklist.Peer) (checklist.Host, error) {
		target, _ := p.Target()
		return w.Dial(ctx, target, remote.Options{})
	}
}

// apply carries out steps, all of the page when none is named.
func (w *World) apply(t *testing.T, steps ...checklist.Step) (checklist.Result, []checklist.Event) {
	t.Helper()
	if steps == nil {
		steps = checklist.Steps()
	}
	var events []checklist.Event
	r, err := checklist.Apply(t.Context(), w.Host(), w.Answers(), checklist.ApplyOptions{
		Steps: steps, Emit: func(e checklist.Event) { events = append(events, e) },
		Dial: w.peers(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, events
}

// verify measures everything and gives what is neither passed nor a person's.
func (w *World) verify(t *testing.T) map[string]checklist.Finding {
	t.Helper()
	h := w.Host()
	facts, err := checklist.GatherFacts(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	in := checklist.In{Answers: w.Answers(), Facts: facts}
	in.Far = checklist.LookFar(t.Context(), w.peers(), in)
	found, err := checklist.Verify(t.Context(), h, in, checklist.Items(), nil)
	if err != nil {
		t.Fatal(err)
	}
	red := map[string]checklist.Finding{}
	for _, f := range found {
		if f.Status != checklist.Passed && f.Status != checklist.Manual {
			red[f.Item] = f
		}
	}
	return red
}

// try sends what some items need to be seen to work.
func (w *World) try(t *testing.T) {
	t.Helper()
	if err := checklist.Act(t.Context(), w.Host(), checklist.In{Answers: w.Answers()}, checklist.Items(), nil); err != nil {
		t.Fatal(err)
	}
}

// settled lets time pass until nothing waits.
func (w *World) settled(t *testing.T) map[string]checklist.Finding {
	t.Helper()
	red := w.verify(t)
	for range 60 {
		waits := false
		for _, f := range red {
			waits = waits || f.Status == checklist.Waiting
		}
		if !waits {
			break
		}
		if err := w.clock.Sleep(t.Context(), 2e9); err != nil {
			t.Fatal(err)
		}
		red = w.verify(t)
	}
	return red
}

func wantGreen(t *testing.T, red map[string]checklist.Finding) {
	t.Helper()
	for _, f := range red {
		t.Errorf("%s is %s: want %s; got %s\n%s", f.Item, f.Status, f.Want, f.Got, strings.Join(f.Evidence, "\n"))
	}
}

func wantAll(t *testing.T, r checklist.Result, events []checklist.Event, allowed ...checklist.StepStatus) {
	t.Helper()
	bad := len(r.Steps) < len(checklist.Steps())
	for _, s := range r.Steps {
		ok := false
		for _, a := range allowed {
			ok = ok || s.Status == a
		}
		bad = bad || !ok
	}
	if !bad {
		return
	}
	for _, s := range r.Steps {
		t.Log(s.Step, s.Status, s.Reason)
	}
	for _, e := range events {
		if e.Kind == checklist.EventOutput {
			t.Log(strings.Join(e.Lines, "\n"))
		}
		if len(e.Detail) > 0 {
			t.Log(e.Kind, e.Step, e.Text, strings.Join(e.Detail, "\n"))
		}
	}
	t.Fatalf("%d steps ended, not all of them as wanted", len(r.Steps))
}

// The whole page, on a fresh machine: it ends green, and a second run changes
// nothing.
func TestPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	red := w.verify(t)
	if len(red) < 8 {
		t.Errorf("only %d items are red on a fresh server", len(red))
	}
	r, events := w.apply(t)
	wantAll(t, r, events, checklist.StepChanged, checklist.StepSame)
	if !slices.ContainsFunc(events, func(e checklist.Event) bool {
		return e.Kind == checklist.EventProgress && e.Percent > 50 && e.Doing != ""
	}) {
		t.Error("nobody is told how far apt is")
	}
	if red := w.settled(t); len(red) != 1 || red["mail"].Status != checklist.Unknown {
		t.Errorf("before a test mail: %v", red)
	}
	w.try(t)
	wantGreen(t, w.settled(t))
	before := len(w.server().records)
	r, events = w.apply(t)
	wantAll(t, r, events, checklist.StepSame)
	if n := len(w.server().records) - before; n != 0 {
		t.Errorf("a second run makes %d transactions", n)
	}
	for _, p := range w.unmodelled {
		t.Errorf("the probe %s is not modelled", p)
	}
}

// Whatever is answered, the practice server knows every line and every probe.
func TestOtherAnswers(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*checklist.Answers){
		"nothing but the name": func(a *checklist.Answers) {
			*a = checklist.Answers{Host: a.Host, Hostname: "box", Domain: a.Domain}
		},
		"SNMP 2c": func(a *checklist.Answers) { a.SNMP.Version, a.SNMP.User = "2c", "" },
		"an MX, UDP": func(a *checklist.Answers) {
			a.Mail.MX, a.Logging.Protocol, a.Mail.Postmaster = true, "udp", "pm@example.net"
		},
		"the log by TLS":   func(a *checklist.Answers) { a.Logging.Protocol = "tls" },
		"own time servers": func(a *checklist.Answers) { a.Time.Servers = []string{"ntp1.example.net", "ntp2.example.net"} },
		"much let in": func(a *checklist.Answers) {
			a.Firewall = checklist.Firewall{Services: []string{"http", "iax2", "echolink"}, Ports: []string{"8080/tcp"}, SSHFrom: []string{"198.51.100.0/24", "2001:db8::/32"}}
			a.Fail2ban.Ignore = []string{"203.0.113.7", "2001:db8:7::/48"}
		},
		"two admins": func(a *checklist.Answers) {
			a.Admins = append(a.Admins, checklist.Admin{Name: "ben", Keys: []string{practiceKey}})
		},
		"a tunnel by hand": func(a *checklist.Answers) { a.Peers[0].SSH, a.Peers[0].Far = "", "debian13" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := w.Answers()
			change(&a)
			if p := a.Problems(nil); len(p) > 0 {
				t.Fatal(p)
			}
			for _, want := range [][]checklist.StepStatus{
				{checklist.StepChanged, checklist.StepSame, checklist.StepManual}, {checklist.StepSame, checklist.StepManual},
			} {
				var events []checklist.Event
				r, err := checklist.Apply(t.Context(), w.Host(), a, checklist.ApplyOptions{
					Steps: checklist.Steps(), Emit: func(e checklist.Event) { events = append(events, e) }, Dial: w.peers(),
				})
				if err != nil {
					t.Fatal(err)
				}
				wantAll(t, r, events, want...)
			}
			if _, err := ask(t.Context(), w.Host(), a); err != nil {
				t.Fatal(err)
			}
			for _, p := range w.unmodelled {
				t.Errorf("the probe %s is not modelled", p)
			}
		})
	}
}
