package checklist

import (
	"fmt"
	"io/fs"

	"aslwiz/remote"
)

// Edit is a change inside a file that somebody else owns: a package's
// configuration, for example. Its mode and owner stay; see access.
type Edit struct {
	Path string
	What string // what the edit makes true: "the scroll back line is active"
	// Apply is a pure function from the old content to the new. Applied to its
	// own result it changes nothing. An error says why the file cannot be edited.
	Apply func(old string) (string, error)
	// Step is the earlier step that brings the file; empty when the file must be
	// there already.
	Step   string
	Public string // who needs to read it without being root; see access
	// Mode and Owner are those of a file that BroughtEdit makes, as File's.
	Mode  fs.FileMode
	Owner string
	After []string
	Note  string
}

var _ Resource = Edit{}

// Name implements Resource.
func (e Edit) Name() string { return e.Path }

// Probes implements Resource.
func (e Edit) Probes() []remote.Probe { return []remote.Probe{remote.ReadFile(e.Path)} }

// Compare implements Resource.
func (e Edit) Compare(answers []remote.Answer) (Change, error) {
	st, err := answers[0].File()
	if err != nil {
		return Change{}, err
	}
	c := Change{Resource: e.Path, Kind: "edit", Now: describeFile(st), Want: e.What}
	if !st.Exists {
		if e.Step == "" {
			return c, fmt.Errorf("%s: is not there", e.Path)
		}
		c.Waits = fmt.Sprintf("%s comes with the step %q; the exact edit is shown once that has run", e.Path, e.Step)
		return c, nil
	}
	after, err := e.Apply(string(st.Content))
	if err != nil {
		return c, fmt.Errorf("%s: %w", e.Path, err)
	}
	c, err = replaceFile(st, remote.FileChange{Path: e.Path, After: []byte(after), Mode: st.Mode.Perm(), Owner: st.Owner}, e.Public)
	c.Kind, c.Want, c.After = "edit", e.What, e.After
	if e.Note != "" {
		c.Notes = append(c.Notes, e.Note)
	}
	return c, err
}
