package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// What aslwiz ends with. README.md and the help of the commands repeat it.
const (
	exitOK          = 0
	exitUsage       = 1   // wrong use, wrong answers, or a mistake in aslwiz itself
	exitChanges     = 2   // plan: something would change
	exitStep        = 3   // apply, undo: a step failed, was restored, or could not begin
	exitRed         = 4   // verify: an item is red, or could not be measured
	exitConnect     = 5   // the server could not be reached, trusted or logged in to
	exitInterrupted = 130 // Ctrl-C; what ran on the server goes on
)

// severity orders the codes: with several servers the gravest one counts.
var severity = []int{exitOK, exitChanges, exitRed, exitStep, exitConnect, exitUsage, exitInterrupted}

func graver(a, b int) int {
	if slices.Index(severity, b) > slices.Index(severity, a) {
		return b
	}
	return a
}

// codeError ends the program with a code. Its text may be empty, when the
// command's answer has said everything.
type codeError struct {
	code int
	text string
	hint string
}

func (e *codeError) Error() string { return e.text }

// Hint says what to try.
func (e *codeError) Hint() string { return e.hint }

// noConnection is whatever kept a session from coming about, such as a login
// shell that lets nobody in.
type noConnection struct{ error }

func (e noConnection) Unwrap() error { return e.error }

// usage is an error of the person at the keyboard, with what to try.
func usage(hint, format string, args ...any) error {
	return &codeError{code: exitUsage, text: fmt.Sprintf(format, args...), hint: hint}
}

// withCode is nil for code 0.
func withCode(code int) error {
	if code == exitOK {
		return nil
	}
	return &codeError{code: code}
}

// codeOf is what an error ends the program with.
func codeOf(err error) int {
	var coded *codeError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, context.Canceled), errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.Is(err, remote.ErrConnect), errors.Is(err, remote.ErrSudo), errors.Is(err, remote.ErrLost), errors.As(err, new(noConnection)):
		return exitConnect
	case errors.As(err, new(*remote.BusyError)):
		return exitStep // what was asked for did not happen, and nothing was changed
	case errors.Is(err, remote.ErrDiskFull), errors.Is(err, remote.ErrReadOnly), errors.Is(err, checklist.ErrRelease):
		return exitStep
	default:
		return exitUsage
	}
}

// hintOf is what to try about an error.
func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	switch {
	case errors.Is(err, checklist.ErrUnproven):
		return "look at `aslwiz plan` first; --unproven applies it all the same"
	case errors.Is(err, checklist.ErrRelease):
		return "set the server up with one of these, or have the provider do it; `aslwiz plan` shows what else falls short"
	case errors.Is(err, remote.ErrLost) && errors.As(err, new(noConnection)):
		return "see whether ssh gives you a shell there, and look at the network between here and there"
	case errors.Is(err, remote.ErrLost):
		return "look at the network between here and there, then give the same command again: it goes on with what runs there"
	case errors.Is(err, remote.ErrDiskFull):
		return "on the server, `df -h` shows which file system is full; `apt-get clean` often makes room"
	case errors.Is(err, remote.ErrReadOnly):
		return "on the server, `dmesg | tail` says why it was mounted read-only; a disk may be failing"
	}
	return ""
}

// finish prints an error and returns the exit code. A cancelled ctx means that
// the admin interrupted, whatever error that ended in.
func (a *app) finish(ctx context.Context, err error) int {
	if err == nil {
		return exitOK
	}
	code := codeOf(err)
	if ctx.Err() != nil {
		code = exitInterrupted
	}
	a.complain(err)
	return code
}

// complain says what happened and what to try.
func (a *app) complain(err error) {
	text := remote.CleanText(err.Error())
	switch {
	case text == "":
		return
	case errors.Is(err, context.Canceled) && codeOf(err) == exitInterrupted:
		text = "interrupted"
	}
	fmt.Fprintf(a.err, "aslwiz: %s\n", text)
	if hint := hintOf(err); hint != "" {
		fmt.Fprintf(a.err, "  try: %s\n", strings.ReplaceAll(remote.CleanText(hint), "\n", "\n       "))
	}
}
