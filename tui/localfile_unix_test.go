//go:build unix

package tui

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// within fails the test where something waits, instead of waiting with it.
func within(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: it waits", what)
	}
}

// TestTheWizardReadsOnlyFiles: what lies in the wizard's folder, or is named as a key,
// may be a pipe.
func TestTheWizardReadsOnlyFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "a\x1b[2Jb.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(dir, "wizard.json")
	if err := syscall.Mkfifo(state, 0o600); err != nil {
		t.Fatal(err)
	}
	within(t, "the list of servers", func() {
		got, err := newStore(dir, state).list()
		if err != nil || len(got) != 1 || !strings.Contains(got[0].Wrong, "it is a pipe, not a file") || got[0].Name != "ab" || strings.Contains(got[0].Wrong, "\x1b") {
			t.Errorf("the list: %+v, %v", got, err)
		}
	})
	for path, want := range map[string]string{pipe: "it is a pipe", dir: "it is a folder", "/dev/zero": "it is a device"} {
		within(t, path, func() {
			if err := checkKeyFile([]string{path}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s as a key: %v, want %q", path, err, want)
			}
		})
	}
}

// TestSavedAnswersKeepALink: the file behind it is written; what a stranger planted at
// the names beside it is replaced, not written through.
func TestSavedAnswersKeepALink(t *testing.T) {
	t.Parallel()
	repo, config, mine := t.TempDir(), t.TempDir(), t.TempDir()
	file, link, precious := filepath.Join(repo, "stats.yaml"), filepath.Join(config, "stats.yaml"), filepath.Join(mine, "precious")
	for name, text := range map[string]string{file: "host: 198.51.100.11\nhostname: stats\ndomain: example.net\n", precious: "precious"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{link: file, file + "~": precious} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	s := newStore(config, filepath.Join(config, "state"))
	a, err := s.load(link)
	if err != nil {
		t.Fatal(err)
	}
	a.Hostname = "other"
	if err := s.save(link, a); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Lstat(link); err != nil || st.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link became %v, %v", st.Mode(), err)
	}
	if text, _ := os.ReadFile(file); !strings.Contains(string(text), "hostname: other") {
		t.Errorf("the file behind the link: %q", text)
	}
	if text, _ := os.ReadFile(precious); string(text) != "precious" {
		t.Errorf("a file elsewhere was written: %q", text)
	}
}
