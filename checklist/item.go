package checklist

import (
	"net/netip"
	"time"

	"aslwiz/remote"
)

// ItemStatus is the verdict on one item of the page's list.
type ItemStatus string

// The verdicts. Unknown is neither passed nor failed: it could not be measured.
const (
	Passed  ItemStatus = "passed"
	Failed  ItemStatus = "failed"
	Waiting ItemStatus = "waiting" // needs time; looked at again at Finding.Again
	Unknown ItemStatus = "unknown"
	Manual  ItemStatus = "manual"
)

// Item is one line of the page's "Items to check", measured.
type Item struct {
	ID    string
	Title string // the page's question: "Is the host name set?"
	// Probes is what the server is asked.
	Probes func(In) []remote.Probe
	// Lookups are the questions to DNS that are asked from where aslwiz runs, where
	// the host can. nil: none.
	Lookups func(In) []remote.Lookup
	// Outside are the addresses to which a fresh connection is opened from where
	// aslwiz runs. nil: none.
	Outside func(In) []netip.AddrPort
	// Again asks the probes a second time, after the outside look.
	Again bool
	// Act is what must be done on the server before the item can be seen to work,
	// as lines of a script; see the function Act. nil: nothing.
	Act func(In) []string
	// Judge turns what was seen into a finding.
	Judge func(In, Seen) Finding
}

// Seen is what was measured for an item.
type Seen struct {
	Answers []remote.Answer // in the order of Probes
	Outside []remote.Reach  // in the order of Outside
	After   []remote.Answer // the second answers, when asked for
	Lookups []remote.LookupAnswer
}

// FixKind is who can mend a red item.
type FixKind string

// Where a fix is made.
const (
	FixStep FixKind = "step" // run a step again
	FixPeer FixKind = "peer" // at the other end of a tunnel
	FixHand FixKind = "hand" // by a person
)

// Fix is the way from red to green.
type Fix struct {
	Kind FixKind `json:"kind"`
	Step string  `json:"step,omitempty"`
	Text string  `json:"text"`
}

// Finding is the result of measuring an item.
type Finding struct {
	Item     string     `json:"item"`
	Title    string     `json:"title"`
	Status   ItemStatus `json:"status"`
	Want     string     `json:"want"`
	Got      string     `json:"got"`
	Evidence []string   `json:"evidence,omitempty"` // lines as the server printed them, cleaned
	Fix      *Fix       `json:"fix,omitempty"`
	At       time.Time  `json:"at"`              // when it was looked at
	Again    *time.Time `json:"again,omitempty"` // when a waiting item is looked at next
}
