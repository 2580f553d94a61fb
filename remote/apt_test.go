//go:build linux

package remote

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test program also be a program that holds a file's lock as apt does,
// by fcntl: locks of one process do not stand in each other's way.
func TestMain(m *testing.M) {
	if path := os.Getenv("HOLD_LOCK"); path != "" {
		holdLock(path)
		return
	}
	os.Exit(m.Run())
}

func holdLock(path string) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err == nil {
		err = syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK})
	}
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
	println("held")
	time.Sleep(60 * time.Second)
}

// lockedBy has a program called unattended-upgrade hold one of apt's locks; call what it
// returns to let it go.
func (m *machine) lockedBy(lock string) (free func()) {
	m.t.Helper()
	m.write(lock, "")
	self, err := os.Executable()
	if err != nil {
		m.t.Fatal(err)
	}
	name := filepath.Join(m.bin, "unattended-upgrade")
	if err := os.Symlink(self, name); err != nil {
		m.t.Fatal(err)
	}
	cmd := m.command()
	cmd.Path, cmd.Args = name, []string{name}
	cmd.Env = append(cmd.Env, "HOLD_LOCK="+m.root+lock)
	out, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		m.t.Fatal(err)
	}
	said := make([]byte, 5)
	if _, err := out.Read(said); err != nil || string(said) != "held\n"[:5] {
		m.t.Fatalf("%q, %v", said, err)
	}
	done := false
	free = func() {
		if !done {
			done = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	m.t.Cleanup(free)
	return free
}

// aptStub is an apt-get that refuses as apt does while somebody holds its lists: at once.
const aptStub = `case "$*" in
  *" update"*) ! grep -q ":$(stat -c %i "$ASLWIZ_ROOT/var/lib/apt/lists/lock" 2>/dev/null || echo none) " /proc/locks || {
    echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 1 (x)"
    exit 100
  } ;;
esac
echo "did $*"`

// Each of apt's locks is waited for, its holder is named in the log and in the status,
// and the work goes on by itself once it is free.
func TestAptWaitsForLocks(t *testing.T) {
	t.Parallel()
	for lock, what := range map[string]string{
		"/var/lib/apt/lists/lock":      "apt's lists",
		"/var/cache/apt/archives/lock": "apt's downloads",
		"/var/lib/dpkg/lock-frontend":  "dpkg's lock",
		"/var/lib/dpkg/lock":           "dpkg's lock",
	} {
		t.Run(filepath.Base(filepath.Dir(lock))+filepath.Base(lock), func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			m.stub("apt-get", aptStub)
			free := m.lockedBy(lock)
			m.stage(Transaction{Step: "s", Script: "apt_get update\necho after\n", Limit: 30 * time.Second})
			s := m.on(0)
			job := m.command("run")
			if err := job.Start(); err != nil {
				t.Fatal(err)
			}
			defer reap(job)
			var lines, doing []string
			st, err := s.Follow(limited(t), m.id, 0, func(p Progress) {
				lines = append(lines, p.Lines...)
				doing = append(doing, p.Doing)
				if strings.Contains(p.Doing, " s") {
					free()
				}
			})
			if err != nil || st.State != TxDone {
				t.Fatalf("%+v, %v\n%s", st, err, strings.Join(lines, "\n"))
			}
			waits := func(line string) bool {
				return strings.HasPrefix(line, "waiting for unattended-upgrade (pid ") && strings.Contains(line, "), which holds "+what)
			}
			if !slices.ContainsFunc(lines, waits) || !slices.ContainsFunc(doing, waits) || lines[len(lines)-1] != "after" {
				t.Errorf("log %q\ndoing %q", lines, doing)
			}
			if doing[len(doing)-1] != "" {
				t.Errorf("it is still said that %q", doing[len(doing)-1])
			}
		})
	}
}

