//go:build linux

package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"aslwiz/remote/remotetest"
)

// host is a machine that is reached over SSH, with the real programs at its end
// below a root of its own, and whose boot, clock and processes can be disturbed.
type host struct {
	*machine
	srv     *remotetest.Server
	options Options
	target  Target
	guarded bool
	keys    []ssh.PublicKey // let in
	next    atomic.Int32    // of transaction ids
	boots   int
	began   time.Time    // of the present boot
	in, out atomic.Int64 // bytes that went to and came from the host
	cutIn   int64        // the link is cut there; 0: never
	cutOut  int64
	running context.Context // ends with the aslwiz that is disturbed
}

// pace is how much faster than the test's the host's uptime runs.
const pace = 4

// guardSeconds are the host's seconds.
const guardSeconds = 24

// hostSecret is what the example's script puts into a file of its own.
const hostSecret = "hunter2 is 'no' $ecret"

func newHost(t *testing.T, guarded bool) *host {
	t.Helper()
	h := &host{machine: newMachine(t), guarded: guarded, boots: 1, began: time.Now()}
	texts := maps.Clone(systemdPrograms)
	for _, w := range writers {
		texts[w] = fullDisk
	}
	for name, text := range texts {
		h.stub(name, text)
	}
	for _, dir := range []string{h.bin + "/units", h.root + "/run", h.root + "/var"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tick := time.NewTicker(100 * time.Millisecond)
	done := make(chan struct{})
	h.tick()
	go func() {
		defer close(done)
		for range tick.C {
			if h.read("/.ended") != Absent {
				return
			}
			h.tick()
		}
	}()
	key, hostKey := remotetest.NewKey(t), remotetest.NewKey(t)
	t.Cleanup(func() {
		_ = os.WriteFile(h.root+"/.ended", nil, 0o600)
		<-done
		tick.Stop()
		h.killAll()
	})
	h.keys = []ssh.PublicKey{key.Public}
	h.srv = remotetest.Start(t, remotetest.Config{HostKeys: []ssh.Signer{hostKey.Signer}, Keys: h.keys, Exec: h.login})
	home := t.TempDir()
	h.target = Target{Host: "127.0.0.1", Port: h.srv.Port(), User: "anna", Identity: []string{key.Write(t, home+"/key")}}
	h.options = Options{
		AcceptHostKey: mustAccept(hostKey.Fingerprint()), KnownHosts: []string{home + "/known_hosts"},
		SSHConfig: os.DevNull, AgentSocket: home + "/none", ConnectTimeout: 10 * time.Second, Who: "anna",
	}
	h.example()
	return h
}

// tick moves the host's uptime on.
func (h *host) tick() {
	up := 1000 + pace*time.Since(h.began).Seconds()
	name := h.root + "/proc/uptime"
	if os.WriteFile(name+".new", fmt.Appendf(nil, "%.2f 1.00\n", up), 0o644) == nil {
		_ = os.Rename(name+".new", name)
	}
}

// login is a login shell there.
func (h *host) login(e *remotetest.Exec) int {
	_, rest, _ := strings.Cut(e.Command, "' aslwiz ")
	nonce, _, _ := strings.Cut(rest, " ")
	e.Env = append(e.Env, "PATH="+h.bin+":"+os.Getenv("PATH"), "ASLWIZ_ROOT="+h.root, "ASLWIZ_PATIENCE=1", "LC_ALL=C")
	in, out := io.Pipe()
	source := &meter{r: e.Stdin, n: &h.in, at: h.cutIn, cut: h.srv.Cut}
	go func() { _ = out.CloseWithError(h.redirect(nonce, source, out)) }()
	// Not remotetest's shell, which dies with its connection: sshd kills nothing,
	// it closes the pipes.
	cmd := exec.CommandContext(context.WithoutCancel(e.Context), "/bin/sh", "-c", withPrograms(e.Command, h.bin))
	ownGroup(cmd)
	cmd.Env = append(os.Environ(), e.Env...)
	cmd.Stdout = &meter{w: e.Stdout, n: &h.out, at: h.cutOut, cut: h.srv.Cut}
	stdin, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		return 255
	}
	go func() {
		_, _ = io.Copy(stdin, in)
		_ = stdin.Close()
	}()
	defer context.AfterFunc(e.Context, func() { _ = in.CloseWithError(io.EOF) })()
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

// meter counts bytes, and cuts the link at one of them.
type meter struct {
	r   io.Reader
	w   io.Writer
	n   *atomic.Int64
	at  int64
	cut func()
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	return m.count(n), err
}

func (m *meter) Write(p []byte) (int, error) {
	keep := m.count(len(p))
	n, err := m.w.Write(p[:keep])
	return n + len(p) - keep, err
}

// count says how many of n more bytes still pass.
func (m *meter) count(n int) int {
	total := m.n.Add(int64(n))
	if m.at <= 0 || total < m.at || total-int64(n) >= m.at {
		return n
	}
	m.cut()
	return int(m.at - (total - int64(n)))
}

// redirect points what a session is sent at the host's root: first the loop's
// program, then requests.
func (h *host) redirect(nonce string, from io.Reader, to io.Writer) error {
	r := bufio.NewReaderSize(from, 64<<10)
	line, err := r.ReadString('\n')
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil { // sudo's password comes first
		if _, err := io.WriteString(to, line); err != nil {
			return err
		}
		if line, err = r.ReadString('\n'); err != nil {
			return err
		}
		if n, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
			return err
		}
	}
	loop := make([]byte, n)
	if _, err := io.ReadFull(r, loop); err != nil {
		return err
	}
	text := strings.Replace(string(loop), "/run /dev/shm /tmp /var/tmp", h.root+"/run", 1)
	if _, err := fmt.Fprintf(to, "%d\n%s", len(text), text); err != nil {
		return err
	}
	for {
		if line, err = r.ReadString('\n'); err != nil {
			_, _ = io.WriteString(to, line) // half a line arrives too
			return err
		}
		var script, data, limit, most int
		if _, err := fmt.Sscanf(line, nonce+" %d %d %d %d", &script, &data, &limit, &most); err != nil {
			return err
		}
		b := make([]byte, script)
		if k, err := io.ReadFull(r, b); err != nil {
			_, _ = to.Write(append([]byte(line), b[:k]...))
			return err
		}
		text := "export PATH=" + h.bin + ":$PATH\n" + strings.NewReplacer(TxRoot, h.root+TxRoot,
			"/run/aslwiz", h.root+"/run/aslwiz", "/etc/systemd/system", h.root+"/etc/systemd/system",
			"/proc/sys/kernel", h.root+"/proc/sys/kernel").Replace(string(b))
		if _, err := fmt.Fprintf(to, "%s %d %d %d %d\n%s", nonce, len(text), data, limit, most, text); err != nil {
			return err
		}
		if _, err := io.CopyN(to, r, int64(data)); err != nil {
			return err
		}
	}
}

