//go:build unix

package remote

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

func ask(t *testing.T, probes ...Probe) []Answer {
	t.Helper()
	j := join(probes)
	q, err := surveyRequest(j.asked)
	if err != nil {
		t.Fatal(err)
	}
	r, err := localSession(t).do(t.Context(), q)
	if err != nil || r.code != 0 {
		t.Fatalf("%d %s %v", r.code, r.err, err)
	}
	answers, err := parseSurvey(j.asked, r.out)
	if err != nil {
		t.Fatal(err)
	}
	return j.split(probes, answers)
}

// A probe may run as a user of the server, who must not reach root's list of those that
// are ready: root makes files by the names on it.
func TestAProbeHasNothingOfRootsOpen(t *testing.T) {
	t.Parallel()
	a := ask(t, ReadSetting("open", `for f in 3 4 5 6 7 8 9; do ! { true >&"$f"; } 2>/dev/null || echo "$f"; done`))
	if open, err := a[0].Text(); err != nil || open != "" {
		t.Errorf("%q, %v", open, err)
	}
}

func TestSurveyOfFiles(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	binary := make([]byte, 5000)
	for i := range binary {
		binary[i] = byte(i * 7)
	}
	odd := `odd "'$(x) \n name`
	for name, content := range map[string][]byte{"binary": binary, "empty": nil, "huge": bytes.Repeat([]byte("y"), 300<<10), odd: []byte("odd")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"link": "binary", "dangling": "nowhere", "self": "self"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	names := []string{"binary", "empty", "huge", odd, "link", "dangling", "fifo", "", "nothing/at/all", "binary/below", "link"}
	t.Run("together", func(t *testing.T) {
		t.Parallel()
		surveyFiles(t, dir, names, binary, odd)
	})
	// One that cannot be resolved: then every probe looks for itself.
	t.Run("each", func(t *testing.T) {
		t.Parallel()
		surveyFiles(t, dir, append(slices.Clone(names), "self"), binary, odd)
	})
}

func surveyFiles(t *testing.T, dir string, names []string, binary []byte, odd string) {
	t.Helper()
	var probes []Probe
	for _, n := range names {
		probes = append(probes, ReadFile(filepath.Join(dir, n)))
	}
	state := map[string]FileState{}
	for i, a := range ask(t, probes...) {
		st, err := a.File()
		switch {
		case names[i] == "huge":
			if !errors.Is(err, ErrProbeTooLarge) || len(st.Content) != DefaultProbeMax {
				t.Errorf("huge: %d bytes, %v", len(st.Content), err)
			}
		case err != nil:
			t.Errorf("%s: %v", names[i], err)
		}
		state[names[i]] = st
	}
	if st := state["binary"]; !bytes.Equal(st.Content, binary) || st.Mode != 0o640 || st.SHA256 != hashOf(binary) || !st.Regular {
		t.Errorf("binary: %+v", st)
	}
	if st := state["empty"]; !st.Exists || !st.Regular || st.SHA256 != hashOf(nil) {
		t.Errorf("empty: %+v", st)
	}
	if st := state["huge"]; st.SHA256 != hashOf(bytes.Repeat([]byte("y"), 300<<10)) || st.Mode != 0o640 {
		t.Errorf("huge: %s %s", st.SHA256, st.Mode)
	}
	if st := state[odd]; string(st.Content) != "odd" || st.Path != filepath.Join(dir, odd) {
		t.Errorf("odd name: %+v", st)
	}
	if st := state["link"]; !bytes.Equal(st.Content, binary) || st.Path != filepath.Join(dir, "binary") {
		t.Errorf("link: %s", st.Path)
	}
	if st := state["dangling"]; st.Exists || st.Path != filepath.Join(dir, "nowhere") {
		t.Errorf("dangling: %+v", st)
	}
	for _, n := range []string{"fifo", "", "self"} {
		if st := state[n]; slices.Contains(names, n) && (!st.Exists || st.Regular) {
			t.Errorf("%q: %+v", n, st)
		}
	}
	for _, n := range []string{"nothing/at/all", "binary/below"} {
		if st := state[n]; st.Exists || st.Path != filepath.Join(dir, n) {
			t.Errorf("%q: %+v", n, st)
		}
	}
}

func TestSurveyOfCommands(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	probes := []Probe{
		ReadCommand("sleep", "60").Within(time.Second),
		ReadCommand("printf", `%s|`, "a b", "$(id)", "it's", `back\slash`),
		{Kind: ProbeCommand, Args: []string{"yes"}, Max: 1000},
		ReadCommand("/no/such/program"),
		ReadSetting("a value", `printf 'x\000y\377'; echo oops >&2; exit 3`),
		ReadCommand("sh", "-c", "(setsid sleep 60 &) ; echo left a child behind").Within(time.Second),
		ReadCommand("cat"), // its input is empty
	}
	a := ask(t, probes...)
	if d := time.Since(begin); d > 8*time.Second {
		t.Errorf("one hung command held up the others: %v", d)
	}
	if !errors.Is(a[0].Err(), ErrProbeTimeout) {
		t.Errorf("hung: %+v", a[0])
	}
	if got, err := a[1].Text(); got != `a b|$(id)|it's|back\slash|` || err != nil {
		t.Errorf("words: %q, %v", got, err)
	}
	if !errors.Is(a[2].Err(), ErrProbeTooLarge) || len(a[2].Out) != 1000 {
		t.Errorf("endless: %d bytes, %v", len(a[2].Out), a[2].Err())
	}
	if a[3].Code != 127 || a[3].Issue != "" {
		t.Errorf("no such program: %+v", a[3])
	}
	if a[4].Code != 3 || string(a[4].Out) != "x\x00y\xff" || a[4].Stderr != "oops\n" {
		t.Errorf("setting: %+v", a[4])
	}
	if !errors.Is(a[5].Err(), ErrProbeTimeout) {
		t.Errorf("a child that keeps the output open: %+v", a[5])
	}
	if a[6].Code != 0 || len(a[6].Out) != 0 {
		t.Errorf("cat: %+v", a[6])
	}
}

func TestSurveyOfManyKeepsTheirOrder(t *testing.T) {
	t.Parallel()
	var probes []Probe
	for i := range 200 {
		probes = append(probes, ReadCommand("echo", strconv.Itoa(i)))
	}
	for i, a := range ask(t, probes...) {
		if got, err := a.Text(); got != strconv.Itoa(i) || err != nil {
			t.Fatalf("%d: %q, %v", i, got, err)
		}
	}
}

func TestSurveyRefusesWhatItCannotAsk(t *testing.T) {
	t.Parallel()
	for _, p := range []Probe{
		{},
		ReadFile("relative"), ReadFile("/two\nlines"), ReadPackages("a; rm"), ReadPackages(),
		{Kind: ProbeSetting, Args: []string{"name"}},
		ReadCommand("a\x00b"),
		{Kind: "guess", Args: []string{"x"}},
	} {
		if _, err := surveyRequest([]Probe{p}); err == nil {
			t.Errorf("%q was accepted", p.Args)
		}
	}
}

func TestParsePackages(t *testing.T) {
	t.Parallel()
	p := ReadPackages("libc6", "snmpd", "ntpdate", "nosuch")
	a := Answer{Probe: p, Out: []byte("libc6\tinstalled\t2.36\nlibc6\tconfig-files\t2.1\nsnmpd\tconfig-files\t5.9\n=\n" +
		"libc6:\n  Installed: 2.36\n  Candidate: 2.37\n  Version table:\nsnmpd:\n  Installed: (none)\n  Candidate: 5.9.3\nntpdate:\n  Installed: (none)\n  Candidate: (none)\n")}
	got, err := a.Packages()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]PackageState{
		"libc6": {"libc6", "installed", "2.36", "2.37"}, "snmpd": {"snmpd", "config-files", "5.9", "5.9.3"},
		"ntpdate": {Name: "ntpdate"}, "nosuch": {Name: "nosuch"},
	}
	for n, w := range want {
		if got[n] != w {
			t.Errorf("%s: %+v, want %+v", n, got[n], w)
		}
	}
	if _, err := (Answer{Probe: p, Code: 127, Out: []byte("=\n")}).Packages(); err == nil {
		t.Error("without apt-cache nothing is known")
	}
}

