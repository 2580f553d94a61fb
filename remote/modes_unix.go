//go:build unix

package remote

import (
	"io/fs"
	"os"
	"syscall"
)

// mine says whether the file belongs to whoever runs aslwiz.
func mine(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Getuid()
}

// badOwner says whether the file belongs to neither root nor whoever runs aslwiz.
func badOwner(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Uid != 0 && int(st.Uid) != os.Getuid()
}

func othersWrite(info fs.FileInfo) bool { return info.Mode().Perm()&0o022 != 0 }
