package tui

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &keyFileError{path, "there is no such file", "check the path; ls ~/.ssh shows what you have, and an empty field tries the usual files"}
	case err != nil:
		return &keyFileError{path, "it cannot be read", "make it readable to you (chmod 600), or leave the field empty"}
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return &keyFileError{path, "it cannot be read as a file", "name the key itself, not its folder"}
	}
	if bytes.HasPrefix(head, []byte("ssh-")) || bytes.HasPrefix(head, []byte("ecdsa-")) || bytes.HasPrefix(head, []byte("sk-")) {
		return &keyFileError{path, "this is the public half of a key", "name the file of the same name without .pub"}
	}
	return nil
}
