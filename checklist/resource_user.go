package checklist

import (
	"encoding/base64"
	"errors"
	"fmt"
	slash "path"
	"slices"
	"strconv"
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

// userRead prints what there is of a user, a "key value" line each: home, uid, group,
// shell, the groups, where sshd looks for keys, and what homeRead says. Root's lines come
// first: see parseUser.
func userRead(name string) string {
	q := quote(name)
	return `echo "keyfile $(sshd -T 2>/dev/null | sed -n 's/^authorizedkeysfile //p')"
e=$(getent passwd ` + q + `) || {
  h=/home/` + name + `
  if [ -e "$h" ] || [ -L "$h" ]; then echo "taken $h"; fi
  exit 0
}
IFS=: read -r _ _ uid _ _ home shell <<E
$e
E
echo "home $home"; echo "shell $shell"; echo "uid $uid"; echo "group $(id -gn ` + q + `)"; echo "groups $(id -Gn ` + q + `)"
` + runAs(q, homeRead, `"$home"`) + ` | head -c 131072`
}

// runAs runs a constant text of shell with a user's rights alone: in a home, root would
// follow what the user plants there.
func runAs(name, text, arg string) string {
	return "timeout -k 1 15 runuser -u " + name + " -- sh -c " + quote(text) + " sh " + arg + " 2>/dev/null"
}

// homeRead prints the number and name of the owner, the group, the mode and the type of a
// home, of its .ssh and of the file of keys, then the keys, and "whole" at the end.
const homeRead = `d=$1/.ssh f=$1/.ssh/authorized_keys
stat -L -c 'in %u %U %G %a %F' -- "$1/"
for p in "$d" "$f"; do
  if [ -e "$p" ] || [ -L "$p" ]; then stat -c "${p##*/} %u %U %G %a %F" -- "$p"; fi
  [ ! -L "$p" ] || break
done
[ -L "$d" ] || lsattr -d "$d" "$f" 2>/dev/null | sed -n 's/^[^ ]*[ai][^ ]* /stuck /p'
if [ ! -L "$d" ] && [ ! -L "$f" ] && [ -f "$f" ] && [ -r "$f" ]; then echo "keys $(head -c 65537 "$f" | base64 -w 0)"; fi
echo whole`

// maxKeys is how many bytes of a file of keys are read.
const maxKeys = 65536

// userState is userRead's answer.
type userState struct {
	exists                  bool
	home, shell, uid, group string
	groups                  []string
	keyFiles                []string
	taken                   string // a home that is there without its user
	in, dir, file           owned  // the home, its .ssh, the file of keys
	stuck                   string // which of them not even root may change
	keys                    string
	hasKeys, whole          bool
}

// owned is who owns something in a home, and who may write to it.
type owned struct {
	uid, owner, group string
	mode              uint64
	kind              string // "directory", "regular file", "symbolic link"; "": not there
}

func parseOwned(v string) owned {
	f := strings.SplitN(v, " ", 5)
	if len(f) != 5 {
		return owned{}
	}
	mode, err := strconv.ParseUint(f[3], 8, 32)
	if err != nil {
		return owned{}
	}
	return owned{f[0], f[1], f[2], mode, f[4]}
}

// parseUser reads userRead's answer. Of two lines with one key the first counts: the last
// ones come from a process of the user's, who could make it say anything.
func parseUser(text string) (userState, error) {
	var u userState
	own := map[string]*owned{"in": &u.in, ".ssh": &u.dir, "authorized_keys": &u.file}
	plain := map[string]*string{"home": &u.home, "shell": &u.shell, "uid": &u.uid, "group": &u.group, "taken": &u.taken, "stuck": &u.stuck}
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		key, raw, _ := strings.Cut(strings.TrimSpace(line), " ")
		v := remote.CleanLine(raw) // cut at a length that a file of keys may well have
		if seen[key] {
			continue
		}
		seen[key] = true
		if p := own[key]; p != nil {
			*p = parseOwned(v)
		}
		if p := plain[key]; p != nil {
			*p = v
		}
		switch key {
		case "keyfile":
			u.keyFiles = strings.Fields(v)
		case "groups":
			u.groups = strings.Fields(v)
		case "keys":
			b, err := base64.StdEncoding.DecodeString(raw)
			if err != nil {
				return u, errors.New("the file of keys could not be read")
			}
			u.keys, u.hasKeys = string(b), true
		}
	}
	u.exists, u.whole = seen["home"], seen["whole"]
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
	c.Notes = append(c.Notes, u.otherOptions(st.keys)...)
	u.plan(st, &c)
	c.Same = len(c.Script) == 0
	return c, nil
}

