package checklist

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"aslwiz/remote"
)

// adminUser is a user in group sudo with at least these keys.
type adminUser struct {
	name string
	keys []Key
	note string
}

var _ Resource = adminUser{}

// userRead prints what there is of a user, a "key value" line each: home, group,
// shell, the groups, how the password stands (never the password or its hash),
// where sshd looks for keys, and the file of keys.
func userRead(name string) string {
	q := quote(name)
	return `echo "keyfile $(sshd -T 2>/dev/null | sed -n 's/^authorizedkeysfile //p')"
e=$(getent passwd ` + q + `) || exit 0
IFS=: read -r _ _ _ _ _ home shell <<E
$e
E
echo "home $home"; echo "shell $shell"; echo "group $(id -gn ` + q + `)"; echo "groups $(id -Gn ` + q + `)"
f=$home/.ssh/authorized_keys
if [ -L "$f" ] || [ -L "$home/.ssh" ]; then echo "link $f"
elif [ -f "$f" ]; then echo "keys $(head -c 65536 "$f" | base64 -w 0)"; fi`
}

// userState is userRead's answer.
type userState struct {
	exists             bool
	home, shell, group string
	groups             []string
	keyFiles           []string
	link, keys         string
	hasKeys            bool
}

func parseUser(text string) (userState, error) {
	var u userState
	for line := range strings.Lines(text) {
		key, raw, _ := strings.Cut(strings.TrimSpace(line), " ")
		v := remote.CleanLine(raw) // cut at a length that a file of keys may well have
		switch key {
		case "keyfile":
			u.keyFiles = strings.Fields(v)
		case "home":
			u.home, u.exists = v, true
		case "shell":
			u.shell = v
		case "group":
			u.group = v
		case "groups":
			u.groups = strings.Fields(v)
		case "link":
			u.link = v
		case "keys":
			b, err := base64.StdEncoding.DecodeString(raw)
			if err != nil {
				return u, errors.New("the file of keys could not be read")
			}
			u.keys, u.hasKeys = string(b), true
		}
	}
	return u, nil
}

// Name implements Resource.
func (u adminUser) Name() string { return "user " + u.name }

// Probes implements Resource.
func (u adminUser) Probes() []remote.Probe {
	return []remote.Probe{remote.ReadSetting("user "+u.name, userRead(u.name))}
}

// Compare implements Resource.
func (u adminUser) Compare(answers []remote.Answer) (Change, error) {
	c := Change{Kind: "user", Want: "in group sudo, " + countKeys(len(u.keys))}
	if _, err := answers[0].Text(); err != nil {
		return c, err
	}
	st, err := parseUser(string(answers[0].Out))
	if err != nil {
		return c, err
	}
	if err := u.refuse(st); err != nil {
		return c, err
	}
	c.Now = describeUser(st)
	if u.note != "" {
		c.Notes = append(c.Notes, u.note)
	}
	for _, k := range u.keys {
		c.Notes = append(c.Notes, k.note())
	}
	u.plan(st, &c)
	c.Same = len(c.Script) == 0
	return c, nil
}

// refuse says what aslwiz will not touch.
func (u adminUser) refuse(st userState) error {
	switch {
	case st.link != "":
		return fmt.Errorf("%s is a symbolic link: aslwiz, which is root, does not write through it; put the keys there by hand", st.link)
	case len(st.keyFiles) > 0 && !slices.ContainsFunc(st.keyFiles, isUsualKeyFile):
		return fmt.Errorf("sshd looks for keys in %s, not in .ssh/authorized_keys: put the keys of %s there by hand", strings.Join(st.keyFiles, " "), u.name)
	case st.exists && (strings.HasSuffix(st.shell, "/nologin") || strings.HasSuffix(st.shell, "/false")):
		return fmt.Errorf("%s is there already and may not log in (shell %s): choose another name, or give them a shell", u.name, st.shell)
	}
	return nil
}

func isUsualKeyFile(path string) bool {
	return path == ".ssh/authorized_keys" || strings.HasSuffix(path, "/.ssh/authorized_keys")
}

