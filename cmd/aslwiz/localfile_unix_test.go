//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"aslwiz/checklist"
)

// patience is how long aslwiz may take before a test calls it hung.
const patience = 30 * time.Second

// aslwizIn is aslwiz without a terminal, with dir as its home and folder.
func aslwizIn(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return inFolder(exec.CommandContext(ctx, os.Args[0], args...), "aslwiz", dir)
}

func inFolder(cmd *exec.Cmd, name, dir string) *exec.Cmd {
	if name != "" {
		cmd.Args[0] = name
	}
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "XDG_STATE_HOME=" + dir, "TMPDIR=" + dir, "PATH=" + os.Getenv("PATH"), "SSH_AUTH_SOCK="}
	cmd.WaitDelay = time.Second
	return cmd
}

// ended runs a command to its end: its output, and its exit code. 128 and more is a signal.
func ended(t *testing.T, cmd *exec.Cmd) (string, int) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if cmd.ProcessState.ExitCode() < 0 {
		return string(out), 128
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const localAnswers = "host: 127.0.0.1\nport: 1\nhostname: stats\ndomain: example.net\n"

// TestNamesThatAreNoFiles: a name that somebody gives, or that an answers file or
// ssh's configuration holds, may stand for a pipe, a device, a folder or a huge file.
// aslwiz says so at once. It waited for ever, or read on and on.
func TestNamesThatAreNoFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "huge.yaml", "")
	if err := os.Truncate(filepath.Join(dir, "huge.yaml"), 1<<40); err != nil {
		t.Skip("no sparse files here")
	}
	put(t, dir, "stats.yaml", localAnswers)
	for name, identity := range map[string]string{"i-pipe": "pipe.yaml", "i-zero": "/dev/zero", "i-folder": ".", "i-huge": "huge.yaml"} {
		put(t, dir, name+".yaml", localAnswers+"identity: "+identity+"\n")
	}
	put(t, dir, "ssh_config", "Host *\n  IdentityFile "+dir+"/pipe.yaml\n")
	put(t, dir, "include", "Include "+dir+"/pipe.ya*\n")
	put(t, dir, "include-device", "Host *\n  Include=/dev/zero\n")
	put(t, dir, "include-twice", "include "+dir+"/include\n")
	for _, c := range []struct {
		args string
		want string // part of what is said
		code int
	}{
		{"answers --check pipe.yaml", "pipe.yaml: cannot be read: it is a pipe, not a file", exitUsage},
		{"answers --check /dev/zero", "it is a device, not a file", exitUsage},
		{"answers --check ./", "it is a folder, not a file", exitUsage},
		{"answers --check -", "not read from standard input", exitUsage},
		{"answers --check huge.yaml", "larger than 64 KiB", exitUsage},
		{"verify pipe.yaml", "it is a pipe, not a file", exitUsage},
		{"answers --check i-pipe.yaml", "pipe.yaml cannot be read: it is a pipe, not a file", exitUsage},
		{"answers --check i-zero.yaml", "/dev/zero cannot be read: it is a device, not a file", exitUsage},
		{"answers --check i-folder.yaml", "it is a folder, not a file", exitUsage},
		{"answers --check i-huge.yaml", "larger than 64 KiB", exitUsage},
		{"plan --ssh-config pipe.yaml stats.yaml", "it is a pipe, not a file", exitConnect},
		{"plan --ssh-config /dev/zero stats.yaml", "it is a device, not a file", exitConnect},
		{"plan --ssh-config huge.yaml stats.yaml", "larger than 1024 KiB", exitConnect},
		{"plan --ssh-config include stats.yaml", "it is a pipe, not a file", exitConnect},
		{"plan --ssh-config include-twice stats.yaml", "it is a pipe, not a file", exitConnect},
		{"plan --ssh-config include-device stats.yaml", "it is a device, not a file", exitConnect},
		{"plan --ssh-config ssh_config stats.yaml", "connection refused", exitConnect}, // a key that cannot be read is none
		{"plan --known-hosts pipe.yaml stats.yaml", "127.0.0.1", exitConnect},
		{"plan --ssh-config /dev/null --known-hosts /dev/null stats.yaml", "connection refused", exitConnect},
		{"plan --password-file /dev/zero stats.yaml", "/dev/zero: it is a device, not a file", exitUsage},
		{"plan --password-file ./ stats.yaml", "it is a folder, not a file", exitUsage},
		{"plan --password-file huge.yaml stats.yaml", "longer than 4096 bytes", exitUsage},
	} {
		out, code := ended(t, aslwizIn(t, dir, strings.Fields(c.args)...))
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("aslwiz %s: ended with %d, want %d and %q:\n%s", c.args, code, c.code, c.want, out)
		}
	}
}

