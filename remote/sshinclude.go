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

// checkIncludes reads the files that an Include names, and theirs, before the parser
// does: it would wait for a named pipe, and read a device to its end. seen are those
// that were read.
func checkIncludes(text []byte, seen map[string]bool) error {
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
			for _, file := range found {
				if seen[file] {
					continue
				}
				if seen[file] = true; len(seen) > maxIncludes {
					return fmt.Errorf("it brings in more than %d files", maxIncludes)
				}
				included, err := localfile.Read(file, localfile.MaxSSHConfig)
				if err == nil {
					err = checkIncludes(included, seen)
				}
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}
