package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"aslwiz/checklist"
	"aslwiz/remote"
)

type applyFlags struct {
	connect  connectFlags
	choice   stepFlags
	yes      bool
	unproven bool
	guard    time.Duration
	psk      []string

	keys tunnelKeys
}

func (a *app) applyCommand() *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use:   "apply SERVER...",
		Short: "Carry out the page, step by step",
		Long: `apply carries out the steps in the page's order. Of each it shows what will
change and the script that will run, asks, runs it on the server with its output
shown live, and reads the server again. It stops at the first step that does not
end as wanted; begun again, it goes on where it stopped.

A step runs on the server by itself: a lost connection or a closed terminal does
not break it, and apply follows it again. Ctrl-C asks whether to leave it running
or to stop it.

It ends with 3 when a step failed or was restored.`,
		Args: needServers,
		RunE: func(cmd *cobra.Command, args []string) error {
			steps, err := f.choice.steps()
			if err != nil {
				return err
			}
			if f.guard < 30*time.Second || f.guard > time.Hour {
				return usage("between 30s and 1h; for example --guard 2m", "--guard %s: too short to log in anew, or too long to be without the server", f.guard)
			}
			if !f.yes && a.terminal == nil {
				return usage("--yes approves all of them; look at `aslwiz plan` first", "apply asks before each step, and there is no terminal to ask at")
			}
			servers, err := loadServers(args)
			if err != nil {
				return err
			}
			if err := f.connect.read(cmd.Context(), a.in); err != nil {
				return err
			}
			if f.keys, err = a.readKeys(cmd.Context(), f.psk); err != nil {
				return err
			}
			for i, s := range servers {
				if err := a.apply(cmd.Context(), s, &f, steps); err != nil {
					for _, left := range servers[i+1:] {
						fmt.Fprintf(a.err, "%s: not started\n", left.name)
					}
					return err
				}
			}
			return nil
		},
	}
	f.connect.register(cmd)
	f.choice.register(cmd)
	cmd.Flags().BoolVar(&f.yes, "yes", false, "approve every step without asking")
	cmd.Flags().StringArrayVar(&f.psk, "psk-file", nil, "read the pre-shared key of the tunnel with a peer from a file (mode 0600) or a pipe, as `PEER=FILE`; else it is asked for or generated")
	cmd.Flags().DurationVar(&f.guard, "guard", checklist.DefaultGuard, "`TIME` that the way in may take to be proved before a guarded step is taken back")
	cmd.Flags().BoolVar(&f.unproven, "unproven", false, "apply on a release on which the page was not proven")
	return cmd
}

func (a *app) apply(ctx context.Context, s server, f *applyFlags, steps []checklist.Step) error {
	host, err := a.connect(ctx, s, &f.connect)
	if err != nil {
		return err
	}
	defer host.Close()
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	r := &applying{app: a, server: s, yes: f.yes, keys: f.keys, live: a.newLive(s, len(steps), openJournal(s.name)), stop: make(chan struct{}), leave: leave}
	if a.terminal != nil && !f.yes {
		// The plan is shown where the question is asked.
		r.live.out = a.terminal.out
	}
	r.live.host = host.Name()
	defer r.live.close()
	a.interrupts.offer(func() { r.interrupted(ctx) })
	defer a.interrupts.offer(nil)
	result, err := checklist.Apply(ctx, host, s.answers, checklist.ApplyOptions{
		Steps: steps, Approve: func(p checklist.StepPlan) (bool, error) { return r.approve(ctx, p) },
		Emit: r.emit, Unproven: f.unproven, Guard: f.guard, Stop: r.stop, Secret: r.secret,
		Dial: func(ctx context.Context, p checklist.Peer) (checklist.Host, error) {
			return a.dialPeer(ctx, s, &f.connect, p)
		},
	})
	running := r.live.runs()
	r.live.close()
	a.result(s, steps, result, running)
	return r.outcome(ctx, result, running, err)
}

// applying is one run of apply on one server, with the person beside it.
type applying struct {
	app    *app
	server server
	yes    bool
	keys   tunnelKeys
	live   *live
	leave  context.CancelCauseFunc

	asking   sync.Mutex // one question at a time
	stop     chan struct{}
	stopping atomic.Bool
}

// emit shows an event. A new address of the server is noted in its answers file
// at once: by the old one nobody comes in after the reboot.
func (r *applying) emit(e checklist.Event) {
	r.live.emit(e)
	if e.Kind != checklist.EventMoved {
		return
	}
	note := fmt.Sprintf("the server is at %s from now on; %s says so now", e.Text, r.server.file)
	switch err := r.server.rewriteHost(e.Text); {
	case errors.Is(err, errHostName):
		note = fmt.Sprintf("the server is at %s from now on: let %s lead there, in DNS or in ~/.ssh/config", e.Text, r.server.answers.Host)
	case err != nil:
		note = fmt.Sprintf("the server is at %s from now on: write host: %q into %s (%v)", e.Text, e.Text, r.server.file, err)
	}
	r.live.emit(checklist.Event{Kind: checklist.EventNote, At: e.At, Server: e.Server, Step: e.Step, Text: note})
}