// A password may come from a pipe: bash's <(command), or one with a name whose writer
// comes later. An answers file may not: it is read more than once.
func TestAPasswordFromAPipe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "stats.yaml", localAnswers)
	if err := syscall.Mkfifo(filepath.Join(dir, "named"), 0o600); err != nil {
		t.Fatal(err)
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	if err := os.Symlink(os.Args[0], filepath.Join(dir, "aslwiz")); err != nil {
		t.Fatal(err)
	}
	for script, want := range map[string]string{
		`./aslwiz plan --password-file <(sleep 0.2; echo secret) --sudo-password-file <(echo other) stats.yaml`: "connection refused",
		`(sleep 0.3; echo secret >named) & ./aslwiz plan --password-file named stats.yaml`:                      "connection refused",
		`./aslwiz plan --password-file <(true) stats.yaml`:                                                      "there is nothing in the first line of",
		`./aslwiz plan --password-file <(yes | tr -d '\n') stats.yaml`:                                          "longer than 4096 bytes",
		`./aslwiz plan <(cat stats.yaml)`:                                                                       "it is a pipe, not a file",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		out, code := ended(t, inFolder(exec.CommandContext(ctx, bash, "-c", script), "", dir))
		cancel()
		if code != exitConnect && code != exitUsage || !strings.Contains(out, want) {
			t.Errorf("%s: ended with %d, want %q:\n%s", script, code, want, out)
		}
	}
}

// TestASignalEndsTheWaitForAPassword: nobody writes to the pipe.
func TestASignalEndsTheWaitForAPassword(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		dir := t.TempDir()
		put(t, dir, "stats.yaml", localAnswers)
		if err := syscall.Mkfifo(filepath.Join(dir, "named"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := aslwizIn(t, dir, "plan", "--password-file", "named", "stats.yaml")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Once aslwiz has opened the pipe, so can a writer; this one writes nothing.
		var writer *os.File
		var err error
		for begun := time.Now(); time.Since(begun) < patience; time.Sleep(10 * time.Millisecond) {
			if writer, err = os.OpenFile(filepath.Join(dir, "named"), os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
				break
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		_ = cmd.Process.Signal(signal)
		_ = cmd.Wait()
		_ = writer.Close()
		if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.Contains(out.String(), "interrupted") {
			t.Errorf("%s: ended with %d: %s", signal, code, out.String())
		}
	}
}

func TestAPipeThatGivesNothing(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := readSecretWithin(t.Context(), 50*time.Millisecond, nil, "--password-file", pipe)
	if err == nil || !strings.Contains(err.Error(), "nothing came from") {
		t.Errorf("want an error after the time, got %v", err)
	}
	f, err := os.OpenFile(pipe, os.O_RDWR, 0) // lets go of who waits
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
}

// TestASecondSignalEndsAtOnce, whatever the program waits for.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		dir := t.TempDir()
		cmd := aslwizIn(t, dir)
		cmd.Args[0] = "aslwiz-that-hangs"
		var out bytes.Buffer
		said, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		word := make([]byte, 16)
		for _, want := range []string{"waits\n", "cancelled\n"} {
			n, err := said.Read(word)
			if string(word[:n]) != want {
				t.Fatalf("said %q, %v; want %q", word[:n], err, want)
			}
			_ = cmd.Process.Signal(signal)
		}
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.Contains(out.String(), "Interrupted twice") {
			t.Errorf("%s: ended with %d: %s", signal, code, out.String())
		}
	}
}

// TestAFileNameIsNotObeyed: a name may hold escape sequences; they were printed as they
// were by whoever named the file or the server.
func TestAFileNameIsNotObeyed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const name = "a\x1b]0;pwned\x07b\x1b[2Jc\u202ed\naslwiz: all is well.yaml"
	put(t, dir, name, localAnswers)
	put(t, dir, "bad"+name, localAnswers+"nonsense: 1\n")
	put(t, dir, "moved.yaml", localAnswers+"identity: \"no\\e[2Jkey\"\n")
	for _, args := range [][]string{
		{"answers", "--check", name},
		{"answers", "--check", "bad" + name},
		{"answers", "--check", "none" + name},
		{"answers", "--check", "moved.yaml"},
		{"answers", "--check", "x\x1b[2Jx"},
		{"verify", name},
		{"verify", "--format", "junit", name},
		{"plan", name},
		{"plan", name, name},
		{"apply", "--yes", name},
		{"undo", name, "hostname"},
		{"plan", "--password-file", "x\x1b[2Jx", name},
		{"plan", "--ssh-config", "x\x1b[2Jx", name},
		{"plan", "--accept-host-key", "x\x1b[2Jx", name},
		{"plan", "--known-hosts", "/dev/null/x\x1b[2Jx", name},
		{"plan", "--\x1b[2J", name},
		{"\x1b[2Jx"},
	} {
		out, _ := ended(t, aslwizIn(t, dir, args...))
		if strings.ContainsAny(out, "\x1b\x07\u202e") || strings.Contains(out, "\naslwiz: all is well") {
			t.Errorf("aslwiz %q: the name reaches the screen as it is: %q", args, out)
		}
		if out == "" {
			t.Errorf("aslwiz %q said nothing", args)
		}
	}
}

