package remote

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"al.essio.dev/pkg/shellescape"
)

// SecretState is what may be known of a file that holds a pre-shared key. The
// hashes are over salt, text and salt: without the salt, which is another one
// for each survey, they say nothing.
type SecretState struct {
	Exists bool
	Mode   fs.FileMode
	Owner  string // "root:root"
	Whole  string // of the content
	Key    string // of the first key in it ("0s" and base64), "" when there is none
	Rest   string // of the content with that key replaced by "[secret]"
}

// ReadSecret asks for the state of the secret file at path.
func ReadSecret(path, salt string) Probe {
	return Probe{Kind: ProbeSecret, Args: []string{path, salt, secretProgram}}
}

// keyPattern is a key as aslwiz writes it, for grep and sed: base64 behind "0s",
// 20 bytes or more.
const keyPattern = `0s[A-Za-z0-9+/]\{26,\}=*`

// SecretKey is the shell text that prints the key of the secret file at path.
func SecretKey(path string) string {
	return "grep -o -m 1 " + shellescape.Quote(keyPattern) + " " + shellescape.Quote(path) + " | head -n 1"
}

// secretProgram answers a ProbeSecret: "absent", or mode, owner and the three
// hashes. $1 is the path, the salt comes on standard input; neither it nor anything of
// the content is an argument of a program, which another user could list.
const secretProgram = `IFS= read -r salt || exit 1
salted() { { printf %s "$salt"; cat; printf %s "$salt"; } | sha256sum | cut -d " " -f 1; }
[ -e "$1" ] || { echo absent; exit 0; }
[ -f "$1" ] && [ "$(stat -L -c %s -- "$1")" -lt 65536 ] || exit 1
stat -L -c "%a %U:%G" -- "$1" && salted <"$1" || exit 1
k=$(grep -o -m 1 '` + keyPattern + `' <"$1" | head -n 1)
if [ -n "$k" ]; then printf %s "$k" | salted; else echo -; fi
sed 's#` + keyPattern + `#[secret]#' <"$1" | salted`

// Secret reads the answer to a ProbeSecret.
func (a Answer) Secret() (SecretState, error) {
	text, err := a.Text()
	if err != nil {
		return SecretState{}, err
	}
	if text == "absent" {
		return SecretState{}, nil
	}
	f := strings.Fields(text)
	if len(f) != 5 {
		return SecretState{}, fmt.Errorf("%s: %w", a.Probe, ErrProbeMissing)
	}
	mode, err := strconv.ParseUint(f[0], 8, 32)
	if err != nil {
		return SecretState{}, fmt.Errorf("%s: mode %q: %w", a.Probe, f[0], ErrProbeMissing)
	}
	st := SecretState{Exists: true, Mode: fs.FileMode(mode), Owner: f[1], Whole: f[2], Key: f[3], Rest: f[4]}
	if st.Key == "-" {
		st.Key = ""
	}
	return st, nil
}

// Answer is the answer that a server in this state gives to the probe p.
func (st SecretState) Answer(p Probe) Answer {
	if !st.Exists {
		return Answer{Probe: p, Out: []byte("absent\n")}
	}
	key := st.Key
	if key == "" {
		key = "-"
	}
	return Answer{Probe: p, Out: fmt.Appendf(nil, "%o %s\n%s\n%s\n%s\n", uint32(st.Mode.Perm()), st.Owner, st.Whole, key, st.Rest)}
}