// otherOptions notes keys that are there already, with options that the answers do not
// have: they may allow less, and aslwiz leaves them.
func (u adminUser) otherOptions(text string) (notes []string) {
	for l := range strings.Lines(text) {
		there, err := ParseKey(l)
		for _, k := range u.keys {
			if err == nil && k.blob == there.blob && len(there.Options) > 0 && !slices.Equal(k.Options, there.Options) {
				notes = append(notes, fmt.Sprintf("key %s is there already, with the options %s: aslwiz leaves that line as it is", k.Fingerprint, strings.Join(there.Options, ",")))
			}
		}
	}
	return notes
}

// refuse says what aslwiz will not touch.
func (u adminUser) refuse(st userState) error {
	switch {
	case len(st.keyFiles) > 0 && !slices.ContainsFunc(st.keyFiles, isUsualKeyFile):
		return fmt.Errorf("sshd looks for keys in %s, not in .ssh/authorized_keys: put the keys of %s there by hand", strings.Join(st.keyFiles, " "), u.name)
	case st.taken != "":
		return fmt.Errorf("%s exists, but there is no user %s: move it away, or create the user by hand", st.taken, u.name)
	case !st.exists:
		return nil
	case strings.HasSuffix(st.shell, "/nologin") || strings.HasSuffix(st.shell, "/false"):
		return fmt.Errorf("%s is there already and may not log in (shell %s): choose another name, or give them a shell", u.name, st.shell)
	}
	return st.refuseHome(u.name)
}

// refuseHome says why the keys cannot be put into a home with its user's rights, or sshd
// would not take them from there.
func (st userState) refuseHome(name string) error {
	switch {
	case !strings.HasPrefix(st.home, "/") || slash.Clean(st.home) == "/":
		return fmt.Errorf("the home of %s is %q: give them one of their own (usermod --home)", name, st.home)
	case !st.whole:
		return fmt.Errorf("the home of %s, %s, could not be read with the rights of %s: on the server, see what `runuser -u %s -- ls -la %s` says", name, st.home, name, name, st.home)
	case st.in.kind == "":
		return fmt.Errorf("the home of %s, %s, does not exist: create it first (mkhomedir_helper %s)", name, st.home, name)
	}
	ssh := st.home + "/.ssh"
	for _, p := range []struct {
		path, kind string
		owned
	}{{st.home, "directory", st.in}, {ssh, "directory", st.dir}, {ssh + "/authorized_keys", "regular", st.file}} {
		if p.owned.kind == "" {
			return nil
		}
		if err := p.refuse(name, p.path, p.kind, st.uid); err != nil {
			return err
		}
		if p.path == st.stuck {
			return fmt.Errorf("%[1]s is immutable or append-only; `chattr -ia %[1]s` lets it be changed", p.path)
		}
	}
	if !st.hasKeys || len(st.keys) > maxKeys {
		return fmt.Errorf("%s/authorized_keys cannot be read by %s, or is longer than %d bytes: put the keys there by hand", ssh, name, maxKeys)
	}
	return nil
}

func (o owned) refuse(name, path, kind, uid string) error {
	switch {
	case o.kind == "symbolic link":
		return fmt.Errorf("%s is a symbolic link, and aslwiz does not write through it: put the keys there by hand", path)
	case !strings.HasPrefix(o.kind, kind):
		return fmt.Errorf("%s is a %s: move it away by hand", path, o.kind)
	case o.uid != uid:
		return fmt.Errorf("%s belongs to %s, not to %s: put the keys there by hand, or give it to %s (chown)", path, o.owner, name, name)
	case o.mode&0o002 != 0, o.mode&0o020 != 0 && o.group != name:
		return fmt.Errorf("others than %s may write to %s (mode %o), so sshd does not trust the keys in it: `chmod go-w %s`", name, path, o.mode, path)
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
		st.home = "/home/" + u.name
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
	change := remote.FileChange{Path: file, Before: remote.Absent, After: []byte(text), Mode: 0o600, User: u.name}
	if st.hasKeys {
		change.Before = hashOf([]byte(st.keys))
	}
	c.Files = []remote.FileChange{change}
	c.Diff = unifiedDiff(file, st.keys, text, st.hasKeys)
	c.Script = append(c.Script, "put "+quote(file))
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
