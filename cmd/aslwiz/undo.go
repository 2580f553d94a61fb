package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"aslwiz/checklist"
	"aslwiz/remote"
)

func (a *app) undoCommand() *cobra.Command {
	var connect connectFlags
	cmd := &cobra.Command{
		Use:   "undo SERVER STEP",
		Short: "Bring back what a step changed last",
		Long: `undo restores the files and settings that the newest run of a step changed, from
the copies that it made on the server. What somebody changed since is never
overwritten: then nothing is done, and the places are named.

Where the step could have cut you off, so could its undo: aslwiz logs in anew, and
if it cannot, the server puts back what the step had left.

Installed packages stay, and so does what the step ipsec did at the other end of a
tunnel.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage("`aslwiz undo stats.yaml hostname`", "undo: give a server and a step")
			}
			if !slices.Contains(stepIDs(), args[1]) {
				return usage("one of "+list(stepIDs()), "there is no step %q", args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadServer(args[0])
			if err != nil {
				return err
			}
			if err := connect.read(cmd.Context(), a.in); err != nil {
				return err
			}
			host, err := a.connect(cmd.Context(), s, &connect)
			if err != nil {
				return err
			}
			defer host.Close()
			live := a.newLive(s, 0, openJournal(s.name))
			st, err := checklist.Undo(cmd.Context(), host, args[1], live.emit)
			live.close() // its status line goes before the result is printed
			if err != nil {
				return err
			}
			return a.undone(s, args[1], st)
		},
	}
	connect.register(cmd)
	return cmd
}

func (a *app) undone(s server, step string, st remote.Status) error {
	paint := a.painter(a.outTTY)
	if st.State == remote.TxUndone {
		fmt.Fprintf(a.out, "%s: %s %s; `aslwiz plan %s --only %s` shows what is there now\n", s.name, step, paint.green("undone"), s.arg, step)
		return nil
	}
	fmt.Fprintf(a.out, "%s: %s %s: %s\n", s.name, step, paint.red(string(st.State)), remote.CleanLine(st.Reason))
	printDetail(a.out, paint, st.Detail)
	return withCode(exitStep)
}