// TestANewAddressIsNotWrittenThroughALink: in a folder that others write to, a link
// waits at the name that the new file had. It was followed.
func TestANewAddressIsNotWrittenThroughALink(t *testing.T) {
	t.Parallel()
	shared, mine := t.TempDir(), t.TempDir()
	put(t, mine, "precious", "precious")
	put(t, shared, "stats.yaml", localAnswers)
	for _, planted := range []string{".new", "~", ".tmp"} {
		if err := os.Symlink(filepath.Join(mine, "precious"), filepath.Join(shared, "stats.yaml"+planted)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := loadServer(filepath.Join(shared, "stats.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.rewriteHost("198.51.100.7"); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(filepath.Join(mine, "precious")); string(text) != "precious" {
		t.Errorf("a file elsewhere was written: %q", text)
	}
	if text, _ := os.ReadFile(filepath.Join(shared, "stats.yaml")); !strings.Contains(string(text), "198.51.100.7") {
		t.Errorf("the address was not written: %q", text)
	}
	if st, err := os.Lstat(filepath.Join(shared, "stats.yaml")); err != nil || st.Mode() != 0o600 {
		t.Errorf("the file is now %v, %v", st.Mode(), err)
	}
}

// An answers file that is a link, as in a folder of a repository, stays one.
func TestANewAddressKeepsTheLink(t *testing.T) {
	t.Parallel()
	repo, config := t.TempDir(), t.TempDir()
	put(t, repo, "stats.yaml", localAnswers)
	link := filepath.Join(config, "stats.yaml")
	if err := os.Symlink(filepath.Join(repo, "stats.yaml"), link); err != nil {
		t.Fatal(err)
	}
	s, err := loadServer(link)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.rewriteHost("198.51.100.7"); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(filepath.Join(repo, "stats.yaml"))
	st, err := os.Lstat(link)
	if err != nil || st.Mode().Type() != os.ModeSymlink || !strings.Contains(string(text), strconv.Quote("198.51.100.7")) {
		t.Errorf("the link is now %v, %v; behind it %q", st.Mode(), err, text)
	}
}

// TestAJournalIsAFile: a pipe in its place would take some of it and then hold up the run.
func TestAJournalIsAFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", dir)
	if err := os.MkdirAll(filepath.Join(dir, "aslwiz"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "aslwiz", "stats.jsonl"), 0o600); err != nil {
		t.Fatal(err)
	}
	j := openJournal("stats")
	j.write(checklist.Event{Kind: checklist.EventNote, Text: "said"})
	if err := j.close(); err == nil || !strings.Contains(err.Error(), "it is a pipe, not a file") {
		t.Errorf("the journal ended with %v", err)
	}
}