// The wait ends, and the first word is who was in the way.
func TestAptDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.stub("apt-get", aptStub)
	m.lockedBy("/var/lib/apt/lists/lock")
	m.stage(Transaction{Step: "s", Script: "apt_get update\necho never\n", Limit: 30 * time.Second})
	cmd := m.command("run")
	cmd.Env = append(cmd.Env, "ASLWIZ_APT_PATIENCE=2")
	_ = cmd.Run()
	st := m.want(TxFailed)
	if !strings.HasPrefix(st.Reason, "apt could not begin: unattended-upgrade (pid ") || !strings.Contains(st.Reason, "has held apt's lists for 2 s") || strings.Contains(m.tx("log"), "never\n") {
		t.Errorf("%+v\n%s", st, m.tx("log"))
	}
}

// A stop is obeyed at once while apt is waited for.
func TestStopWhileAptWaits(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.stub("apt-get", aptStub)
	m.lockedBy("/var/lib/apt/lists/lock")
	m.stage(Transaction{Step: "s", Script: "apt_get update\necho never\n", Limit: 30 * time.Second})
	s := m.on(0)
	job := m.command("run")
	if err := job.Start(); err != nil {
		t.Fatal(err)
	}
	defer reap(job)
	stopped := false
	begun := time.Now()
	st, err := s.Follow(limited(t), m.id, 0, func(p Progress) {
		if strings.HasPrefix(p.Doing, "waiting for") && !stopped {
			stopped = true
			if err := s.Stop(t.Context(), m.id); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil || st.State != TxStopped || time.Since(begun) > 15*time.Second || strings.Contains(m.tx("log"), "never\n") {
		t.Errorf("%+v, %v after %s\n%s", st, err, time.Since(begun), m.tx("log"))
	}
}

// installStub is an apt-get that would remove what the environment says.
func (m *machine) installStub(removes string) {
	m.stub("apt-cache", `shift; for n; do [ "$n" = nosuch ] || printf '%s:\n  Installed: (none)\n  Candidate: 1.0\n  Version table:\n     1.0 500\n' "$n"; done`)
	m.stub("apt-get", `case "$*" in
  -s*) echo "NOTE: This is only a simulation!"; printf '`+removes+`'; echo "Inst ntpsec (1.2 Debian:12/stable [amd64])" ;;
  *--no-remove*) [ -z "`+removes+`" ] || { echo "E: Packages need to be removed but remove is disabled."; exit 100; }; echo "did $*" ;;
  *) echo "did $*" ;;
esac`)
}

// What apt would remove was in the plan by name, or nothing is installed.
func TestAptRemovesOnlyWhatWasAgreed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		removes, agreed string
		want            TxState
		log             string
		reason          string
	}{
		"nothing":        {want: TxDone, log: "did -q -o DPkg::Lock::Timeout=5 "},
		"agreed":         {removes: `Remv systemd-timesyncd [252.39-1] [ntpsec:amd64 ]\n`, agreed: "systemd-timesyncd exim4-base", want: TxDone, log: "apt removes systemd-timesyncd, as the plan says\n"},
		"not agreed":     {removes: `Remv chrony [4.3-2]\n`, want: TxFailed, reason: "apt would remove chrony, which the plan does not name; nothing was installed"},
		"one of two":     {removes: `Remv systemd-timesyncd [252]\nPurg chrony [4.3-2]\n`, agreed: "systemd-timesyncd", want: TxFailed, reason: "apt would remove chrony, which"},
		"a name like it": {removes: `Remv exim4-base-extra [4]\nRemv exim4 [4]\n`, agreed: "exim4-base", want: TxFailed, reason: "apt would remove exim4-base-extra, exim4, which"},
		"another kind":   {removes: `Remv libfoo:i386 [1]\n`, want: TxFailed, reason: "apt would remove libfoo:i386"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			m.installStub(tt.removes)
			m.stage(Transaction{Step: "s", Script: "apt_install '" + tt.agreed + "' ntpsec nosuch\necho after\n"})
			m.run("run")
			st := m.want(tt.want)
			log := m.tx("log")
			if !strings.HasPrefix(st.Reason, tt.reason) || !strings.Contains(log, tt.log) || !strings.Contains(log, "apt offers no nosuch: left out\n") {
				t.Errorf("%+v\n%s", st, log)
			}
			if done := strings.Contains(log, "did "); done != (tt.want == TxDone) {
				t.Errorf("installed: %t\n%s", done, log)
			}
			if noRemove := strings.Contains(log, "--no-remove install -y -- ntpsec\n"); tt.want == TxDone && noRemove != (tt.removes == "") {
				t.Errorf("--no-remove: %t\n%s", noRemove, log)
			}
		})
	}
}

