//go:build unix

package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mvdan.cc/sh/v3/syntax"
)

// machine is a root directory in which the real tx.sh works, with a boot id and
// an uptime of its own and a systemctl that only notes what it is told.
type machine struct {
	t    *testing.T
	root string
	bin  string
	id   string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, root: root, id: "20260101T000000Z-test"}
	// No test can tell whether a sync reached the disk; all can tell how long it takes.
	m.bin = programs(t, map[string]string{"systemctl": `echo "$*" >>"${0%/*}/systemctl.log"`, "sync": syncStub, "runuser": `shift 3; exec "$@"`})
	m.write("/proc/sys/kernel/random/boot_id", "boot-1\n")
	m.uptime(1000)
	m.write("/etc/systemd/system/.keep", "")
	return m
}

const syncStub = `for f; do [ -e "$f" ] || exit 1; done`

func (m *machine) uptime(n int) { m.write("/proc/uptime", fmt.Sprintf("%d.50 1.00\n", n)) }

func (m *machine) write(path, content string) {
	m.t.Helper()
	p := m.root + path
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// read is the file's content, or Absent.
func (m *machine) read(path string) string {
	b, err := os.ReadFile(m.root + path)
	if errors.Is(err, fs.ErrNotExist) {
		return Absent
	}
	return string(b)
}

func (m *machine) tx(file string) string { return m.read(TxRoot + "/" + m.id + "/" + file) }

func (m *machine) stage(tx Transaction) {
	m.t.Helper()
	tx.ID = m.id
	if err := tx.Validate(); err != nil {
		m.t.Fatal(err)
	}
	for _, f := range tx.folder("anna", []string{dialled}) {
		if name, ok := strings.CutPrefix(f.name, "secret/"); ok {
			m.write("/run/aslwiz/"+m.id+"/"+name, string(f.data))
			continue
		}
		m.write(TxRoot+"/"+m.id+"/"+f.name, string(f.data))
	}
}

func (m *machine) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.t.Context()), 90*time.Second) // no test waits for ever
	m.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{m.root + TxRoot + "/" + m.id + "/tx.sh"}, args...)...)
	cmd.Env = []string{"ASLWIZ_ROOT=" + m.root, "PATH=" + m.bin + ":" + os.Getenv("PATH"), "HOME=/", "ASLWIZ_PATIENCE=1"}
	ownGroup(cmd)
	return cmd
}

func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.command(args...).CombinedOutput()
	if err != nil {
		m.t.Logf("tx.sh %v: %v: %s", args, err, out)
	}
	return string(out)
}

func (m *machine) status() Status { m.t.Helper(); return parseReport([]byte(m.run("status"))).Status }

func (m *machine) want(state TxState) Status {
	m.t.Helper()
	st := m.status()
	if st.State != state {
		m.t.Fatalf("state %s, want %s: %+v\nlog: %s", st.State, state, st, m.tx("log"))
	}
	return st
}

// owner is one that the test may give to a file.
func owner(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	g, err := user.LookupGroupId(u.Gid)
	if err != nil {
		t.Fatal(err)
	}
	return u.Username + ":" + g.Name
}

// example changes a file, one behind a link, removes one, creates one in a new
// directory, and changes a setting.
func (m *machine) example() Transaction {
	m.write("/etc/plain", "old plain\n")
	m.write("/srv/target", "old target\n")
	m.write("/etc/gone", "old gone\n")
	m.write("/etc/value", "old value\n")
	if err := os.Symlink("../srv/target", m.root+"/etc/link"); err != nil && !errors.Is(err, fs.ErrExist) {
		m.t.Fatal(err)
	}
	own := owner(m.t)
	change := func(path, before, after string) FileChange {
		return FileChange{Path: path, Before: before, After: []byte(after), Mode: 0o600, Owner: own}
	}
	value := m.root + "/etc/value"
	return Transaction{
		Step: "example", Title: "an example",
		Script: "put /etc/plain\nput /etc/link\ndrop /etc/gone\nput /etc/new.d/deep/file\necho new value >" + value + "\nrun echo \"it's\" done\n",
		Files: []FileChange{
			change("/etc/plain", hashOf([]byte("old plain\n")), "new plain\n"),
			change("/etc/link", hashOf([]byte("old target\n")), "new target\n"),
			{Path: "/etc/gone", Before: hashOf([]byte("old gone\n")), Remove: true},
			change("/etc/new.d/deep/file", Absent, "new file\n"),
		},
		Settings: []SettingChange{{Name: "a value", Read: "cat " + value, Write: "cat >" + value, Before: hashOf([]byte("old value"))}},
		Limit:    20 * time.Second,
		Secrets:  map[string]Secret{"psk": NewSecret("hunter2")},
	}
}

var exampleFiles = []string{"/etc/plain", "/srv/target", "/etc/gone", "/etc/new.d/deep/file", "/etc/value"}

