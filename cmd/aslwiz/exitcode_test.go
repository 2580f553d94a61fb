package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// exitCode CODE ARG... runs aslwiz and demands the exit code; what it printed is
// left in the files out and err.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exitcode CODE ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec("aslwiz", args[1:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func TestCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("anything"), exitUsage},
		{usage("", "wrong"), exitUsage},
		{withCode(exitChanges), exitChanges},
		{fmt.Errorf("host: %w", remote.ErrConnect), exitConnect},
		{&remote.SudoError{Host: "h", User: "u", Reason: remote.SudoWrongPassword}, exitConnect},
		{noConnection{errors.New("this account is not available")}, exitConnect},
		{noConnection{fmt.Errorf("host: %w", context.Canceled)}, exitInterrupted},
		{fmt.Errorf("staging: %w", remote.ErrDiskFull), exitStep},
		{fmt.Errorf("host: %w", context.Canceled), exitInterrupted},
		{errInterrupted, exitInterrupted},
		{checklist.ErrUnproven, exitUsage},
		{fmt.Errorf("undo: %w", &remote.BusyError{Host: "h"}), exitStep},
		{checklist.ErrRelease, exitStep},
	} {
		if got := codeOf(c.err); got != c.want {
			t.Errorf("%v: code %d, want %d", c.err, got, c.want)
		}
	}
	if got := graver(exitConnect, exitChanges); got != exitConnect {
		t.Errorf("graver: %d", got)
	}
}

func TestComplain(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &app{err: &out}
	a.complain(usage("this\nor that", "it \x1b[31mbroke\x1b[0m"))
	if want := "aslwiz: it broke\n  try: this\n       or that\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
