package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheWorkflowRunsOnlyWhatItNames: a tag of an action can be moved to other code, and
// a checkout that keeps its token hands it to everything that runs after it.
func TestTheWorkflowRunsOnlyWhatItNames(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", ".github", "workflows", "*.y*ml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no workflow: %v", err)
	}
	pinned := regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		checkouts := 0
		for line := range strings.Lines(string(text)) {
			if _, uses, ok := strings.Cut(line, "uses: "); ok {
				if uses = strings.TrimSpace(uses); !pinned.MatchString(uses) {
					t.Errorf("%s: %q is not named by its commit, with the version beside it", file, uses)
				}
				if strings.HasPrefix(uses, "actions/checkout@") {
					checkouts++
				}
			}
		}
		if n := strings.Count(string(text), "persist-credentials: false"); n != checkouts {
			t.Errorf("%s: %d of %d checkouts keep no token", file, n, checkouts)
		}
		if !strings.Contains(string(text), "\npermissions:\n  contents: read\n") {
			t.Errorf("%s: the workflow may do more than read", file)
		}
	}
}