func FuzzParseSurvey(f *testing.F) {
	f.Add([]byte("2 0.rc\n3 0.out\n\n0\nabc"))
	f.Add([]byte("\n"))
	f.Add([]byte("9999999 0.rc\n\n"))
	f.Fuzz(func(_ *testing.T, out []byte) {
		answers, err := parseSurvey([]Probe{ReadFile("/a"), ReadUnit("b"), ReadPackages("c")}, out)
		if err != nil {
			return
		}
		for _, a := range answers {
			_, _ = a.File()
			_, _ = a.Unit()
			_, _ = a.Packages()
		}
	})
}

func BenchmarkSurveyOfFiles(b *testing.B) {
	var probes []Probe
	for i := range 40 {
		probes = append(probes, ReadFile("/etc/passwd"), ReadFile("/etc/none/"+strconv.Itoa(i)))
	}
	q, err := surveyRequest(probes)
	if err != nil {
		b.Fatal(err)
	}
	s, err := openSession(b.Context(), "srv", "anna", localShell(b, programs(b, map[string]string{"id": "echo 0"}), "/bin/sh", "-c"), never)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for b.Loop() {
		if _, err := s.do(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
}

// TestSurveySeesFixedFiles: what not even root may change is known without a question of
// its own.
func TestSurveySeesFixedFiles(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"/a", "/d/b"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(dir+f), 0o755), os.WriteFile(dir+f, []byte("x\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	bin := programs(t, map[string]string{"lsattr": `for f; do
  case $f in */a) echo "----i---------e------- $f" ;; */d/) echo "-----a--------e------- $f" ;; *) echo "--------------e------- $f" ;; esac
done`})
	probes := []Probe{ReadFile(dir + "/a"), ReadFile(dir + "/d/b"), ReadFile(dir + "/d/none"), ReadFile(dir + "/none")}
	q, err := surveyRequest(probes)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", q.script)
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := parseSurvey(probes, out)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{dir + "/a", dir + "/d", dir + "/d", ""} {
		if st, err := answers[i].File(); err != nil || st.Fixed != want || st.Exists != (i < 2) {
			t.Errorf("%s: %+v, %v; want %q", probes[i], st, err, want)
		}
	}
}
