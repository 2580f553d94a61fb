package main

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aslwiz/checklist"
)

func someFindings() verified {
	again := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return verified{
		server: server{name: "stats", arg: "stats.yaml"}, Server: "stats", Host: "198.51.100.11",
		Findings: []checklist.Finding{
			{
				Item: "hostname", Title: "Is the host name set?", Status: checklist.Passed, Got: "stats.example.net",
				Evidence: []string{"uname -n: stats"}, At: again.Add(-time.Minute),
			},
			{
				Item: "firewall", Title: "Is the firewall active?", Status: checklist.Failed, Want: "a closed port gives no answer", Got: "refused",
				Evidence: []string{"198.51.100.11:1: \x1b[31mrefused"}, Fix: &checklist.Fix{Kind: checklist.FixStep, Step: "firewall", Text: "run the step again"},
			},
			{Item: "screen", Title: "Does screen scroll back?", Status: checklist.Unknown, Want: "no alternate screen", Got: "screen gave no answer in time"},
			{Item: "services", Title: "Do all services start?", Status: checklist.Waiting, Want: "running", Got: "starting", Again: &again},
			{Item: "fail2ban", Title: "Is fail2ban working?", Status: checklist.Manual, Want: "look", Got: "-"},
		},
	}
}

func TestFindingsAsText(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	printFindings(&out, false, someFindings())
	want := `stats (198.51.100.11), looked at 2026-01-02 03:03:05 UTC

  ok       hostname       Is the host name set?
                          stats.example.net
  RED      firewall       Is the firewall active?
             want: a closed port gives no answer
             got:  refused
             | 198.51.100.11:1: refused
             fix:  run the step again
                   aslwiz apply stats.yaml --only firewall
  unknown  screen         Does screen scroll back?
             want: no alternate screen
             got:  screen gave no answer in time
  waiting  services       Do all services start?
             want: running
             got:  starting
             next: looked at again at 03:04:05 UTC by --watch
  manual   fail2ban       Is fail2ban working?
             want: look
             got:  -

stats: 1 ok, 1 RED, 1 waiting, 1 unknown, 1 manual; not ready for production
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}

	// An item that was asked for by its name shows what it was judged by.
	chosen := someFindings()
	chosen.chosen, chosen.Findings = true, chosen.Findings[:1]
	out.Reset()
	printFindings(&out, false, chosen)
	if !strings.Contains(out.String(), "stats.example.net\n             | uname -n: stats\n") {
		t.Errorf("no evidence:\n%s", out.String())
	}
}

func TestFindingsAsJUnit(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := writeJUnit(&out, []verified{someFindings(), {Server: "other", Error: "cannot connect"}}); err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	s := got.Suites[0]
	if s.Tests != 5 || s.Failures != 1 || s.Errors != 2 || s.Skipped != 1 {
		t.Errorf("counts of %+v", s)
	}
	if strings.Contains(out.String(), "\x1b") || got.Suites[1].Errors != 1 {
		t.Error(out.String())
	}
}

func TestCodeOfFindings(t *testing.T) {
	t.Parallel()
	for status, want := range map[checklist.ItemStatus]int{
		checklist.Passed: exitOK, checklist.Manual: exitOK,
		checklist.Failed: exitRed, checklist.Unknown: exitRed, checklist.Waiting: exitRed,
	} {
		v := verified{Findings: []checklist.Finding{{Status: checklist.Passed}, {Status: status}}}
		if got := v.code(); got != want {
			t.Errorf("%s: code %d, want %d", status, got, want)
		}
	}
}

func TestWaitingItems(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	items, next := waiting(someFindings().Findings, now)
	if len(items) != 1 || items[0].ID != "services" {
		t.Errorf("got %v, want services alone: what has settled is not measured again", items)
	}
	if want := now.Add(5 * time.Second); !next.Equal(want) {
		t.Errorf("next %s, want %s", next, want)
	}
	if items, _ := waiting(someFindings().Findings[:3], now); len(items) != 0 {
		t.Errorf("nothing waits, got %v", items)
	}
}