func describeUser(st userState) string {
	if !st.exists {
		return "not there"
	}
	n := 0
	for l := range strings.Lines(st.keys) {
		if _, err := ParseKey(l); err == nil {
			n++
		}
	}
	return fmt.Sprintf("groups %s, %s", strings.Join(st.groups, " "), countKeys(n))
}

func countKeys(n int) string {
	if n == 1 {
		return "1 key"
	}
	return fmt.Sprintf("%d keys", n)
}

// plan adds to c what is missing.
func (u adminUser) plan(st userState, c *Change) {
	name := quote(u.name)
	if !st.exists {
		st.home, st.group = "/home/"+u.name, u.name
		c.Script = append(c.Script, "run useradd --create-home --shell /bin/bash --groups sudo "+name)
		c.Notes = append(c.Notes, "without a password: the key is the only way in")
	} else if !slices.Contains(st.groups, "sudo") {
		c.Script = append(c.Script, "run usermod --append --groups sudo "+name)
	}
	text, added := addKeys(st.keys, u.keys)
	if len(added) == 0 {
		return
	}
	file := st.home + "/.ssh/authorized_keys"
	change := remote.FileChange{Path: file, Before: remote.Absent, After: []byte(text), Mode: 0o600, Owner: u.name + ":" + st.group}
	if st.hasKeys {
		change.Before = hashOf([]byte(st.keys))
	}
	c.Files = []remote.FileChange{change}
	c.Diff = unifiedDiff(file, st.keys, text, st.hasKeys)
	c.Script = append(c.Script,
		fmt.Sprintf("run install -d -m 700 -o %s -g %s %s", name, quote(st.group), quote(st.home+"/.ssh")),
		"put "+quote(file))
}

// sudoRights is that each admin without a password may use sudo without one.
type sudoRights struct{ names []string }

var _ Resource = sudoRights{}

// Name implements Resource.
func (sudoRights) Name() string { return sudoersFile }

// Probes implements Resource.
func (s sudoRights) Probes() []remote.Probe {
	// passwd -S prints P for a password, L for none that could be typed.
	var read strings.Builder
	for _, n := range s.names {
		fmt.Fprintf(&read, "passwd -S %s 2>/dev/null | cut -d ' ' -f 1,2\n", quote(n))
	}
	return []remote.Probe{remote.ReadFile(sudoersFile), remote.ReadSetting("passwords", read.String()+":")}
}

// Compare implements Resource.
func (s sudoRights) Compare(answers []remote.Answer) (Change, error) {
	text, err := answers[1].Text()
	if err != nil {
		return Change{}, err
	}
	var free []string
	for _, n := range s.names {
		if !strings.Contains("\n"+text+"\n", "\n"+n+" P\n") {
			free = append(free, n)
		}
	}
	if len(free) == 0 {
		return Change{Kind: "file", Same: true, Now: "every admin has a password of their own", Want: "sudo for all admins"}, nil
	}
	old, err := answers[0].File()
	if err != nil {
		return Change{}, err
	}
	c, err := File{
		Path: sudoersFile, Content: addSudoers(string(old.Content), free), Mode: 0o440,
		Note: "sudo without a password for " + strings.Join(free, ", ") +
			", who have none to type; who sets one (passwd) and wants sudo to ask for it takes their line out of this file",
	}.Compare(answers[:1])
	if err == nil && !c.Same {
		c.Script = append(c.Script, "run visudo -cqf "+sudoersFile+" || { drop "+sudoersFile+"; exit 1; }")
	}
	return c, err
}

// addSudoers adds a line for each name that has none.
func addSudoers(old string, names []string) string {
	if old == "" {
		old = "# Written by aslwiz, step users: admins who log in by key and have no password.\n"
	}
	for _, n := range names {
		line := n + " ALL=(ALL:ALL) NOPASSWD: ALL\n"
		if !strings.Contains("\n"+old, "\n"+line) {
			if !strings.HasSuffix(old, "\n") {
				old += "\n"
			}
			old += line
		}
	}
	return old
}
