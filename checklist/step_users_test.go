package checklist

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"aslwiz/remote"
)

// Who came in by password is told how to put a key there, and nobody else is.
func TestOwnKey(t *testing.T) {
	t.Parallel()
	posix(t, "your own key", ownKeyRead)
	in := In{Answers: Answers{Host: "198.51.100.11"}, Facts: Facts{SSHPort: 2222}}
	for said, short := range map[string]string{
		"root 0 .ssh/authorized_keys .ssh/authorized_keys2": "ssh-copy-id -p 2222 root@198.51.100.11",
		"anna 0":                         "ssh-copy-id -p 2222 anna@198.51.100.11",
		"anna 2 .ssh/authorized_keys":    "",
		"anna 0 /etc/ssh/keys/%u":        "", // sshd does not look where ssh-copy-id writes
		"anna 0 %h/.ssh/authorized_keys": "ssh-copy-id",
		"":                               "",
	} {
		c, err := ownKey(in).Compare([]remote.Answer{{Out: []byte(said)}})
		if err != nil || !strings.Contains(c.Short, short) || (c.Short == "") != (short == "") {
			t.Errorf("%q: %q, %v", said, c.Short, err)
		}
	}
	if c, err := ownKey(in).Compare([]remote.Answer{{Issue: "timeout"}}); err != nil || !c.Same {
		t.Errorf("a question without an answer stops the step: %+v, %v", c, err)
	}
}

// A file of keys is longer than any line that is shown.
func TestManyKeys(t *testing.T) {
	t.Parallel()
	var file strings.Builder
	for i := range 40 {
		fmt.Fprintf(&file, "ssh-ed25519 %s%02d somebody %d\n", strings.Repeat("A", 300), i, i)
	}
	const line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEgoZzwKZnxrUA5GYkzOho0VL+vnMQoSHWrbfnrj5g+Z anna"
	key, err := ParseKey(line)
	if err != nil {
		t.Fatal(err)
	}
	u := adminUser{name: "anna", keys: []Key{key}}
	said := func(keys string) []remote.Answer {
		return []remote.Answer{{Out: fmt.Appendf(nil, "home /home/anna\nshell /bin/bash\ngroup anna\ngroups anna sudo\nkeys %s\n",
			base64.StdEncoding.EncodeToString([]byte(keys)))}}
	}
	c, err := u.Compare(said(file.String()))
	if err != nil || len(c.Files) != 1 || string(c.Files[0].After) != file.String()+line+"\n" {
		t.Fatalf("%+v, %v", c, err)
	}
	if c, err = u.Compare(said(string(c.Files[0].After))); err != nil || !c.Same {
		t.Errorf("not the same afterwards: %+v, %v", c, err)
	}
}
