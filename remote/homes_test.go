//go:build linux

package remote

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// resident is a user with a home on a machine, who plants things there. As root, it is a
// real one without rights; else it is whoever runs the test.
type resident struct {
	*machine
	name     string
	uid, gid int
}

const (
	homeKeys = "/home/anna/.ssh/authorized_keys"
	oldKeys  = "ssh-ed25519 OLD anna\n"
	newKeys  = oldKeys + "ssh-ed25519 NEW anna\n"
)

func newResident(t *testing.T) *resident {
	t.Helper()
	m := newMachine(t)
	u, err := user.Current()
	if os.Getuid() == 0 {
		_ = os.Remove(filepath.Join(m.bin, "runuser"))
		_, err = exec.LookPath("runuser")
		if err == nil {
			u, err = user.Lookup("nobody")
		}
		err = errors.Join(err, os.Chmod(m.root, 0o755), os.Chmod(filepath.Dir(m.root), 0o755))
		// What stands in for programs is that user's too.
		err = errors.Join(err, os.Chmod(m.bin, 0o755), os.Chmod(filepath.Dir(m.bin), 0o755))
	}
	if err != nil {
		t.Skip(err)
	}
	r := &resident{machine: m, name: u.Username}
	r.uid, _ = strconv.Atoi(u.Uid)
	r.gid, _ = strconv.Atoi(u.Gid)
	m.write(homeKeys, oldKeys)
	m.write("/etc/shadow", "root's\n")
	for path, mode := range map[string]fs.FileMode{"/home/anna": 0o755, "/home/anna/.ssh": 0o700, homeKeys: 0o644} {
		if err := errors.Join(os.Lchown(m.root+path, r.uid, r.gid), os.Chmod(m.root+path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(m.root+"/etc/shadow", 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *resident) keys(before string) Transaction {
	return Transaction{Step: "users", Script: "put " + homeKeys + "\n", Limit: 20 * time.Second, Files: []FileChange{
		{Path: homeKeys, Before: before, After: []byte(newKeys), Mode: 0o600, User: r.name},
	}}
}

// plants are what a user may leave in a home, and whether that keeps the step from its work.
var plants = []struct {
	name, script string
	stops        bool
	begin        string // what the home is like when the plan is made
}{
	{"a link with the name of the temporary file", `ln -s "$R/etc/shadow" "$H/.ssh/.aslwiz-$ID.0"; ln -s "$R/etc/shadow" "$H/.ssh/.aslwiz.12345678"`, false, ""},
	{"a link in place of the keys, to what is not there", `rm "$H/.ssh/authorized_keys"; ln -s "$R/etc/ld.so.preload" "$H/.ssh/authorized_keys"`, true, ""},
	{"a link in place of the keys, to what is root's", `rm "$H/.ssh/authorized_keys"; ln -s "$R/etc/shadow" "$H/.ssh/authorized_keys"`, true, ""},
	{"a link in place of the folder", `mv "$H/.ssh" "$H/old"; ln -s "$R/etc" "$H/.ssh"`, true, ""},
	{"a FIFO in place of the keys", `rm "$H/.ssh/authorized_keys"; mkfifo "$H/.ssh/authorized_keys"`, true, ""},
	{"a link to another file of the user's own", `mv "$H/.ssh/authorized_keys" "$H/mine"; ln -s "$H/mine" "$H/.ssh/authorized_keys"`, true, ""},
	{"a folder in place of the keys", `rm "$H/.ssh/authorized_keys"; mkdir "$H/.ssh/authorized_keys"`, true, ""},
	{"no keys, and a link to what is not there", `rm -f "$H/.ssh/authorized_keys"; ln -s "$R/etc/ld.so.preload" "$H/.ssh/authorized_keys"`, true, `rm "$H/.ssh/authorized_keys"`},
	{"no folder, and a link to root's", `rm -rf "$H/.ssh"; ln -s "$R/etc" "$H/.ssh"`, true, `rm -r "$H/.ssh"`},
}

// Whoever runs as the user is perhaps that user, by ptrace(2): what it prints is one word of
// letters and digits to root, and nothing that makes a line of root's list of files.
func TestHomeSaysNothingButAWord(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		said string
		want TxState
	}{
		"more lines":   {`600 root:root\t/x\t/x\nfile\t9\tabsent\t0\t-\t-\t%s/etc/shadow\t/etc/shadow\n600\n`, TxFailed}, // its first word
		"nothing":      {``, TxRefused},
		"another word": {`root\n`, TxRefused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newResident(t)
			become := `shift 3; exec "$@"`
			if os.Getuid() == 0 {
				path, err := exec.LookPath("runuser")
				if err != nil {
					t.Skip(err)
				}
				become = "exec " + path + ` "$@"`
			}
			r.stub("runuser", `if [ "$8" = mode ]; then printf '`+c.said+`' "$ASLWIZ_ROOT"; else `+become+`; fi`)
			tx := r.keys(hashOf([]byte(oldKeys)))
			tx.Script = "false\n"
			r.stage(tx)
			r.run("run")
			r.want(c.want)
			r.plant(`rm "$H/.ssh/authorized_keys"; ln -s "$R/etc/shadow" "$H/.ssh/authorized_keys"`)
			r.run("restore", "asked for")
			r.unharmed()
		})
	}
}

func (r *resident) plant(script string) {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "sh", "-c", "set -e; "+script)
	cmd.Env = append(os.Environ(), "R="+r.root, "H="+r.root+"/home/anna", "ID="+r.id)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(r.uid), Gid: uint32(r.gid)}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("%s: %v: %s", script, err, out)
	}
}

