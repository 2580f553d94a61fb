//go:build unix

package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"aslwiz/remote/remotetest"
)

// loginTo connects to a server whose login shell is exec.
func loginTo(t *testing.T, exec func(*remotetest.Exec) int, change func(*remotetest.Config, *Options)) error {
	t.Helper()
	home := t.TempDir()
	key, hostKey := remotetest.NewKey(t), remotetest.NewKey(t)
	cfg := remotetest.Config{HostKeys: []ssh.Signer{hostKey.Signer}, Keys: []ssh.PublicKey{key.Public}, Exec: exec}
	o := Options{
		AcceptHostKey: mustAccept(hostKey.Fingerprint()), KnownHosts: []string{home + "/known_hosts"},
		SSHConfig: os.DevNull, AgentSocket: home + "/none",
	}
	if change != nil {
		change(&cfg, &o)
	}
	srv := remotetest.Start(t, cfg)
	s, err := Connect(limited(t), Target{Host: "127.0.0.1", Port: srv.Port(), User: "anna", Identity: []string{key.Write(t, home+"/key")}}, o)
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	return err
}

// obeys is a login shell that is root at once and then waits.
func obeys(e *remotetest.Exec) int {
	_, rest, _ := strings.Cut(e.Command, "' aslwiz ")
	nonce, _, _ := strings.Cut(rest, " ")
	fmt.Fprintf(e.Stdout, "%s hello 0 a 1 b 2\n%s ready\n", nonce, nonce)
	_, _ = io.Copy(io.Discard, e.Stdin)
	return 0
}

// What sshd prints in place of a shell is told, with what it usually means.
func TestAShellThatEndsAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		out, err string
		code     int
		want     []string
	}{
		"nologin": {"This account is currently not available.\n", "", 1, []string{"status 1", "This account is currently not available.", "nologin"}},
		"false":   {"", "", 1, []string{"status 1", "said nothing", "/bin/false"}},
		"chroot":  {"", "/bin/bash: No such file or directory\n", 1, []string{"/bin/bash: No such file or directory", "ChrootDirectory"}},
		"sftp":    {"This service allows sftp connections only.\n", "", 1, []string{"sftp connections only", "ForceCommand internal-sftp"}},
		"forced":  {"Welcome to the backup host\n\x1b[2Jno commands here\n", "", 7, []string{"status 7", "it said: no commands here;", "command= in authorized_keys"}},
		"expired": {"", "WARNING: Your password has expired.\nPassword change required but no TTY available.\n", 1, []string{"no TTY"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := loginTo(t, func(e *remotetest.Exec) int {
				_, _ = io.WriteString(e.Stdout, c.out)
				_, _ = io.WriteString(e.Stderr, c.err)
				return c.code
			}, nil)
			var failed *ShellError
			if !errors.As(err, &failed) || !strings.Contains(failed.Hint(), "getent passwd anna") || !strings.Contains(failed.Hint(), "ssh anna@127.0.0.1 true") {
				t.Fatalf("%v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) || !clean(err.Error()) {
					t.Errorf("%q is not in: %q", want, err)
				}
			}
		})
	}
}

// mute greets as talks says, and then says nothing more.
func mute(talks func(nonce string) string) func(string) (pipe, error) {
	return func(command string) (pipe, error) {
		_, rest, _ := strings.Cut(command, "' aslwiz ")
		nonce, _, _ := strings.Cut(rest, " ")
		hereIn, thereOut := io.Pipe()
		thereIn, hereOut := io.Pipe()
		go func() {
			_, _ = io.WriteString(thereOut, talks(nonce))
			_, _ = io.Copy(io.Discard, thereIn)
		}()
		return pipe{Reader: hereIn, Writer: hereOut, close: func() { _, _ = hereIn.Close(), hereOut.Close() }}, nil
	}
}

// A .bashrc that starts fish, and a sudo that hangs, are not waited for long, and
// each is told apart.
func TestASilentLogin(t *testing.T) {
	for name, c := range map[string]struct {
		talks   func(nonce string) string
		most    time.Duration
		error   string
		hint    string
		curable bool
	}{
		"bashrc": {func(string) string { return "welcome\n" }, 31 * time.Second, "the shell ran no command within 30 s", ".bashrc or .profile of anna", true},
		"sudo":   {func(n string) string { return n + " hello 1000 a 1 b 2\n" }, 46 * time.Second, "sudo gives no answer", "sudo -v", true},
		"sudo after the password": {
			func(n string) string { return n + " hello 1000 a 1 b 2\n" + n + " password anna:" }, 46 * time.Second, "sudo gives no answer", "sudo -v", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				_, err := openSession(t.Context(), "srv", "anna", mute(c.talks), func(context.Context, string) (Secret, error) { return NewSecret("x"), nil })
				var h interface{ Hint() string }
				if took := time.Since(begun); took > c.most || !errors.As(err, &h) || !strings.Contains(err.Error(), c.error) || !strings.Contains(h.Hint(), c.hint) {
					t.Errorf("after %s: %v", took, err)
				}
				if curable(err) != c.curable {
					t.Errorf("%v: curable %v", err, curable(err))
				}
				synctest.Wait()
			})
		})
	}
}

