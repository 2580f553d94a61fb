package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// Limits of --watch: how long waiting items are given to settle, and how often
// they are looked at when they do not say when.
const (
	watchLimit = 20 * time.Minute
	watchEvery = 15 * time.Second
)

type verifyFlags struct {
	connect connectFlags
	only    []string
	watch   bool
	try     bool
	format  string
}

func (a *app) verifyCommand() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify SERVER...",
		Short: "Measure the page's list of items",
		Long: `verify measures each item of the page's list: on the server, and from outside,
which is where aslwiz runs. It leaves the server's configuration alone; fail2ban
is made to ban, for a moment, an address that nobody has.

  ok       as the page wants it
  RED      not so: what was wanted, what was found, the evidence, the way to fix it
  waiting  needs time; --watch looks again until it has settled
  unknown  could not be measured, which is not ok
  manual   only a person can tell

With --try it first does what some items need before they can be seen to work:
it sends a mail to root, and writes a marked line to the log. --watch never
repeats that.

It ends with 4 unless every item is ok or manual.`,
		Args: needServers,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--format", f.format, "text", "json", "junit"); err != nil {
				return err
			}
			items, err := chosenItems(f.only)
			if err != nil {
				return err
			}
			var reports []verified
			err = a.each(cmd.Context(), args, &f.connect, func(ctx context.Context, s server) (int, error) {
				v := verified{server: s, chosen: len(f.only) > 0, Server: s.name, Host: s.answers.Host}
				err := a.verify(ctx, s, &f, items, &v)
				if err != nil {
					v.Error = remote.CleanText(err.Error())
				}
				reports = append(reports, v)
				if f.format == "text" && err == nil {
					printFindings(a.out, a.painter(a.outTTY), v)
				}
				return v.code(), err
			})
			if f.format == "text" {
				return err
			}
			if e := writeReports(a.out, f.format, reports); e != nil {
				return e
			}
			return err
		},
	}
	f.register(cmd)
	return cmd
}

func (f *verifyFlags) register(cmd *cobra.Command) {
	f.connect.register(cmd)
	flags := cmd.Flags()
	flags.StringSliceVar(&f.only, "only", nil, "this `ITEM` alone, with its evidence also where it is ok; may be given several times")
	flags.BoolVar(&f.try, "try", false, "first send a test mail to root and write a marked log line")
	flags.BoolVar(&f.watch, "watch", false, "look again at waiting items until they have settled, 20 minutes at most")
	flags.StringVar(&f.format, "format", "text", "print it in this `FORMAT`: text, json (one list) or junit (XML)")
	_ = cmd.RegisterFlagCompletionFunc("only", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return itemIDs(), cobra.ShellCompDirectiveNoFileComp
	})
}

func itemIDs() (ids []string) {
	for _, it := range checklist.Items() {
		ids = append(ids, it.ID)
	}
	return ids
}

func chosenItems(only []string) ([]checklist.Item, error) {
	for _, id := range only {
		if !slices.Contains(itemIDs(), id) {
			return nil, usage("one of "+list(itemIDs()), "there is no item %q", id)
		}
	}
	return slices.DeleteFunc(slices.Clone(checklist.Items()), func(it checklist.Item) bool {
		return len(only) > 0 && !slices.Contains(only, it.ID)
	}), nil
}

// verified is what was found on one server.
type verified struct {
	server   server
	chosen   bool                // the items were named: what is ok is shown with its evidence too
	Server   string              `json:"server"`
	Host     string              `json:"host"`
	Findings []checklist.Finding `json:"findings"`
	Error    string              `json:"error,omitempty"`
}

// code is exitRed unless every item is passed or a person's: what could not be
// measured is not ok.
func (v verified) code() int {
	for _, f := range v.Findings {
		if f.Status != checklist.Passed && f.Status != checklist.Manual {
			return exitRed
		}
	}
	return exitOK
}

func (a *app) verify(ctx context.Context, s server, f *verifyFlags, items []checklist.Item, v *verified) error {
	session, err := a.begin(ctx, s, &f.connect)
	if err != nil {
		return err
	}
	defer session.host.Close()
	journal := openJournal(s.name)
	defer func() { _ = journal.close() }()
	if f.try {
		if err := checklist.Act(ctx, session.host, session.in, items, journal.write); err != nil {
			return err
		}
	}
	far := newFarEnds(a, s, &f.connect)
	defer far.close()
	look := func(ctx context.Context, items []checklist.Item) ([]checklist.Finding, error) {
		in := session.in
		if slices.ContainsFunc(items, func(it checklist.Item) bool { return it.ID == "ipsec" }) {
			in.Far = far.look(ctx, in)
		}
		return checklist.Verify(ctx, session.host, in, items, journal.write)
	}
	v.Findings, err = look(ctx, items)
	if err != nil || !f.watch {
		return err
	}
	return a.watch(ctx, v, look)
}
