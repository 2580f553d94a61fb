package checklist

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

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
		return []remote.Answer{{Out: fmt.Appendf(nil, "home /home/anna\nshell /bin/bash\nuid 1001\ngroup anna\ngroups anna sudo\n"+
			"in 1001 anna anna 700 directory\n.ssh 1001 anna anna 700 directory\nauthorized_keys 1001 anna anna 600 regular file\nkeys %s\nwhole\n",
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

// TestOptionsOfKeys: an option can let others in, or run a command. One that makes an
// authority of a key is refused, and the others are shown: they were taken in silence.
func TestOptionsOfKeys(t *testing.T) {
	t.Parallel()
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEgoZzwKZnxrUA5GYkzOho0VL+vnMQoSHWrbfnrj5g+Z anna"
	for _, options := range []string{"cert-authority", "CERT-Authority", `cert-authority,principals="anna"`, `from="198.51.100.0/24",cert-authority`, `command="a,b \" c",cert-authority`} {
		if _, err := ParseKey(options + " " + key); err == nil || !strings.Contains(err.Error(), "could let anybody in") {
			t.Errorf("%s: %v", options, err)
		}
	}
	for _, options := range []string{`command="/bin/false"`, `environment="LD_PRELOAD=/tmp/x"`, `from="198.51.100.0/24,!198.51.100.7"`, "restrict,pty", `expiry-time="20300101"`, "no-X11-forwarding", `permitopen="a:1",tunnel="0"`, `command="echo cert-authority"`} {
		in := In{Answers: labAnswers()}
		in.Answers.Admins = []Admin{{Name: "anna", Keys: []string{options + " " + key}}}
		if p := in.Answers.Problems(nil); len(p) > 0 {
			t.Errorf("%s is refused: %v", options, p)
			continue
		}
		want, err := wantUsers(in)
		if err != nil {
			t.Fatal(err)
		}
		anna := slices.IndexFunc(want, func(r Resource) bool { return r.Name() == "user anna" })
		c, err := want[anna].Compare([]remote.Answer{{Out: []byte("keyfile .ssh/authorized_keys\nwhole\n")}})
		if notes := strings.Join(c.Notes, "\n"); err != nil || !strings.Contains(notes, "with the options "+options+":") {
			t.Errorf("%s is not in the notes of the plan: %v\n%s", options, err, notes)
		}
		r := newReport(in, nil, nil, time.Time{})
		if admins := strings.Join(r.Admins, "\n"); !strings.Contains(admins, options) {
			t.Errorf("%s is not in the report: %s", options, admins)
		}
	}
	for options, says := range map[string]string{
		"bogus":                       `"bogus", which sshd does not know`,
		`no-ptty,from="192.0.2.0/24"`: `"no-ptty", which sshd does not know`,
		`from=""`:                     "from without a value", "from": "from without a value", `pty="x"`: "a value for the option pty",
		`expiry-time="tomorrow"`: "YYYYMMDD",
	} {
		if _, err := ParseKey(options + " " + key); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", options, err)
		}
	}
	cert := "ssh-ed25519-cert-v01@openssh.com " + certOfTest
	if _, err := ParseKey(cert); err == nil || !strings.Contains(err.Error(), "is a certificate") {
		t.Errorf("a certificate: %v", err)
	}
}

// certOfTest is a certificate that ssh-keygen -s made.
const certOfTest = "AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIC1HZIse0AzK2oeM7PV+yOf9BWGxPEyRVVnQ5QkFg6e0AAAAIJEDQBCmbJNIpb2cbPSeLnQc611UxrmFye6CHfotahsTAAAAAAAAAAAAAAABAAAAAmlkAAAACAAAAARhbm5hAAAAAAAAAAD//////////wAAAAAAAACCAAAAFXBlcm1pdC1YMTEtZm9yd2FyZGluZwAAAAAAAAAXcGVybWl0LWFnZW50LWZvcndhcmRpbmcAAAAAAAAAFnBlcm1pdC1wb3J0LWZvcndhcmRpbmcAAAAAAAAACnBlcm1pdC1wdHkAAAAAAAAADnBlcm1pdC11c2VyLXJjAAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIDmHWaw1KsLb2lR8cDJiNEQHR3IPM/VQqDU1N6uHLBT7AAAAUwAAAAtzc2gtZWQyNTUxOQAAAEBX6LN2xCiUiK8cEpa+m2p/pIHvJgCaJFUTwhkR+KKmbWwGr/zzYjHzqPU9yK256vBt71w80yVOR3C7ymxyt8IF"
