package remote

import (
	"fmt"
	"os/user"
	"path/filepath"
	"strings"

	"aslwiz/remote/localfile"
)

// maxIncludes bounds how many files a configuration brings in.
const maxIncludes = 200

// includes are the files that a configuration brings in.
type includes struct {
	seen   map[string]bool
	strict bool // none may be one that others can write
}

// read reads a file of the configuration, within its limit.
func (in includes) read(file string) ([]byte, error) {
	if in.strict {
		if err := checkConfigMode(file); err != nil {
			return nil, err
		}
	}
	return localfile.Read(file, localfile.MaxSSHConfig)
}

// check reads the files that an Include names, and theirs, each once, before the
// parser does: it would wait for a named pipe, and read a device to its end.
func (in includes) check(text []byte) error {
	home := ""
	if u, err := user.Current(); err == nil {
		home = u.HomeDir // where the parser looks, whatever HOME says
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(strings.Replace(line, "=", " ", 1))
		if len(words) == 0 || !strings.EqualFold(words[0], "Include") {
			continue
		}
		for _, path := range words[1:] {
			if rest, ok := strings.CutPrefix(path, "~/"); ok {
				path = filepath.Join(home, rest)
			} else if !filepath.IsAbs(path) {
				path = filepath.Join(home, ".ssh", path)
			}
			found, err := filepath.Glob(path)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if err := in.checkAll(found); err != nil {
				return err
			}
		}
	}
	return nil
}

func (in includes) checkAll(files []string) error {
	for _, file := range files {
		if in.seen[file] {
			continue
		}
		if in.seen[file] = true; len(in.seen) > maxIncludes {
			return fmt.Errorf("it brings in more than %d files", maxIncludes)
		}
		text, err := in.read(file)
		if err == nil {
			err = in.check(text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
