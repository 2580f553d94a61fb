package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// silent is a server that answers no probe.
type silent struct{ checklist.Host }

func (silent) Name() string { return "stats" }

func (silent) Survey(_ context.Context, probes []remote.Probe) ([]remote.Answer, error) {
	answers := make([]remote.Answer, len(probes))
	for i, p := range probes {
		answers[i] = remote.Answer{Probe: p, Issue: "timeout"}
	}
	return answers, nil
}

// A machine that is not as ordered: the plan has the message to the provider.
func TestPlanWritesToTheProvider(t *testing.T) {
	t.Parallel()
	preflight, _ := checklist.StepByID("preflight")
	in := checklist.In{Answers: checklist.Answers{Host: "198.51.100.11", Hostname: "stats", Domain: "example.net"}}
	in.Facts.Cores, in.Facts.MemKiB, in.Facts.DiskKiB = 1, 4<<20, 40<<20
	plan, err := checklist.MakePlan(t.Context(), silent{}, in, []checklist.Step{preflight})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	planPrinter{out: &out}.step(plan.Steps[0])
	for _, want := range []string{
		"\n--- a message to the provider, ready to send ----",
		"\nSubject: server stats.example.net (198.51.100.11) is not as ordered\n",
		"\n- processors: too few: 1, and at least 2 are asked for\n",
		"\n--- end of message ----",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// A package that apt does not offer is nothing to do, and is still said.
func TestPlanSaysWhatIsMissingForGood(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	planPrinter{out: &out}.change(checklist.Change{Resource: "packages", Kind: "packages", Same: true, Now: "19 of them installed", Short: "apt on the server offers no haveged: not installed"})
	if !strings.Contains(out.String(), "short: apt on the server offers no haveged") {
		t.Errorf("not said: %s", out.String())
	}
}

// What waits at the other end of a tunnel is part of the plan: shown, and counted.
func TestPlanCountsTheOtherEnd(t *testing.T) {
	t.Parallel()
	same := []checklist.StepPlan{{Step: "ipsec", Status: checklist.StepSame}}
	plan := checklist.Plan{Steps: same, Far: []checklist.Plan{{Server: "two", Steps: []checklist.StepPlan{{Step: "ipsec", Title: "build the tunnels", Status: checklist.StepPending, Script: "put /x\n"}}}}}
	var out bytes.Buffer
	p := planPrinter{out: &out}
	p.far(plan.Far[0], "ipsec")
	p.far(plan.Far[0], "hostname")
	p.summary(server{name: "stats", arg: "stats"}, plan)
	if got := out.String(); settled(plan) || strings.Count(got, "\nipsec: build the tunnels [pending]\n") != 1 ||
		!strings.Contains(got, "stats: 1 same of 1 step\nstats: the other end of its tunnel, on two: pending\n") {
		t.Errorf("settled %v:\n%s", settled(plan), got)
	}
}

// What apply would stop at is said at the end, where the eye is.
func TestPlanSaysWhatBlocks(t *testing.T) {
	t.Parallel()
	full := checklist.StepPlan{Step: "preflight", Status: checklist.StepManual, Changes: []checklist.Change{{Resource: "space left", Kind: "check", Short: "only 10 MiB are free on /", Blocks: true}}}
	var out bytes.Buffer
	planPrinter{out: &out}.summary(server{name: "stats", arg: "stats"}, checklist.Plan{Steps: []checklist.StepPlan{full}})
	if !strings.Contains(out.String(), "stats: apply would stop at step preflight") {
		t.Errorf("not said:\n%s", out.String())
	}
}
