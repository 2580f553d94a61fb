package practice

import (
	"strings"
	"testing"

	"aslwiz/checklist"
)

// Each trouble is met, is told, and ends in green by running again what failed and
// looking again at what is red.
func TestTroubles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failed string // the step that fails the first time
		says   string // in what happens meanwhile
		red    string // the item that is not green at first
	}{
		"dns":      {red: "dns"},
		"peer":     {red: "ipsec"},
		"apt":      {says: "waiting for unattended-upgrade (pid 812), which holds apt's lists"},
		"link":     {says: "the connection was lost"},
		"firewall": {failed: "firewall", says: "what was there before is being restored"},
		"disk":     {failed: "packages", says: "enough free space"},
		"relay":    {red: "mail"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, name)
			r, events := w.apply(t)
			if last := r.Steps[len(r.Steps)-1]; c.failed != "" {
				if last.Step != c.failed || !r.Failed() {
					t.Fatalf("ended with %+v, not with a failed step %s", last, c.failed)
				}
				r, _ = w.apply(t)
			}
			wantAll(t, r, events, checklist.StepChanged, checklist.StepSame, checklist.StepManual)
			if text := told(events); !strings.Contains(text, c.says) {
				t.Errorf("nobody is told %q:\n%s", c.says, text)
			}
			w.try(t)
			red := w.verify(t)
			if _, ok := red[c.red]; c.red != "" && !ok {
				t.Errorf("%s is green at once", c.red)
			}
			if len(red) > 0 {
				_ = w.clock.Sleep(t.Context(), troubleTime)
			}
			wantGreen(t, w.settled(t))
		})
	}
	if _, err := New(NewClock(Max), "rain"); err == nil {
		t.Error("a trouble that there is not")
	}
}

// What is not the page's to remove stops the step: in the script, where the plan could not
// know yet, and in the plan once it can. Nothing is installed until the answers agree.
func TestRemovalIsAgreedTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "chrony")
	a := w.Answers()
	packages, _ := checklist.StepByID("packages")
	apply := func() (checklist.StepResult, string) {
		var events []checklist.Event
		r, err := checklist.Apply(t.Context(), w.Host(), a, checklist.ApplyOptions{
			Steps: []checklist.Step{packages}, Emit: func(e checklist.Event) { events = append(events, e) },
		})
		if err != nil || len(r.Steps) != 1 {
			t.Fatal(r, err)
		}
		return r.Steps[0], told(events)
	}
	r, _ := apply()
	if r.Status != checklist.StepFailed || !strings.HasPrefix(r.Reason, "apt would remove chrony, which the plan does not name; nothing was installed") {
		t.Errorf("before apt had lists: %+v", r)
	}
	r, _ = apply()
	if r.Status != checklist.StepFailed || !strings.Contains(r.Reason, "chrony cannot be installed beside ntpsec") || !strings.Contains(r.Reason, "packages: {remove: [chrony]}") {
		t.Errorf("by the plan: %+v", r)
	}
	if m := w.server(); !m.installed("chrony") || m.installed("ntpsec") || m.installed("fail2ban") {
		t.Errorf("something was done: %v", m.packages)
	}
	a.Packages.Remove = []string{"chrony"}
	r, says := apply()
	if m := w.server(); r.Status != checklist.StepChanged || m.installed("chrony") || !m.installed("ntpsec") {
		t.Errorf("agreed to: %+v\n%s", r, says)
	}
}

// told is everything that a run tells.
func told(events []checklist.Event) string {
	var b strings.Builder
	for _, e := range events {
		b.WriteString(e.Text + e.Holder + strings.Join(e.Lines, "\n") + "\n")
	}
	return b.String()
}

// What a firewall shut out is back as it was, byte for byte, and what others have in its
// tables stays.
func TestShutOutIsTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "firewall")
	steps := checklist.Steps()
	for i, s := range steps {
		if s.ID == "firewall" {
			steps = steps[:i]
		}
	}
	w.apply(t, steps...)
	m := w.server()
	m.setRules(4, ":INPUT ACCEPT\n:FORWARD DROP\n:OUTPUT ACCEPT\n:DOCKER -\n-A INPUT -s 203.0.113.66/32 -j DROP\n-A FORWARD -o docker0 -j DOCKER\n")
	lines := func() (out string) {
		for _, r := range m.rules[4] {
			out += r.line + "\n"
		}
		return out
	}
	before, rules := len(m.files), lines()
	firewall, _ := checklist.StepByID("firewall")
	r, _ := w.apply(t, firewall)
	if got := r.Steps[0].Status; got != checklist.StepRestored {
		t.Fatalf("the step is %s", got)
	}
	if len(m.files) != before || lines() != rules || m.has("/etc/network/firewall.sh") || m.rpFilter != "0" {
		t.Errorf("not all is back: %d files, before %d; rp_filter %s\n%s", len(m.files), before, m.rpFilter, lines())
	}
}
