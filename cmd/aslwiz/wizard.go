package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"aslwiz/checklist"
	"aslwiz/checklist/practice"
	"aslwiz/remote"
	"aslwiz/tui"
)

// wizard is `aslwiz` without a command: on a terminal the screens, else, and
// with --plain or ACCESSIBLE, the same as plain lines.
func (a *app) wizard(cmd *cobra.Command, f *connectFlags) error {
	in, out, ok := a.ends()
	if !ok {
		return cmd.Help()
	}
	if err := f.read(a.in); err != nil {
		return err
	}
	config, err := os.UserConfigDir()
	if err != nil {
		return err
	}
	state, err := stateDir()
	if err != nil {
		return err
	}
	return tui.Run(cmd.Context(), tui.Config{
		Dial: func(ctx context.Context, t remote.Target, o remote.Options) (checklist.Host, error) {
			return remote.Connect(ctx, t, o)
		},
		Options: remote.Options{
			AcceptHostKey: f.acceptHostKey, KnownHosts: f.knownHosts, SSHConfig: f.sshConfig, SudoPassword: f.sudo, Who: who(),
		},
		Folder:  filepath.Join(config, "aslwiz"),
		State:   state,
		Journal: wizardJournal,
		Plain:   a.linesOnly(),

		NoColours: a.color == "never",
		Rehearse: func() error {
			world, err := practice.New(practice.NewClock(1))
			if err != nil {
				return err
			}
			defer world.Close()
			return a.practiceWizard(cmd, world)
		},
		In:  in,
		Out: out,
	})
}

// linesOnly says whether nothing may be redrawn.
func (a *app) linesOnly() bool {
	return a.plain || os.Getenv("ACCESSIBLE") != "" || os.Getenv("TERM") == "dumb" || !a.outTTY || a.terminal == nil
}

// ends are where the wizard reads and writes; there is nobody to talk to when
// the answers would have to come from nowhere.
func (a *app) ends() (in, out *os.File, ok bool) {
	in, ok1 := a.in.(*os.File)
	out, ok2 := a.out.(*os.File)
	if !ok1 || !ok2 {
		return nil, nil, false
	}
	return in, out, a.terminal != nil || a.plain || os.Getenv("ACCESSIBLE") != ""
}

// wizardJournal keeps the events of a server, as the commands do.
func wizardJournal(server string) (write func(checklist.Event), path string, done func() error) {
	j := openJournal(server)
	dir, err := stateDir()
	if err == nil {
		path = filepath.Join(dir, server+".jsonl")
	}
	return j.write, path, j.close
}