// apply is one aslwiz: it follows what it finds under way, and then does what is
// still to be done.
func (h *host) apply(ctx context.Context) (Status, error) {
	s, err := Connect(ctx, h.target, h.options)
	if err != nil {
		return Status{}, err
	}
	defer func() { _ = s.Close() }()
	st, ok, err := s.Current(ctx)
	if err != nil {
		return st, err
	}
	if ok && !st.State.Ended() {
		if st, err = s.Follow(ctx, st.ID, 0, nil); err != nil {
			return st, err
		}
	}
	tx, todo := h.wanted()
	if !todo {
		return st, nil
	}
	if err := s.Start(ctx, tx); err != nil {
		return st, err
	}
	return s.Follow(ctx, tx.ID, 0, nil)
}

// converge runs aslwiz again, as an admin does, until there is nothing to do.
func (h *host) converge() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.t.Context()), 90*time.Second)
	defer cancel()
	var last error
	for range 12 {
		st, err := h.apply(ctx)
		if err == nil && slices.Equal(h.contents(), exampleNew) && h.read("/etc/secret") == hostSecret {
			return nil
		}
		last = fmt.Errorf("state %s (%s), %w", st.State, st.Reason, errors.Join(err, ctx.Err()))
		if sleep(ctx, 200*time.Millisecond) != nil {
			break
		}
	}
	return fmt.Errorf("run again, it does not converge: %w; files %q", last, h.contents())
}

// killAll ends every process of the host, as pulling the plug does.
func (h *host) killAll() {
	for range 5 {
		pids := h.processes()
		if len(pids) == 0 {
			return
		}
		for pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// processes are those of the host, with what they run.
func (h *host) processes() map[int]string {
	found := map[int]string{}
	environs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, e := range environs {
		b, err := os.ReadFile(e)
		if err != nil || !strings.Contains("\x00"+string(b), "\x00ASLWIZ_ROOT="+h.root+"\x00") {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(e)))
		line, _ := os.ReadFile(filepath.Dir(e) + "/cmdline")
		found[pid] = strings.ReplaceAll(string(line), "\x00", " ")
	}
	return found
}
