//go:build lab

package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// likePractice requires the practice server to answer as the server does now, with
// the page applied until a step ("none", or "" for all of it) and these things broken.
// ASLWIZ_RECORD_TO is the folder where the answers are kept, for the tests that need
// no lab: see TestRecord there.
func likePractice(t *testing.T, state, until string, breaks ...string) {
	t.Run("the practice server answers like this: "+state, func(t *testing.T) {
		const folder = "../../checklist/practice"
		bin := filepath.Join(t.TempDir(), "practice.test")
		if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "lab", "-o", bin, folder).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		cmd := Admin(t.Context(), "env", "ASLWIZ_RECORD="+state, "ASLWIZ_RECORD_UNTIL="+until,
			"ASLWIZ_RECORD_BREAKS="+strings.Join(breaks, ";"), "ASLWIZ_RECORD_TO="+os.Getenv("ASLWIZ_RECORD_TO"),
			bin, "-test.run=^TestRecord$", "-test.v")
		cmd.Dir = folder // where its testdata are
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if !strings.Contains(string(out), "--- PASS: TestRecord") && err == nil {
			t.Errorf("it was not compared:\n%s", out)
		}
	})
}
