package main

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aslwiz/remote"
)

// What somebody changed is shown as a diff that can be read: its blanks and its
// lines are those of the file.
func TestRefusedUndoShowsTheDiff(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &app{out: &out, color: "never"}
	long := "+  an indented line that is longer than the eighty columns that running text is wrapped at"
	err := a.undone(server{name: "stats", arg: "stats"}, "screen", remote.Status{
		State: remote.TxRefused, Reason: "somebody changed what this step left; nothing was undone",
		Detail: []string{"/etc/screenrc: changed since this step", "--- as this step left it", "+++ now", "@@ -1,2 +1,2 @@", "   kept", long, "/etc/hosts: changed since this step", "(not shown: not everybody may read it)"},
	})
	if codeOf(err) != exitStep {
		t.Errorf("it ends with %d", codeOf(err))
	}
	want := `stats: screen refused: somebody changed what this step left; nothing was undone
    /etc/screenrc: changed since this step
    --- as this step left it
    +++ now
    @@ -1,2 +1,2 @@
       kept
    ` + long + `
    /etc/hosts: changed since this step
    (not shown: not everybody may read it)
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
}
