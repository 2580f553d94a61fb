package main

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

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
	if f.passwordFile != "" || f.sudoFile == "-" {
		return usage("without it: the wizard asks for a password when the server wants one",
			"--password-file, and --sudo-password-file from standard input, are for the commands")
	}
	if err := f.read(cmd.Context(), a.in); err != nil {
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
	a.screens.Store(!a.linesOnly())
	return tui.Run(cmd.Context(), tui.Config{
		Dial: func(ctx context.Context, t remote.Target, o remote.Options) (checklist.Host, error) {
			return remote.Connect(ctx, t, o)
		},
		Options: remote.Options{
			AcceptHostKey: f.accepted, AllowAlgorithms: f.allow, KnownHosts: f.knownHosts, SSHConfig: f.sshConfig, SudoPassword: f.sudo, Who: who(),
		},
		Folder:  filepath.Join(config, "aslwiz"),
		State:   state,
		Journal: wizardJournal,
		Plain:   a.linesOnly(),

		Interrupt: a.interrupts.offer,
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
	return a.plain || os.Getenv("ACCESSIBLE") != "" || os.Getenv("TERM") == "dumb" || !a.outTTY || a.terminal == nil || !isTerminal(a.in)
}

func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
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
