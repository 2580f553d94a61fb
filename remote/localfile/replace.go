package localfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace writes data as the file at path, at once: a crash leaves the old file or
// the new one. The new content is written beside it under a name that nobody can
// guess, into a file that was not there before, so that a link planted in a shared
// folder is never written through. A link at path itself is replaced, not followed.
func Replace(path string, data []byte, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".aslwiz-*") // opened with O_EXCL, mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode.Perm())
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	// The new name is on the disk once its folder is. Where a folder cannot be
	// synced, as on Windows, the rename is as safe as that system makes it.
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
	return nil
}
