package checklist

import (
	"context"
	"fmt"
	"slices"
)

// drift is what changed on the server between two plans of a step, unless an
// earlier step of this run was expected to change it. A step that only looks has
// nothing to be surprised by: a DNS record may be entered while others run.
func (r *run) drift(old, fresh StepPlan, step Step) []string {
	looks := old.looks() && fresh.looks()
	expected := looks || step.Reboots || len(old.Waits()) > 0 || old.Status == StepUnknown ||
		slices.ContainsFunc(step.Follows, func(id string) bool { return r.changed[id] })
	if expected || old.Script == fresh.Script && old.Status == fresh.Status && sameBefore(old, fresh) {
		return nil
	}
	var out []string
	for i, c := range fresh.Changes {
		if i < len(old.Changes) && (old.Changes[i].Now != c.Now || old.Changes[i].Diff != c.Diff) {
			out = append(out, fmt.Sprintf("%s: was %q, is %q", c.Resource, old.Changes[i].Now, c.Now))
		}
	}
	if out = append(out, fresh.Problems...); len(out) == 0 {
		return []string{"what the step begins from differs in a detail that its one line does not show: see the new plan"}
	}
	return out
}

// looks says whether the step has nothing to change, though a person may have.
func (s StepPlan) looks() bool { return s.Status == StepSame || s.Status == StepManual }

func sameBefore(a, b StepPlan) bool {
	before := func(p StepPlan) (out []string) {
		for _, c := range p.Changes {
			for _, f := range c.Files {
				out = append(out, f.Path+" "+f.Before)
			}
			for _, s := range c.Settings {
				out = append(out, s.Name+" "+s.Before)
			}
		}
		return out
	}
	return slices.Equal(before(a), before(b))
}

func stillWrong(p StepPlan) []string {
	out := slices.Clone(p.Problems)
	for _, c := range p.Changes {
		if !c.Same {
			out = append(out, fmt.Sprintf("%s: want %s, got %s", c.Resource, c.Want, c.Now))
		}
	}
	return out
}

// concerned are the places of the steps to plan anew after step i changed the
// server: itself, those that follow it, and the next one that has something to
// do. The others are planned anew when their turn comes; a survey of everything
// after every step is most of the work on a small server.
func (r *run) concerned(i int) []int {
	out, next := []int{i}, false
	for j := i + 1; j < len(r.opt.Steps); j++ {
		first := !next && r.plan.Steps[j].Status != StepSame
		next = next || first
		if first || slices.Contains(r.opt.Steps[j].Follows, r.opt.Steps[i].ID) {
			out = append(out, j)
		} else {
			r.stale[j] = true
		}
	}
	return out
}

// asShown ends the run where step j would now be carried out on another server
// than its plan was made for.
func (r *run) asShown(shown StepPlan, j int) bool {
	drift := r.drift(shown, r.plan.Steps[j], r.opt.Steps[j])
	if len(drift) > 0 {
		r.end(shown.Step, StepFailed, "the server changed since this step was planned; look at the new plan and run apply again", drift, nil)
	}
	return len(drift) == 0
}

// planned makes sure that step i was planned after the last change, unless it had
// nothing to do.
func (r *run) planned(ctx context.Context, i int) (bool, error) {
	shown := r.plan.Steps[i]
	if !r.stale[i] || shown.Status == StepSame {
		return true, nil
	}
	if err := r.replan(ctx, i); err != nil {
		return false, err
	}
	return r.asShown(shown, i), nil
}
