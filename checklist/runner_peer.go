package checklist

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"aslwiz/remote"
)

// keys are the pre-shared keys of one run: which are set anew, and those that
// were asked for or generated until now. Both ends of a tunnel use the same.
type keys struct {
	salt  string
	renew map[string]bool
	words map[string]remote.Secret
}

func newKeys() *keys {
	return &keys{salt: newSalt(), renew: map[string]bool{}, words: map[string]remote.Secret{}}
}

func newSalt() string { return rand.Text() }

// of are the keys that the changes need.
func (k *keys) of(ctx context.Context, ask func(context.Context, string) (remote.Secret, error), changes []Change) (map[string]remote.Secret, error) {
	var out map[string]remote.Secret
	for _, c := range changes {
		if c.Same {
			continue
		}
		for _, name := range c.Needs {
			word, err := k.get(ctx, ask, name)
			if err != nil {
				return nil, err
			}
			if out == nil {
				out = map[string]remote.Secret{}
			}
			out[name] = word
		}
	}
	return out, nil
}

func (k *keys) get(ctx context.Context, ask func(context.Context, string) (remote.Secret, error), name string) (remote.Secret, error) {
	if w, ok := k.words[name]; ok {
		return w, nil
	}
	var typed remote.Secret
	var err error
	if ask != nil {
		if typed, err = ask(ctx, name); err != nil {
			return typed, fmt.Errorf("key of the tunnel %s: %w", name, err)
		}
	}
	word := generatePSK()
	if !typed.Empty() {
		if word, err = PSKWord(typed.Reveal()); err != nil {
			return typed, fmt.Errorf("key of the tunnel %s: %w", name, err)
		}
	}
	k.words[name] = remote.NewSecret(word)
	return k.words[name], nil
}

// generatePSK is a key of 32 random bytes, as PSKWord writes it.
func generatePSK() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand
	return "0s" + base64.StdEncoding.EncodeToString(b)
}

// in is what wants and judgements depend on, for this host.
func (r *run) in(facts Facts) In {
	renew := map[string]bool{}
	for name := range r.keys.renew {
		renew[name] = !r.written[name]
	}
	return In{Answers: r.answers, Facts: facts, Salt: r.keys.salt, Renew: renew}
}

// wrote notes that this host has got new keys.
func (r *run) wrote(keys map[string]remote.Secret) {
	for name := range keys {
		r.written[name] = true
	}
}

// step carries out step i, here and at the other ends of its tunnels. ok is
// false when the run stops here.
func (r *run) step(ctx context.Context, i int) (ok bool, err error) {
	if ok, err := r.planned(ctx, i); err != nil || !ok {
		return ok, err
	}
	if r.opt.Steps[i].Peer == nil {
		return r.stepHere(ctx, i)
	}
	ends, err := r.dialFar(ctx, i)
	if err != nil {
		return false, err
	}
	if ok, err = r.stepHere(ctx, i); err != nil || !ok {
		return ok, err
	}
	return r.stepFar(ctx, i, ends)
}

// dialFar logs in to the other ends of step i's tunnels and plans there. Where a
// key differs from this end's, or is missing, both ends are planned once more
// with a new one. nil stands for an end that cannot be reached from here.
func (r *run) dialFar(ctx context.Context, i int) ([]*run, error) {
	step := r.opt.Steps[i]
	ends := make([]*run, len(r.answers.Peers))
	again := false
	for j, p := range r.answers.Peers {
		if p.SSH == "" || r.opt.Dial == nil {
			continue
		}
		end, err := r.reachFar(ctx, step, p)
		switch {
		case err != nil && r.deaf != nil:
			r.deaf[p.Name] = err
			continue
		case err != nil:
			return nil, err
		}
		ends[j] = end
		here, there := r.plan.Steps[i].key(p.Name), end.plan.Steps[0].key(p.Name)
		if here == "" || here != there {
			r.keys.renew[p.Name], again = true, true
		}
	}
	if !again {
		return ends, nil
	}
	for _, end := range ends {
		if end == nil {
			continue
		}
		if err := end.replan(ctx, 0); err != nil {
			return nil, err
		}
	}
	return ends, r.replan(ctx, i)
}

// reachFar logs in to the other end of a tunnel, follows what runs there unless
// this run only plans, and plans.
func (r *run) reachFar(ctx context.Context, step Step, p Peer) (*run, error) {
	h, err := r.opt.Dial(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("the other end of the tunnel %s: %w", p.Name, err)
	}
	end := r.farRun(h, step, p)
	r.far = append(r.far, end)
	if r.deaf == nil {
		if err := end.pickUp(ctx); err != nil {
			return nil, err
		}
	}
	return end, end.replan(ctx, 0)
}

func farTitle(step Step, p Peer) string { return step.Title + ": the other end, on " + p.Name }

// farRun is a run of one step at the other end of a tunnel: its own plan,
// approval, transaction and reading back.
func (r *run) farRun(h Host, step Step, p Peer) *run {
	here := r.plan.Facts
	far := Step{
		ID: step.ID, Title: farTitle(step, p), Why: step.Why, Limit: step.Limit,
		Guarded: true, // its firewall, and a tunnel that the way there may lead through
		Want: func(in In) ([]Resource, error) {
			local := in
			local.Facts = here
			return step.Peer(local, p, in.Facts)
		},
	}
	opt := r.opt
	opt.Steps = []Step{far}
	return &run{h: h, opt: opt, answers: r.answers, emit: r.emit, changed: map[string]bool{}, stale: map[int]bool{}, written: map[string]bool{}, keys: r.keys}
}

// key is the keyed hash of a tunnel's key, "" when there is none.
func (s StepPlan) key(name string) string {
	for _, c := range s.Changes {
		if c.Key != nil && c.Key.Name == name {
			return c.Key.Hash
		}
	}
	return ""
}

// stepFar carries out the step at the other ends, and shows what has to be done
// by hand at those that cannot be reached from here.
func (r *run) stepFar(ctx context.Context, i int, ends []*run) (bool, error) {
	step := r.opt.Steps[i]
	for j, end := range ends {
		p := r.answers.Peers[j]
		if end == nil {
			if err := r.showFar(step, p); err != nil {
				return false, err
			}
			continue
		}
		ok, err := end.step(ctx, 0)
		if err != nil {
			return false, err
		}
		for _, res := range end.result.Steps {
			if !ok || res.Status == StepChanged {
				r.result.Steps = append(r.result.Steps, StepResult{
					Step: step.ID, Status: res.Status, Reason: strings.TrimSuffix(p.Name+": "+res.Reason, ": "),
				})
			}
		}
		if !ok {
			return false, nil
		}
	}
	return true, nil
}

// showFar tells what belongs at the other end: after this one has changed, and
// whenever the step is run alone, so that the text can be had again.
func (r *run) showFar(step Step, p Peer) error {
	if !r.changed[step.ID] && len(r.opt.Steps) > 1 {
		return nil
	}
	text, err := FarEndText(r.in(r.plan.Facts), p)
	if err != nil {
		return err
	}
	r.send(Event{
		Kind: EventNote, Step: step.ID, Text: fmt.Sprintf("the other end of the tunnel %s is yours to set up; paste this there", p.Name),
		Detail: strings.Split(strings.TrimRight(text, "\n"), "\n"),
	})
	return nil
}

// hangUp ends the connections to the other ends.
func (r *run) hangUp() {
	for _, end := range r.far {
		if c, ok := end.h.(io.Closer); ok {
			_ = c.Close()
		}
	}
}