// unharmed: what is root's is as it was.
func (r *resident) unharmed() {
	r.t.Helper()
	fi, err := os.Stat(r.root + "/etc/shadow")
	if err != nil {
		r.t.Fatal(err)
	}
	if fi.Mode().Perm() != 0o600 || int(fi.Sys().(*syscall.Stat_t).Uid) != os.Getuid() || r.read("/etc/shadow") != "root's\n" {
		r.t.Errorf("root's file is %v, %q: %v", fi.Mode(), r.read("/etc/shadow"), err)
	}
	if fi, err = os.Stat(r.root + "/etc"); err != nil || int(fi.Sys().(*syscall.Stat_t).Uid) != os.Getuid() || fi.Mode().Perm() != 0o755 {
		r.t.Errorf("root's folder is %v: %v", fi.Mode(), err)
	}
	for _, path := range []string{"/etc/ld.so.preload", "/etc/authorized_keys"} {
		if got := r.read(path); got != Absent {
			r.t.Errorf("%s was written: %q", path, got)
		}
	}
	left, _ := filepath.Glob(r.root + "/home/anna/.ssh/.aslwiz.????????")
	for _, l := range left {
		if fi, err := os.Lstat(l); err == nil && fi.Mode().IsRegular() {
			r.t.Errorf("%s was left", l)
		}
	}
	if strings.Contains(r.tx("log")+r.tx("before/0")+r.tx("aside/0"), "root's") {
		r.t.Error("what is root's was read")
	}
}

// TestHomeIsItsUsers: whatever a user plants in a home, before a step, in the middle of
// it, before it is taken back or undone, root's files are as they were.
func TestHomeIsItsUsers(t *testing.T) {
	t.Parallel()
	for _, p := range plants {
		for _, when := range []string{"before", "in the middle", "restore", "undo"} {
			t.Run(p.name+", "+when, func(t *testing.T) {
				t.Parallel()
				r := newResident(t)
				tx := r.keys(hashOf([]byte(oldKeys)))
				if p.begin != "" {
					r.plant(p.begin)
					tx = r.keys(Absent)
				}
				good, bad := TxDone, TxRefused
				switch when {
				case "before":
					r.stage(tx)
					r.plant(p.script)
					r.run("run")
				case "in the middle":
					bad = TxFailed
					tx.Script = "touch " + r.root + "/now\nuntil [ -e " + r.root + "/go ]; do sleep 0.05; done\n" + tx.Script
					r.stage(tx)
					job := r.command("run")
					if err := job.Start(); err != nil {
						t.Fatal(err)
					}
					eventually(t, func() bool { return r.read("/now") != Absent })
					r.plant(p.script)
					r.write("/go", "")
					_ = job.Wait()
				default:
					r.stage(tx)
					r.run("run")
					r.want(TxDone)
					if got := r.read(homeKeys); got != newKeys {
						t.Fatalf("keys %q", got)
					}
					r.plant(p.script)
					good, bad = TxRestored, TxBroken
					if when == "undo" {
						good, bad = TxUndone, TxDone // refused
					}
					r.run(when, "because")
				}
				if p.stops {
					r.want(bad)
				} else {
					r.want(good)
				}
				r.unharmed()
			})
		}
	}
}