// approve asks about one step, which the live printer has just shown.
func (r *applying) approve(ctx context.Context, p checklist.StepPlan) (bool, error) {
	r.asking.Lock()
	defer r.asking.Unlock()
	if err := context.Cause(ctx); err != nil {
		return false, err
	}
	if r.stopping.Load() {
		return false, checklist.ErrQuit
	}
	if r.yes {
		return true, nil
	}
	question := "Run this step? y = yes, s = skip it, q = quit: "
	if p.Status == checklist.StepManual {
		question = "Go on all the same? y = yes, q = quit: "
	}
	word, err := r.app.terminal.choose(ctx, question, "yes", "no", "skip", "quit")
	switch {
	case err != nil:
		return false, err
	case word == "quit":
		return false, checklist.ErrQuit
	case word != "yes" && p.Status == checklist.StepManual:
		return false, checklist.ErrQuit
	}
	return word == "yes", nil
}

// interrupted asks what Ctrl-C means for the step that runs. The second Ctrl-C
// ends ctx, and with it the question.
func (r *applying) interrupted(ctx context.Context) {
	step := r.live.runs()
	if step == "" || r.app.terminal == nil {
		r.leave(errInterrupted)
		return
	}
	r.asking.Lock()
	defer r.asking.Unlock()
	r.live.hold()
	defer r.live.release()
	fmt.Fprintf(r.app.terminal.out, "\nStep %s runs on the server, whether aslwiz watches or not.\n", step)
	question, words := "l = leave it running (Ctrl-C too), s = stop it, c = continue watching: ", []string{"leave", "stop", "continue"}
	if r.stopping.Load() {
		question, words = "It was asked to stop. l = leave it (Ctrl-C too), c = continue watching: ", []string{"leave", "continue"}
	}
	word, err := r.app.terminal.choose(ctx, question, words...)
	switch {
	case err != nil || word == "leave":
		r.leave(errInterrupted)
	case word == "stop":
		r.stopping.Store(true)
		close(r.stop)
		fmt.Fprintln(r.app.terminal.out, wrap("  note: ", "asked it to stop. An apt that has begun finishes the packages in hand, so that "+
			"the package database stays whole; that can take minutes."))
	}
}

// outcome turns the end of a run into what the program ends with.
func (r *applying) outcome(ctx context.Context, result checklist.Result, running string, err error) error {
	again := "aslwiz apply " + r.server.arg
	switch {
	case err != nil && ctx.Err() != nil:
		switch {
		case errors.Is(err, remote.ErrUnsure):
			return &codeError{
				code: exitInterrupted, text: r.server.name + ": interrupted while a step was being started; it may be running on the server",
				hint: "to see, and to follow it: " + again,
			}
		case running == "":
			return &codeError{code: exitInterrupted, text: r.server.name + ": interrupted between two steps; nothing is running there", hint: "to go on: " + again}
		}
		return &codeError{
			code: exitInterrupted, text: fmt.Sprintf("%s: interrupted; step %s goes on running on the server", r.server.name, running),
			hint: "to follow it: " + again,
		}
	case errors.Is(err, checklist.ErrQuit):
		return &codeError{code: exitInterrupted, text: r.server.name + ": stopped on your word", hint: "to go on: " + again}
	case err != nil:
		return err
	case r.stopping.Load():
		return &codeError{code: exitInterrupted, text: r.server.name + ": stopped on your word", hint: "to go on: " + again}
	case result.Failed():
		last := result.Steps[len(result.Steps)-1]
		return &codeError{
			code: exitStep, text: fmt.Sprintf("%s: step %s: %s", r.server.name, last.Step, last.Status),
			hint: "see above why, then go on from there: " + again,
		}
	}
	return nil
}

// result prints how each step ended: the answer of apply. running is the step
// that was left to itself, if any.
func (a *app) result(s server, steps []checklist.Step, result checklist.Result, running string) {
	paint := a.painter(a.outTTY)
	status := map[string][]checklist.StepResult{} // several where a tunnel has two ends
	for _, r := range result.Steps {
		status[r.Step] = append(status[r.Step], r)
	}
	fmt.Fprintf(a.out, "\n%s\n", paint.bold(s.name))
	for _, st := range steps {
		ended := status[st.ID]
		switch {
		case len(ended) == 0 && st.ID == running:
			ended = []checklist.StepResult{{Status: checklist.StepRunning}}
		case len(ended) == 0:
			ended = []checklist.StepResult{{Status: checklist.StepNotStarted}}
		}
		for _, r := range ended {
			first := fmt.Sprintf("  %s  %-15s ", paint.status(fmt.Sprintf("%-11s", r.Status.Words())), st.ID)
			fmt.Fprintln(a.out, wrap(first, remote.CleanLine(orElse(r.Reason, st.Title))))
		}
	}
	if result.Failed() || len(status) < len(steps) {
		return
	}
	if !result.Changed() {
		fmt.Fprintf(a.out, "%s: %s\n", s.name, paint.green("nothing was changed; "+left(result)))
	}
	fmt.Fprintf(a.out, "to measure the result: aslwiz verify %s\n", s.arg)
}

// left is what a run that changed nothing left to do.
func left(result checklist.Result) string {
	count := map[checklist.StepStatus]int{}
	for _, r := range result.Steps {
		count[r.Status]++
	}
	switch skipped, manual := count[checklist.StepSkipped], count[checklist.StepManual]; {
	case skipped > 0:
		return countSteps(skipped) + " skipped"
	case manual > 0:
		return "only manual work is left, in " + countSteps(manual)
	}
	return "the server is as the page wants it"
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