func (m *machine) contents() []string {
	var all []string
	for _, f := range exampleFiles {
		all = append(all, strings.TrimSpace(m.read(f)))
	}
	return all
}

var (
	exampleOld = []string{"old plain", "old target", "old gone", Absent, "old value"}
	exampleNew = []string{"new plain", "new target", Absent, "new file", "new value"}
)

func (m *machine) wantContents(want []string) {
	m.t.Helper()
	if got := m.contents(); !slices.Equal(got, want) {
		m.t.Fatalf("files are %q, want %q\nlog: %s", got, want, m.tx("log"))
	}
	if fi, err := os.Lstat(m.root + "/etc/link"); err != nil || fi.Mode()&fs.ModeSymlink == 0 {
		m.t.Fatalf("the link is one no more: %v", err)
	}
}

func TestTxRunAndUndo(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	_ = os.Remove(filepath.Join(m.bin, "sync")) // with the real one
	m.stage(m.example())
	m.run("run")
	st := m.want(TxDone)
	m.wantContents(exampleNew)
	if st.BootID != "boot-1" || st.Since.IsZero() || st.Step != "example" || st.Who != "anna" {
		t.Errorf("status %+v", st)
	}
	if fi, err := os.Stat(m.root + "/etc/plain"); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	if got := m.read("/run/aslwiz/" + m.id + "/psk"); got != Absent {
		t.Error("the secret is still there")
	}
	wantLog := "+ write /etc/plain\n+ write /etc/link\n+ remove /etc/gone\n+ write /etc/new.d/deep/file\n+ echo 'it'\\''s' done\nit's done\n"
	if got := m.tx("log"); got != wantLog {
		t.Errorf("log %q, want %q", got, wantLog)
	}
	m.run("undo")
	m.want(TxUndone)
	m.wantContents(exampleOld)
	if fi, err := os.Stat(m.root + "/etc/plain"); err != nil || fi.Mode().Perm() != 0o644 {
		t.Errorf("mode after undo %v, %v", fi.Mode(), err)
	}
	if m.read("/etc/new.d") != Absent {
		t.Error("the new directory is still there")
	}
}

func TestTxRefusesWhatChangedSinceThePlan(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.stage(m.example())
	m.write("/etc/plain", "somebody was here\n")
	m.write("/etc/value", "another\n")
	m.run("run")
	st := m.want(TxRefused)
	if !slices.Equal(st.Detail, []string{"/etc/plain", "a value"}) {
		t.Errorf("detail %q", st.Detail)
	}
	m.wantContents([]string{"somebody was here", "old target", "old gone", Absent, "another"})
}