// TestHomeThereAndBack: the keys are the user's, with their mode, and so is what was there
// before them; a folder that was not there is gone again.
func TestHomeThereAndBack(t *testing.T) {
	t.Parallel()
	r := newResident(t)
	r.stage(r.keys(hashOf([]byte(oldKeys))))
	check := func(want string, mode fs.FileMode) {
		t.Helper()
		fi, err := os.Stat(r.root + homeKeys)
		if err != nil || r.read(homeKeys) != want || fi.Mode().Perm() != mode || int(fi.Sys().(*syscall.Stat_t).Uid) != r.uid {
			t.Errorf("%q %v %v\nlog: %s", r.read(homeKeys), fi, err, r.tx("log"))
		}
	}
	r.run("run")
	r.want(TxDone)
	check(newKeys, 0o600)
	r.run("undo")
	r.want(TxUndone)
	check(oldKeys, 0o644)

	r.id = "20260102T000000Z-new"
	r.plant(`rm -r "$H/.ssh"`)
	r.stage(r.keys(Absent))
	r.run("run")
	r.want(TxDone)
	check(newKeys, 0o600)
	// Somebody's change is kept, and the way back does what it can.
	r.plant(`echo mine >>"$H/.ssh/authorized_keys"`)
	r.run("restore", "because")
	r.want(TxRestored)
	if r.read("/home/anna/.ssh") != Absent || r.tx("aside/0") != newKeys+"mine\n" {
		t.Errorf("left %q, kept %q", r.read(homeKeys), r.tx("aside/0"))
	}
}

// TestHomeOfNobody: of a user that is not there yet nothing is read, and of one that is
// not there any more nothing is put back, which is said.
func TestHomeOfNobody(t *testing.T) {
	t.Parallel()
	r := newResident(t)
	r.stub("id", `[ -e `+r.root+`/there ]`)
	r.stub("useradd", `touch `+r.root+`/there`)
	tx := r.keys(Absent)
	r.plant(`rm -r "$H/.ssh"`)
	tx.Script = "useradd\n" + tx.Script
	r.stage(tx)
	r.run("run")
	r.want(TxDone)
	if r.read(homeKeys) != newKeys {
		t.Errorf("%q", r.read(homeKeys))
	}
	if err := os.Remove(r.root + "/there"); err != nil {
		t.Fatal(err)
	}
	r.run("restore", "because")
	st := r.want(TxRestored)
	if !strings.Contains(strings.Join(st.Detail, "\n"), homeKeys+": there is no user "+r.name+" any more") {
		t.Errorf("%q", st.Detail)
	}
}

// TestHomeIsSwept: half of a file beside the keys, by a process that was killed or by a
// job that was, goes at once or with the next job.
func TestHomeIsSwept(t *testing.T) {
	t.Parallel()
	r := newResident(t)
	half := func() int { l, _ := filepath.Glob(r.root + "/home/anna/.ssh/.aslwiz.*"); return len(l) }
	r.stage(r.keys(hashOf([]byte(oldKeys))))
	r.stub("sync", `case $1 in */.ssh/.aslwiz.*) [ -s "$1" ] && echo x >"$1" && kill -9 $PPID; exit 1 ;; esac
`+syncStub)
	r.run("run")
	r.want(TxFailed)
	if half() != 0 || r.read(homeKeys) != oldKeys {
		t.Errorf("half a file is still there; keys %q", r.read(homeKeys))
	}
	r.stub("sync", syncStub)
	r.plant(`echo half >"$H/.ssh/.aslwiz.abcdefgh"`)
	r.write(TxRoot+"/"+r.id+"/status", "state=running\npid=1\nboot=boot-1\nstart=1\n")
	r.id = "20260102T000000Z-next"
	r.stage(Transaction{Step: "next", Script: "echo next\n"})
	r.run("run")
	r.want(TxDone)
	if half() != 0 {
		t.Error("what the job left is still there")
	}
}

