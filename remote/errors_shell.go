package remote

import (
	"fmt"
	"strings"
)

// ShellReason is why a login gave no usable shell.
type ShellReason string

// The reasons of a ShellError.
const (
	ShellSilent  ShellReason = "login succeeded, but the shell ran no command"
	ShellEnded   ShellReason = "is logged in, and the shell ended at once"
	ShellBusybox ShellReason = "its /bin/sh is busybox, which aslwiz cannot use"
)

// ShellError says that the login worked and the shell there did not.
type ShellError struct {
	Host   string
	User   string
	Reason ShellReason
	Code   int    // what the shell ended with
	Said   string // its last line, cleaned
}

// Error implements error.
func (e *ShellError) Error() string {
	switch e.Reason {
	case ShellBusybox:
		return fmt.Sprintf("%s: %s", e.Host, e.Reason)
	case ShellSilent:
		return fmt.Sprintf("%s: %s: %s within %.0f s", e.Host, e.User, e.Reason, helloLimit.Seconds())
	}
	said := "it said nothing"
	if e.Said != "" {
		said = "it said: " + e.Said
	}
	s := fmt.Sprintf("%s: %s %s, with status %d; %s", e.Host, e.User, e.Reason, e.Code, said)
	if likely := e.likely(); likely != "" {
		s += "; " + likely
	}
	return s
}

// likely is what such an end usually means.
func (e *ShellError) likely() string {
	for _, c := range []struct{ words, means string }{
		{"not available", "the account's shell is nologin, which lets nobody in"},
		{"No such file", "its shell is not installed, or ChrootDirectory in sshd_config has none inside"},
		{"sftp connections only", "sshd_config lets this user transfer files and nothing else (ForceCommand internal-sftp)"},
		{"assword has expired", "its password has expired: log in once with ssh and change it"},
		{"change your password", "its password has expired: log in once with ssh and change it"},
	} {
		if strings.Contains(e.Said, c.words) {
			return c.means
		}
	}
	if e.Said == "" {
		return "its shell is probably /bin/false, or a forced command runs in its place"
	}
	return "a forced command may run in its place (ForceCommand in sshd_config, command= in authorized_keys)"
}

// Unwrap gives ErrLost, or ErrConnect where trying again cannot help.
func (e *ShellError) Unwrap() error {
	if e.Reason == ShellBusybox {
		return ErrConnect
	}
	return ErrLost
}

// Hint says what to try.
func (e *ShellError) Hint() string {
	switch e.Reason {
	case ShellBusybox:
		return "as root on the server: dpkg-reconfigure dash, or ln -sf dash /bin/sh; Debian's own /bin/sh is dash"
	case ShellSilent:
		return fmt.Sprintf("ssh %s@%s true must end at once; when it hangs too, .bashrc or .profile of %s (or a file in /etc/profile.d) "+
			"starts another program, such as exec fish, screen or cat: let it do so only where the shell is interactive ([[ $- == *i* ]])", e.User, e.Host, e.User)
	default:
		return fmt.Sprintf("ssh %s@%s true must end without an error; on the server, getent passwd %s shows the shell; or log in as another user", e.User, e.Host, e.User)
	}
}

// shellFailure says why a login shell did not obey, from what it said and how it ended.
func (s *session) shellFailure(user, said string, err error) error {
	if s.p.ended == nil {
		return err
	}
	code, complaint, ok := s.p.ended()
	if !ok {
		return err
	}
	line := lastLine(complaint)
	if line == "" {
		line = lastLine(said)
	}
	return &ShellError{Host: s.host, User: user, Reason: ShellEnded, Code: code, Said: line}
}

func lastLine(s string) string {
	last := ""
	for l := range strings.SplitSeq(s, "\n") {
		if l = strings.TrimSpace(CleanLine(l)); l != "" {
			last = l
		}
	}
	return last
}

// RecordedError says that sudo keeps what a session is sent: a secret is not sent then.
type RecordedError struct {
	Host string
	User string
}

// Error implements error.
func (e *RecordedError) Error() string {
	return e.Host + ": sudo on this server logs its input (log_input), so aslwiz sends no keys: they would stay in /var/log/sudo-io"
}

// Hint says what to try.
func (e *RecordedError) Hint() string {
	return "as root on the server, with visudo: Defaults:" + e.User + " !log_input; then connect again; or log in as root"
}
