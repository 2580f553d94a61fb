package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"aslwiz/checklist"
)

func (a *app) checklistCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "checklist",
		Short: "Print the page as aslwiz runs it; needs no server",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			paint := a.painter(a.outTTY)
			fmt.Fprintln(a.out, strings.TrimSpace(checklist.Page()))
			fmt.Fprintf(a.out, "\n%s\n\n", paint.bold("Steps, in the order of `aslwiz apply`; their names are for --only and --from"))
			for i, s := range checklist.Steps() {
				fmt.Fprintf(a.out, "%2d. %-15s %s\n", i+1, s.ID, s.Title)
				if s.Why != "" {
					fmt.Fprintln(a.out, wrap("                    ", s.Why))
				}
			}
			fmt.Fprintf(a.out, "\n%s\n\n", paint.bold("Items of `aslwiz verify`; their names are for its --only"))
			for _, it := range checklist.Items() {
				fmt.Fprintf(a.out, "    %-15s %s\n", it.ID, it.Title)
			}
			return nil
		},
	}
}
