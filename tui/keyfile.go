package tui

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"aslwiz/remote/localfile"
)

// keyFileError says why a file that was named is not a key to log in with.
// Without it a mistyped path would end in a question for a password.
type keyFileError struct{ path, why, try string }

// Error implements error.
func (e *keyFileError) Error() string { return fmt.Sprintf("key file %s: %s", e.path, e.why) }

// Hint says what to try.
func (e *keyFileError) Hint() string { return e.try }

// checkKeyFile looks whether the first key to log in with is there and private.
func checkKeyFile(identity []string) error {
	if len(identity) == 0 {
		return nil
	}
	path := identity[0]
	text, err := localfile.Read(path, localfile.MaxKey)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &keyFileError{path, "there is no such file", "check the path; ls ~/.ssh shows what you have, and an empty field tries the usual files"}
	case errors.Is(err, localfile.ErrNotFile), errors.Is(err, localfile.ErrTooLarge):
		return &keyFileError{path, errors.Unwrap(err).Error(), "name the file of the key itself, such as ~/.ssh/id_ed25519"}
	case err != nil:
		return &keyFileError{path, "it cannot be read", "make it readable to you (chmod 600), or leave the field empty"}
	}
	if bytes.HasPrefix(text, []byte("ssh-")) || bytes.HasPrefix(text, []byte("ecdsa-")) || bytes.HasPrefix(text, []byte("sk-")) {
		return &keyFileError{path, "this is the public half of a key", "name the file of the same name without .pub"}
	}
	return nil
}
