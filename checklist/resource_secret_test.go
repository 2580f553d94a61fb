package checklist

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"aslwiz/remote"
)

// runSecretScript carries out what Compare asked for, as the server would.
func runSecretScript(t *testing.T, script []string, secrets string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("scripts are for servers, which are Linux")
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-euc", "chown() { :; }\nrun() { \"$@\"; }\n"+strings.Join(script, "\n"))
	cmd.Env = append(os.Environ(), "ASLWIZ_SECRETS="+secrets)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	} else if strings.Contains(string(out), "0s") {
		t.Errorf("the key is in the log: %s", out)
	}
}

func TestSecretFileIsWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	word := generatePSK()
	if err := os.WriteFile(filepath.Join(dir, "two"), []byte(word), 0o600); err != nil {
		t.Fatal(err)
	}
	s := SecretFile{Path: filepath.Join(dir, "d", "two.secrets"), Text: "# two\n192.0.2.1 : PSK [secret]\n", Key: "two", Salt: "pepper"}
	c, err := s.Compare(missingEverything(s))
	if err != nil || c.Same || len(c.Needs) != 1 || c.Key.Hash != "" {
		t.Fatalf("%+v, %v", c, err)
	}
	runSecretScript(t, c.Script, dir)
	got, err := os.ReadFile(s.Path)
	if err != nil || string(got) != "# two\n192.0.2.1 : PSK "+word+"\n" {
		t.Fatalf("%q, %v", got, err)
	}
	if st, err := os.Stat(s.Path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	// Another address: the key stays, and is not asked for.
	s.Text = "# two\n192.0.2.7 : PSK [secret]\n"
	st := secretStateOf(string(got), word, s.Salt)
	c, err = s.Compare([]remote.Answer{st.Answer(s.Probes()[0])})
	if err != nil || c.Same || len(c.Needs) != 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	runSecretScript(t, c.Script, "/nowhere")
	got, err = os.ReadFile(s.Path)
	if err != nil || string(got) != "# two\n192.0.2.7 : PSK "+word+"\n" {
		t.Errorf("%q, %v", got, err)
	}
	// Now it is the same, until the other end has another key.
	st = secretStateOf(string(got), word, s.Salt)
	if c, err = s.Compare([]remote.Answer{st.Answer(s.Probes()[0])}); err != nil || !c.Same {
		t.Errorf("%+v, %v", c, err)
	}
	s.Renew = true
	if c, err = s.Compare([]remote.Answer{st.Answer(s.Probes()[0])}); err != nil || c.Same || len(c.Needs) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}

// A restore writes back exactly what its precondition hashed.
func TestSecretFileIsRestored(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("scripts are for servers, which are Linux")
	}
	path := filepath.Join(t.TempDir(), "two.secrets")
	s := SecretFile{Path: path, Salt: "pep%per"}
	old := "# old\n: PSK \"x\"\n\n"
	if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	saved, err := exec.CommandContext(t.Context(), "sh", "-c", s.read()).Output()
	if err != nil || hashOf(saved) != secretStateOf(old, "", s.Salt).Whole {
		t.Fatalf("%q, %v", saved, err)
	}
	if err := os.WriteFile(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	half := path + ".aslwiz"
	write := func(in string) {
		t.Helper()
		if err := os.WriteFile(half, []byte("half a key"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", s.write())
		cmd.Stdin = strings.NewReader(in)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if _, err := os.Stat(half); !os.IsNotExist(err) {
			t.Errorf("what a script that was cut off left is still there: %v", err)
		}
	}
	write(string(saved))
	if got, _ := os.ReadFile(path); string(got) != old {
		t.Errorf("restored %q, want %q", got, old)
	}
	write("")
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a file that was not there came back: %v", err)
	}
}

// secretStateOf is what a server says of a secret file with this content.
func secretStateOf(content, word, salt string) remote.SecretState {
	salted := func(s string) string { return hashOf([]byte(salt + s + salt)) }
	st := remote.SecretState{Exists: true, Mode: 0o600, Owner: "root:root", Whole: salted(content), Rest: salted(content)}
	if word != "" {
		st.Key, st.Rest = salted(word), salted(strings.Replace(content, word, secretMark, 1))
	}
	return st
}
