package checklist

import (
	"fmt"
	"strings"

	"aslwiz/remote"
)

// secretMark stands in a secret file's text for the key.
const secretMark = "[secret]"

// SecretFile is a file that holds one pre-shared key and is never read back:
// only that it is there, its mode and keyed hashes of it are. It is root's, with
// mode 0600, or a stricter one that it has already.
type SecretFile struct {
	Path string
	Text string // the content, with secretMark in the place of the key
	Key  string // the key's name: "two"
	Salt string // of the survey's hashes
	// Renew sets a new key although there is one: the other end has none, or
	// another one.
	Renew bool
	After []string
	Step  string // the earlier step that brings the program that reads it
}

var _ Resource = SecretFile{}

// KeySeen is what is known of a pre-shared key: its name and a keyed hash, "" when
// there is none. Equal hashes with the same salt mean the same key.
type KeySeen struct {
	Name string
	Hash string
}

// Name implements Resource.
func (s SecretFile) Name() string { return s.Path }

// Probes implements Resource.
func (s SecretFile) Probes() []remote.Probe {
	return []remote.Probe{remote.ReadSecret(s.Path, s.Salt)}
}

// Compare implements Resource.
func (s SecretFile) Compare(answers []remote.Answer) (Change, error) {
	st, err := answers[0].Secret()
	if err != nil {
		return Change{}, err
	}
	c := Change{Resource: s.Path, Kind: "secret", Now: describeSecret(st), Want: "a key, mode 0600, root:root", Key: &KeySeen{Name: s.Key, Hash: st.Key}}
	shaped := st.Rest == hashOf([]byte(s.Salt+s.Text+s.Salt)) && st.Mode&^0o600 == 0 && st.Owner == "root:root"
	if st.Key != "" && shaped && !s.Renew {
		c.Same = true
		return c, nil
	}
	source := `key=$(cat "$ASLWIZ_SECRETS/` + s.Key + `")`
	switch {
	case st.Key != "" && !s.Renew:
		c.Want = "the key that is there, in a file of mode 0600 for the tunnel's addresses"
		source = "key=$(" + remote.SecretKey(s.Path) + ")"
	default:
		if st.Key != "" {
			c.Want = "a new key: the other end does not have this one"
		}
		c.Needs = []string{s.Key}
		c.Notes = append(c.Notes, "the key is sent apart from this script and is never shown")
	}
	c.Settings = []remote.SettingChange{{Name: s.Path, Read: s.read(), Write: s.write(), Before: wholeBefore(st), Path: s.Path}}
	c.Script = s.script(source)
	c.After = s.After
	return c, nil
}

// script writes the file as it is shown, with the key in its place. A here
// document reaches cat by a pipe: the key is in no argument list.
func (s SecretFile) script(source string) []string {
	dir := s.Path[:strings.LastIndexByte(s.Path, '/')]
	body := strings.ReplaceAll(s.Text, secretMark, "$key")
	return []string{strings.Join([]string{
		"echo " + quote("+ write "+s.Path),
		source,
		`[ -n "$key" ]`,
		"run mkdir -p " + quote(dir),
		"cat >" + quote(s.Path+".aslwiz") + " <<EOF\n" + body + "EOF",
		"key=",
		"chmod 600 " + quote(s.Path+".aslwiz"),
		"chown root:root " + quote(s.Path+".aslwiz"),
		"sync " + quote(s.Path+".aslwiz"),
		"mv -fT " + quote(s.Path+".aslwiz") + " " + quote(s.Path),
	}, "\n")}
}

// read prints the file between two salts, so that the hash of this value is the
// keyed hash that the survey read. The saved value is what a restore writes back.
func (s SecretFile) read() string {
	salt, path := quote(s.Salt), quote(s.Path)
	return "[ ! -f " + path + " ] || { printf %s " + salt + "; cat " + path + "; printf %s " + salt + "; }"
}

func (s SecretFile) write() string {
	salt, path := quote(s.Salt), quote(s.Path)
	// A script that was cut off may have left the half that it was writing.
	return "umask 077; rm -f " + path + ".aslwiz; k=$(cat); if [ -z \"$k\" ]; then rm -f " + path + "; else k=${k#" + salt + "}; " +
		"printf %s \"${k%" + salt + "}\" >" + path + ".aslwiz && sync " + path + ".aslwiz && mv -fT " + path + ".aslwiz " + path + "; fi"
}

func describeSecret(st remote.SecretState) string {
	switch {
	case !st.Exists:
		return "not there"
	case st.Key == "":
		return "without a key that is understood"
	}
	return fmt.Sprintf("a key, mode %04o, %s", st.Mode, st.Owner)
}

// wholeBefore is the precondition: the keyed hash of what the survey saw.
func wholeBefore(st remote.SecretState) string {
	if !st.Exists {
		return hashOf(nil)
	}
	return st.Whole
}
