//go:build unix

package checklist

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A tunnel whose step was cut off is not taken for loaded, until the step has come to
// its end once more.
func TestTunnelCutOff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		states []string
		cut    bool
	}{
		{nil, false},
		{[]string{"done"}, false},
		{[]string{"done", "stopped"}, true},
		{[]string{"running"}, true}, // the machine went down
		{[]string{"stopped", "done"}, false},
		{[]string{"failed", "refused"}, true},
		{[]string{"failed", "undone"}, false},
		{[]string{"failed", "restored"}, false},
	} {
		root := t.TempDir()
		for i, s := range c.states { // their names say another order: the admin's clock was wrong
			dir := filepath.Join(root, string(rune('z'-i))+"-ipsec")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string]string{"meta": fmt.Sprintf("id=x\nseq=%d\n", i+9), "status": "state=" + s + "\ncode=1\n"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		script := strings.ReplaceAll(cutOff, "/var/lib/aslwiz/tx", root) + "echo loaded"
		parsesAsShell(t, "cut off", script)
		out, err := exec.CommandContext(t.Context(), "sh", "-c", script).CombinedOutput()
		if err != nil || strings.Contains(string(out), "cut off") != c.cut || (string(out) == "loaded\n") == c.cut {
			t.Errorf("%v: %q, %v", c.states, out, err)
		}
	}
}
