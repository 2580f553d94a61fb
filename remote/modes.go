package remote

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/crypto/ssh"

	"aslwiz/remote/localfile"
)

// openToOthers says why a private key is not used, as ssh(1) has it: its owner's
// file is one that others can read.
func openToOthers(file string) string {
	info, err := os.Stat(file)
	if err != nil || !mine(info) || info.Mode().Perm()&0o077 == 0 {
		return ""
	}
	return fmt.Sprintf("others can read it (mode %04o), so it is not used: chmod 600 %s", info.Mode().Perm(), file)
}

// checkConfigMode refuses an ssh_config that others can write, as ssh(1) does: who
// writes it chooses the server, the key and the jump host. A file that is not there
// is fine.
func checkConfigMode(file string) error {
	info, err := os.Stat(file)
	if err != nil || !badOwner(info) && !othersWrite(info) {
		return nil
	}
	return fmt.Errorf("%s: others than you can write it (mode %04o); check what it says, then chown and chmod go-w it", file, info.Mode().Perm())
}

// checkRevoked compares a host key with the files of ssh_config's RevokedHostKeys. One
// that cannot be read lets nobody in, as with ssh(1).
func (h *hop) checkRevoked(at Hop, key ssh.PublicKey) error {
	presented := []ssh.PublicKey{key}
	if cert, ok := key.(*ssh.Certificate); ok {
		presented = []ssh.PublicKey{cert.Key, cert.SignatureKey}
	}
	for _, file := range h.revoked {
		text, err := localfile.Read(file, localfile.MaxKnownHosts)
		if err == nil && bytes.HasPrefix(text, []byte("SSHKRL\n")) {
			err = errors.New("is a binary list (KRL), which aslwiz cannot read; a text file with one public key a line can be")
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.New("is not there")
		}
		if err != nil {
			return &ConnectError{
				Hop: at, Reason: ReasonHostKey, Err: err, Detail: fmt.Sprintf("RevokedHostKeys in ssh_config: %s: %v", file, err),
				Try: "correct that line of ssh_config or the file; without it no host key can be trusted",
			}
		}
		n := 0
		for line := range bytes.Lines(text) {
			n++
			listed, _, _, _, err := ssh.ParseAuthorizedKey(line)
			if err != nil {
				continue
			}
			for _, p := range presented {
				if sameKey(listed, p) {
					return &ChangedHostKeyError{
						Hop: at, Name: h.keyName, Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key), Revoked: true,
						Known: []KnownKey{{File: file, Line: n, Type: listed.Type(), Fingerprint: ssh.FingerprintSHA256(listed)}},
					}
				}
			}
		}
	}
	return nil
}
