package tui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// farHost is the server at the other end of a tunnel.
type farHost struct {
	*fakeHost
	away error // why it cannot be reached
	deaf error // why it cannot be read
}

func (h *farHost) Name() string { return "198.51.100.12" }

func (h *farHost) Survey(ctx context.Context, probes []remote.Probe) ([]remote.Answer, error) {
	if h.deaf != nil {
		return nil, h.deaf
	}
	return h.fakeHost.Survey(ctx, probes)
}

// tunnelPage adds a step with two ends, and the item about it, to the small page.
func tunnelPage(t testing.TB) {
	t.Helper()
	smallPage(t)
	otherStep(-1, checklist.Step{
		ID: "ipsec", Title: "build the tunnels", Why: "servers talk over the open internet",
		Want: func(checklist.In) ([]checklist.Resource, error) {
			return []checklist.Resource{thing{"tunnel", "up", ""}}, nil
		},
		Peer: func(checklist.In, checklist.Peer, checklist.Facts) ([]checklist.Resource, error) {
			return []checklist.Resource{thing{"tunnel", "up", ""}}, nil
		},
	})
	items := append(page.items(), checklist.Item{
		ID: "ipsec", Title: "Are the tunnels up?",
		Probes: func(checklist.In) []remote.Probe { return nil },
		Judge: func(checklist.In, checklist.Seen) checklist.Finding {
			return checklist.Finding{Status: checklist.Failed, Got: "down", Fix: &checklist.Fix{Kind: checklist.FixPeer, Text: "apply the step ipsec, which looks at both ends"}}
		},
	})
	page.items = func() []checklist.Item { return items }
}

// newTunnelBench is at the step ipsec of a server on which all else is done.
func newTunnelBench(t *testing.T, ssh string) *bench {
	t.Helper()
	b := newBench(t, 100, 30)
	tunnelPage(t)
	b.host.values = map[string]string{"software": "vim screen", "name": "stats.example.net", "rules": "on"}
	b.far = &farHost{fakeHost: newFakeHost()}
	a := &b.w.s.answers
	a.Hostname, a.Domain = "stats", "example.net"
	a.Peers = []checklist.Peer{{Name: "two", Addresses: []string{"198.51.100.12"}, SSH: ssh}}
	for _, st := range page.steps() {
		b.w.s.asked[st.ID] = true
	}
	b.connect()
	b.do(b.w.goToStep("ipsec"))
	b.contains("Build the tunnels")
	return b
}

// over waits until the run has ended and the server was read again.
func (b *bench) over() {
	b.t.Helper()
	b.when("the run has ended", func() bool { return b.w.run.ended && b.w.busy == "" })
}

// atTheOtherEnd runs the step to the question about the other server.
func (b *bench) atTheOtherEnd() {
	b.t.Helper()
	b.keys("r")
	b.until("This changes the other server")
	b.pause()
}

func TestAnOtherEndThatWasNotAgreedToIsStillToDo(t *testing.T) {
	b := newTunnelBench(t, "ops@198.51.100.12")
	b.atTheOtherEnd()
	b.keys("esc")
	b.over()
	b.contains("ipsec changed", "pending: two: its end is not as wanted yet", "back to the step")
	b.keys("enter")
	b.contains("Build the tunnels", "pending: two: its end is not as wanted yet", "r run this step", "1 step left")
	b.keys("r")
	b.until("This changes the other server")
	b.pause()
	b.keys("y")
	b.over()
	if got := b.far.values["tunnel"]; got != "up" {
		t.Errorf("the other end is %q", got)
	}
	b.contains("ipsec changed: two", "no step left")
}

// TestStoppingAtThisEndIsNotAboutTheOther: the other one was only looked at by then.
func TestStoppingAtThisEndIsNotAboutTheOther(t *testing.T) {
	b := newTunnelBench(t, "ops@198.51.100.12")
	p := b.w.s.plan["ipsec"]
	p.Script += "# another plan was shown\n"
	b.w.s.plan["ipsec"] = p
	b.keys("r")
	b.until("is not what the screen showed before")
	b.pause()
	b.keys("esc")
	b.when("the run has ended", func() bool { return b.w.run.ended })
	b.contains("stopped before the next step", "no step was carried out")
}

func TestAnOtherEndThatFailedIsRunAgain(t *testing.T) {
	b := newTunnelBench(t, "ops@198.51.100.12")
	b.far.refuse["ipsec"] = true
	b.atTheOtherEnd()
	b.keys("y")
	b.over()
	b.keys("enter")
	b.contains("failed: two: a command ended with status 100", "r run this step")
	b.far.refuse["ipsec"] = false
	b.keys("a")
	b.until("This changes the other server")
	b.pause()
	b.keys("y")
	b.over()
	b.contains("no step left")
	b.keys("esc", "home")
	b.lacks("failed", "pending")
}

