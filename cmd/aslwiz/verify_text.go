package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// word is a verdict as the table says it: never colour alone.
func word(s checklist.ItemStatus) string {
	switch s {
	case checklist.Passed:
		return "ok"
	case checklist.Failed:
		return "RED"
	}
	return string(s)
}

func printFindings(out io.Writer, paint painter, v verified) {
	fmt.Fprintf(out, "%s%s\n\n", paint.bold(v.Server+" ("+v.Host+")"), v.looked())
	for _, f := range v.Findings {
		first := fmt.Sprintf("  %s  %-14s ", paint.status(fmt.Sprintf("%-7s", word(f.Status))), f.Item)
		fmt.Fprintln(out, wrap(first, remote.CleanLine(f.Title)))
		if f.Status == checklist.Passed {
			fmt.Fprintln(out, wrap("                          ", remote.CleanLine(orDash(f.Got))))
			if v.chosen {
				printEvidence(out, f)
			}
			continue
		}
		printFinding(out, f, v.server.arg)
	}
	fmt.Fprintf(out, "\n%s: %s\n", v.Server, sum(paint, v.Findings))
}

// printFinding prints the details of an item that is not ok.
func printFinding(out io.Writer, f checklist.Finding, arg string) {
	put := func(label, text string) {
		if strings.TrimSpace(text) != "" {
			fmt.Fprintln(out, wrap("             "+label, remote.CleanLine(text)))
		}
	}
	put("want: ", f.Want)
	put("got:  ", f.Got)
	printEvidence(out, f)
	if f.Fix != nil {
		put("fix:  ", f.Fix.Text)
		if f.Fix.Kind == checklist.FixStep {
			put("      ", fmt.Sprintf("aslwiz apply %s --only %s", arg, f.Fix.Step))
		}
	}
	if f.Again != nil {
		put("next: ", "looked at again at "+f.Again.UTC().Format("15:04:05 UTC")+" by --watch")
	}
}

func printEvidence(out io.Writer, f checklist.Finding) {
	for _, e := range f.Evidence {
		for l := range strings.Lines(remote.CleanText(e)) {
			fmt.Fprintln(out, "             | "+strings.TrimRight(l, "\n"))
		}
	}
}

// looked says when the newest look was.
func (v verified) looked() string {
	var at time.Time
	for _, f := range v.Findings {
		if f.At.After(at) {
			at = f.At
		}
	}
	if at.IsZero() {
		return ""
	}
	return ", looked at " + at.UTC().Format("2006-01-02 15:04:05 UTC")
}

// sum is the last line: how many of each, and what that means.
func sum(paint painter, findings []checklist.Finding) string {
	count := map[checklist.ItemStatus]int{}
	for _, f := range findings {
		count[f.Status]++
	}
	var parts []string
	for _, s := range []checklist.ItemStatus{checklist.Passed, checklist.Failed, checklist.Waiting, checklist.Unknown, checklist.Manual} {
		if count[s] > 0 {
			parts = append(parts, paint.status(fmt.Sprintf("%d %s", count[s], word(s))))
		}
	}
	text := strings.Join(parts, ", ")
	switch {
	case count[checklist.Failed] > 0:
		text += "; not ready for production"
	case count[checklist.Unknown] > 0:
		text += "; not proven: what could not be measured is not ok"
	case count[checklist.Waiting] > 0:
		text += "; not yet: --watch looks again until it has settled"
	case count[checklist.Manual] > 0:
		text += "; a person has to look at the rest"
	}
	return text
}

// writeReports prints what was found on all servers, for programs.
func writeReports(out io.Writer, format string, reports []verified) error {
	if format == "junit" {
		return writeJUnit(out, reports)
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(reports); err != nil {
		return fmt.Errorf("writing the findings: %w", err)
	}
	return nil
}
