package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"aslwiz/checklist"
	"aslwiz/remote"
	"aslwiz/remote/localfile"
)

// server is a SERVER of the command line: its answers, and what to call it. A file's
// name may hold anything, escape sequences too: what is shown of it is clean.
type server struct {
	path    string // of the answers file, to open it
	arg     string // as it was typed, for hints
	name    string
	file    string // the path, to show it
	answers checklist.Answers
}

// loadServers reads the answers of all servers before anything is done to one.
func loadServers(args []string) ([]server, error) {
	var out []server
	var errs []error
	for _, arg := range args {
		s, err := loadServer(arg)
		if err != nil {
			errs = append(errs, err)
		}
		out = append(out, s)
	}
	return out, joined(errs)
}

// joined is one error for several files, with the hint of the first.
func joined(errs []error) error {
	if len(errs) < 2 {
		return errors.Join(errs...)
	}
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	return &codeError{code: exitUsage, text: strings.Join(texts, "\n\n"), hint: hintOf(errs[0])}
}

func loadServer(arg string) (server, error) {
	path, err := answersFile(arg)
	if err != nil {
		return server{}, err
	}
	s := server{
		path: path, arg: remote.CleanLine(arg), file: remote.CleanLine(path),
		name: remote.CleanLine(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))),
	}
	data, err := localfile.Read(path, checklist.MaxAnswers)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, s.missing(path != arg)
	case errors.Is(err, localfile.ErrNotFile):
		// A pipe could be read once, and an answers file is read again, and written
		// to when the server moves.
		return s, usage("keep the answers in a file; there is no secret in them", "%s: cannot be read: %v", s.file, cause(err))
	case err != nil:
		return s, fmt.Errorf("%s: cannot be read: %w", s.file, cause(err))
	}
	s.answers, err = checklist.ParseAnswers(s.file, data, s.readable)
	return s, err
}

// missing says that there is no answers file; named: the argument was a name, not
// a path.
func (s server) missing(named bool) error {
	hint := "aslwiz answers --example > " + s.file
	if _, err := os.Stat(s.arg + ".yaml"); named && err == nil {
		hint = "the path of the one that is here: " + s.arg + ".yaml"
	} else if named {
		hint = strings.Join([]string{"mkdir -p " + filepath.Dir(s.file), hint, "or give the path of an answers file"}, "\n")
	}
	return usage(hint, "%s: there is no such answers file", s.file)
}

// answersFile is the path that SERVER stands for: itself, or a name in the
// configuration folder.
func answersFile(arg string) (string, error) {
	if arg == "-" {
		return "", usage("keep the answers in a file; there is no secret in them", "-: an answers file is not read from standard input")
	}
	if strings.ContainsAny(arg, `/\`) || strings.HasSuffix(arg, ".yaml") || strings.HasSuffix(arg, ".yml") {
		return arg, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", usage("give the path of an answers file", "%s: there is no configuration folder: %v", arg, err)
	}
	return filepath.Join(dir, "aslwiz", arg+".yaml"), nil
}

// localPath is a path of the answers file on this computer: ~ is the home, and a
// relative path begins at the file's folder.
func (s server) localPath(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(s.path), path)
}

var errHostName = errors.New("host is a name")

var hostLine = regexp.MustCompile(`(?m)^host:.*$`)

// rewriteHost changes the address in the answers file, and nothing else of it. A
// host that is a name stays, which is errHostName: DNS, or ssh's configuration, says
// where that is.
func (s server) rewriteHost(to string) error {
	if _, err := netip.ParseAddr(s.answers.Host); err != nil {
		return errHostName
	}
	// Where the name is a link, the file behind it is the one that was read.
	file, err := filepath.EvalSymlinks(s.path)
	if err != nil {
		return err
	}
	data, err := localfile.Read(file, checklist.MaxAnswers)
	if err != nil {
		return err
	}
	st, err := os.Stat(file)
	if err != nil {
		return err
	}
	data = hostLine.ReplaceAll(data, []byte(`host: "`+to+`"`))
	if a, err := checklist.ParseAnswers(s.file, data, nil); err != nil || a.Host != to {
		return errors.Join(errors.New("it has no line for host"), err)
	}
	return localfile.Replace(file, data, st.Mode())
}

// readable says why a file that the answers name cannot be used.
func (s server) readable(path string) error {
	full := s.localPath(path)
	_, err := localfile.Read(full, localfile.MaxKey)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no file %s", full)
	case err != nil:
		return fmt.Errorf("%s cannot be read: %w", full, cause(err))
	}
	return nil
}

// cause is an error without the path that the sentence around it names already.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