func TestAnOtherEndThatCannotBeReachedIsNotTheSame(t *testing.T) {
	b := newTunnelBench(t, "ops@198.51.100.12")
	b.host.values["tunnel"] = "up"
	b.keys("esc")
	b.carry(b.w.lookAgain())
	b.do(b.w.goToStep("ipsec"))
	b.contains("same: already as the page wants it")
	b.far.away = errors.New("198.51.100.12:22: no answer in time")
	b.keys("r")
	b.over()
	b.keys("enter")
	b.contains("failed: two: 198.51.100.12:22: no answer in time", "r run this step")
	b.keys("s") // which counts until it is run
	b.carry(b.w.lookAgain())
	if got := b.w.s.status["ipsec"]; got != checklist.StepSkipped {
		t.Errorf("skipped by the admin, and %s", got)
	}
}

// TestAnOtherEndThatRefusedIsNotDialledAtEachLook: it would ban the admin's address. The
// step asks again.
func TestAnOtherEndThatRefusedIsNotDialledAtEachLook(t *testing.T) {
	b := newTunnelBench(t, "ops@198.51.100.12")
	b.host.values["tunnel"] = "up"
	b.far.away = &remote.CredentialsError{User: "ops", Tried: []string{"password"}}
	dialled, dial := 0, b.w.engine.cfg.Dial
	b.w.engine.cfg.Dial = func(ctx context.Context, to remote.Target, o remote.Options) (checklist.Host, error) {
		if to.Host == "198.51.100.12" {
			dialled++
		}
		return dial(ctx, to, o)
	}
	b.keys("v", "a", "a")
	if dialled != 1 {
		t.Errorf("dialled %d times by three looks", dialled)
	}
	b.far.away = nil
	b.keys("up", "down", "down", "down", "f", "r")
	b.until("This changes the other server")
}

// TestAnOtherEndThatIsPastedByNowIsNotWaitedFor: no run will ever see it.
func TestAnOtherEndThatIsPastedByNowIsNotWaitedFor(t *testing.T) {
	b := newTunnelBench(t, "ops@198.51.100.12")
	b.far.away = errors.New("198.51.100.12:22: no answer in time")
	b.host.values["tunnel"] = "up"
	b.keys("r")
	b.over()
	b.w.s.answers.Peers = []checklist.Peer{{Name: "two", Addresses: []string{"198.51.100.12"}}}
	b.carry(b.w.lookAgain())
	if got := b.w.s.status["ipsec"]; got != checklist.StepSame {
		t.Errorf("the step is %s", got)
	}
}

func TestAnOtherEndThatCannotBeReadIsNotTheSame(t *testing.T) {
	b := newTunnelBench(t, "ops@198.51.100.12")
	b.host.values["tunnel"] = "up"
	b.far.deaf = errors.New("198.51.100.12:22: the connection was lost")
	b.keys("r")
	b.over()
	b.contains("the connection was lost")
	b.keys("enter")
	b.contains("pending: two: its end is not known to be as wanted", "r run this step")
}

func TestAnOtherEndCanBeLeftOut(t *testing.T) {
	b := newTunnelBench(t, "ops@198.51.100.12")
	b.atTheOtherEnd()
	b.keys("s")
	b.over()
	b.do(b.w.goToStep("ipsec"))
	b.contains("skipped: two: left out on the admin's word", "no step left")
}

// TestARedTunnelLeadsToBothEnds: this end says nothing of what the other one needs.
func TestARedTunnelLeadsToBothEnds(t *testing.T) {
	b := newTunnelBench(t, "ops@198.51.100.12")
	b.host.values["tunnel"] = "up"
	b.keys("v", "up", "down", "down", "down")
	b.contains("down", "f goes to the step ipsec")
	b.keys("f")
	b.contains("same: already as the page wants it", "r look at both ends", "enter next")
	b.keys("r")
	b.until("This changes the other server")
	b.pause()
	b.keys("y")
	b.over()
	if got := b.far.values["tunnel"]; got != "up" {
		t.Errorf("the other end is %q", got)
	}
}

