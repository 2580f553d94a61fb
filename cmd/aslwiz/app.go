package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// app is what the commands share: the streams, the terminal, the interrupts.
type app struct {
	in         io.Reader
	out        io.Writer // the answer
	err        io.Writer // the talk
	outTTY     bool
	errTTY     bool
	terminal   *terminal // who can be asked; nil: nobody
	interrupts *interrupts
	screens    atomic.Bool // the wizard has the whole screen
	color      string      // --color
	plain      bool        // --plain
}

func newApp(in, out, err *os.File) *app {
	a := &app{
		in: in, out: out, err: err,
		outTTY:   term.IsTerminal(int(out.Fd())),
		errTTY:   term.IsTerminal(int(err.Fd())),
		terminal: openTerminal(in, err),
	}
	a.interrupts = newInterrupts(a.exitNow)
	return a
}

// leaveScreen ends what the wizard's screens switch on: the other screen, the hidden
// cursor, pasting in brackets.
const leaveScreen = "\x1b[?2004l\x1b[?1049l\x1b[?25h"

// exitNow ends the program without waiting for anything. The terminal is given back
// as it was found.
func (a *app) exitNow() {
	if a.screens.Load() {
		fmt.Fprint(a.out, leaveScreen)
	}
	if a.terminal != nil {
		a.terminal.restore()
	}
	fmt.Fprintln(a.err, "\nInterrupted twice, stopping now. A running step continues on the server.")
	os.Exit(exitInterrupted)
}

func (a *app) rootCommand() *cobra.Command {
	var wizard connectFlags
	root := &cobra.Command{
		Use:   "aslwiz",
		Short: "Provision AllStarLink servers by the wiki's page, over SSH",
		Long: `aslwiz is the AllStarLink wiki's page "Server Provisioning", made to run. It
shows what the page asks of a server and what would change, changes it over SSH
step by step, and measures every item of the page's list at the end.

Without a command it is a wizard that goes through the page with you, on the
screen, or as plain lines with --plain. The commands do the same for scripts; a
SERVER is an answers file, or the name of one in the configuration folder.`,
		Example: `  aslwiz practice
  aslwiz
  aslwiz answers --example > stats.yaml
  aslwiz plan stats.yaml
  aslwiz apply stats.yaml
  aslwiz verify stats.yaml`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return a.wizard(cmd, &wizard) },
	}
	wizard.register(root)
	_ = root.Flags().MarkHidden("password-file") // the wizard asks
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("`"+cmd.CommandPath()+" --help` lists them", "%v", err)
	})
	flags := root.PersistentFlags()
	flags.BoolVar(&a.plain, "plain", false, "simple lines only, nothing that redraws")
	flags.StringVar(&a.color, "color", "auto", "`WHEN` to colour words: auto, always or never; auto honours NO_COLOR")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		return oneOf("--color", a.color, "auto", "always", "never")
	}
	root.AddCommand(a.planCommand(), a.applyCommand(), a.verifyCommand(), a.reportCommand(), a.undoCommand(), a.answersCommand(), a.checklistCommand(), a.practiceCommand())
	return root
}

// version is what the Go tool wrote into the program.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("`"+cmd.CommandPath()+" --help`", "%s does not know %q", cmd.CommandPath(), args[0])
	}
	return nil
}

func needServers(cmd *cobra.Command, args []string) error {
	if len(args) == 0 || slices.ContainsFunc(args, func(s string) bool { return strings.TrimSpace(s) == "" }) {
		return usage("`"+cmd.CommandPath()+" stats.yaml`; `aslwiz answers --example` shows such a file",
			"%s: which server? Give an answers file or the name of one", cmd.Name())
	}
	return nil
}

func oneOf(flag, value string, allowed ...string) error {
	for _, s := range allowed {
		if s == value {
			return nil
		}
	}
	return usage("one of "+list(allowed), "%s %q: no such choice", flag, value)
}

// width is the terminal's, in columns.
func (a *app) width() int {
	if f, ok := a.err.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return textWidth
}
