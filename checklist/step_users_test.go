package checklist

import (
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