// TestWhatIsPastedAtTheOtherEndIsHadAgain, where aslwiz has no login there.
func TestWhatIsPastedAtTheOtherEndIsHadAgain(t *testing.T) {
	b := newTunnelBench(t, "")
	b.keys("r")
	b.over()
	first := b.w.run
	b.keys("esc", "r")
	b.over()
	if text := b.w.run.log.text(); b.w.run == first || !strings.Contains(text, "for a root shell on two") {
		t.Errorf("the log has no text for the other end:\n%s", text)
	}
}

// TestEnterGoesOnFromATunnelThatIsDone: the other end is looked at by its own key.
func TestEnterGoesOnFromATunnelThatIsDone(t *testing.T) {
	b := newTunnelBench(t, "ops@198.51.100.12")
	b.far.values["tunnel"] = "up"
	b.keys("r")
	b.over()
	b.keys("esc", "enter")
	b.contains("verification")
	if _, ok := b.w.top().(*verifyScreen); !ok {
		t.Errorf("Enter leads to %s", b.w.top().title())
	}
}

// TestATunnelThatStoppedAtTheOtherEndIsMended goes through the page's own step and
// item, on servers that were set up before this start.
func TestATunnelThatStoppedAtTheOtherEndIsMended(t *testing.T) {
	b, world := practising(t)
	b.w.engine.cfg.Practice = nil // every key is the one it names
	dial := func(ctx context.Context, p checklist.Peer) (checklist.Host, error) {
		to, _ := p.Target()
		return world.Dial(ctx, to, remote.Options{})
	}
	if _, err := checklist.Apply(t.Context(), world.Host(), world.Answers(), checklist.ApplyOptions{Steps: checklist.Steps(), Dial: dial}); err != nil {
		t.Fatal(err)
	}
	if err := world.Break("the peer's tunnel stopped"); err != nil {
		t.Fatal(err)
	}
	b.keys("enter")
	b.until("This is the server")
	b.keys("v")
	b.when("it is measured", func() bool { return b.w.busy == "" })
	v, _ := b.w.top().(*verifyScreen)
	for v.item().ID != "ipsec" {
		b.keys("down")
	}
	if f, _ := v.finding(); f.Status == checklist.Passed {
		t.Fatalf("the tunnel is %s: %s", f.Status, f.Got)
	}
	b.contains("f go to step ipsec")
	b.keys("f")
	b.until("r look at both ends")
	b.keys("r")
	b.until("This changes the other server")
	b.pause()
	b.keys("y")
	b.over()
	b.keys("enter")
	b.when("it is measured", func() bool { return b.w.busy == "" })
	_ = world.Clock().Sleep(t.Context(), time.Minute)
	b.keys("r")
	b.when("it is measured", func() bool { return b.w.busy == "" })
	if f, _ := v.finding(); f.Status != checklist.Passed {
		t.Errorf("the tunnel is %s: %s", f.Status, f.Got)
	}
}

// TestLineModeReachesTheOtherEnd does it in lines: refused, left out of "same", and
// done from the red item.
func TestLineModeReachesTheOtherEnd(t *testing.T) {
	tunnelPage(t)
	here, far := newFakeHost(), &farHost{fakeHost: newFakeHost()}
	here.values = map[string]string{"software": "vim screen", "name": "stats.example.net", "rules": "on"}
	var out strings.Builder
	in := strings.NewReader(strings.Join([]string{
		"ipsec", "run", "quit", // at the question about the other server
		"verify", "fix ipsec", "run", "yes",
		"fix ipsec", "run", "", "quit",
	}, "\n"))
	cfg := Config{Dial: func(_ context.Context, to remote.Target, _ remote.Options) (checklist.Host, error) {
		if to.Host == "198.51.100.12" {
			return far, nil
		}
		return here, nil
	}}
	dir := t.TempDir()
	p := newPlain(t.Context(), cfg, newStore(dir, dir+"/wizard.json"), in, &out)
	a := &p.s.answers
	a.Host, a.Hostname, a.Domain = "198.51.100.11", "stats", "example.net"
	a.Peers = []checklist.Peer{{Name: "two", Addresses: []string{"198.51.100.12"}, SSH: "ops@198.51.100.12"}}
	p.s.name = "stats"
	for _, st := range page.steps() {
		p.s.asked[st.ID] = true
	}
	if err := p.dial(); err != nil {
		t.Fatal(err)
	}
	if err := p.menu(); !errors.Is(err, errQuit) {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{"Step ipsec: pending: two: its end is not as wanted yet", "Next is step ipsec", "run looks at both ends"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "There is nothing to run") || far.values["tunnel"] != "up" {
		t.Errorf("the other end is %q:\n%s", far.values["tunnel"], text)
	}
}
