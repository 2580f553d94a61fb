package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"aslwiz/checklist"
)

func (a *app) reportCommand() *cobra.Command {
	var connect connectFlags
	var format string
	cmd := &cobra.Command{
		Use:   "report SERVER...",
		Short: "Measure a server and write the hand-off for the monitoring team",
		Long: `report measures all items, as verify does, and writes what the monitoring team
must know: the items with their evidence, addresses, open ports, tunnels, SNMP
and log, what a person has still to do, and the message for the admin list. It
holds no secret. Keep it: aslwiz report stats.yaml > stats.md

It ends with 4 where an item is red, waiting or unknown; the report says so too.`,
		Args: needServers,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--format", format, "markdown", "json"); err != nil {
				return err
			}
			return a.each(cmd.Context(), args, &connect, func(ctx context.Context, s server) (int, error) {
				session, err := a.begin(ctx, s, &connect)
				if err != nil {
					return exitOK, err
				}
				defer session.host.Close()
				far := newFarEnds(a, s, &connect)
				defer far.close()
				session.in.Far = far.look(ctx, session.in)
				r, err := checklist.MakeReport(ctx, session.host, session.in, nil)
				if err != nil {
					return exitOK, err
				}
				if err := a.writeReport(r, format); err != nil || r.Ready {
					return exitOK, err
				}
				return exitRed, nil
			})
		},
	}
	connect.register(cmd)
	cmd.Flags().StringVar(&format, "format", "markdown", "write it in this `FORMAT`: markdown or json")
	return cmd
}

func (a *app) writeReport(r checklist.Report, format string) error {
	if format == "json" {
		enc := json.NewEncoder(a.out)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	_, err := fmt.Fprint(a.out, r.Markdown())
	return err
}
