package checklist

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aslwiz/remote"
)

// sudoersFile lists the admins that may use sudo without a password.
const sudoersFile = "/etc/sudoers.d/aslwiz-admins"

// stepUsers lets the admins in, each by their own key. Nobody's user, group or
// key is ever taken away.
//
// A user that the step makes has no password, so that there is none to guess:
// their key is the only way in. In group sudo alone they could then do nothing,
// as sudo would ask for the password that they do not have. A line in sudoersFile
// lets them use sudo without one, as the users of cloud images do and as the
// infrastructure's Ansible needs. Who has a password is not listed, and goes on
// typing it.
//
// Sources: the page, "push the users and keys to it"; useradd(8), sudoers(5),
// sshd(8), "AUTHORIZED_KEYS FILE FORMAT".
var stepUsers = Step{
	ID:    "users",
	Title: "let the admins in by their keys",
	Why:   "with a user of their own for each admin the log says who did what, and one key can go without the others",
	Limit: 20 * time.Minute,
	// sudo is installed where root alone logged in until now.
	Follows: []string{"python"},
	// Nothing is taken away, but by an undo: perhaps the key by which the admin came.
	Guarded: true,
	Want:    wantUsers,
}

func wantUsers(in In) ([]Resource, error) {
	out := []Resource{ownKey(in)}
	if len(in.Answers.Admins) == 0 {
		return append(out, manual("admins", "the answers name no admins: admins is the list of people with their public keys")), nil
	}
	out = append(out, packagesFor(in, "sudo"))
	var names []string
	for i, a := range in.Answers.Admins {
		u := adminUser{name: a.Name}
		for _, line := range a.Keys {
			k, err := ParseKey(line)
			if err != nil {
				return nil, fmt.Errorf("a key of %s %w", a.Name, err)
			}
			u.keys = append(u.keys, k)
		}
		if i == 0 {
			u.note = "for the infrastructure repository: " + inventoryLine(in)
		}
		names = append(names, a.Name)
		out = append(out, u)
	}
	return append(out, sudoRights{names: names}), nil
}

// ownKeyRead prints who logged in, how many keys they have, and where sshd looks
// for keys.
var ownKeyRead = `u=${SUDO_USER:-root} h=; h=$(getent passwd "$u" | cut -d : -f 6)
n=$(` + runAs(`"$u"`, `f=$1/.ssh/authorized_keys; [ ! -f "$f" ] || head -c 65536 "$f" | grep -cE "^[^#]*(ssh-|ecdsa-|sk-)"`, `"$h"`) + ` | head -c 9 | tr -dc 0-9)
echo "$u ${n:-0} $(sshd -T 2>/dev/null | sed -n 's/^authorizedkeysfile //p')"`

// ownKey is that who logs in has a key there: a password alone can be guessed,
// and may be switched off by those who keep the infrastructure.
func ownKey(in In) Check {
	return reported("your own key", remote.ReadSetting("your own key", ownKeyRead), func(text string) Change {
		w := strings.Fields(text)
		if len(w) < 2 {
			return Change{Now: "not known", Want: "there"}
		}
		c := Change{Now: w[0] + " has " + w[1] + " of them", Want: "there"}
		if w[1] != "0" || len(w) > 2 && !slices.ContainsFunc(w[2:], isUsualKeyFile) {
			return c
		}
		port := ""
		if p := in.Facts.SSHPort; p != 22 && p != 0 {
			port = fmt.Sprintf("-p %d ", p)
		}
		c.Now = w[0] + " has none"
		c.Short = fmt.Sprintf("%s has no key on the server: if you came in by password, put your own key there first, from your own computer: ssh-copy-id %s%s@%s",
			w[0], port, w[0], in.Answers.Host)
		return c
	})
}

// inventoryLine is the server as an entry of Ansible's inventory.
func inventoryLine(in In) string {
	line := in.Answers.FQDN()
	for _, p := range in.Facts.SSHPaths() {
		if p.Addr().Is4() {
			line += " ansible_host=" + p.Addr().String()
			break
		}
	}
	if p := in.Facts.SSHPort; p != 22 && p != 0 {
		line += fmt.Sprintf(" ansible_port=%d", p)
	}
	return line + " ansible_python_interpreter=/usr/bin/python3"
}

// addKeys appends the keys that an authorized_keys file does not hold yet, and
// returns them. A key counts as there whatever its options and comment.
func addKeys(old string, keys []Key) (text string, added []Key) {
	have := map[string]bool{}
	for l := range strings.Lines(old) {
		if k, err := ParseKey(l); err == nil {
			have[k.blob] = true
		}
	}
	text = old
	for _, k := range keys {
		if have[k.blob] {
			continue
		}
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		have[k.blob] = true
		text += k.Line + "\n"
		added = append(added, k)
	}
	return text, added
}