// rootpw, targetpw: the question says whose password it is, and so does the hint.
func TestSudoAsksForAnothersPassword(t *testing.T) {
	t.Parallel()
	for of, asks := range map[string]string{"anna": "", "root": "root"} {
		bin := programs(t, map[string]string{"id": "echo 1000", "sudo": "SUDO_OF=" + of + "\n" + fakeSudo})
		asked := "nobody"
		_, err := openSession(t.Context(), "srv", "anna", localShell(t, bin, "/bin/sh", "-c"),
			func(_ context.Context, of string) (Secret, error) { asked = of; return NewSecret("hunter2"), nil })
		var refused *SudoError
		if asked != asks || !errors.As(err, &refused) || refused.Reason != SudoWrongPassword || refused.Of != asks {
			t.Errorf("%s: asked for %q's: %v", of, asked, err)
			continue
		}
		if strings.Contains(refused.Hint(), "rootpw") != (asks != "") {
			t.Errorf("%s: %s", of, refused.Hint())
		}
	}
	q := Question{Kind: AskSudoPassword, Host: "srv:22", User: "anna", Of: "root"}
	if want := "sudo on srv:22 asks for the password of root, not of anna (rootpw or targetpw is set there)"; q.Words() != want {
		t.Errorf("%s", q.Words())
	}
}

// A prompt that names nobody is not sudo's.
func TestSudosPromptIsBelievedOnlyAsAName(t *testing.T) {
	t.Parallel()
	for _, of := range []string{"\x1b[2Kanna's key", "", strings.Repeat("x", 200), "a b"} {
		_, err := openSession(t.Context(), "srv", "anna", mute(func(n string) string { return n + " hello 1000 a 1 b 2\n" + n + " password " + of + ":" }), never)
		if !errors.Is(err, ErrGarbled) || !clean(err.Error()) {
			t.Errorf("%q: %v", of, err)
		}
	}
}

// A sudo that somebody planted in the login's own path is not given the password.
func TestAPlantedSudoIsNotRun(t *testing.T) {
	t.Parallel()
	marker := filepath.Join(t.TempDir(), "ran")
	planted := programs(t, map[string]string{"sudo": "touch " + marker, "id": "touch " + marker, "sh": "touch " + marker})
	bin := programs(t, map[string]string{"id": "echo 1000", "sudo": fakeSudo})
	s, err := openSession(t.Context(), "srv", "anna", func(command string) (pipe, error) {
		return localShell(t, bin, "/usr/bin/env", "PATH="+planted+":"+os.Getenv("PATH"), "/bin/sh", "-c")(command)
	}, func(context.Context, string) (Secret, error) { return NewSecret("right"), nil })
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := os.Stat(marker); err == nil {
		t.Error("a planted program was run")
	}
}

// Under log_input sudo hands root another input than its own, and keeps a copy.
func TestWhatSudoRecordsGetsNoSecret(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("sudo's input is compared in /proc")
	}
	recording := strings.Replace(fakeSudo, `exec "$@"`, `cat | "$@"; exit`, 1)
	for _, c := range []struct {
		sudo     string
		recorded bool
	}{{fakeSudo, false}, {recording, true}} {
		bin := programs(t, map[string]string{"id": "echo 1000", "sudo": c.sudo})
		shell, err := openSession(t.Context(), "srv", "anna", localShell(t, bin, "/bin/sh", "-c"),
			func(context.Context, string) (Secret, error) { return NewSecret("right"), nil })
		if err != nil || shell.recorded != c.recorded {
			t.Fatalf("recorded %v, want %v: %v", shell.recorded, c.recorded, err)
		}
		s := &Server{name: "srv", client: &Client{path: &path{hops: []*hop{{user: "anna"}}}}, shell: shell}
		if c.recorded {
			var refused *RecordedError
			err := s.Start(t.Context(), Transaction{ID: "1-x", Step: "x", Secrets: map[string]Secret{"key": NewSecret("hunter2")}})
			if !errors.As(err, &refused) || !strings.Contains(refused.Hint(), "Defaults:anna !log_input") {
				t.Errorf("%v", err)
			}
			var said []string
			s.opt.Note = func(text string) { said = append(said, text) }
			s.remark()
			if len(said) != 1 || !strings.Contains(said[0], "log_input") {
				t.Errorf("said %q", said)
			}
		}
		shell.Close()
	}
}

// busybox has other options than coreutils, and its sh prefers its own programs.
func TestBusyboxIsNamed(t *testing.T) {
	t.Parallel()
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("busybox is not installed here")
	}
	dir := t.TempDir()
	if err := os.Symlink(busybox, dir+"/sh"); err != nil {
		t.Fatal(err)
	}
	bin := programs(t, map[string]string{"id": "echo 0"})
	s, err := openSession(t.Context(), "srv", "root", func(command string) (pipe, error) {
		return localShell(t, bin, "/bin/sh", "-c")(strings.ReplaceAll(command, shell+" -c", dir+"/sh -c"))
	}, never)
	if err == nil {
		_, err = s.do(t.Context(), request{script: "echo in", limit: 5 * time.Second, max: 10})
	}
	var failed *ShellError
	if !errors.As(err, &failed) || failed.Reason != ShellBusybox || !errors.Is(err, ErrConnect) || curable(err) {
		t.Errorf("%v", err)
	}
}

// A weak algorithm that was allowed is said when it is in use.
func TestAWeakAlgorithmInUseIsSaid(t *testing.T) {
	t.Parallel()
	var said []string
	err := loginTo(t, obeys, func(c *remotetest.Config, o *Options) {
		c.Algorithms.Ciphers = []string{"aes128-cbc"}
		o.AllowAlgorithms = []string{"aes128-cbc"}
		o.Note = func(text string) { said = append(said, text) }
	})
	if err != nil || len(said) != 1 || !strings.Contains(said[0], "weak") || !strings.Contains(said[0], "aes128-cbc") {
		t.Errorf("%q, %v", said, err)
	}
}
