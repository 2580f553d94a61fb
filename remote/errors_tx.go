package remote

import (
	"errors"
	"fmt"
	"time"
)

// Reasons why a transaction cannot start. Nothing was done on the server, but for
// ErrUnsure.
var (
	// ErrDiskFull says that there is no room to stage a change and its way back.
	ErrDiskFull = errors.New("disk full")
	// ErrReadOnly says that the file system cannot be written to.
	ErrReadOnly = errors.New("read-only file system")
	// ErrUnsure says that the answer to a start did not arrive: whether it runs is
	// not known.
	ErrUnsure = errors.New("no word on whether it began")
	// ErrNoTransaction says that the server knows no transaction of that name.
	ErrNoTransaction = errors.New("no such transaction")
)

// BusyError says that another transaction runs on the server, or waits there
// for its way in to be proved.
type BusyError struct {
	Host   string
	Status Status // the zero value when the server could not say
	Undo   bool   // it is the undo of that transaction which runs, or waits
}

// Error implements error.
func (e *BusyError) Error() string {
	s := e.Status
	if s.ID == "" {
		return e.Host + ": another change is being made there"
	}
	doing := string(s.State)
	if e.Undo {
		doing = "being undone"
	}
	return fmt.Sprintf("%s: step %s is %s there, started by %s at %s", e.Host, s.Step, doing, s.Who, s.Since.UTC().Format(time.DateTime+" UTC"))
}

// Hint says what to try.
func (e *BusyError) Hint() string { return "follow it to its end, or wait and try again" }
