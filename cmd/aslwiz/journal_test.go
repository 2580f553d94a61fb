package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"aslwiz/checklist"
)

// TestJournalIsBounded: a server that talks for ever does not fill the admin's
// disk, and no line is cut in two.
func TestJournalIsBounded(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	j := openJournal("talker")
	j.most = 10_000
	for range 500 {
		j.write(checklist.Event{Kind: checklist.EventOutput, Lines: []string{strings.Repeat("x", 100)}})
	}
	path := j.path
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + ".1"} {
		b, err := os.ReadFile(name)
		if err != nil || len(b) > 11_000 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		for line := range strings.Lines(string(b)) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%q is no JSON", line)
			}
		}
	}
}
