package remote

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"aslwiz/remote/localfile"
)

// hostKeys is what is known of host keys. The first file takes new keys.
type hostKeys struct {
	mu     sync.Mutex
	files  []string
	accept *AcceptedKeys
	peer   bool
}

func newHostKeys(o Options) *hostKeys {
	files := o.KnownHosts
	if files == nil {
		if home, err := os.UserHomeDir(); err == nil {
			files = append(files, filepath.Join(home, ".ssh", "known_hosts"))
		}
		files = append(files, "/etc/ssh/ssh_known_hosts")
	}
	return &hostKeys{files: files, accept: o.AcceptHostKey, peer: o.Peer}
}

// knownDB is one reading of the files.
type knownDB struct {
	*knownhosts.HostKeyDB
	real map[string]string // file read, to the file that the admin knows
}

// load reads the files anew: another program, or another connection of this
// one, may have added a key since.
func (k *hostKeys) load() (*knownDB, error) {
	db := &knownDB{real: map[string]string{}}
	var files []string
	for _, file := range k.files {
		text, err := localfile.Read(file, localfile.MaxKnownHosts)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		readable, changed := dropBadLines(text)
		if changed {
			clean, err := writeTemp(readable)
			if err != nil {
				return nil, err
			}
			defer func() { _ = os.Remove(clean) }()
			db.real[clean], file = file, clean
		}
		files = append(files, file)
	}
	var err error
	db.HostKeyDB, err = knownhosts.NewDB(files...)
	return db, err
}

// dropBadLines blanks the lines that the library cannot read: ssh(1) passes over
// them too, while the library gives up the whole file.
func dropBadLines(text []byte) (readable []byte, changed bool) {
	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		if _, _, _, _, _, err := ssh.ParseKnownHosts(line); err != nil && !errors.Is(err, io.EOF) {
			lines[i], changed = nil, true
		}
	}
	return bytes.Join(lines, []byte("\n")), changed
}

func writeTemp(text []byte) (string, error) {
	f, err := os.CreateTemp("", "known_hosts")
	if err != nil {
		return "", err
	}
	_, err = f.Write(text)
	return f.Name(), errors.Join(err, f.Close())
}

// algorithms puts what is known of the host first: a server with several keys
// then presents the one that can be checked. The others follow, so that a key
// of another kind is refused with its fingerprint and not for want of a common
// algorithm. Certificates are asked for only when an authority is known.
func (db *knownDB) algorithms(name string, offered []string, orderGiven bool) []string {
	preferred := []string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA,
	}
	isCert := func(a string) bool { return strings.Contains(a, "-cert-") }
	known := db.HostKeyAlgorithms(name)
	if slices.ContainsFunc(known, isCert) { // an authority of one kind signs keys of every kind
		known = append(slices.DeleteFunc(slices.Clone(offered), func(a string) bool { return !isCert(a) }), known...)
	}
	plain := slices.DeleteFunc(slices.Clone(offered), isCert)
	order := slices.Concat(known, preferred, plain) // the last for what was allowed besides
	if orderGiven {
		order = slices.DeleteFunc(slices.Clone(offered), func(a string) bool { return isCert(a) && !slices.Contains(known, a) })
	}
	var out []string
	for _, a := range order {
		if slices.Contains(offered, a) && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// algorithmsOf are those that let a server present exactly this kind of key.
func algorithmsOf(key ssh.PublicKey, offered []string) []string {
	list := []string{key.Type()}
	switch key.Type() {
	case ssh.KeyAlgoRSA:
		list = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	case ssh.CertAlgoRSAv01:
		list = []string{ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01}
	}
	return slices.DeleteFunc(list, func(a string) bool { return !slices.Contains(offered, a) })
}

// check says whether the key is the one known for h. For an unknown key, the
// error is an *UnknownHostKeyError.
func (db *knownDB) check(at Hop, name string, remote net.Addr, key ssh.PublicKey) error {
	err := db.HostKeyCallback()(name, remote, key)
	changed := &ChangedHostKeyError{
		Hop: at, Name: knownhosts.Normalize(name), Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key),
	}
	var revoked *xknownhosts.RevokedError
	var mismatch *xknownhosts.KeyError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &revoked):
		changed.Revoked = true
		changed.Known = []KnownKey{db.known(revoked.Revoked)}
		return changed
	case errors.As(err, &mismatch) && len(mismatch.Want) > 0:
		for _, want := range mismatch.Want {
			changed.Known = append(changed.Known, db.known(want))
		}
		return changed
	case errors.As(err, &mismatch):
		return &UnknownHostKeyError{Hop: at, Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key)}
	default:
		return &ConnectError{Hop: at, Reason: ReasonHostKey, Detail: CleanLine(err.Error()), Err: err}
	}
}

func (db *knownDB) known(k xknownhosts.KnownKey) KnownKey {
	file := k.Filename
	if name, ok := db.real[file]; ok {
		file = name
	}
	return KnownKey{File: file, Line: k.Line, Type: k.Key.Type(), Fingerprint: ssh.FingerprintSHA256(k.Key)}
}

// add appends the key to the first file, in one write: other programs append
// to the same file.
func (k *hostKeys) add(name string, key ssh.PublicKey, hash bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.files) == 0 {
		return errors.New("no known_hosts file named")
	}
	file := k.files[0]
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := localfile.OpenAppend(file, 0o600)
	if err != nil {
		return err
	}
	line := knownhosts.Line([]string{name}, key) + "\n"
	if hash {
		_, rest, _ := strings.Cut(line, " ")
		line = xknownhosts.HashHostname(knownhosts.Normalize(name)) + " " + rest
	}
	// A file that somebody edited may lack its last newline; the line would
	// become part of the one before.
	if end, err := f.Seek(0, io.SeekEnd); err == nil && end > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, end-1); err == nil && last[0] != '\n' {
			line = "\n" + line
		}
	}
	_, err = f.WriteString(line)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
