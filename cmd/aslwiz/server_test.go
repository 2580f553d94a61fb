package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A server that moved is dialled at its new address the next time; nothing else
// of the admin's file changes, and a name stays a name.
func TestRewriteHost(t *testing.T) {
	t.Parallel()
	const rest = "# our server\nhostname: stats\ndomain: example.net # ours\n"
	for was, want := range map[string]string{
		"host: 198.51.100.11\n":     "host: \"2001:db8:51::12\"\n",
		"host: stats.example.net\n": "host: stats.example.net\n",
	} {
		file := filepath.Join(t.TempDir(), "stats.yaml")
		if err := os.WriteFile(file, []byte(was+rest), 0o640); err != nil {
			t.Fatal(err)
		}
		s, err := loadServer(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.rewriteHost("2001:db8:51::12"); errors.Is(err, errHostName) != strings.Contains(was, "example") {
			t.Fatal(err)
		}
		got, _ := os.ReadFile(file)
		if string(got) != want+rest {
			t.Errorf("%q became %q", was, got)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*")); len(left) != 1 {
			t.Errorf("left behind: %s", strings.Join(left, " "))
		}
	}
}
