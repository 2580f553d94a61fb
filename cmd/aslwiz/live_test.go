package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aslwiz/checklist"
	"aslwiz/remote"
)

func newTestLive(out *bytes.Buffer, redraw bool) *live {
	return &live{
		server: server{name: "stats", arg: "stats"}, out: out, redraw: redraw, journal: &journal{},
		width: func() int { return 60 }, total: 2, done: make(chan struct{}),
	}
}

var someEvents = []checklist.Event{
	{Kind: checklist.EventPlanned, Step: "packages", Status: checklist.StepPending, Plan: &checklist.StepPlan{
		Step: "packages", Title: "install the packages", Status: checklist.StepPending, Script: "# packages\nrun apt-get install vim\n",
		Changes: []checklist.Change{{Resource: "vim", Kind: "packages", Now: "not installed", Want: "installed", Notes: []string{"python is python3 here"}}},
	}},
	{Kind: checklist.EventStep, Step: "packages", Status: checklist.StepRunning, At: time.Unix(1000, 0)},
	{Kind: checklist.EventOutput, Step: "packages", Lines: []string{"Reading package lists...", "\x1b[2Jevil\x07"}},
	{Kind: checklist.EventProgress, Step: "packages", Percent: 9, Doing: "Unpacking vim"},
	{Kind: checklist.EventProgress, Step: "packages", Percent: 12, Elapsed: 12 * time.Second, Doing: "Unpacking vim"},
	{Kind: checklist.EventProgress, Step: "packages", Percent: 14, Doing: "Unpacking vim"},
	{Kind: checklist.EventProgress, Step: "packages", Percent: 33, Elapsed: 70 * time.Second, Doing: "Setting up vim"},
	{Kind: checklist.EventStall, Step: "packages", Silent: 30 * time.Second, Holder: "unattended-upgr (pid 812)"},
	{Kind: checklist.EventStall, Step: "packages", Silent: 40 * time.Second, Holder: "unattended-upgr (pid 812)"},
	{Kind: checklist.EventStall, Step: "packages", Silent: 70 * time.Second, Holder: "unattended-upgr (pid 812)"},
	{Kind: checklist.EventStep, Step: "packages", Status: checklist.StepChanged, At: time.Unix(1095, 0), Tx: &remote.Status{}},
	{Kind: checklist.EventPlanned, Step: "screen", Status: checklist.StepSame, Plan: &checklist.StepPlan{Step: "screen"}},
	{Kind: checklist.EventStep, Step: "screen", Status: checklist.StepSame},
}

func TestPlainLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := newTestLive(&out, false)
	for _, e := range someEvents {
		l.emit(e)
	}
	l.close()
	want := `
1 of 2
packages: install the packages [pending]
  change  vim
          now:  not installed
          want: installed
          note: python is python3 here
--- script of packages, run as root, byte for byte -----------------------------
# packages
run apt-get install vim
--- end of script --------------------------------------------------------------
  running on the server
  | Reading package lists...
  | evil
  10 % after 12 s: Unpacking vim
  30 % after 1:10 min: Setting up vim
  note: nothing heard for 30 s; the package system's lock is held by
        unattended-upgr (pid 812), which is waited for
  note: nothing heard for 1:10 min; the package system's lock is held by
        unattended-upgr (pid 812), which is waited for
  changed: done after 1:35 min, and read back as wanted

2 of 2
screen
  same: nothing to do
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
}

// On a terminal the status line never gets longer than the terminal is wide, and
// nothing of it is left at the end.
func TestStatusLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := newTestLive(&out, true)
	for _, e := range someEvents {
		l.emit(e)
	}
	l.close()
	if !strings.Contains(out.String(), "packages  0 s   33 %  Setting up vim") {
		t.Errorf("no status line in %q", out.String())
	}
	for _, part := range strings.Split(out.String(), "\r\x1b[K") {
		drawn := part[strings.LastIndexByte(part, '\n')+1:]
		if len(drawn) > 62 {
			t.Errorf("too long for the terminal: %q", drawn)
		}
	}
	if !strings.HasSuffix(out.String(), "same: nothing to do\n") {
		t.Errorf("the end is %q", out.String()[out.Len()-40:])
	}
}

// Only a run of steps asks what Ctrl-C means: an undo, which has none, offers nothing.
func TestStatusLineOffersCtrlC(t *testing.T) {
	t.Parallel()
	for _, total := range []int{2, 0} {
		var out bytes.Buffer
		l := newTestLive(&out, true)
		l.total = total
		l.emit(checklist.Event{Kind: checklist.EventStep, Step: "hostname", Status: checklist.StepRunning, At: time.Unix(1000, 0)})
		l.emit(checklist.Event{Kind: checklist.EventProgress, Step: "hostname"})
		l.close()
		if got := strings.Contains(out.String(), "Ctrl-C"); got != (total > 0) {
			t.Errorf("%d steps: offers Ctrl-C: %v in %q", total, got, out.String())
		}
	}
}

// While a question is open nothing is printed, and nothing but progress is lost.
func TestQuestionHoldsTheScreen(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := newTestLive(&out, true)
	l.emit(someEvents[1])
	l.hold()
	before := out.Len()
	l.emit(someEvents[2])
	l.emit(someEvents[10])
	if out.Len() != before {
		t.Errorf("printed under a question: %q", out.String()[before:])
	}
	if l.runs() != "" {
		t.Error("the step has ended, but is said to run")
	}
	l.release()
	if !strings.Contains(out.String(), "evil") || !strings.Contains(out.String(), "read back as wanted") {
		t.Errorf("lost: %q", out.String())
	}
}
