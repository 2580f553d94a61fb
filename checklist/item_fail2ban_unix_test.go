//go:build unix

package checklist

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stubBan are programs that do as fail2ban and ip do, with a file for both route
// tables. deaf is an address whose ban has no effect.
var stubBan = map[string]string{
	"fail2ban-client": `[ -z "$DOWN" ] || { echo "$DOWN"; exit 255; }
while read -r _ _ what a; do
  case $what in
    banip) case $a in "$DEAF") ;; *) echo "unreachable $a dev lo" >>"$ROUTES" ;; esac ;;
    unbanip) grep -v " $a " "$ROUTES" >"$ROUTES.new"; mv "$ROUTES.new" "$ROUTES" ;;
  esac
done
echo "2026-11-22 14:39:05,401 fail2ban [1789]: ERROR   EOF when reading a line"`,
	"ip":    `case $1 in -4) grep '\.' "$ROUTES" ;; *) grep : "$ROUTES" ;; esac`,
	"sleep": ":",
}

func TestBanTrial(t *testing.T) {
	t.Parallel()
	script := strings.ReplaceAll(banTrial, "/proc/net/if_inet6", "/dev/null")
	parsesAsShell(t, "a ban, tried", script)
	for name, c := range map[string]struct{ deaf, down, want string }{
		"well": {want: "banned 192.0.2.77 unreachable 192.0.2.77 dev lo\nbanned 2001:db8::77 unreachable 2001:db8::77 dev lo\nfreed 192.0.2.77\nfreed 2001:db8::77\n"},
		"deaf": {deaf: "2001:db8::77", want: "banned 192.0.2.77 unreachable 192.0.2.77 dev lo\nfreed 192.0.2.77\nfreed 2001:db8::77\n"},
		"down": {down: "ERROR  Failed to access socket path", want: "not tried: Failed to access socket path\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for program, text := range stubBan {
				if err := os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			routes := filepath.Join(dir, "routes")
			if err := os.WriteFile(routes, []byte("default via 192.0.2.1 dev eth0\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
			cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "ROUTES=" + routes, "DEAF=" + c.deaf, "DOWN=" + c.down}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if d := cmp.Diff(c.want, string(out)); d != "" {
				t.Error(d)
			}
			if left, _ := os.ReadFile(routes); string(left) != "default via 192.0.2.1 dev eth0\n" {
				t.Errorf("left behind: %s", left)
			}
		})
	}
}
