package checklist

import "context"

// PlanBothEnds is MakePlan, and beside it, in Plan.Far, what apply would change
// at the other ends of the tunnels. It changes nothing at either. An end that
// cannot be asked is unknown.
func PlanBothEnds(ctx context.Context, h Host, in In, steps []Step, dial func(context.Context, Peer) (Host, error)) (Plan, error) {
	r := &run{
		h: h, opt: ApplyOptions{Steps: steps, Dial: dial}, answers: in.Answers, emit: func(Event) {},
		keys: newKeys(), written: map[string]bool{}, deaf: map[string]error{},
	}
	defer r.hangUp()
	var err error
	in.Salt = r.keys.salt
	if r.plan, err = MakePlan(ctx, h, in, steps); err != nil {
		return r.plan, err
	}
	var far []Plan
	for i, s := range steps {
		if s.Peer == nil {
			continue
		}
		ends, err := r.dialFar(ctx, i)
		if err != nil {
			return r.plan, err
		}
		for j, p := range in.Answers.Peers {
			if err := r.deaf[p.Name]; err != nil {
				far = append(far, Plan{Server: p.Name, Steps: []StepPlan{{Step: s.ID, Title: farTitle(s, p), Status: StepUnknown, Problems: []string{err.Error()}}}})
			} else if ends[j] != nil {
				far = append(far, ends[j].plan)
			}
		}
	}
	r.plan.Far = far
	return r.plan, nil
}
