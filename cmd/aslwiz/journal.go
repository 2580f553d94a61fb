package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"aslwiz/checklist"
	"aslwiz/remote/localfile"
)

// maxJournal is where a journal begins anew, also in the middle of a run: a
// server may say anything for as long as it likes. The one before is kept as
// NAME.1.
const maxJournal = 16 << 20

// journal appends every event to a file of JSON lines. Nothing depends on it:
// an error of it is a note, once. Secrets are masked before they become events.
type journal struct {
	path string
	file *os.File
	size int64
	most int64 // maxJournal
	err  error
}

// openJournal never fails; what went wrong is in err.
func openJournal(name string) *journal {
	j := &journal{most: maxJournal}
	dir, err := stateDir()
	if err != nil {
		j.err = err
		return j
	}
	if j.err = os.MkdirAll(dir, 0o700); j.err != nil {
		return j
	}
	j.path = filepath.Join(dir, name+".jsonl")
	j.open()
	return j
}

// open begins anew when the journal has grown long.
func (j *journal) open() {
	if st, err := os.Stat(j.path); err == nil && st.Size() > j.most {
		_ = os.Rename(j.path, j.path+".1")
	}
	if j.file, j.err = localfile.OpenAppend(j.path, 0o600); j.err != nil {
		j.file = nil
		return
	}
	j.size = 0
	st, err := j.file.Stat()
	if err != nil || st.Size() == 0 {
		return
	}
	j.size = st.Size()
	last := make([]byte, 1)
	if _, err := j.file.ReadAt(last, j.size-1); err == nil && last[0] != '\n' { // a line that a crash has cut off
		n, _ := j.file.WriteString("\n")
		j.size += int64(n)
	}
}

func (j *journal) write(e checklist.Event) {
	if j.file == nil || e.Kind == checklist.EventProgress {
		return
	}
	line, err := json.Marshal(e)
	if err == nil {
		var n int
		n, err = j.file.Write(append(line, '\n'))
		j.size += int64(n)
	}
	if err == nil && j.size <= j.most {
		return
	}
	err = errors.Join(err, j.file.Close())
	j.file = nil
	if j.err = err; err == nil {
		j.open()
	}
}

func (j *journal) close() error {
	if j.file != nil {
		j.err = errors.Join(j.err, j.file.Close())
		j.file = nil
	}
	return j.err
}

// stateDir is where programs keep what they can do without.
func stateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "aslwiz"), nil
	}
	switch runtime.GOOS {
	case "windows", "darwin":
		dir, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no folder for the journal: %w", err)
		}
		return filepath.Join(dir, "aslwiz", "journal"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the journal: %w", err)
	}
	return filepath.Join(home, ".local", "state", "aslwiz"), nil
}
