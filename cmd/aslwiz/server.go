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
)

// server is a SERVER of the command line: its answers, and what to call it.
type server struct {
	arg     string // as it was typed, for hints
	name    string
	file    string
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
	file, err := answersFile(arg)
	if err != nil {
		return server{}, err
	}
	s := server{arg: arg, file: file, name: strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))}
	data, err := os.ReadFile(file)
	if err != nil {
		hint := "aslwiz answers --example > " + file
		if _, e := os.Stat(arg + ".yaml"); file != arg && e == nil {
			hint = "the path of the one that is here: " + arg + ".yaml"
		} else if file != arg {
			hint = strings.Join([]string{"mkdir -p " + filepath.Dir(file), hint, "or give the path of an answers file"}, "\n")
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return s, fmt.Errorf("%s: cannot be read: %w", file, cause(err))
		}
		return s, usage(hint, "%s: there is no such answers file", file)
	}
	s.answers, err = checklist.ParseAnswers(file, data, s.readable)
	return s, err
}

// answersFile is the path that SERVER stands for: itself, or a name in the
// configuration folder.
func answersFile(arg string) (string, error) {
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
	return filepath.Join(filepath.Dir(s.file), path)
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
	data, err := os.ReadFile(s.file)
	if err != nil {
		return err
	}
	st, err := os.Stat(s.file)
	if err != nil {
		return err
	}
	data = hostLine.ReplaceAll(data, []byte(`host: "`+to+`"`))
	if a, err := checklist.ParseAnswers(s.file, data, nil); err != nil || a.Host != to {
		return errors.Join(errors.New("it has no line for host"), err)
	}
	next := s.file + ".new"
	if err := os.WriteFile(next, data, st.Mode().Perm()); err != nil {
		return err
	}
	return os.Rename(next, s.file)
}

// readable says why a file that the answers name cannot be used.
func (s server) readable(path string) error {
	full := s.localPath(path)
	f, err := os.Open(full)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no file %s", full)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be read: %w", full, cause(err))
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && !st.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", full)
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
