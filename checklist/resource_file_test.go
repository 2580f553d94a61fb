package checklist

import (
	"io/fs"
	"strings"
	"testing"

	"aslwiz/remote"
)

func ownedFile(path, content string, mode fs.FileMode, owner string) remote.Answer {
	return remote.FileState{
		Path: path, Exists: true, Regular: true, Mode: mode, Owner: owner, Content: []byte(content), SHA256: hashOf([]byte(content)),
	}.Answer(remote.ReadFile(path))
}

// No file is opened wider than its admin has it, by any kind of resource; what holds a
// secret is closed.
func TestModesAreNeverLoosened(t *testing.T) {
	t.Parallel()
	const path = "/etc/x.conf"
	add := func(old string) (string, error) { return strings.TrimSuffix(old, "new\n") + "new\n", nil }
	for _, c := range []struct {
		name  string
		r     Resource
		mode  fs.FileMode
		owner string
		want  string // "MODE OWNER"
		note  string
	}{
		{"stricter", File{Path: path}, 0o600, "root:root", "0600 root:root", ""},
		{"a group that may read", File{Path: path}, 0o640, "root:adm", "0640 root:adm", ""},
		{"read-only", File{Path: path}, 0o400, "root:root", "0400 root:root", ""},
		{"as wanted", File{Path: path}, 0o644, "root:root", "0644 root:root", ""},
		{"everybody may write", File{Path: path}, 0o666, "root:staff", "0644 root:staff", ""},
		{"a secret", File{Path: path, Mode: 0o600}, 0o644, "root:adm", "0600 root:adm", ""},
		{"a secret already closed", File{Path: path, Mode: 0o600}, 0o400, "root:root", "0400 root:root", ""},
		{"a group without a name", File{Path: path}, 0o640, "root:UNKNOWN", "0640 root:root", ""},
		{"somebody else's", File{Path: path}, 0o640, "anna:anna", "0640 root:root", ""},
		{"wanted for a user", File{Path: path, Mode: 0o600, Owner: "anna:anna"}, 0o600, "root:root", "0600 anna:anna", ""},
		{"a script for root's group", File{Path: path, Mode: 0o755}, 0o750, "root:adm", "0750 root:adm", ""},
		{"a script that cannot run", File{Path: path, Mode: 0o755}, 0o600, "root:root", "0700 root:root", "mode 0600 becomes 0700: its owner"},
		{"read by programs that are not root", File{Path: path, Public: "snmpd"}, 0o600, "root:adm", "0644 root:adm", "mode 0600 becomes 0644: snmpd must be able to read it"},
		{"edited", Edit{Path: path, Apply: add}, 0o660, "anna:adm", "0660 anna:adm", ""},
		{"edited, brought", BroughtEdit{Path: path, Apply: add}, 0o600, "root:adm", "0600 root:adm", ""},
		{"edited, read by others", BroughtEdit{Path: path, Apply: add, Public: "snmpd"}, 0o600, "root:root", "0644 root:root", "must be able to read it"},
	} {
		ch, err := c.r.Compare([]remote.Answer{ownedFile(path, "old\n", c.mode, c.owner)})
		if err != nil || len(ch.Files) != 1 {
			t.Errorf("%s: %+v, %v", c.name, ch, err)
			continue
		}
		got := ch.Files[0]
		if have := octalMode(got.Mode) + " " + got.Owner; have != c.want {
			t.Errorf("%s: %s, want %s", c.name, have, c.want)
		}
		if notes := strings.Join(ch.Notes, "; "); (c.note == "") != (notes == "") || !strings.Contains(notes, c.note) {
			t.Errorf("%s: notes %q, want %q", c.name, notes, c.note)
		}
	}
}

func octalMode(m fs.FileMode) string {
	s := describeFile(remote.FileState{Exists: true, Regular: true, Mode: m})
	return strings.TrimSuffix(strings.TrimPrefix(s, "0 bytes, mode "), ", ")
}

// A file whose content is right is not pending for being stricter than a new one
// would be.
func TestStricterIsTheSame(t *testing.T) {
	t.Parallel()
	for _, a := range []remote.Answer{
		ownedFile("/etc/x.conf", "new\n", 0o600, "root:root"),
		ownedFile("/etc/x.conf", "new\n", 0o640, "root:adm"),
	} {
		if c, err := (File{Path: "/etc/x.conf", Content: "new\n"}).Compare([]remote.Answer{a}); err != nil || !c.Same {
			t.Errorf("%+v, %v", c, err)
		}
	}
	if c, err := (File{Path: "/etc/x.conf", Content: "new\n", Mode: 0o600}).Compare([]remote.Answer{
		ownedFile("/etc/x.conf", "new\n", 0o644, "root:root"),
	}); err != nil || c.Same {
		t.Errorf("a secret that everybody can read is left so: %+v, %v", c, err)
	}
}

// The jails' file keeps its mode and group.
func TestJailKeepsItsMode(t *testing.T) {
	t.Parallel()
	j := jail{fresh: "[DEFAULT]\n", ignore: []string{"127.0.0.1/8"}, unit: "fail2ban.service"}
	c, err := j.Compare([]remote.Answer{ownedFile(jailFile, "[DEFAULT]\n", 0o640, "root:adm")})
	if err != nil || len(c.Files) != 1 || c.Files[0].Mode != 0o640 || c.Files[0].Owner != "root:adm" {
		t.Errorf("%+v, %v", c, err)
	}
}
