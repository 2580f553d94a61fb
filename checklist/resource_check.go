package checklist

import "aslwiz/remote"

// Check is a requirement that aslwiz measures and does not change.
type Check struct {
	Title string
	Ask   []remote.Probe
	// Judge fills Now, Want, and Short where the server falls short; Blocks
	// where going on would do harm.
	Judge func(answers []remote.Answer) (Change, error)
}

var _ Resource = Check{}

// Name implements Resource.
func (c Check) Name() string { return c.Title }

// Probes implements Resource.
func (c Check) Probes() []remote.Probe { return c.Ask }

// Compare implements Resource.
func (c Check) Compare(answers []remote.Answer) (Change, error) {
	ch, err := c.Judge(answers)
	ch.Resource, ch.Kind, ch.Same = c.Title, "check", ch.Short == ""
	return ch, err
}
