package remote

import (
	"errors"
	"io"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// shellCommand is what the login shell is asked to do. Bourne shells, fish and
// csh read it alike: single quotes, without quote, backslash, exclamation mark
// or newline inside, each word short enough for an old csh. Whether sudo wants a
// password is not tried out with -n: sudo writes a mail to root about that attempt.
//
// The search path is set first: a sudo that somebody planted in the login's ~/bin
// would be given the password. sudo's prompt says whose password it wants (%p). When
// root's standard input is not the one that sudo was given, sudo stands in between
// and records it (log_input). A shell that has a head of its own is busybox, whose
// head reads too far.
func shellCommand(nonce string) string {
	const boot = `PATH=` + searchPath + ` LC_ALL=C; export PATH LC_ALL; i=$(id -u); echo; echo "$1 hello $i ${SSH_CONNECTION:-}"; ` +
		`if [ "$i" = 0 ]; then exec ` + shell + ` -c "$2" aslwiz "$1"; fi; ` +
		`command -v sudo >/dev/null || { echo "$1 nosudo"; exit 1; }; ` +
		`exec sudo -S -p "$1 password %p:" ` + shell + ` -c "$2" aslwiz "$1" "$(readlink /proc/self/fd/0)" 2>&1`
	const root = `exec 2>/dev/null; case $(command -v head) in /*) ;; *) echo "$1 busybox"; exit 1 ;; esac; ` +
		`l=; [ -z "$2" ] || [ "$2" = "$(readlink /proc/self/fd/0)" ] || l=" recorded"; ` +
		`echo "$1 ready$l"; read -r l; p=$(head -c "$l"); eval "$p"`
	return "exec " + shell + " -c '" + boot + "' aslwiz " + nonce + " '" + root + "'"
}

// Where programs are looked for on a server before it is root that does so.
const (
	searchPath = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
	shell      = "/bin/sh"
)

// pipe is the two directions of a login shell.
type pipe struct {
	io.Reader
	io.Writer
	close func()
	ended func() (code int, said string, ok bool) // once reading has ended; nil: not known
}

// startShell runs the command that makes a login shell a session's far end.
func startShell(conn *ssh.Client, command string) (pipe, error) {
	sess, err := conn.NewSession()
	if err != nil {
		return pipe{}, err
	}
	in, err := sess.StdinPipe()
	if err != nil {
		return pipe{}, err
	}
	out, err := sess.StdoutPipe()
	if err != nil {
		return pipe{}, err
	}
	said := &tail{}
	sess.Stderr = said
	if err := sess.Start(command); err != nil {
		_ = sess.Close()
		return pipe{}, err
	}
	status := make(chan error, 1)
	go func() { status <- sess.Wait() }()
	// Closing a session ends no read of it while the link is dead: the other end
	// would have to answer. The pipe between does.
	reader, writer := io.Pipe()
	go func() {
		_, err := io.Copy(writer, out)
		if err == nil {
			err = io.EOF
		}
		_ = writer.CloseWithError(err)
	}()
	return pipe{reader, in, func() {
		_ = reader.Close()
		go func() { _ = sess.Close() }() // may wait for the link as well
	}, func() (int, string, bool) {
		var exit *ssh.ExitError
		select {
		case err := <-status:
			if err == nil || errors.As(err, &exit) {
				if exit == nil {
					return 0, said.String(), true
				}
				return exit.ExitStatus(), said.String(), true
			}
		case <-time.After(2 * time.Second):
		}
		return 0, "", false
	}}, nil
}

// tail keeps the beginning of what a login shell says on standard error.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[:min(len(p), max(0, MaxLine-len(t.text)))]...)
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
