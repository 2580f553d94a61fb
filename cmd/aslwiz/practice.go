package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aslwiz/checklist"
	"aslwiz/checklist/practice"
	"aslwiz/remote"
	"aslwiz/tui"
)

type practiceFlags struct {
	trouble []string
	speed   string
	yes     bool
}

func (a *app) practiceCommand() *cobra.Command {
	var f practiceFlags
	var troubles strings.Builder
	for _, t := range practice.Troubles() {
		fmt.Fprintf(&troubles, "  %-9s %s\n", t.Name, t.Text)
	}
	cmd := &cobra.Command{
		Use:   "practice",
		Short: "Rehearse the whole page on a server in memory",
		Long: `practice is the wizard on a built-in practice server: no network, no root, and
nothing that could break. Every answer is proposed, and Enter alone goes from the
first screen to the hand-off. Only the server is simulated; all else is the
program's own.

It is one Debian 12 with the page's packages and services, two other servers at the
ends of tunnels, and the DNS, relay and time around them. It runs no programs: what it
does not know of a step it says, and the step fails.

With --yes it goes through the whole page by itself and prints what happens.

What can go wrong in life can be rehearsed too, with --trouble:

` + troubles.String(),
		Example: "  aslwiz practice\n  aslwiz practice --trouble apt,relay\n  aslwiz practice --plain --yes --speed max",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			speed, err := practice.ParseSpeed(f.speed)
			if err != nil {
				return usage("--speed 10", "--%v", err)
			}
			world, err := practice.New(practice.NewClock(speed), f.trouble...)
			if err != nil {
				return usage("`aslwiz practice --help` lists them", "--trouble: %v", err)
			}
			defer world.Close()
			if f.yes {
				return a.practiceAll(cmd.Context(), world)
			}
			return a.practiceWizard(cmd, world)
		},
	}
	cmd.Flags().StringSliceVar(&f.trouble, "trouble", nil, "what goes wrong, one or more of the above: `NAME,...`")
	cmd.Flags().StringVar(&f.speed, "speed", "1", "how fast the server's time passes: a number, or max")
	cmd.Flags().BoolVar(&f.yes, "yes", false, "go through the whole page without a question")
	return cmd
}

// practiceWizard is the wizard on the practice server. Its answers and state are
// in a folder of their own: nothing is mixed with real servers. It is gone at the
// end, unless a report or a log was saved there.
func (a *app) practiceWizard(cmd *cobra.Command, world *practice.World) error {
	in, out, ok := a.ends()
	if !ok {
		return usage("aslwiz practice --yes", "there is nobody to ask here")
	}
	dir, err := os.MkdirTemp("", "aslwiz-practice-")
	if err != nil {
		return err
	}
	defer a.practiceLeft(dir)
	answers := world.Answers()
	a.screens.Store(!a.linesOnly())
	return tui.Run(cmd.Context(), tui.Config{
		Practice: &answers, Dial: world.Dial, Folder: dir, State: filepath.Join(dir, "state"),
		Plain: a.linesOnly(), NoColours: a.color == "never", In: in, Out: out, Interrupt: a.interrupts.offer,
	})
}

// practiceLeft removes the folder of a practice run, or says what is in it.
func (a *app) practiceLeft(dir string) {
	var saved []string
	for _, pattern := range []string{"*.md", filepath.Join("state", "*.log")} {
		files, _ := filepath.Glob(filepath.Join(dir, pattern)) // the pattern is a right one
		saved = append(saved, files...)
	}
	if len(saved) == 0 {
		_ = os.RemoveAll(dir)
		return
	}
	fmt.Fprintln(a.err, "PRACTICE: what you saved is kept:")
	for _, f := range saved {
		fmt.Fprintln(a.err, "  "+f)
	}
}

// practiceTries is how often a step that a trouble has failed is run again.
const practiceTries = 3

// practiceAll goes through the whole page and prints what happens.
func (a *app) practiceAll(ctx context.Context, world *practice.World) error {
	host := world.Host()
	s := server{arg: "practice", name: host.Name(), answers: world.Answers()}
	fmt.Fprintln(a.err, wrap("", "PRACTICE: the whole page on a server in memory. Nothing here is real."))
	steps := checklist.Steps()
	for try := 1; ; try++ {
		result, err := a.practiceApply(ctx, world, s, steps)
		if err != nil {
			return err
		}
		if !result.Failed() {
			break
		}
		a.result(s, steps, result, "")
		if try == practiceTries {
			return &codeError{code: exitStep, text: s.name + ": a step failed again and again"}
		}
		fmt.Fprintln(a.err, wrap("  ", "PRACTICE: a step failed; what is left of the page is run again, as you would."))
	}
	return a.practiceVerify(ctx, world, s)
}

func (a *app) practiceApply(ctx context.Context, world *practice.World, s server, steps []checklist.Step) (checklist.Result, error) {
	l := a.newLive(s, len(steps), &journal{})
	l.host = world.Host().Name()
	defer l.close()
	return checklist.Apply(ctx, world.Host(), s.answers, checklist.ApplyOptions{
		Steps: steps, Emit: l.emit, Dial: a.practicePeer(world),
	})
}

func (a *app) practicePeer(world *practice.World) func(context.Context, checklist.Peer) (checklist.Host, error) {
	return func(ctx context.Context, p checklist.Peer) (checklist.Host, error) {
		t, _ := p.Target()
		return world.Dial(ctx, t, remote.Options{})
	}
}

// practicePatience is how long what waits, or went wrong for a while, is looked at
// again, by the world's clock.
const practicePatience = 3 * time.Minute

// practiceVerify measures until all is as wanted, and writes the hand-off.
func (a *app) practiceVerify(ctx context.Context, world *practice.World, s server) error {
	host := world.Host()
	facts, err := checklist.GatherFacts(ctx, host)
	if err != nil {
		return err
	}
	in := checklist.In{Answers: s.answers, Facts: facts}
	if err := checklist.Act(ctx, host, in, checklist.Items(), nil); err != nil {
		return err
	}
	in.Far = checklist.LookFar(ctx, a.practicePeer(world), in)
	v := verified{server: s, Server: s.name, Host: s.answers.Host}
	for end := world.Clock().Now().Add(practicePatience); ; {
		if v.Findings, err = checklist.Verify(ctx, host, in, checklist.Items(), nil); err != nil {
			return err
		}
		if v.code() == exitOK || world.Clock().Now().After(end) {
			break
		}
		if err := world.Clock().Sleep(ctx, 3*time.Second); err != nil {
			return err
		}
		in.Far = checklist.LookFar(ctx, a.practicePeer(world), in)
	}
	printFindings(a.out, a.painter(a.outTTY), v)
	if v.code() != exitOK {
		return withCode(v.code())
	}
	r, err := checklist.MakeReport(ctx, host, in, nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "\nPRACTICE: the message of the hand-off\n\n%s", r.Message)
	if !r.Ready {
		return withCode(exitRed)
	}
	return nil
}
