package main

import (
	"fmt"
	"io"
	"strings"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// planPrinter prints plans for people. Whatever came from a server is cleaned.
type planPrinter struct {
	out   io.Writer
	paint painter
}

func (p planPrinter) facts(s server, f checklist.Facts) {
	text := fmt.Sprintf("%s: %s, %s, calls itself %s", s.name, orDash(f.Pretty), orDash(f.Arch), orDash(f.Hostname))
	fmt.Fprintln(p.out, p.paint.bold(wrap("", remote.CleanLine(text))))
	switch {
	case f.Release.Dir == "":
		fmt.Fprintln(p.out, wrap("note: ", "aslwiz does not know this release; what it can tell of the server is below, and apply changes nothing on it"))
	case !f.Release.Proven:
		fmt.Fprintln(p.out, wrap("note: ", "the page was not proven on this release yet; apply needs --unproven"))
	}
}

// step prints one step: its state, each of its resources, its script.
func (p planPrinter) step(s checklist.StepPlan) {
	word := s.Status.Words()
	title := fmt.Sprintf("\n%s: %s", p.paint.bold(s.Step), s.Title)
	if s.Guarded && s.Status == checklist.StepPending {
		word += ", guarded"
	}
	fmt.Fprintf(p.out, "%s [%s]\n", title, p.paint.status(word))
	if s.Guarded && s.Status == checklist.StepPending {
		fmt.Fprintln(p.out, wrap("  ", "This step could cut you off. The server takes it back by itself unless aslwiz reaches it again over new connections."))
	}
	for _, c := range s.Changes {
		p.change(c)
	}
	for _, problem := range s.Problems {
		fmt.Fprintln(p.out, wrap("  unknown: ", remote.CleanLine(problem)))
	}
	if m := s.Message(); m != "" {
		p.block("a message to the provider, ready to send", m, "end of message")
	}
	p.script(s)
}

// far prints what the step does at the other end of a tunnel.
func (p planPrinter) far(far checklist.Plan, step string) {
	for _, s := range far.Steps {
		if s.Step == step {
			p.step(s)
		}
	}
}

func (p planPrinter) change(c checklist.Change) {
	name := remote.CleanLine(c.Resource)
	if c.Same {
		fmt.Fprintln(p.out, wrap("  "+p.paint.green("ok")+"      ", name+": "+remote.CleanLine(orDash(c.Now))))
		if c.Short != "" { // nothing that aslwiz could do about it
			fmt.Fprintln(p.out, wrap("          short: ", remote.CleanLine(c.Short)))
		}
		return
	}
	fmt.Fprintf(p.out, "  %s %s\n", p.paint.yellow(verb(c)), name)
	fmt.Fprintln(p.out, wrap("          now:  ", remote.CleanLine(orDash(c.Now))))
	fmt.Fprintln(p.out, wrap("          want: ", remote.CleanLine(orDash(c.Want))))
	if c.Waits != "" {
		fmt.Fprintln(p.out, wrap("          waits: ", remote.CleanLine(c.Waits)))
	}
	if c.Short != "" {
		word := "short: "
		if c.Blocks {
			word = "blocks: "
		}
		fmt.Fprintln(p.out, wrap("          "+word, remote.CleanLine(c.Short)))
	}
	for _, n := range c.Notes {
		fmt.Fprintln(p.out, wrap("          note: ", remote.CleanLine(n)))
	}
	for l := range strings.Lines(remote.CleanText(c.Diff)) {
		fmt.Fprintln(p.out, "    "+p.paint.diff(strings.TrimRight(l, "\n")))
	}
}

// verb is what a change that is not the same is about, seven characters wide.
func verb(c checklist.Change) string {
	switch {
	case c.Waits != "":
		return "waits  "
	case c.Now == "unknown":
		return "unknown"
	case c.Kind == "check":
		return "short  "
	}
	return "change "
}

// script prints what will run.
func (p planPrinter) script(s checklist.StepPlan) {
	if s.Script == "" {
		return
	}
	p.block("script of "+s.Step+", run as root, byte for byte", s.Script, "end of script")
	if remote.CleanText(s.Script) != s.Script {
		fmt.Fprintln(p.out, wrap("note: ", "some characters of this script cannot be shown; --format json has them all"))
	}
}

// block prints text between two rules, unindented, so that it can be copied.
func (p planPrinter) block(title, text, end string) {
	rule := func(text string) {
		text = "--- " + text + " "
		fmt.Fprintln(p.out, p.paint.faint(text+strings.Repeat("-", max(0, textWidth-len(text)))))
	}
	rule(title)
	fmt.Fprint(p.out, remote.CleanText(text))
	if !strings.HasSuffix(text, "\n") {
		fmt.Fprintln(p.out)
	}
	rule(end)
}

func (p planPrinter) summary(s server, plan checklist.Plan) {
	count := map[checklist.StepStatus]int{}
	for _, sp := range plan.Steps {
		count[sp.Status]++
	}
	fmt.Fprintln(p.out)
	for _, sp := range plan.Steps {
		if _, blocks := sp.Short(); blocks {
			fmt.Fprintf(p.out, "%s: %s\n", s.name, p.paint.red("apply would stop at step "+sp.Step+": see above what blocks it"))
		}
	}
	if settled(plan) {
		text := "nothing to do"
		if n := count[checklist.StepManual]; n > 0 {
			text = fmt.Sprintf("nothing to do for aslwiz; %s for you to look at", countSteps(n))
		}
		fmt.Fprintf(p.out, "%s: %s\n", s.name, p.paint.green(text))
		return
	}
	var parts []string
	for _, st := range []checklist.StepStatus{checklist.StepPending, checklist.StepUnknown, checklist.StepManual, checklist.StepSame} {
		if count[st] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[st], st))
		}
	}
	fmt.Fprintf(p.out, "%s: %s of %s\n", s.name, strings.Join(parts, ", "), countSteps(len(plan.Steps)))
	for _, far := range plan.Far {
		if !settled(far) {
			fmt.Fprintf(p.out, "%s: the other end of its tunnel, on %s: %s\n", s.name, remote.CleanLine(far.Server), far.Steps[0].Status)
		}
	}
	if count[checklist.StepPending] > 0 {
		fmt.Fprintln(p.out, wrap("", "In the scripts, put PATH installs a file as its diff shows it, run COMMAND runs a command "+
			"and says so in the log, apt_get is an apt-get that asks nothing and waits for its locks, and apt_install installs and removes nothing but what it names first; `aslwiz plan --show-runner` prints the program behind them."))
	}
	fmt.Fprintf(p.out, "to carry it out: aslwiz apply %s\n", s.arg)
}

func orDash(s string) string {
	if strings.TrimSpace(s) == "" {
		return "-"
	}
	return s
}

func countSteps(n int) string {
	if n == 1 {
		return "1 step"
	}
	return fmt.Sprintf("%d steps", n)
}
