package remote

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const testKey = "0sqrvM3e7/ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJk="

func readSecretHere(t *testing.T, path, salt string) Answer {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the program is for servers, which are Linux")
	}
	p := ReadSecret(path, salt)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", p.Args[2], "sh", p.Args[0])
	cmd.Stdin = strings.NewReader(p.Args[1] + "\n")
	out, err := cmd.Output()
	a := Answer{Probe: p, Out: out}
	if err != nil {
		a.Code = cmd.ProcessState.ExitCode()
	}
	return a
}

func TestReadSecretTellsHashesOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "two.secrets")
	text := "# the key\n192.0.2.1 192.0.2.2 : PSK " + testKey + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a := readSecretHere(t, path, "pepper")
	if strings.Contains(string(a.Out)+a.Probe.String(), testKey[2:]) {
		t.Errorf("the key is in the answer: %s", a.Out)
	}
	st, err := a.Secret()
	if err != nil {
		t.Fatal(err)
	}
	salted := func(s string) string { return hashOf([]byte("pepper" + s + "pepper")) }
	want := SecretState{
		Exists: true, Mode: 0o600, Owner: st.Owner, Whole: salted(text), Key: salted(testKey),
		Rest: salted("# the key\n192.0.2.1 192.0.2.2 : PSK [secret]\n"),
	}
	if st != want {
		t.Errorf("got %+v\nwant %+v", st, want)
	}
	other, err := readSecretHere(t, path, "salt").Secret()
	if err != nil || other.Key == st.Key || other.Whole == st.Whole {
		t.Errorf("another salt gave the same hashes: %+v, %v", other, err)
	}
	if again, err := st.Answer(a.Probe).Secret(); err != nil || again != st {
		t.Errorf("the state does not come back from its own answer: %+v, %v", again, err)
	}
}

// The same key in the form of the other release is the same key.
func TestReadSecretComparesKeysAcrossForms(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var hashes []string
	for name, text := range map[string]string{
		"a": "192.0.2.1 : PSK " + testKey + "\n",
		"b": "secrets {\n  ike-x {\n    secret = " + testKey + "\n  }\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		st, err := readSecretHere(t, filepath.Join(dir, name), "s").Secret()
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, st.Key)
	}
	if hashes[0] == "" || hashes[0] != hashes[1] {
		t.Errorf("hashes %q", hashes)
	}
}

func TestReadSecretOfOtherThings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if st, err := readSecretHere(t, filepath.Join(dir, "none"), "s").Secret(); err != nil || st.Exists {
		t.Errorf("no file: %+v, %v", st, err)
	}
	if _, err := readSecretHere(t, dir, "s").Secret(); err == nil {
		t.Error("a folder was taken for a secret file")
	}
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte(": PSK \"in quotes\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if st, err := readSecretHere(t, plain, "s").Secret(); err != nil || !st.Exists || st.Key != "" || st.Mode != 0o644 {
		t.Errorf("a key of another form: %+v, %v", st, err)
	}
}

func TestASecretProbeIsPutToTheServer(t *testing.T) {
	t.Parallel()
	q, err := surveyRequest([]Probe{ReadSecret("/etc/ipsec.d/two.secrets", "pepper")})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(q.script, "secret /etc/ipsec.d/two.secrets pepper ") {
		t.Errorf("the request does not ask for it:\n%s", q.script[len(q.script)-800:])
	}
}

// TestTheSaltIsInNoArgumentList: who lists the processes of the server sees neither the
// salt of the hashes nor the key. The salt was an argument of sh, and of timeout.
func TestTheSaltIsInNoArgumentList(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the survey is for servers, which are Linux")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "two.secrets")
	if err := os.WriteFile(path, []byte(": PSK "+testKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Every program that the survey starts writes down its arguments first.
	bin, list := filepath.Join(dir, "bin"), filepath.Join(dir, "list")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sh", "timeout", "sha256sum", "cut", "stat", "grep", "sed", "head", "cat"} {
		program, err := exec.LookPath(name)
		if err != nil {
			t.Skip(err)
		}
		text := "#!/bin/sh\necho \"$0 $*\" >>" + list + "\nexec " + program + " \"$@\"\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p := ReadSecret(path, "pepperandsalt")
	q, err := surveyRequest([]Probe{p})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh")
	cmd.Stdin = strings.NewReader(q.script)
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "ASLWIZ_DIR=" + dir}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := parseSurvey([]Probe{p}, out)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := answers[0].Secret(); err != nil || st.Key != hashOf([]byte("pepperandsalt"+testKey+"pepperandsalt")) {
		t.Errorf("the answer: %+v, %v", st, err)
	}
	said, err := os.ReadFile(list)
	if err != nil || !strings.Contains(string(said), "sha256sum") {
		t.Fatalf("no arguments were written down: %q, %v", said, err)
	}
	for _, secret := range []string{"pepperandsalt", testKey[2:]} {
		if strings.Contains(string(said), secret) {
			t.Errorf("%s is an argument:\n%s", secret, said)
		}
	}
}
