package checklist

import (
	"bytes"
	"fmt"

	"aslwiz/remote"
)

// Setting is a value that lives outside files, read and written by a command.
type Setting struct {
	Title string
	Read  string // POSIX shell text that prints the value
	Write string // POSIX shell text that takes a value on standard input
	Want  string // the value, as Read prints it
	// Set is the script line that makes it true; it may differ from Write, which
	// a restore uses to bring an old value back.
	Set  string
	Path string // the file that Set and Write write; "": none
	// Equal compares Read's output with Want; nil: equal but for final newlines.
	Equal func(now, want string) bool
	// Part is what of the value is compared and shown; nil: all of it. A restore brings
	// back all.
	Part func(string) string
	// Show shortens a long value to one line for people; nil: the value.
	Show func(string) string
	Note string
	// Takes says that Write, given nothing, takes the value away. A BroughtSetting's
	// undo does so where the program was not there before.
	Takes bool
	// Step is the earlier step that brings what the setting belongs to; Read then
	// ends with status 127 where that is not there yet.
	Step string
}

var _ Resource = Setting{}

// Name implements Resource.
func (s Setting) Name() string { return s.Title }

// Probes implements Resource.
func (s Setting) Probes() []remote.Probe {
	return []remote.Probe{remote.ReadSetting(s.Title, s.Read)}
}

// Compare implements Resource.
func (s Setting) Compare(answers []remote.Answer) (Change, error) {
	show, equal := s.Show, s.Equal
	if show == nil {
		show = func(v string) string { return v }
	}
	if a := answers[0]; s.Step != "" && a.Err() == nil && a.Code == 127 {
		return Change{
			Resource: s.Title, Kind: "setting", Now: "not there", Want: show(s.Want),
			Waits: fmt.Sprintf("%s: to be seen once the step %q has run", s.Title, s.Step),
		}, nil
	}
	now, err := answers[0].Text()
	if err != nil {
		return Change{}, err
	}
	if s.Part != nil {
		now = s.Part(now)
	}
	if equal == nil {
		equal = func(a, b string) bool { return a == b }
	}
	c := Change{Resource: s.Title, Kind: "setting", Now: show(now), Want: show(s.Want)}
	if s.Note != "" {
		c.Notes = []string{s.Note}
	}
	if equal(now, s.Want) {
		c.Same = true
		return c, nil
	}
	if show(now) != now {
		c.Diff = unifiedDiff(s.Title, now+"\n", s.Want+"\n", true)
	}
	c.Settings = []remote.SettingChange{{Name: s.Title, Read: s.Read, Write: s.Write, Before: settingHash(answers[0]), Path: s.Path}}
	c.Script = []string{s.Set}
	return c, nil
}

// settingHash is over the value without its final newlines, which is how the
// shell's command substitution sees it too.
func settingHash(a remote.Answer) string {
	return hashOf(bytes.TrimRight(a.Out, "\n"))
}
