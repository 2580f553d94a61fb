// Package localfile reads and writes files of this computer whose names somebody
// else chose: the admin, an answers file, ssh's configuration. Such a name may be
// that of a named pipe, a device, a folder or a file of any size, and it may lie in
// a folder that other people write to. None of these makes aslwiz hang or fill the
// memory.
package localfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// The largest files that are read, by what is in them, in bytes.
const (
	MaxKey        = 64 << 10 // a private or public key; RSA with 16384 bits takes 13 KB
	MaxSSHConfig  = 1 << 20
	MaxKnownHosts = 32 << 20
	MaxState      = 4 << 20
)

// ErrNotFile is the error about a name that stands for something else than a file.
var ErrNotFile = errors.New("not a file")

// ErrTooLarge is the error about a file that is larger than anything of its kind.
var ErrTooLarge = errors.New("too large")

// notFile is an ErrNotFile that says what is there instead.
type notFile struct{ kind string }

func (e notFile) Error() string        { return "it is " + e.kind + ", not a file" }
func (e notFile) Is(target error) bool { return target == ErrNotFile }

type tooLarge struct{ most int64 }

func (e tooLarge) Error() string {
	return fmt.Sprintf("it is larger than %d KiB, too large for what it should be", e.most>>10)
}
func (e tooLarge) Is(target error) bool { return target == ErrTooLarge }

// Read returns the content of the file at path, which must be a regular file of at
// most that many bytes. The null device is an empty file: it is what people name
// where they want none. Every error is an *fs.PathError.
func Read(path string, most int64) ([]byte, error) {
	if path == os.DevNull {
		return nil, nil
	}
	f, err := open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = &fs.PathError{Op: "read", Path: path, Err: tooLarge{most}}
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// OpenAppend opens the file at path to read it and to add to its end, and makes it
// with that mode when there is none.
func OpenAppend(path string, mode fs.FileMode) (*os.File, error) {
	if path == os.DevNull {
		return os.OpenFile(path, os.O_RDWR, 0)
	}
	return open(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, mode)
}

// open opens a regular file. It looks before it opens, because to open a device may
// do something, and looks again at what it has opened, because the name may stand
// for another thing by then; that is why it must not wait for a pipe's other end.
func open(path string, flags int, mode fs.FileMode) (*os.File, error) {
	st, err := os.Stat(path)
	if err == nil {
		err = CheckRegular(path, st)
	}
	if err != nil && (flags&os.O_CREATE == 0 || !errors.Is(err, fs.ErrNotExist)) {
		return nil, err
	}
	f, err := os.OpenFile(path, flags|syscall.O_NONBLOCK, mode)
	if err != nil {
		return nil, err
	}
	if st, err = f.Stat(); err == nil {
		err = CheckRegular(path, st)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// CheckRegular says what is at path where it is no regular file. A reader that
// takes a named pipe as well asks IsPipe first.
func CheckRegular(path string, st fs.FileInfo) error {
	kind := "a device"
	switch {
	case st.Mode().IsRegular():
		return nil
	case st.IsDir():
		kind = "a folder"
	case IsPipe(st):
		kind = "a pipe"
	case st.Mode()&fs.ModeSocket != 0:
		kind = "a socket"
	}
	return &fs.PathError{Op: "open", Path: path, Err: notFile{kind}}
}

// IsPipe says whether what was found is a pipe, such as bash's <(command).
func IsPipe(st fs.FileInfo) bool { return st.Mode()&fs.ModeNamedPipe != 0 }
