//go:build unix

package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// on is a Server whose root shell works below the machine's root. Each shell
// breaks after cutAfter bytes of answers, 0 for never.
func (m *machine) on(cutAfter int) *Server {
	m.t.Helper()
	s := &Server{name: "srv", client: &Client{}}
	bin := programs(m.t, map[string]string{"id": "echo 0"})
	s.reopen = func(ctx context.Context) (*session, error) {
		start := func(command string) (pipe, error) {
			p, err := localShell(m.t, bin, "/bin/sh", "-c")(command)
			if err != nil || cutAfter == 0 {
				return m.rooted(p), err
			}
			cut := m.rooted(p)
			cut.Reader = io.MultiReader(io.LimitReader(p.Reader, int64(300+cutAfter)), failing{})
			return cut, nil
		}
		return openSession(ctx, "srv", "anna", start, never)
	}
	var err error
	if s.shell, err = s.reopen(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { s.shell.Close() })
	return s
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("cut") }

// rooted points what is sent to the shell at the machine's own root.
func (m *machine) rooted(p pipe) pipe {
	p.Writer = &rewriter{w: p.Writer, m: m}
	return p
}

type rewriter struct {
	w io.Writer
	m *machine
}

func (r *rewriter) Write(b []byte) (int, error) {
	// A request is one write here: "NONCE scriptlen ...\nscript". The first one
	// has the loop's program before it.
	marker := []byte("t=" + TxRoot)
	i := bytes.Index(b, marker)
	if i < 0 {
		marker = []byte("cd " + TxRoot)
		i = bytes.Index(b, marker)
	}
	if i < 0 {
		return r.w.Write(b)
	}
	head := bytes.TrimSuffix(b[:i], []byte("\n"))
	before, line := head[:bytes.LastIndexByte(head, '\n')+1], string(head[bytes.LastIndexByte(head, '\n')+1:])
	var nonce string
	var script, data, limit, most int
	if _, err := fmt.Sscan(line, &nonce, &script, &data, &limit, &most); err != nil {
		return 0, err
	}
	prefix := "export ASLWIZ_ROOT=" + r.m.root + " PATH=" + r.m.bin + ":$PATH\n" + strings.Replace(string(marker), TxRoot, r.m.root+TxRoot, 1)
	out := fmt.Appendf(bytes.Clone(before), "%s %d %d %d %d\n%s%s", nonce, script+len(prefix)-len(marker), data, limit, most, prefix, b[i+len(marker):])
	_, err := r.w.Write(out)
	return len(b), err
}

func TestFollowLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	var want []string
	var script strings.Builder
	for i := range 9000 {
		want = append(want, fmt.Sprintf("line %d of the log", i))
	}
	script.WriteString("i=0\nwhile [ $i -lt 9000 ]; do echo \"line $i of the log\"; i=$((i + 1)); done\nprintf 'no newline'\n")
	want = append(want, "no newline")
	for _, cut := range []int{0, 70000, 100000} {
		t.Run(fmt.Sprint("cut after ", cut), func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			m.stage(Transaction{Step: "s", Script: script.String(), Limit: 30 * time.Second})
			s := m.on(cut)
			job := m.command("run")
			if err := job.Start(); err != nil {
				t.Fatal(err)
			}
			defer reap(job)
			var got, notes []string
			st, err := s.Follow(limited(t), m.id, 0, func(p Progress) {
				got = append(got, p.Lines...)
				if p.Note != "" {
					notes = append(notes, p.Note)
				}
			})
			if err != nil || st.State != TxDone {
				t.Fatalf("%+v, %v", st, err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d lines, want %d", len(got), len(want))
			}
			if cut > 0 && len(notes) < 2 {
				t.Errorf("says nothing of the cut: %q", notes)
			}
		})
	}
}

func TestFollowCancelledLeavesTheJob(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.stage(Transaction{Step: "s", Script: "echo begun\nwhile [ ! -e " + m.root + "/go ]; do sleep 0.05; done\necho ended\n", Limit: 30 * time.Second})
	s := m.on(0)
	job := m.command("run")
	if err := job.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(limited(t))
	var once sync.Once
	begin := time.Now()
	_, err := s.Follow(ctx, m.id, 0, func(Progress) { once.Do(func() { begin = time.Now(); cancel() }) })
	if !errors.Is(err, context.Canceled) || time.Since(begin) > time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
	if st := m.status(); st.State != TxRunning {
		t.Errorf("%+v", st)
	}
	m.write("/go", "")
	var lines []string
	st, err := s.Follow(limited(t), m.id, 0, func(p Progress) { lines = append(lines, p.Lines...) })
	if err != nil || st.State != TxDone || !slices.Equal(lines, []string{"begun", "ended"}) {
		t.Errorf("%+v, %v, %q", st, err, lines)
	}
	reap(job)
	if _, err := s.Follow(t.Context(), "20300101T000000Z-none", 0, nil); !errors.Is(err, ErrNoTransaction) {
		t.Errorf("%v", err)
	}
}