// What apt would remove may change while somebody else's apt is waited for.
func TestAptAsksAgainAfterItWaited(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.installStub("")
	m.stub("apt-get", `taken=$ASLWIZ_ROOT/taken
case "$*" in
  -s*) if [ -e "$taken" ]; then echo "Remv chrony [4.3-2]"; else echo "Remv systemd-timesyncd [252]"; fi ;;
  *) if [ -e "$taken" ]; then echo "did $*"; else : >"$taken"; echo "E: Could not get lock /var/lib/dpkg/lock. It is held by process 1 (x)"; exit 100; fi ;;
esac`)
	m.stage(Transaction{Step: "s", Script: "apt_install 'systemd-timesyncd' ntpsec\n"})
	m.run("run")
	if st := m.want(TxFailed); !strings.HasPrefix(st.Reason, "apt would remove chrony, which the plan does not name") || strings.Contains(m.tx("log"), "did ") {
		t.Errorf("%+v\n%s", st, m.tx("log"))
	}
}

// The reason of a failed step is apt's cause, not the number that it ended with.
func TestAptCauses(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		`E: You don't have enough free space in /var/cache/apt/archives/.`: "the disk is full: apt has no room in /var/cache/apt/archives/ (",
		`dpkg: error processing archive /x.deb (--unpack):\n cannot copy extracted data: failed to write (No space left on device)\nE: Sub-process /usr/bin/dpkg returned an error code (1)`: "the disk is full",
		`E: Package 'fio' has no installation candidate`: "apt offers no fio: check /etc/apt/sources.list",
		`E: Unable to locate package fio`:                "apt offers no fio: check /etc/apt/sources.list",
		`dpkg: error processing package halfp (--configure):\nE: Sub-process /usr/bin/dpkg returned an error code (1)`: "dpkg failed on halfp",
		`E: Failed to fetch http://anna:hunter2@deb.debian.org/x.deb  404  Not Found [IP: 1.2.3.4 80]`:                 "apt could not fetch http://deb.debian.org/x.deb: 404  Not Found",
		`E: The list of sources could not be read.`:                                                                    "apt-get failed: The list of sources could not be read.",
		``: "apt-get failed and did not say why",
	} {
		m := newMachine(t)
		m.stub("apt-get", "printf '"+strings.ReplaceAll(said, "'", `'\''`)+"\\n'; exit 100")
		m.stub("dpkg", "exit 0")
		m.stage(Transaction{Step: "s", Script: "apt_get install -y fio\necho never\n"})
		m.run("run")
		if st := m.want(TxFailed); !strings.HasPrefix(st.Reason, want) || st.Code != 100 {
			t.Errorf("%q: %+v\n%s", said, st, m.tx("log"))
		}
	}
	// A mirror out of reach fails update only with a warning: what then is not offered
	// is not a matter of the sources.
	m := newMachine(t)
	m.stub("apt-get", `echo "W: Failed to fetch http://deb.debian.org/debian/dists/bookworm/InRelease  Temporary failure resolving 'deb.debian.org'"`)
	m.stub("apt-cache", "exit 0")
	m.stage(Transaction{Step: "s", Script: "apt_get update\napt_install '' fio\n"})
	m.run("run")
	if st := m.want(TxFailed); !strings.HasPrefix(st.Reason, "apt could not fetch http://deb.debian.org/debian/dists/bookworm/InRelease: Temporary failure resolving") {
		t.Errorf("%+v\n%s", st, m.tx("log"))
	}
}
