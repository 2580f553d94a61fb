//go:build unix

package checklist

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aslwiz/templates"
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

// What the unit starts after the daemon begins the tunnels of aslwiz's own files, each
// once, when the daemon has read it, and no other.
func TestTunnelsAreBegunWithTheDaemon(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	conf, bin, calls := filepath.Join(dir, "ipsec.d"), filepath.Join(dir, "bin"), filepath.Join(dir, "calls")
	ours := func(name, rest string) string {
		return "# Written by aslwiz, step ipsec: the tunnel with " + name + ". The next run replaces\n\nconn " + name + "-4\n\tauto=route\n" + rest
	}
	for path, text := range map[string]string{
		conf + "/two.conf":      ours("two", "\nconn two-6\n\tauto=route\n\nconn two-ndp\n\ttype=passthrough\n"),
		conf + "/nms.conf":      ours("nms", ""),
		conf + "/gone.conf":     ours("gone", ""), // the daemon does not take it
		conf + "/office.conf":   "conn office-4\n\tauto=add\n",
		conf + "/two.conf.save": ours("saved", ""),
		bin + "/sleep":          "#!/bin/sh\necho x >>" + calls + ".slept\n",
		bin + "/ipsec": `#!/bin/sh
case $1 in
stroke) echo "$2 $3" >>` + calls + ` ;;
statusall)
  [ "$(wc -l <` + calls + `.slept)" -gt 2 ] || exit 7 # the daemon is not there yet
  echo "       two-4:  192.0.2.1...192.0.2.2  IKEv2"
  echo "       two-6:  2001:db8::1...2001:db8::2  IKEv2"
  echo "       nms-4:  192.0.2.1...192.0.2.3  IKEv2"
  echo "    office-4:  192.0.2.1...192.0.2.4  IKEv2"
  echo "       nms-4[1]: CONNECTING, 192.0.2.1[%any]...192.0.2.3[%any]" ;;
esac
`,
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	script, err := templates.Render("debian12", "/etc/ipsec.d/aslwiz-initiate", nil)
	if err != nil {
		t.Fatal(err)
	}
	parsesAsShell(t, "initiate", script)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(script, "/etc/ipsec.d/", conf+"/"))
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got, err := os.ReadFile(calls)
	if err != nil || string(got) != "up-nb two-4\nup-nb two-6\n" {
		t.Errorf("begun: %q, %v", got, err)
	}
	slept, err := os.ReadFile(calls + ".slept")
	if n := strings.Count(string(slept), "x"); err != nil || n != 60 {
		t.Errorf("it looked %d times, %v", n, err)
	}
}
