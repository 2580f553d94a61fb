//go:build unix

package remote

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// localShell starts a login shell's command as a child, with the programs in
// bin taking precedence: a fake id makes it root, a fake sudo refuses.
func localShell(t testing.TB, bin string, argv ...string) func(string) (pipe, error) {
	t.Helper()
	return func(command string) (pipe, error) {
		cmd := exec.CommandContext(t.Context(), argv[0], append(argv[1:], withPrograms(command, bin))...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "SSH_CONNECTION=192.0.2.9 4711 192.0.2.1 22"}
		in, err := cmd.StdinPipe()
		if err != nil {
			return pipe{}, err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return pipe{}, err
		}
		if err := cmd.Start(); err != nil {
			return pipe{}, err
		}
		t.Cleanup(func() {
			_ = in.Close()
			_ = out.Close()
			defer time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() }).Stop()
			_ = cmd.Wait()
		})
		return pipe{Reader: out, Writer: in, close: func() { _ = in.Close(); _ = out.Close() }}, nil
	}
}

// withPrograms is a session's command that finds programs in bin first.
func withPrograms(command, bin string) string {
	return strings.Replace(command, "PATH="+searchPath, "PATH="+bin+":"+os.Getenv("PATH"), 1)
}

// programs writes executables into a directory.
func programs(t testing.TB, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func never(context.Context, string) (Secret, error) { return Secret{}, errors.New("nobody to ask") }

func localSession(t *testing.T, argv ...string) *session {
	t.Helper()
	if argv == nil {
		argv = []string{"/bin/sh", "-c"}
	}
	s, err := openSession(t.Context(), "srv", "anna", localShell(t, programs(t, map[string]string{"id": "echo 0"}), argv...), never)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestSessionIsBinarySafe(t *testing.T) {
	t.Parallel()
	s := localSession(t)
	if s.sshConn != "192.0.2.9 4711 192.0.2.1 22" {
		t.Errorf("SSH_CONNECTION = %q", s.sshConn)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	sizes := []int{0, 1, 2, 4095, 4096, 4097, 65536, 1 << 20}
	for range 20 {
		sizes = append(sizes, rnd.IntN(20000))
	}
	for _, n := range sizes {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		r, err := s.do(t.Context(), request{script: "cat; printf 'a\\000b' >&2; exit 7", data: data, limit: 10 * time.Second, max: 2 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if r.code != 7 || !bytes.Equal(r.out, data) || string(r.err) != "a\x00b" {
			t.Fatalf("size %d: code %d, %d bytes, stderr %q", n, r.code, len(r.out), r.err)
		}
	}
}

func TestSessionLimits(t *testing.T) {
	t.Parallel()
	s := localSession(t)
	begin := time.Now()
	r, err := s.do(t.Context(), request{script: "echo early; sleep 60", limit: time.Second, max: 100})
	if err != nil || r.code != 124 || string(r.out) != "early\n" || time.Since(begin) > 10*time.Second {
		t.Errorf("a script over its time: %+v, %v after %v", r, err, time.Since(begin))
	}
	r, err = s.do(t.Context(), request{script: "head -c 100000 /dev/zero", limit: 10 * time.Second, max: 100})
	if err != nil || len(r.out) != 100 {
		t.Errorf("a long answer: %d bytes, %v", len(r.out), err)
	}
	// A caller that goes away leaves the session usable.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.do(ctx, request{script: "sleep 1; echo late", limit: 5 * time.Second, max: 100}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	r, err = s.do(t.Context(), request{script: "echo next", limit: 5 * time.Second, max: 100})
	if err != nil || string(r.out) != "next\n" {
		t.Errorf("after a cancelled one: %q, %v", r.out, err)
	}
}

func TestSessionRemovesItsDirectory(t *testing.T) {
	t.Parallel()
	s := localSession(t)
	r, err := s.do(t.Context(), request{script: `echo "$ASLWIZ_DIR"; stat -c %a "$ASLWIZ_DIR"; umask`, limit: 5 * time.Second, max: 1000})
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(r.out))
	if len(f) != 3 || f[1] != "700" || f[2] != "0077" {
		t.Fatalf("directory, mode, umask = %q", f)
	}
	s.Close()
	for deadline := time.Now().Add(5 * time.Second); ; {
		if _, err := os.Stat(f[0]); errors.Is(err, os.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is still there", f[0])
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestSessionShells(t *testing.T) {
	t.Parallel()
	noise := programs(t, map[string]string{
		"chatty": "printf 'Last login: \\000\\377 yesterday'; echo \"you ran: $2\"; exec sh -c \"$2\"",
	})
	shells := map[string][]string{
		"sh": {"/bin/sh", "-c"}, "bash": {"bash", "-c"}, "dash": {"dash", "-c"}, "fish": {"fish", "-c"},
		"tcsh": {"tcsh", "-c"}, "csh": {"csh", "-c"}, "zsh": {"zsh", "-c"}, "echoing": {"/bin/sh", "-vxc"},
		"chatty": {filepath.Join(noise, "chatty"), "-c"},
	}
	for name, argv := range shells {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(argv[0]); err != nil {
				t.Skip(argv[0] + " is not installed here")
			}
			r, err := localSession(t, argv...).do(t.Context(), request{script: "echo hello", limit: 5 * time.Second, max: 100})
			if err != nil || string(r.out) != "hello\n" {
				t.Errorf("%q, %v", r.out, err)
			}
		})
	}
}

// liar is a far end that greets properly and then answers as it likes.
func liar(answer func(nonce string, w io.Writer)) func(string) (pipe, error) {
	return func(command string) (pipe, error) {
		nonce := strings.Fields(command[strings.Index(command, "' aslwiz ")+2:])[1]
		hereIn, thereOut := io.Pipe()
		thereIn, hereOut := io.Pipe()
		closeAll := func() { _ = hereIn.Close(); _ = hereOut.Close() }
		go func() {
			fmt.Fprintf(thereOut, "motd\n%s hello 0 a 1 b 2\n%s ready\n", nonce, nonce)
			r := bufio.NewReader(thereIn)
			_, _ = r.ReadString('\n')
			go func() { _, _ = io.Copy(io.Discard, r) }()
			answer(nonce, thereOut)
		}()
		return pipe{Reader: hereIn, Writer: hereOut, close: closeAll}, nil
	}
}

func TestSessionBelievesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(nonce string, w io.Writer)
		want   error
	}{
		"endless line":    {func(_ string, w io.Writer) { _, _ = io.Copy(w, zeros{}) }, ErrGarbled},
		"another nonce":   {func(_ string, w io.Writer) { fmt.Fprint(w, "deadbeef 0 1 0\nx") }, ErrGarbled},
		"huge length":     {func(n string, w io.Writer) { fmt.Fprintf(w, "%s 0 999999999 0\n", n) }, ErrGarbled},
		"negative length": {func(n string, w io.Writer) { fmt.Fprintf(w, "%s 0 -1 0\n", n) }, ErrGarbled},
		"short frame":     {func(n string, w io.Writer) { fmt.Fprintf(w, "%s 0 100 0\nonly this", n) }, ErrLost},
		"silence":         {func(string, io.Writer) {}, ErrLost},
		"no room":         {func(n string, w io.Writer) { fmt.Fprintf(w, "%s nowhere\n", n) }, ErrDiskFull},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := openSession(t.Context(), "srv", "anna", liar(c.answer), never)
			if err != nil {
				t.Fatal(err)
			}
			s.grace = 300 * time.Millisecond
			begin := time.Now()
			_, err = s.do(t.Context(), request{script: "true", limit: 100 * time.Millisecond, max: 1000})
			if !errors.Is(err, c.want) || time.Since(begin) > 5*time.Second {
				t.Errorf("%v after %v, want %v", err, time.Since(begin), c.want)
			}
			if _, err := s.do(t.Context(), request{script: "true"}); err == nil {
				t.Error("the session is still in use")
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// fakeSudo asks as sudo does; it keeps what it was sent.
const fakeSudo = `echo 'We trust you have received the usual lecture' >&2
for try in 1 2 3; do
  printf '%s%s:' "${3%\%p:}" "${SUDO_OF:-anna}" >&2
  read -r p || exit 1
  printf '%s\n' "$p" >>"${0%/*}/sent"
  [ "$p" != "right" ] || { shift 3; exec "$@"; }
  echo 'Sorry, try again.' >&2
done
echo 'sudo: 3 incorrect password attempts' >&2
exit 1
`

func TestSudo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sudo, password string
		reason         SudoReason
		sent           string
	}{
		"right password":   {fakeSudo, "right", "", "right\n"},
		"wrong password":   {fakeSudo, "hunter2", SudoWrongPassword, "hunter2\n"},
		"no password":      {fakeSudo, "", SudoNoPassword, ""},
		"no need of one":   {`shift 3; exec "$@"`, "hunter2", "", ""},
		"not in sudoers":   {`echo 'anna is not in the sudoers file.' >&2; exit 1`, "hunter2", SudoNotAllowed, ""},
		"requiretty":       {`echo 'sudo: sorry, you must have a tty to run sudo' >&2; exit 1`, "hunter2", SudoTerminal, ""},
		"another question": {`echo 'Verification code: ' >&2; exit 1`, "hunter2", SudoOther, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bin := programs(t, map[string]string{"id": "echo 1000", "sudo": "echo >>\"${0%/*}/begun\"\n" + c.sudo})
			s, err := openSession(t.Context(), "srv", "anna", localShell(t, bin, "/bin/sh", "-c"),
				func(context.Context, string) (Secret, error) { return NewSecret(c.password), nil })
			sent, _ := os.ReadFile(filepath.Join(bin, "sent"))
			if string(sent) != c.sent {
				t.Errorf("sudo was sent %q, want %q", sent, c.sent)
			}
			if begun, err := os.ReadFile(filepath.Join(bin, "begun")); err != nil || len(begun) != 1 {
				t.Errorf("sudo was begun %d times, %v: it mails root about each try without a password", len(begun), err)
			}
			var refused *SudoError
			switch {
			case c.reason == "" && err != nil:
				t.Error(err)
			case c.reason == "":
				defer s.Close()
				if r, err := s.do(t.Context(), request{script: "echo in", limit: 5 * time.Second, max: 10}); err != nil || string(r.out) != "in\n" {
					t.Errorf("%q, %v", r.out, err)
				}
			case !errors.As(err, &refused) || refused.Reason != c.reason || !errors.Is(err, ErrSudo):
				t.Errorf("%v, want %s", err, c.reason)
			case strings.Contains(err.Error()+refused.Hint(), "hunter2"):
				t.Errorf("shows the password: %v", err)
			}
		})
	}
}

// A login that says it is root needs no password of anybody's.
func TestRootIsNotAskedForAPassword(t *testing.T) {
	t.Parallel()
	sent := make(chan string, 1)
	_, err := openSession(t.Context(), "srv", "root", func(command string) (pipe, error) {
		nonce := strings.Fields(command[strings.Index(command, "' aslwiz ")+2:])[1]
		hereIn, thereOut := io.Pipe()
		thereIn, hereOut := io.Pipe()
		go func() {
			fmt.Fprintf(thereOut, "%s hello 0 a 1 b 2\n%s password root:", nonce, nonce)
			l, _ := bufio.NewReader(thereIn).ReadString('\n')
			sent <- l
		}()
		return pipe{Reader: hereIn, Writer: hereOut, close: func() { _ = hereIn.Close(); _ = hereOut.Close() }}, nil
	}, func(context.Context, string) (Secret, error) { return NewSecret("hunter2"), nil })
	if got := <-sent; !errors.Is(err, ErrGarbled) || got != "" {
		t.Errorf("it was sent %q: %v", got, err)
	}
}

// TestSessionRunsNoHalfOfARequest: a link that is cut in the middle of a script
// leaves text that may do something else than the whole.
func TestSessionRunsNoHalfOfARequest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := "echo >" + dir + "/began\n: and so on\n"
	whole := fmt.Sprintf("n %d 4 5 100\n%sdata", len(script), script)
	for _, cut := range []int{len(whole) - 10, len(whole) - 4, len(whole) - 1, len(whole)} {
		_ = os.Remove(filepath.Join(dir, "began"))
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", sessionLoop, "aslwiz", "n")
		cmd.Stdin = strings.NewReader(whole[:cut])
		_ = cmd.Run()
		if _, err := os.Stat(filepath.Join(dir, "began")); (err == nil) != (cut == len(whole)) {
			t.Errorf("%d of %d bytes: %v", cut, len(whole), err)
		}
	}
}

// TestSessionOnADeadLink: closing ends no read, as in SSH when the other end is
// gone without a word.
func TestSessionOnADeadLink(t *testing.T) {
	t.Parallel()
	start := liar(func(string, io.Writer) {})
	s, err := openSession(t.Context(), "srv", "anna", func(command string) (pipe, error) {
		p, err := start(command)
		t.Cleanup(p.close)
		p.close = func() {}
		return p, err
	}, never)
	if err != nil {
		t.Fatal(err)
	}
	s.grace = 100 * time.Millisecond
	done := make(chan error, 1)
	go func() {
		_, err := s.do(t.Context(), request{script: "true", limit: 100 * time.Millisecond, max: 10})
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, ErrLost) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("waits for ever")
	}
}