// TestNotBelowWhatOthersWrite: a file whose way leads through a folder that somebody else
// may write to is refused, before anything of it is read, and so is what cannot be changed.
func TestNotBelowWhatOthersWrite(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ spoil, says string }{
		"writable by all":     {`chmod 777 "$R/etc/d"`, "/etc/d/f: everybody may write to /etc/d: root does not write"},
		"sticky":              {`chmod 1777 "$R/etc/d"`, "everybody may write to /etc/d"},
		"above":               {`chmod 1777 "$R/etc"`, "everybody may write to /etc"},
		"somebody's":          {`[ "$(id -u)" != 0 ] || chown 54321 "$R/etc/d"; [ "$(id -u)" = 0 ] || chmod 777 "$R/etc/d"`, " /etc/d"},
		"where a link leads":  {`mkdir -m 777 "$R/open"; mv "$R/etc/d" "$R/open/d"; ln -s ../open/d "$R/etc/d"`, "everybody may write to /open"},
		"a link beside it":    {`mkdir -m 777 "$R/open"; mv "$R/etc/d/f" "$R/etc/d/g"; ln -s ../etc/d/g "$R/open/f"; ln -s ../../open/f "$R/etc/d/f"`, "everybody may write to /open"},
		"links in a circle":   {`rm -r "$R/etc/d"; ln -s e "$R/etc/d"; ln -s d "$R/etc/e"`, "circle"},
		"a file of nobody's":  {`stub lsattr "case \$* in */f*) echo \"----i---------e------- $R/etc/d/f\" ;; esac"`, "/etc/d/f is immutable or append-only; chattr -ia /etc/d/f lets"},
		"a folder that stays": {`stub lsattr "echo \"-----a--------e------- $R/etc/d/\""`, "/etc/d is immutable or append-only; chattr -ia /etc/d lets"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			m.write("/etc/d/f", "old\n")
			m.stage(Transaction{Step: "s", Script: "put /etc/d/f\n", Files: []FileChange{
				{Path: "/etc/d/f", Before: hashOf([]byte("old\n")), After: []byte("new\n"), Mode: 0o644, Owner: owner(t)},
			}})
			cmd := exec.CommandContext(t.Context(), "sh", "-c", `set -e; stub() { printf '#!/bin/sh\n%s\n' "$2" >"$BIN/$1"; chmod 755 "$BIN/$1"; }; `+c.spoil)
			cmd.Env = append(os.Environ(), "R="+m.root, "BIN="+m.bin)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			m.run("run")
			st := m.want(TxRefused)
			if !strings.Contains(strings.Join(st.Detail, "\n"), c.says) || m.tx("before/0") != Absent {
				t.Errorf("%q", st.Detail)
			}
		})
	}
}

// TestRestoreLeavesAloneWhatOthersWrite: where a folder became somebody else's since, root
// does not follow them, and the rest comes back.
func TestRestoreLeavesAloneWhatOthersWrite(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.stage(m.example())
	m.run("run")
	m.want(TxDone)
	if err := os.Chmod(m.root+"/etc/new.d", 0o777); err != nil {
		t.Fatal(err)
	}
	m.run("restore", "because")
	st := m.want(TxBroken)
	if all := strings.Join(st.Detail, "\n"); !strings.Contains(all, "/etc/new.d/deep/file: everybody may write to /etc/new.d: left as it is") || !strings.Contains(all, "/etc/new.d/deep/file: not restored") {
		t.Errorf("%q", st.Detail)
	}
	m.wantContents([]string{"old plain", "old target", "old gone", "new file", "old value"})
}

// TestLinesNotBelowWhatOthersWrite: a line of script that writes a file is held to the same.
func TestLinesNotBelowWhatOthersWrite(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before the step", "before the roll-back"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			m.write("/etc/d/f", "old\n")
			m.stage(Transaction{Step: "s", Script: `echo new >"$ASLWIZ_ROOT/etc/d/f"`, Settings: []SettingChange{{
				Name: "a line of f", Path: "/etc/d/f", Read: `cat "$ASLWIZ_ROOT/etc/d/f"`, Write: `cat >"$ASLWIZ_ROOT/etc/d/f"`, Before: hashOf([]byte("old")),
			}}})
			want, state := "old\n", TxRefused
			if when == "before the roll-back" {
				m.run("run")
				m.want(TxDone)
				want, state = "new\n", TxBroken
			}
			if err := os.Chmod(m.root+"/etc/d", 0o777); err != nil {
				t.Fatal(err)
			}
			if state == TxRefused {
				m.run("run")
			} else {
				m.run("restore", "because")
			}
			st := m.want(state)
			if all := strings.Join(st.Detail, "\n"); !strings.Contains(all, "a line of f: everybody may write to /etc/d") || m.read("/etc/d/f") != want {
				t.Errorf("%q, %q", st.Detail, m.read("/etc/d/f"))
			}
		})
	}
}

