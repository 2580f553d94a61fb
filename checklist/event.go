package checklist

import (
	"strings"
	"time"

	"aslwiz/remote"
)

// EventKind is what an event tells.
type EventKind string

// The events of a run, in the order they usually come. Output and Progress may
// be dropped by a slow reader; all others must arrive.
const (
	EventConnected EventKind = "connected"
	EventPlanned   EventKind = "planned"  // Plan is set
	EventStep      EventKind = "step"     // a step's status changed
	EventOutput    EventKind = "output"   // Lines of the running script
	EventProgress  EventKind = "progress" // Percent, Doing, Elapsed
	EventStall     EventKind = "stall"    // silent for Silent; Holder of the lock if that is why
	EventNote      EventKind = "note"     // something the admin should know
	EventMoved     EventKind = "moved"    // the server is dialled at the address Text from now on
	EventFinding   EventKind = "finding"  // an item was measured
	EventDone      EventKind = "done"
)

// Event is one thing that happened; wizard, printers and journal read the same.
type Event struct {
	Kind    EventKind      `json:"event"`
	At      time.Time      `json:"at"`
	Server  string         `json:"server,omitempty"`
	Step    string         `json:"step,omitempty"`
	Status  StepStatus     `json:"status,omitempty"`
	Text    string         `json:"text,omitempty"`
	Detail  []string       `json:"detail,omitempty"`
	Lines   []string       `json:"lines,omitempty"`
	Percent float64        `json:"percent,omitempty"`
	Doing   string         `json:"doing,omitempty"`
	Elapsed time.Duration  `json:"elapsed,omitempty"`
	Silent  time.Duration  `json:"silent,omitempty"`
	Holder  string         `json:"holder,omitempty"`
	Plan    *StepPlan      `json:"plan,omitempty"`
	Finding *Finding       `json:"finding,omitempty"`
	Tx      *remote.Status `json:"transaction,omitempty"`
}

// Emit receives events, one at a time.
type Emit func(Event)

// StepStatus is where a step is.
type StepStatus string

// The statuses of a step.
const (
	StepPending  StepStatus = "pending" // there is something to do
	StepRunning  StepStatus = "running"
	StepSame     StepStatus = "same"    // nothing to do
	StepChanged  StepStatus = "changed" // done, and read back as wanted
	StepSkipped  StepStatus = "skipped"
	StepFailed   StepStatus = "failed"
	StepRestored StepStatus = "restored" // what was there before is back
	StepUnknown  StepStatus = "unknown"  // its state could not be read
	StepManual   StepStatus = "manual"   // left to a person
	// StepNotStarted is a step that never began: nothing was done on the server.
	StepNotStarted StepStatus = "not-started"
)

// Words is the status as a person reads it.
func (s StepStatus) Words() string { return strings.ReplaceAll(string(s), "-", " ") }
