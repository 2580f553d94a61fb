package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// Config is what the wizard needs of the program around it.
type Config struct {
	// Dial makes a connection. A host that has a Close is closed at the end.
	Dial func(context.Context, remote.Target, remote.Options) (checklist.Host, error)
	// Options are what is the same for every connection; Ask is the wizard's own.
	Options remote.Options
	// Folder holds the answers files, State the little that is remembered.
	Folder, State string
	// Journal opens the journal of a server; nil: none is kept.
	Journal func(server string) (write func(checklist.Event), path string, done func() error)
	// Practice are the proposed answers of a practice run; nil: it is not one.
	Practice *checklist.Answers
	// Rehearse is the wizard on the practice server, when that is chosen at the
	// start; nil: it is not offered.
	Rehearse func() error
	// Plain asks for the line mode.
	Plain bool
	// Interrupt sets whom Ctrl-C calls in line mode, on a goroutine of its own, instead of
	// ending the context, which one pressed meanwhile still does; nil: nobody. Without
	// Interrupt it always ends the context.
	Interrupt func(ask func())
	// NoColours leaves them out, whatever the terminal can show.
	NoColours bool
	In        *os.File
	Out       *os.File
}

// Run is the wizard, from the choice of a server to its verification. It ends
// when the admin leaves it; steps that run on the server go on.
func Run(ctx context.Context, cfg Config) error {
	st := newStore(cfg.Folder, filepath.Join(cfg.State, "wizard.json"))
	if err := cfg.propose(st); err != nil {
		return err
	}
	if cfg.Plain {
		return newPlain(ctx, cfg, st, cfg.In, cfg.Out).run()
	}
	servers, err := st.list()
	if err != nil {
		return err
	}
	if cfg.NoColours || lipgloss.ColorProfile() == termenv.Ascii {
		noColours()
	}
	w := newWizard(cfg, st, servers, time.Now)
	// Signals end ctx. A second one who waits for them can block the program's end, and so
	// that it ends in order, the keyboard's reader first, it is asked to.
	p := tea.NewProgram(w, tea.WithoutSignalHandler(), tea.WithAltScreen(), tea.WithInput(cfg.In), tea.WithOutput(cfg.Out))
	w.engine.send = p.Send
	defer context.AfterFunc(ctx, p.Quit)()
	_, err = p.Run()
	w.engine.close()
	if errors.Is(err, tea.ErrInterrupted) || err != nil && ctx.Err() != nil {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("the screen: %w", err)
	}
	if w.rehearse {
		return cfg.Rehearse()
	}
	if w.parting != "" {
		fmt.Fprintln(cfg.Out, w.parting)
	}
	return nil
}

// closeHost ends a connection.
func closeHost(h checklist.Host) {
	if c, ok := h.(io.Closer); ok {
		_ = c.Close()
	}
}

// localPath is a file on this computer that an answers file names: ~ is the
// home, and a relative path begins at the file's folder.
func localPath(answersFile, path string) string {
	if len(path) > 1 && path[0] == '~' && (path[1] == '/' || path[1] == filepath.Separator) {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, path[2:])
		}
	}
	if filepath.IsAbs(path) || answersFile == "" {
		return path
	}
	return filepath.Join(filepath.Dir(answersFile), path)
}
