package checklist

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"

	"aslwiz/remote"
)

// File is a file that aslwiz owns whole: its content comes from a template.
type File struct {
	Path    string
	Content string
	Mode    fs.FileMode // 0: 0644
	Owner   string      // "": root:root
	After   []string    // lines that a restore of it runs
	Note    string      // what differs from the page, and why
}

var _ Resource = File{}

// Name implements Resource.
func (f File) Name() string { return f.Path }

// Probes implements Resource.
func (f File) Probes() []remote.Probe { return []remote.Probe{remote.ReadFile(f.Path)} }

// Compare implements Resource.
func (f File) Compare(answers []remote.Answer) (Change, error) {
	st, err := answers[0].File()
	if err != nil {
		return Change{}, err
	}
	want := remote.FileChange{Path: f.Path, After: []byte(f.Content), Mode: f.mode(), Owner: f.owner()}
	c, err := replaceFile(st, want)
	c.Kind, c.After = "file", f.After
	if f.Note != "" {
		c.Notes = append(c.Notes, f.Note)
	}
	return c, err
}

func (f File) mode() fs.FileMode {
	if f.Mode == 0 {
		return 0o644
	}
	return f.Mode
}

func (f File) owner() string {
	if f.Owner == "" {
		return "root:root"
	}
	return f.Owner
}

// replaceFile is the change from what is at a path to what should be there.
func replaceFile(st remote.FileState, want remote.FileChange) (Change, error) {
	c := Change{Resource: want.Path, Now: describeFile(st), Want: fmt.Sprintf("%d bytes, mode %04o, %s", len(want.After), want.Mode, want.Owner)}
	if st.Exists && !st.Regular {
		return c, fmt.Errorf("%s: is not a regular file; move it away by hand", want.Path)
	}
	want.Before = remote.Absent
	if st.Exists {
		want.Before = st.SHA256
	}
	if st.Exists && st.SHA256 == hashOf(want.After) && st.Mode.Perm() == want.Mode && st.Owner == want.Owner {
		c.Same = true
		return c, nil
	}
	c.Diff = unifiedDiff(want.Path, string(st.Content), string(want.After), st.Exists)
	c.Files = []remote.FileChange{want}
	c.Script = []string{"put " + quote(want.Path)}
	return c, nil
}

func describeFile(st remote.FileState) string {
	switch {
	case !st.Exists:
		return "not there"
	case !st.Regular:
		return "not a regular file"
	}
	return fmt.Sprintf("%d bytes, mode %04o, %s", len(st.Content), st.Mode.Perm(), st.Owner)
}

func hashOf(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