// TestAptProgressAndStop runs the script's apt helper with an apt-get that
// behaves like the real one: progress on its own descriptor, an interrupt noted
// and obeyed once the package at hand is done.
func TestAptProgressAndStop(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	apt := `trap 'echo INT >>"${0%/*}/signals"; stop=1' INT
trap 'echo TERM >>"${0%/*}/signals"' TERM
stop=
printf 'Reading package lists...'
echo 'dlstatus:1:5.0:Retrieving file 1 of 2' >&8
echo ' Done'
echo 'pmstatus:snmpd:40.5:Installing snmpd (amd64)' >&8
echo "args: $*"
while [ -z "$stop" ]; do sleep 0.05; done
echo 'package done'
exit 100`
	if err := os.WriteFile(filepath.Join(m.bin, "apt-get"), []byte("#!/bin/sh\n"+apt), 0o755); err != nil {
		t.Fatal(err)
	}
	m.stage(Transaction{Step: "s", Script: "apt_get install -y snmpd || :\necho never\n", Limit: 30 * time.Second})
	s := m.on(0)
	job := m.command("run")
	if err := job.Start(); err != nil {
		t.Fatal(err)
	}
	defer reap(job)
	var lines []string
	var percent float64
	var doing string
	stopped := false
	st, err := s.Follow(limited(t), m.id, 0, func(p Progress) {
		lines = append(lines, p.Lines...)
		percent, doing = p.Percent, p.Doing
		if percent > 40 && !stopped {
			stopped = true
			if err := s.Stop(t.Context(), m.id); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil || st.State != TxStopped || percent != 40.5 || doing != "Installing snmpd (amd64)" {
		t.Errorf("%+v, %v, %v %q", st, err, percent, doing)
	}
	signals, _ := os.ReadFile(filepath.Join(m.bin, "signals"))
	if string(signals) != "INT\n" {
		t.Errorf("apt-get got %q", signals)
	}
	all := strings.Join(lines, "\n")
	for _, want := range []string{"+ apt-get install -y snmpd", "Reading package lists... Done", "--force-confold install -y snmpd", "package done"} {
		if !strings.Contains(all, want) {
			t.Errorf("log %q lacks %q", all, want)
		}
	}
	if strings.Contains(all, "status:") || strings.Contains(all, "never") {
		t.Errorf("log %q", all)
	}
}

func TestLogIsMaskedAcrossPolls(t *testing.T) {
	t.Parallel()
	var m masks
	m.add(NewSecret("hunter2hunter2"))
	r := newLogReader(&m)
	lines := r.write([]byte("one\x1b[31m\nkey=hunter2"))
	lines = append(lines, r.write([]byte("hunter2\npart"))...)
	lines = append(lines, r.flush()...)
	if want := []string{"one", "key=" + masked, "part"}; !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
}

func TestPrunableKeepsWhatAnUndoNeeds(t *testing.T) {
	t.Parallel()
	var list []report
	for i := range 80 {
		r := report{Status: Status{ID: fmt.Sprintf("t%03d", i), Step: "often", State: TxDone}}
		switch i {
		case 3:
			r.Step = "once"
		case 4:
			r.Step, r.State = "stuck", TxProving
		}
		list = append(list, r)
	}
	ids := prunable(list)
	if len(ids) != 28 || slices.Contains(ids, "t003") || slices.Contains(ids, "t004") || slices.Contains(ids, "t030") {
		t.Errorf("%d: %q", len(ids), ids)
	}
}

func TestParseList(t *testing.T) {
	t.Parallel()
	list := parseList([]byte("==> a/meta <==\nid=a\nstep=one\n\n==> b/meta <==\nid=b\nstep=two\nguard=60\n\n" +
		"==> b/status <==\nstate=proving\nsince=1700000000\n\n==> a/status <==\nstate=done\ndetail=x\n==> b/status <==\nstate=running\n"))
	if len(list) != 2 || list[0].State != TxDone || list[0].Step != "one" || list[1].State != TxProving || list[1].guard != 60 {
		t.Errorf("%+v", list)
	}
}

// limited ends well before the whole package's time does: what hangs is then
// named by its own test.
func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// reap waits for a job, not for ever.
func reap(job *exec.Cmd) {
	defer time.AfterFunc(60*time.Second, func() { _ = job.Process.Kill() }).Stop()
	_ = job.Wait()
}

func TestRestoredIsToldOnce(t *testing.T) {
	t.Parallel()
	m := guarded(t, func(tx *Transaction) { tx.Script += "exit 5\n" })
	m.run("guard", "wait")
	s := m.on(0)
	st, ok, err := s.Current(limited(t))
	if err != nil || !ok || st.State != TxRestored || st.Reason != "the script ended with status 5" || st.Who != "anna" {
		t.Errorf("first: %+v, %v, %v", st, ok, err)
	}
	if st, ok, err := s.Current(limited(t)); err != nil || ok {
		t.Errorf("told twice: %+v, %v", st, err)
	}
	// Whoever has followed it to its end knows.
	m = guarded(t, func(tx *Transaction) { tx.Script += "exit 5\n" })
	m.run("guard", "wait")
	s = m.on(0)
	if st, err := s.Follow(limited(t), m.id, 0, nil); err != nil || st.State != TxRestored {
		t.Errorf("%+v, %v", st, err)
	}
	if st, ok, err := s.Current(limited(t)); err != nil || ok {
		t.Errorf("told although it was followed: %+v, %v", st, err)
	}
}

// However a run ended that nobody saw, whoever comes next is told, once.
func TestEndedIsToldOnce(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	tx := m.example()
	tx.Script += "exit 5\n"
	m.stage(tx)
	m.run("run")
	s := m.on(0)
	if st, ok, err := s.Current(limited(t)); err != nil || !ok || st.State != TxFailed {
		t.Errorf("first: %+v, %v, %v", st, ok, err)
	}
	if st, ok, err := s.Current(limited(t)); err != nil || ok {
		t.Errorf("told twice: %+v, %v", st, err)
	}
	// What it left can be undone.
	if st, ok, err := s.Last(limited(t), tx.Step); err != nil || !ok || st.ID != m.id {
		t.Errorf("%+v, %v, %v", st, ok, err)
	}
	m.run("undo")
	m.want(TxUndone)
	m.wantContents(exampleOld)

	m = newMachine(t)
	m.stage(m.example())
	m.run("run")
	s = m.on(0)
	if st, err := s.Follow(limited(t), m.id, 0, nil); err != nil || st.State != TxDone {
		t.Errorf("%+v, %v", st, err)
	}
	if st, ok, err := s.Current(limited(t)); err != nil || ok {
		t.Errorf("told although it was followed: %+v, %v", st, err)
	}
}

func TestListGoesByTheOrderOnTheServer(t *testing.T) {
	t.Parallel()
	list := parseList([]byte("==> 2030-clock-ahead/meta <==\nseq=1\n\n==> 2026-then/meta <==\nseq=2\n\n==> 2025-old/meta <==\nid=x\n"))
	var ids []string
	for _, r := range list {
		ids = append(ids, r.ID)
	}
	if want := []string{"2025-old", "2030-clock-ahead", "2026-then"}; !slices.Equal(ids, want) {
		t.Errorf("%q, want %q", ids, want)
	}
}

func TestPrunableKeepsWhatMayBeNeeded(t *testing.T) {
	t.Parallel()
	list := []report{
		{Status: Status{ID: "broken", Step: "network", State: TxBroken}},
		{Status: Status{ID: "failed", Step: "once", State: TxFailed}},
		{Status: Status{ID: "newer", Step: "network", State: TxDone}},
		{Status: Status{ID: "armed", Step: "reboot", State: TxProving}},
	}
	for i := range 80 {
		list = append(list, report{Status: Status{ID: fmt.Sprintf("t%03d", i), Step: "often", State: TxDone}})
	}
	ids := prunable(list)
	for _, id := range []string{"broken", "failed", "newer", "armed"} {
		if slices.Contains(ids, id) {
			t.Errorf("%s is to go", id)
		}
	}
	if len(ids) != 30 {
		t.Errorf("%d: %q", len(ids), ids)
	}
}

// TestFollowOutlastsABusyServer: a poll that ran out of its time says nothing of
// the transaction.
func TestFollowOutlastsABusyServer(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.stage(Transaction{Step: "s", Script: "echo x\n"})
	m.run("run")
	program := m.tx("tx.sh")
	m.write(TxRoot+"/"+m.id+"/tx.sh", "exit 124\n")
	noted := false
	st, err := m.on(0).Follow(limited(t), m.id, 0, func(p Progress) {
		if p.Note != "" && !noted {
			noted = true
			m.write(TxRoot+"/"+m.id+"/tx.sh", program)
		}
	})
	if err != nil || st.State != TxDone || !noted {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestPruneKeepsSomebodysVersion: a folder in which a file was kept aside stays, however
// many come after it, and so does one that waits for a restart.
func TestPruneKeepsSomebodysVersion(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for i := range pruneFolders {
		dir := fmt.Sprintf("%s/20260101T0000%02dZ-often", TxRoot, i)
		m.write(dir+"/meta", "id="+filepath.Base(dir)+"\nstep=often\n")
		m.write(dir+"/status", "state=done\n")
	}
	m.write(TxRoot+"/20260101T000001Z-often/aside/0", "precious\n")
	m.write(TxRoot+"/../unproved", "20260101T000002Z-often 1\n")
	m.on(0).prune(limited(t), strconv.Itoa(pruneFolders))
	var gone []string
	for i := range pruneFolders {
		if id := fmt.Sprintf("20260101T0000%02dZ-often", i); m.read(TxRoot+"/"+id+"/meta") == Absent {
			gone = append(gone, id)
		}
	}
	want := pruneFolders - keepFolders - 2
	if len(gone) != want || m.read(TxRoot+"/20260101T000001Z-often/aside/0") != "precious\n" || m.read(TxRoot+"/20260101T000002Z-often/meta") == Absent {
		t.Errorf("%d are gone, want %d: %q", len(gone), want, gone)
	}
}
