package checklist

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"aslwiz/remote"
)

// Plan is what stands between a server and the page. The screen shows it,
// `aslwiz plan` prints it and `aslwiz apply` carries it out: one object.
type Plan struct {
	Server string     `json:"server"`
	Facts  Facts      `json:"facts"`
	Steps  []StepPlan `json:"steps"`
	// Far are the plans of the other ends of tunnels, each of one step: see
	// PlanBothEnds.
	Far []Plan `json:"far,omitempty"`
}

// Empty says whether there is nothing to change.
func (p Plan) Empty() bool {
	for _, s := range p.Steps {
		if s.Status == StepPending {
			return false
		}
	}
	return true
}

// StepPlan is what one step will change.
type StepPlan struct {
	Step    string     `json:"step"`
	Title   string     `json:"title"`
	Status  StepStatus `json:"status"` // same, pending, manual or unknown
	Changes []Change   `json:"changes"`
	// Problems say why a resource's state is not known, or which answer is missing.
	Problems []string `json:"problems,omitempty"`
	// Script is the POSIX shell text that will run, byte for byte.
	Script  string `json:"script,omitempty"`
	Guarded bool   `json:"guarded,omitempty"`

	step Step
	in   In
}

// Waits says why the step cannot be planned before an earlier one has run.
func (s StepPlan) Waits() []string {
	var out []string
	for _, c := range s.Changes {
		if c.Waits != "" {
			out = append(out, c.Waits)
		}
	}
	return out
}

// Short lists what falls short of a requirement; blocks is true where going on
// would do harm.
func (s StepPlan) Short() (short []string, blocks bool) {
	for _, c := range s.Changes {
		if c.Short != "" {
			short = append(short, c.Short)
			blocks = blocks || c.Blocks
		}
	}
	return short, blocks
}

// MakePlan surveys the server once and plans the steps.
func MakePlan(ctx context.Context, h Host, in In, steps []Step) (Plan, error) {
	plan := Plan{Server: h.Name(), Facts: in.Facts}
	if in.Salt == "" {
		in.Salt = newSalt()
	}
	wants := make([][]Resource, len(steps))
	errs := make([]error, len(steps))
	var groups [][]remote.Probe
	for i, s := range steps {
		wants[i], errs[i] = s.Want(in)
		for _, r := range wants[i] {
			groups = append(groups, r.Probes())
		}
	}
	answers, err := ask(ctx, h, groups)
	if err != nil {
		return plan, err
	}
	for i, s := range steps {
		n := len(wants[i])
		plan.Steps = append(plan.Steps, planStep(s, in, wants[i], errs[i], answers[:n]))
		answers = answers[n:]
	}
	return plan, nil
}

func planStep(s Step, in In, wants []Resource, wantErr error, answers [][]remote.Answer) StepPlan {
	p := StepPlan{Step: s.ID, Title: s.Title, Status: StepSame, Guarded: s.guarded(in), step: s, in: in}
	if wantErr != nil {
		p.Status, p.Problems = StepUnknown, []string{wantErr.Error()}
		return p
	}
	for i, r := range wants {
		c, err := r.Compare(answers[i])
		if c.Resource == "" {
			c.Resource = r.Name()
		}
		if err != nil {
			c.Same, c.Now = false, "unknown"
			p.Problems = append(p.Problems, err.Error())
		}
		p.Changes = append(p.Changes, c)
	}
	p.Status = p.judge()
	if p.Status == StepPending && len(p.Waits()) == 0 {
		p.Script = p.script()
	}
	return p
}

func (s StepPlan) judge() StepStatus {
	status := StepSame
	for _, c := range s.Changes {
		switch {
		case c.Kind == "check":
			if c.Short != "" && status == StepSame {
				status = StepManual
			}
		case !c.Same:
			status = StepPending
		}
	}
	if len(s.Problems) > 0 {
		return StepUnknown
	}
	return status
}

// script is what the transaction runs: the lines of each change, then what must
// happen because something changed.
func (s StepPlan) script() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s\n", s.Step, s.Title)
	seen := map[string]bool{}
	var last []string
	for _, c := range s.Changes {
		if !c.Same && len(c.Script) > 0 {
			fmt.Fprintf(&b, "\n# %s\n", c.Resource)
			for _, l := range c.Script {
				fmt.Fprintln(&b, l)
			}
		}
		for _, l := range c.OnChange {
			if !seen[l] {
				seen[l] = true
				last = append(last, l)
			}
		}
	}
	if len(last) > 0 {
		fmt.Fprint(&b, "\n# because of the changes above\n")
		for _, l := range last {
			fmt.Fprintln(&b, l)
		}
	}
	if s.step.AtBoot && s.keeps() {
		fmt.Fprintf(&b, "\n# for the reboot step: only a reboot proves this one\ncat /proc/sys/kernel/random/boot_id >%s\n", changedFile)
	}
	return b.String()
}

// keeps says whether anything of the step outlives a boot.
func (s StepPlan) keeps() bool {
	return slices.ContainsFunc(s.Changes, func(c Change) bool { return !c.Same && len(c.Files)+len(c.Settings) > 0 })
}

// changedFile on a server holds the id of the boot in which a step that only a
// reboot proves last changed something.
const changedFile = "/var/lib/aslwiz/changed"

// Transaction is the plan of the step as the server will be handed it. guard is
// how long the way in may take to be proved, in whole seconds; 0 means DefaultGuard.
func (s StepPlan) Transaction(now time.Time, guard time.Duration) remote.Transaction {
	tx := remote.Transaction{
		ID:      remote.NewID(now, s.Step),
		Step:    s.Step,
		Title:   s.Title,
		Script:  s.Script,
		Limit:   s.step.Limit,
		AtBoot:  s.step.AtBoot,
		Reboots: s.step.Reboots,
	}
	if tx.Limit == 0 {
		tx.Limit = 5 * time.Minute
	}
	after := map[string]bool{}
	for _, c := range s.Changes {
		tx.Settings = append(tx.Settings, c.Settings...)
		if c.Same {
			continue
		}
		tx.Files = append(tx.Files, c.Files...)
		for _, l := range c.After {
			if !after[l] {
				after[l] = true
				tx.After = append(tx.After, l)
			}
		}
	}
	if s.Guarded {
		if guard == 0 {
			guard = DefaultGuard
		}
		tx.Guard = &remote.Guard{Seconds: int(guard.Seconds()), ThroughBoot: s.step.Reboots, Paths: s.in.Facts.SSHPaths()}
		if s.step.AtBoot || s.step.Reboots {
			tx.Guard.New = newWayIn(s.in)
		}
		if s.step.Reboots {
			tx.Guard.Paths = slices.DeleteFunc(tx.Guard.Paths, func(p netip.AddrPort) bool { return goesAtBoot(s.in, p.Addr()) })
		}
	}
	return tx
}

// DefaultGuard is how long the way in may take to be proved: several logins on a
// slow server, short enough to wait out.
const DefaultGuard = 2 * time.Minute
