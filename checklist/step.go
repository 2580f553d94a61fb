package checklist

import (
	"time"

	"aslwiz/remote"
)

// Step is one instruction of the page.
type Step struct {
	ID    string
	Title string // imperative: "set the host name"
	Why   string // one sentence for somebody who is new to servers
	// Guarded steps can cut the admin off and run under a guard.
	Guarded bool
	// GuardIf says when a step is guarded that mostly need not be; nil: never.
	GuardIf func(In) bool
	// AtBoot says that only a reboot proves the step.
	AtBoot bool
	// Reboots says that the step itself reboots the server.
	Reboots bool
	// Limit is how long the step may run; 0 means five minutes.
	Limit time.Duration
	// Follows are earlier steps whose work may change what this one has to do.
	Follows []string
	// Services are the units that the step is responsible for, by their real
	// names on the release; item services watches them. nil: none.
	Services func(In) []string
	// Want is the step's desired state: a pure function. An error says which
	// answer is missing.
	Want func(In) ([]Resource, error)
	// Peer is what the step makes true at the other end of a tunnel, of which the
	// facts are far: a pure function too. nil: nothing.
	Peer func(in In, p Peer, far Facts) ([]Resource, error)
}

// guarded says whether the step runs under a guard.
func (s Step) guarded(in In) bool { return s.Guarded || s.GuardIf != nil && s.GuardIf(in) }

// In is everything a step's wants and an item's judgement may depend on.
type In struct {
	Answers Answers
	Facts   Facts
	// Salt keys the hashes by which secrets are compared; another one for each run.
	Salt string
	// Renew names the keys that are set anew because the two ends differ.
	Renew map[string]bool
	// Far is what the other ends of the tunnels say, by peer; nil where they were
	// not asked.
	Far map[string]FarLook
}

// Resource is the smallest piece of desired state. Its kinds are File, Edit,
// Packages, Service, Setting and Check.
type Resource interface {
	// Name is what the resource is for people: a path, a unit, "kernel host name".
	Name() string
	// Probes is what has to be asked to judge it.
	Probes() []remote.Probe
	// Compare judges the probes' answers, in the order of Probes. An error means
	// that the state is unknown.
	Compare(answers []remote.Answer) (Change, error)
}

// Change is the difference between what a resource is and what it should be.
// The zero lists mean that there is nothing to do.
type Change struct {
	Resource string   `json:"resource"`
	Kind     string   `json:"kind"` // "file", "edit", "packages", "service", "setting", "check"
	Same     bool     `json:"same"`
	Now      string   `json:"now"`  // one line
	Want     string   `json:"want"` // one line
	Diff     string   `json:"diff,omitempty"`
	Notes    []string `json:"notes,omitempty"` // reasons: substitutions, what differs from the page
	// Waits says why the change cannot be known before an earlier step has run.
	Waits string `json:"waits,omitempty"`
	// Short says what falls short of a requirement that aslwiz does not change.
	Short string `json:"short,omitempty"`
	// Blocks is set with Short where going on would do harm.
	Blocks bool `json:"blocks,omitempty"`

	// Removes names the packages that apt removes, or may have to; an undo cannot
	// bring them back.
	Removes []string `json:"removes,omitempty"`

	// Needs names the keys that the script finds in $ASLWIZ_SECRETS.
	Needs []string `json:"needs,omitempty"`

	Key      *KeySeen               `json:"-"` // what is known of a key, to be compared with the other end's
	Script   []string               `json:"-"` // lines of the step's script
	Files    []remote.FileChange    `json:"-"`
	Settings []remote.SettingChange `json:"-"`
	After    []string               `json:"-"` // lines that a restore runs at its end
	// OnChange are lines to run when anything else of the step changed.
	OnChange []string `json:"-"`
}
