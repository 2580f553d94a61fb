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

// FuzzJournal: whatever an event says, and wherever an earlier aslwiz was cut off, it is one
// line of JSON that says the same.
func FuzzJournal(f *testing.F) {
	f.Add("Setting up", `{"kind":"output"`)
	f.Add("a\nb\r\x1b[2J\x00\u009b\u2028\xff", "")
	f.Add(`"}]{`, "\n\n")
	f.Fuzz(func(t *testing.T, text, before string) {
		t.Setenv("XDG_STATE_HOME", t.TempDir())
		j := openJournal("talker")
		path := j.path
		if err := j.close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		j = openJournal("talker")
		j.write(checklist.Event{Kind: checklist.EventOutput, Lines: []string{text}})
		if err := j.close(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(b), before) {
			t.Errorf("%q is gone from %q", before, b)
		}
		lines := strings.Split(string(b), "\n")
		var e checklist.Event
		if err := json.Unmarshal([]byte(lines[len(lines)-2]), &e); err != nil || len(e.Lines) != 1 || e.Lines[0] != string([]rune(text)) {
			t.Errorf("%q became %q, %v", text, b, err)
		}
	})
}
