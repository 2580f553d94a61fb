package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// stepFlags choose some of the page's steps.
type stepFlags struct {
	only []string
	from string
}

func (f *stepFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.only, "only", nil, "this `STEP` alone (aslwiz checklist names them); may be given several times")
	cmd.Flags().StringVar(&f.from, "from", "", "this `STEP` and those after it")
	complete := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return stepIDs(), cobra.ShellCompDirectiveNoFileComp
	}
	_ = cmd.RegisterFlagCompletionFunc("only", complete)
	_ = cmd.RegisterFlagCompletionFunc("from", complete)
}

// steps are the chosen steps in the page's order.
func (f *stepFlags) steps() ([]checklist.Step, error) {
	if len(f.only) > 0 && f.from != "" {
		return nil, usage("", "--only and --from exclude each other")
	}
	for _, id := range append(slices.Clone(f.only), f.from) {
		if id != "" && !slices.Contains(stepIDs(), id) {
			return nil, usage("one of "+list(stepIDs()), "there is no step %q", id)
		}
	}
	var out []checklist.Step
	for _, s := range checklist.Steps() {
		if f.from != "" && len(out) == 0 && s.ID != f.from || len(f.only) > 0 && !slices.Contains(f.only, s.ID) {
			continue
		}
		out = append(out, s)
	}
	return out, nil
}

func stepIDs() (ids []string) {
	for _, s := range checklist.Steps() {
		ids = append(ids, s.ID)
	}
	return ids
}

func (a *app) planCommand() *cobra.Command {
	var connect connectFlags
	var choice stepFlags
	var format string
	var showRunner bool
	cmd := &cobra.Command{
		Use:   "plan SERVER...",
		Short: "Show what would change, and change nothing",
		Long: `plan reads the server and shows, for every step of the page, what each thing is
now and what it should be, the differences, and the script that apply would run,
byte for byte; for a tunnel with an SSH login, the same of its other end. It
changes nothing.

It ends with 0 when there is nothing to do and with 2 when something would
change or is not known yet.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if showRunner {
				return noArgs(cmd, args)
			}
			return needServers(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if showRunner {
				fmt.Fprint(a.out, remote.Program())
				return nil
			}
			if err := oneOf("--format", format, "text", "json"); err != nil {
				return err
			}
			steps, err := choice.steps()
			if err != nil {
				return err
			}
			return a.each(cmd.Context(), args, &connect, func(ctx context.Context, s server) (int, error) {
				return a.plan(ctx, s, &connect, steps, format)
			})
		},
	}
	connect.register(cmd)
	choice.register(cmd)
	cmd.Flags().BoolVar(&showRunner, "show-runner", false, "print the program that every script is handed to, and nothing else; no SERVER")
	cmd.Flags().StringVar(&format, "format", "text", "print it in this `FORMAT`: text, or json with one object a server")
	return cmd
}

func (a *app) plan(ctx context.Context, s server, f *connectFlags, steps []checklist.Step, format string) (int, error) {
	session, err := a.begin(ctx, s, f)
	if err != nil {
		return 0, err
	}
	defer session.host.Close()
	plan, err := checklist.PlanBothEnds(ctx, session.host, session.in, steps, func(ctx context.Context, p checklist.Peer) (checklist.Host, error) {
		return a.dialPeer(ctx, s, f, p)
	})
	if err != nil {
		return 0, err
	}
	if format == "json" {
		enc := json.NewEncoder(a.out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		err = enc.Encode(plan)
	} else {
		p := planPrinter{out: a.out, paint: a.painter(a.outTTY)}
		p.facts(s, plan.Facts)
		for _, sp := range plan.Steps {
			p.step(sp)
			for _, far := range plan.Far {
				p.far(far, sp.Step)
			}
		}
		p.summary(s, plan)
	}
	if err != nil {
		return 0, fmt.Errorf("writing the plan: %w", err)
	}
	if settled(plan) {
		return exitOK, nil
	}
	return exitChanges, nil
}

// settled says whether there is nothing to change and nothing unknown.
func settled(p checklist.Plan) bool {
	return !slices.ContainsFunc(p.Steps, func(s checklist.StepPlan) bool {
		return s.Status == checklist.StepPending || s.Status == checklist.StepUnknown
	}) && !slices.ContainsFunc(p.Far, func(far checklist.Plan) bool { return !settled(far) })
}

// each does something with one server after the other. What goes wrong with one
// is said at once and does not keep the others from their turn; the gravest code
// counts.
func (a *app) each(ctx context.Context, args []string, f *connectFlags, do func(context.Context, server) (int, error)) error {
	servers, err := loadServers(args)
	if err != nil {
		return err
	}
	if err := f.read(ctx, a.in); err != nil {
		return err
	}
	worst := exitOK
	for i, s := range servers {
		code, err := do(ctx, s)
		if err != nil && (len(servers) == 1 || ctx.Err() != nil) {
			return err
		}
		if err != nil {
			a.complain(err)
			code = codeOf(err)
		}
		worst = graver(worst, code)
		if i < len(servers)-1 {
			fmt.Fprintln(a.err)
		}
	}
	return withCode(worst)
}
