package checklist

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"

	"aslwiz/remote"
)

// File is a file that aslwiz owns whole: its content comes from a template.
type File struct {
	Path    string
	Content string
	Mode    fs.FileMode // 0: 0644
	Owner   string      // "": root:root
	Public  string      // who needs to read it without being root; see access
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
	c, err := replaceFile(st, want, f.Public)
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

// access is the mode and the owner that a file gets, from those that it has and
// those that a new one would have. A file that is there is never opened wider than
// somebody made it:
//
//   - The mode is what both allow: 0640 stays where a new file would be 0644, and
//     0644 becomes 0600 where the file holds a secret. Only the owner's own right to
//     read and run it is added where it lacks.
//   - The group stays where the owner does, so that root:adm is not made root:root;
//     one without a name is replaced, because chown would not know it.
//     Another owner than the wanted one, with its group, is replaced: who owns a
//     file can always open it again.
//   - A file that programs read that are not root (public) is the one exception:
//     it can be read by everybody, or the server does not work. A plan that opens a
//     file for that says so.
//
// Edits want the mode and owner that are there, and so keep them.
func access(have remote.FileState, want remote.FileChange, public bool) (fs.FileMode, string) {
	mode, owner := want.Mode, want.Owner
	if have.Exists {
		mode = have.Mode.Perm()&want.Mode | want.Mode&0o500
		if u, g, _ := strings.Cut(have.Owner, ":"); strings.HasPrefix(want.Owner, u+":") && g != "UNKNOWN" {
			owner = have.Owner
		}
	}
	if public {
		mode |= 0o444
	}
	return mode, owner
}

// replaceFile is the change from what is at a path to what should be there; public
// says who reads the file without being root.
func replaceFile(st remote.FileState, want remote.FileChange, public string) (Change, error) {
	want.Mode, want.Owner = access(st, want, public != "")
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
	if err := fixed(st, want.Path); err != nil {
		return c, err
	}
	if opened := want.Mode &^ st.Mode.Perm(); st.Exists && opened != 0 {
		c.Notes = append(c.Notes, opensNote(st, want, public))
	}
	c.Diff = unifiedDiff(want.Path, string(st.Content), string(want.After), st.Exists)
	c.Files = []remote.FileChange{want}
	c.Script = []string{"put " + quote(want.Path)}
	return c, nil
}

// opensNote says why a file gets a right that it does not have.
func opensNote(st remote.FileState, want remote.FileChange, public string) string {
	who := orElse(public, "its owner")
	return fmt.Sprintf("mode %04o becomes %04o: %s must be able to read it", st.Mode.Perm(), want.Mode, who)
}

// fixed says how a file can be changed that not even root may change now.
func fixed(st remote.FileState, path string) error {
	if st.Fixed == "" {
		return nil
	}
	return fmt.Errorf("%s cannot be changed: %[2]s is immutable or append-only; if that is not meant to stay, `chattr -ia %[2]s` on the server, then try again", path, st.Fixed)
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