func TestTxUndoRefusesWhatSomebodyChanged(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	tx := m.example()
	tx.Files[0].Mode = 0o644
	m.stage(tx)
	// The folder of a transaction is root's alone, whoever may read the file itself.
	if err := os.Chmod(filepath.Join(m.root, TxRoot, m.id, "new", "0"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.run("run")
	m.want(TxDone)
	m.write("/etc/plain", "mine now\n")
	m.run("undo")
	st := parseReport([]byte(m.run("undo-poll", "0", "0"))).Status
	all := strings.Join(st.Detail, "\n")
	if st.State != TxRefused || !strings.Contains(all, "/etc/plain: changed") || !strings.Contains(all, "-new plain") || !strings.Contains(all, "+mine now") {
		t.Errorf("%s %q", st.State, st.Detail)
	}
	m.want(TxDone)
	m.wantContents([]string{"mine now", "new target", Absent, "new file", "new value"})
	// Put back as the step left it, the undo goes through.
	m.write("/etc/plain", "new plain\n")
	m.run("undo")
	m.want(TxUndone)
	m.wantContents(exampleOld)
}

func TestTxRestoreKeepsWhatIsNeither(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.stage(m.example())
	m.run("run")
	m.write("/etc/plain", "precious\n")
	m.run("restore", "because")
	st := m.want(TxRestored)
	m.wantContents(exampleOld)
	if m.tx("aside/0") != "precious\n" || len(st.Detail) != 1 || st.Reason != "because" {
		t.Errorf("aside %q, status %+v", m.tx("aside/0"), st)
	}
}

func TestTxRestoreThatCannotSaysSo(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	tx := m.example()
	tx.Settings[0].Write = "exit 1"
	tx.After = []string{"true", "echo not possible >&2; false"}
	m.stage(tx)
	m.run("run")
	// a directory where the file was: nothing can be put back there
	if err := errors.Join(os.Remove(m.root+"/etc/plain"), os.MkdirAll(m.root+"/etc/plain/x", 0o755)); err != nil {
		t.Fatal(err)
	}
	m.write(TxRoot+"/"+m.id+"/set/4.write", "exit 1") // as staged
	m.run("restore", "because")
	st := m.want(TxBroken)
	all := strings.Join(st.Detail, "\n")
	for _, want := range []string{"/etc/plain: not restored", "a value: not restored", "echo not possible"} {
		if !strings.Contains(all, want) {
			t.Errorf("detail %q lacks %q", st.Detail, want)
		}
	}
}

func TestTxScriptStopsAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.stage(Transaction{Step: "s", Script: "run sh -c 'exit 9'\necho never\n"})
	m.run("run")
	if st := m.want(TxFailed); st.Code != 9 || st.Reason != "the script ended with status 9" || strings.Contains(m.tx("log"), "never\n") {
		t.Errorf("%+v %q", st, m.tx("log"))
	}
	m = newMachine(t)
	m.stage(Transaction{Step: "s", Script: "put /etc/not-mine\n"})
	m.run("run")
	if st := m.want(TxFailed); st.Code == 0 || !strings.Contains(m.tx("log"), "/etc/not-mine: not among the files") {
		t.Errorf("%+v %q", st, m.tx("log"))
	}
}

func TestTxStopAndLimit(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.stage(Transaction{Step: "s", Script: "echo begun\nsleep 60\n", Limit: time.Second})
	begin := time.Now()
	m.run("run")
	if st := m.want(TxStopped); !strings.Contains(st.Reason, "limit of 1 s") || time.Since(begin) > 10*time.Second {
		t.Errorf("%+v after %v", st, time.Since(begin))
	}
	m = newMachine(t)
	m.stage(Transaction{Step: "s", Script: "echo begun\nsleep 60\n", Limit: 50 * time.Second})
	cmd := m.command("run")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return m.tx("log") == "begun\n" })
	m.run("stop")
	_ = cmd.Wait()
	if st := m.want(TxStopped); st.Reason != "stopped on request" {
		t.Errorf("%+v", st)
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("never came about")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestTxKilledAnywhere kills the program with everything below it each time it
// has written something to the disk, first while it runs and then while it
// restores. A restore after that must bring everything back.
func TestTxKilledAnywhere(t *testing.T) {
	t.Parallel()
	kill := `n=$(cat "${0%/*}/count" 2>/dev/null || echo 0); echo $((n + 1)) >"${0%/*}/count"
[ "$n" != "$(cat "${0%/*}/at" 2>/dev/null)" ] || kill -9 0 # everything of this process group
` + syncStub
	for _, victim := range []string{"run", "restore"} {
		t.Run(victim, func(t *testing.T) {
			t.Parallel()
			for at := 0; ; at++ {
				m := newMachine(t)
				tx := m.example()
				tx.Script = strings.ReplaceAll(tx.Script, "put /etc/link", "sync\nput /etc/link")
				m.stage(tx)
				if victim == "restore" {
					m.run("run")
					m.want(TxDone)
				}
				if err := os.WriteFile(filepath.Join(m.bin, "sync"), []byte("#!/bin/sh\n"+kill), 0o755); err != nil {
					t.Fatal(err)
				}
				_ = os.WriteFile(filepath.Join(m.bin, "at"), []byte(strconv.Itoa(at)), 0o644)
				_ = m.command(victim, "first").Run()
				count, _ := os.ReadFile(filepath.Join(m.bin, "count"))
				_ = os.Remove(filepath.Join(m.bin, "at"))
				m.run("restore", "after the kill")
				m.wantContents(exampleOld)
				m.want(TxRestored)
				if n, _ := strconv.Atoi(strings.TrimSpace(string(count))); n <= at {
					if at < 5 {
						t.Errorf("only %d points", at)
					}
					return
				}
			}
		})
	}
}

func TestTxRestoreOnAFullDisk(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.stage(m.example())
	m.run("run")
	m.want(TxDone)
	if err := os.WriteFile(filepath.Join(m.bin, "cp"), []byte("#!/bin/sh\necho 'No space left on device' >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	m.run("restore", "x")
	st := m.want(TxRestored)
	m.wantContents(exampleOld)
	if !strings.Contains(strings.Join(st.Detail, "\n"), "written in place") {
		t.Errorf("does not say so: %q", st.Detail)
	}
}

func TestScriptsParse(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"tx.sh": txProgram, "survey.sh": surveyProgram, "session.sh": sessionLoop, "stage.sh": stageProgram, "list": listProgram,
	} {
		if _, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(text), name); err != nil {
			t.Error(err)
		}
		checker, err := exec.LookPath("shellcheck")
		if err != nil {
			continue
		}
		cmd := exec.CommandContext(t.Context(), checker, "--shell=sh", "--severity=warning", "--exclude=SC2154", "-")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %s", name, out)
		}
	}
}

// TestTxSavesWhatThePlanSaw: a setting that reads otherwise when it is saved is
// never written back.
func TestTxSavesWhatThePlanSaw(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	tx := m.example()
	count := m.root + "/count"
	tx.Settings[0].Read = "echo x >>" + count + "; [ $(wc -l <" + count + ") -gt 1 ] || echo old value"
	m.stage(tx)
	m.run("run")
	m.want(TxRefused)
	m.wantContents(exampleOld)
}
