//go:build unix

package checklist

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// asUser is as_user of tx.sh, without its time limit.
const asUser = `as_user() { u=$1; shift; if [ "$(id -u)" = 0 ] && [ "$u" != root ]; then runuser -u "$u" -- "$@"; else "$@"; fi; }
run() { :; }
systemctl() { :; }
set -e
`

func inFolder(t *testing.T, script string, moved ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.NewReplacer(moved...).Replace(script))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// snmpd's user owns the folder of its state: a link that it plants there leads root
// nowhere.
func TestSNMPStateIsEditedAsItsUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can act as another user")
	}
	dir := t.TempDir()
	state, victim := filepath.Join(dir, "state"), filepath.Join(dir, "victim")
	write := func(path, content string) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(state, 0o755); err != nil {
		t.Fatal(err)
	}
	write(victim, "root:x\n")
	for link, to := range map[string]string{"snmpd.conf": victim, "snmpd.conf.aslwiz": victim} {
		if err := os.Symlink(to, filepath.Join(state, link)); err != nil {
			t.Fatal(err)
		}
	}
	set := snmpUser(SNMP{User: "monitor"}).(usmUser).Set
	script := strings.NewReplacer("/var/lib/snmp", state, "/etc/snmp", dir, "Debian-snmp", "nobody").Replace(
		"chmod 755 " + filepath.Dir(dir) + " " + dir + "; chown -h nobody " + state + " " + state + "/*; " + asUser + set + "\n")
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "Permission denied") {
		t.Errorf("%v\n%s", err, out) // it is that user who may not read there
	}
	if got, _ := os.ReadFile(victim); string(got) != "root:x\n" {
		t.Errorf("root wrote through a planted link: %q", got)
	}
	if st, err := os.Lstat(filepath.Join(state, "snmpd.conf")); err != nil || st.Mode().IsRegular() {
		t.Errorf("root copied a file of its own into the folder: %v, %v", st, err)
	}
}

func TestSNMPStateKeepsTheRest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	u := snmpUser(SNMP{User: "monitor"}).(usmUser)
	path := filepath.Join(dir, "snmpd.conf")
	const rest = "engineBoots 3\nusmUser 1 3 0x80 \"monitoring\" \"monitoring\" NULL .1 0x1 .2 0x2 \"\"\n"
	if err := os.WriteFile(path, []byte(rest+"createUser monitor SHA \"cut off\" AES \"x\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	moved := []string{"/var/lib/snmp", dir, "/etc/snmp", dir, "Debian-snmp", "root"}
	inFolder(t, asUser+u.Set+"\n", moved...)
	got, _ := os.ReadFile(path)
	added, ok := strings.CutPrefix(string(got), rest)
	if w := strings.Fields(added); !ok || len(w) != 6 || strings.Count(added, "\n") != 1 || w[1] != "monitor" || len(w[3]) != 34 {
		t.Errorf("%s", got)
	}
	said, err := os.ReadFile(filepath.Join(dir, "aslwiz-nms.credentials"))
	if err != nil || !strings.Contains(string(said), "authentication SHA-256 ") {
		t.Errorf("%s, %v", said, err)
	}
	usm := rest + "usmUser 1 3 0x80 \"monitor\" \"monitor\" NULL .1 0x1 .2 0x2 \"\"\n"
	if err := os.WriteFile(path, []byte(usm), 0o600); err != nil {
		t.Fatal(err)
	}
	inFolder(t, asUser+u.Write+"\n", moved...)
	if got, _ := os.ReadFile(path); string(got) != rest {
		t.Errorf("after an undo:\n%s", got)
	}
}

// The community stays when the addresses change, and comes back with an undo.
func TestSNMPCommunityStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "aslwiz-community.conf")
	moved := []string{"/etc/snmp/snmpd.conf.d", dir, "root:Debian-snmp", "0:0"}
	one, two := SNMP{NMS: []string{"198.51.100.9"}}, SNMP{NMS: []string{"198.51.100.9", "2001:db8::9"}}
	read := func(s SNMP) string {
		return inFolder(t, strings.Replace(snmpCommunityFor(s, nil).(BroughtSetting).Read, "command -v snmpd", "command -v sh", 1), moved...)
	}
	if os.Getuid() != 0 {
		t.Skip("only root can give a file away")
	}
	inFolder(t, asUser+snmpCommunityFor(one, nil).(BroughtSetting).Set, moved...)
	first, _ := os.ReadFile(path)
	before := read(one)
	inFolder(t, asUser+snmpCommunityFor(two, nil).(BroughtSetting).Set, moved...)
	if got, _ := os.ReadFile(path); !strings.HasPrefix(string(got), string(first)) || !strings.Contains(string(got), "\nrocommunity6 ") {
		t.Errorf("%s\n%s", first, got)
	}
	if got := read(two); got != "640 root:root\n198.51.100.9\n2001:db8::9\n" {
		t.Error(got)
	}
	back := "printf '%s' '" + strings.Replace(before, "root:root", "0:0", 1) + "' | (\n" + snmpCommunityFor(two, nil).(BroughtSetting).Write + "\n)\n"
	inFolder(t, asUser+back, moved...)
	if got, _ := os.ReadFile(path); string(got) != string(first) {
		t.Errorf("undone: %q, before: %q", got, first)
	}
	inFolder(t, ": | (\n"+snmpCommunityFor(two, nil).(BroughtSetting).Write+"\n)\n", moved...)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("undone to nothing:", err)
	}
}

// Who may ask is read without what is secret.
func TestSNMPAccessIsReadWithoutSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "snmpd.conf.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string]string{
		"snmpd.conf": "  rocommunity\thunter2 192.0.2.9 # hunter2\nRWcommunity6 \"hunter2 x\" default\nrocommunity public default -V systemonly\n" +
			"com2sec -Cn ctx sec default hunter2\t# why hunter2\nauthcommunity log,net hunter2 default\nrouser joe\nagentAddress  udp:161\nextend x /bin/x\ncreateUser hunter2\n",
		"snmpd.conf.d/z.conf":                     "com2sec6 sec default 'hunter2'\n",
		"snmpd.conf.d/aslwiz.conf":                "agentaddress udp:161\nrouser monitor\n",
		"snmpd.conf.d/aslwiz-community.conf":      "rocommunity hunter2 192.0.2.9 -V all\n",
		"snmpd.conf.d/aslwiz-community.conf.save": "rocommunity hunter2 192.0.2.9 -V all\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, path), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const own = "D/snmpd.conf: rocommunity [not shown] 192.0.2.9\nD/snmpd.conf: RWcommunity6 [not shown]\nD/snmpd.conf: rocommunity public default -V systemonly\n" +
		"D/snmpd.conf: com2sec -Cn ctx sec default [not shown]\nD/snmpd.conf: authcommunity log,net [not shown] default\nD/snmpd.conf: rouser joe\nD/snmpd.conf: agentAddress udp:161\n"
	const left = "D/snmpd.conf.d/aslwiz-community.conf: rocommunity [not shown] 192.0.2.9 -V all\n"
	const other = "D/snmpd.conf.d/z.conf: com2sec6 [not shown]\n"
	for version, want := range map[string]string{"2c": own + other, "3": own + left + other} {
		got := inFolder(t, snmpAccessRead(SNMP{Version: version}), "/etc/snmp", dir)
		if got = strings.ReplaceAll(got, dir, "D"); got != want {
			t.Errorf("%s:\n%s", version, unifiedDiff("read", want, got, true))
		}
	}
}