// TestAliveCannotBeFaked: a process that has the job's number and its command line, and was
// started at another time, is not the job.
func TestAliveCannotBeFaked(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.stage(m.example())
	fake := exec.CommandContext(t.Context(), "/bin/sh", "-c", "sleep 60; :", m.root+TxRoot+"/"+m.id+"/tx.sh")
	if err := fake.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fake.Process.Kill() })
	pid := strconv.Itoa(fake.Process.Pid)
	m.write(TxRoot+"/"+m.id+"/status", "state=running\nboot=boot-1\nstart=7\npid="+pid+"\n")
	if st := m.status(); st.State != TxLost {
		t.Errorf("a fake counts as the job: %+v", st)
	}
	// A process may have any name.
	odd := filepath.Join(m.bin, "a ) b (c) R 1")
	if b, err := os.ReadFile("/bin/sh"); err != nil || os.WriteFile(odd, b, 0o755) != nil {
		t.Skip(err)
	}
	m.id = "20260102T000000Z-odd"
	m.stage(Transaction{Step: "s", Script: "until [ -e " + m.root + "/go ]; do sleep 0.05; done\n", Limit: 20 * time.Second})
	job := m.command("run")
	job.Path = odd
	if err := job.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return strings.Contains(m.tx("status"), "state=running") })
	if st := m.status(); st.State != TxRunning {
		t.Errorf("the job does not count: %+v\n%s", st, m.tx("status"))
	}
	m.write("/go", "")
	_ = job.Wait()
	m.want(TxDone)
}

// TestSameStepTwiceWithinASecond has another name each time.
func TestSameStepTwiceWithinASecond(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 12, 0, 0, 1000, time.UTC)
	one, two := NewID(at, "ipsec"), NewID(at.Add(time.Millisecond), "ipsec")
	if one != "20260101T120000.000001Z-ipsec" || two <= one {
		t.Errorf("%s, %s", one, two)
	}
	tx := Transaction{ID: one, Step: "ipsec"}
	if err := tx.Validate(); err != nil {
		t.Error(err)
	}
}

// TestNoRoomSaysHowMuch, and how much there is.
func TestNoRoomSaysHowMuch(t *testing.T) {
	t.Parallel()
	h := newHost(t, false)
	h.stub("df", `echo Avail; echo 900000`)
	_, err := h.apply(t.Context())
	if !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), " MB in /var/lib/aslwiz/tx, and 0.9 MB are free") {
		t.Errorf("%v", err)
	}
}

// TestSessionSweepIsNotFooled: a folder that somebody else named like a session's is not
// root's to remove, and a process that calls itself aslwiz keeps none alive.
func TestSessionSweepIsNotFooled(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs a second user")
	}
	s := localSession(t)
	r, err := s.do(t.Context(), request{script: `echo "$ASLWIZ_DIR"`, limit: 5 * time.Second, max: 1000})
	if err != nil {
		t.Fatal(err)
	}
	fake := exec.CommandContext(t.Context(), "/bin/sh", "-c", "sleep 60; :", "aslwiz")
	fake.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 54321, Gid: 54321}}
	if err := fake.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fake.Process.Kill() })
	at := filepath.Dir(strings.TrimSpace(string(r.out))) + "/aslwiz-session."
	kept, stale := at+"1000000000."+strconv.Itoa(fake.Process.Pid), at+strconv.Itoa(fake.Process.Pid)+".stale"
	t.Cleanup(func() { _ = os.RemoveAll(kept) })
	if err := errors.Join(os.Mkdir(kept, 0o700), os.Chown(kept, 54321, 54321), os.Mkdir(stale, 0o700)); err != nil {
		t.Fatal(err)
	}
	s = localSession(t)
	if _, err := s.do(t.Context(), request{script: "true", limit: 5 * time.Second, max: 10}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("somebody else's folder: %v", err)
	}
	if _, err := os.Stat(stale); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a fake keeps is still there: %v", err)
	}
}

// TestHomeVersionThatCannotBeKept: what a user saved is not overwritten without a copy.
func TestHomeVersionThatCannotBeKept(t *testing.T) {
	t.Parallel()
	r := newResident(t)
	r.stage(r.keys(hashOf([]byte(oldKeys))))
	r.run("run")
	r.want(TxDone)
	r.plant(`echo mine >>"$H/.ssh/authorized_keys"`)
	r.stub("head", `exit 1`)
	r.run("restore", "because")
	r.stub("head", `PATH=${PATH#*:} exec head "$@"`)
	if got := r.read(homeKeys); got != newKeys+"mine\n" {
		t.Errorf("overwritten: %q", got)
	}
}

// TestOwnersOfFiles: Debian's own users have capitals; a number that has no name is none.
func TestOwnersOfFiles(t *testing.T) {
	t.Parallel()
	for owner, ok := range map[string]bool{"root:root": true, "root:Debian-snmp": true, "root:UNKNOWN": false, "UNKNOWN:root": false, "root": false, "a b:c": false, "-x:root": false} {
		if err := (FileChange{Path: "/etc/x", Before: Absent, Owner: owner}).validate(); (err == nil) != ok {
			t.Errorf("%s: %v", owner, err)
		}
	}
}
