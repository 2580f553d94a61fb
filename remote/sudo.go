package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// ErrSudo is wrapped by every error that says the login worked but root was not
// granted. It is never tried again by itself.
var ErrSudo = errors.New("cannot become root")

// SudoReason is why sudo did not grant root.
type SudoReason string

// The reasons of a SudoError.
const (
	SudoWrongPassword SudoReason = "sudo refused the password"
	SudoNotAllowed    SudoReason = "sudo is not allowed to this user"
	SudoMissing       SudoReason = "not root, and sudo is not installed"
	SudoNoPassword    SudoReason = "sudo wants a password and none was given"
	SudoTerminal      SudoReason = "sudo wants a terminal (requiretty)"
	SudoSilent        SudoReason = "sudo gives no answer"
	SudoOther         SudoReason = "sudo did not grant root"
)

// SudoError says why root was not granted.
type SudoError struct {
	Host   string
	User   string
	Reason SudoReason
	Of     string // whose password sudo wanted, where it is not the user's
	Detail string // sudo's own words, cleaned
	Err    error  // the cause, may be nil
}

// Error implements error.
func (e *SudoError) Error() string {
	return joinDetail(fmt.Sprintf("%s: %s: %s", e.Host, e.User, e.Reason), e.Detail)
}

// Unwrap gives ErrSudo and the cause. A sudo that is silent may answer later: that is
// ErrLost.
func (e *SudoError) Unwrap() []error {
	if e.Reason == SudoSilent {
		return []error{ErrLost}
	}
	if e.Err == nil {
		return []error{ErrSudo}
	}
	return []error{ErrSudo, e.Err}
}

// Hint says what to try.
func (e *SudoError) Hint() string {
	switch e.Reason {
	case SudoWrongPassword:
		if e.Of != "" {
			return "type the password of " + e.Of + " on the server: sudo there wants that one, not the one of " + e.User + " (rootpw, targetpw or runaspw in its sudoers)"
		}
		return "type the password of " + e.User + " on the server, not the one of root or of your key"
	case SudoNotAllowed:
		return "as root on the server: usermod -aG sudo " + e.User + ", or log in as root"
	case SudoMissing:
		return "log in as root, or have root install sudo"
	case SudoTerminal:
		return "as root on the server, with visudo: Defaults:" + e.User + " !requiretty; or log in as root"
	case SudoSilent:
		return "as " + e.User + " on the server: sudo -v; when it hangs there too, look at its name servers, at LDAP, and at what PAM waits for (/etc/pam.d/sudo)"
	case SudoNoPassword:
		return "give it with --sudo-password-file, or run where it can be typed"
	default:
		return "see whether ssh -t " + e.User + "@" + e.Host + " sudo id works"
	}
}

// becomeRoot reads what the far end says on its way to root.
func (s *session) becomeRoot(ctx context.Context, user string, password func(ctx context.Context, of string) (Secret, error)) error {
	if _, said, err := s.expect(s.nonce + " hello "); err != nil {
		return s.shellFailure(user, said, err)
	}
	line, err := s.readLine(400)
	if err != nil {
		return err
	}
	uid, conn, _ := strings.Cut(line, " ")
	if s.uid, err = strconv.Atoi(uid); err != nil {
		return fmt.Errorf("%s: %w: %.200q", s.host, ErrGarbled, FirstLine(line))
	}
	s.sshConn = conn
	s.watch.stop()
	s.watchSudo(user)

	ready, recorded := s.nonce+" ready\n", s.nonce+" ready recorded\n"
	prompt, missing, busybox := s.nonce+" password ", s.nonce+" nosudo\n", s.nonce+" busybox\n"
	sent, of := false, ""
	for {
		which, said, err := s.expect(ready, recorded, prompt, missing, busybox)
		switch {
		case which == ready, which == recorded:
			s.recorded = which == recorded
			return nil
		case which == busybox:
			return &ShellError{Host: s.host, User: user, Reason: ShellBusybox}
		case which == missing:
			return &SudoError{Host: s.host, User: user, Reason: SudoMissing}
		case which == prompt && s.uid == 0: // root needs no sudo: whoever asks here is after the password
			return fmt.Errorf("%s: %w: a login that is root already asks for a password", s.host, ErrGarbled)
		case which == prompt && sent:
			return &SudoError{Host: s.host, User: user, Of: of, Reason: SudoWrongPassword}
		case which == prompt:
			if of, err = s.whosePassword(user); err != nil {
				return err
			}
			if err := s.sendPassword(ctx, user, of, password); err != nil {
				return err
			}
			sent = true
		case ctx.Err() != nil:
			return ctx.Err()
		case s.uid == 0:
			return err
		default:
			return sudoRefusal(s.host, user, of, said, err)
		}
	}
}

// watchSudo ends the session when sudo neither asks nor begins.
func (s *session) watchSudo(user string) {
	s.watch = newWatchdog(sudoLimit, func() { s.fail(&SudoError{Host: s.host, User: user, Reason: SudoSilent}) })
}

var loginName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@+-]*\$?$`)

// whosePassword reads the end of sudo's prompt: a name and a colon. It is "" where
// the password is the user's own.
func (s *session) whosePassword(user string) (string, error) {
	var b strings.Builder
	for b.Len() < 100 {
		c, err := s.r.ReadByte()
		switch {
		case err != nil:
			return "", fmt.Errorf("%s: %w: %w", s.host, ErrLost, err)
		case c != ':':
			b.WriteByte(c)
		case b.String() == user:
			return "", nil
		case loginName.MatchString(b.String()):
			return b.String(), nil
		default:
			return "", fmt.Errorf("%s: %w: sudo's prompt says %.100q", s.host, ErrGarbled, FirstLine(b.String()))
		}
	}
	return "", fmt.Errorf("%s: %w: sudo's prompt says %.100q", s.host, ErrGarbled, FirstLine(b.String()))
}

// sendPassword answers sudo's own prompt, which was seen: sent earlier, the
// password could end up as a command.
func (s *session) sendPassword(ctx context.Context, user, of string, password func(ctx context.Context, of string) (Secret, error)) error {
	s.watch.stop() // a person may take their time
	pw, err := password(ctx, of)
	if err != nil || pw.Empty() || strings.ContainsAny(pw.Reveal(), "\n\x00") {
		return &SudoError{Host: s.host, User: user, Of: of, Reason: SudoNoPassword, Err: err}
	}
	s.watchSudo(user)
	if _, err := io.WriteString(s.p, pw.Reveal()+"\n"); err != nil {
		return fmt.Errorf("%s: %w: %w", s.host, ErrLost, err)
	}
	return nil
}

// sudoRefusal reads sudo's words, which are English: the locale was set.
func sudoRefusal(host, user, of, said string, err error) error {
	e := &SudoError{Host: host, User: user, Of: of, Reason: SudoOther, Detail: sudoLine(said), Err: err}
	for _, c := range []struct {
		words  string
		reason SudoReason
	}{
		{"incorrect password attempt", SudoWrongPassword},
		{"Sorry, try again", SudoWrongPassword},
		{"not in the sudoers file", SudoNotAllowed},
		{"is not allowed to", SudoNotAllowed},
		{"may not run sudo", SudoNotAllowed},
		{"must have a tty", SudoTerminal},
	} {
		if strings.Contains(said, c.words) {
			e.Reason, e.Detail, e.Err = c.reason, "", nil
			break
		}
	}
	return e
}

// expect skips everything until one of the markers, which it returns, together
// with the end of what was skipped.
func (s *session) expect(markers ...string) (marker, said string, err error) {
	var b []byte
	for read := 0; read < maxNoise; read++ {
		c, err := s.r.ReadByte()
		if err != nil {
			return "", string(b), fmt.Errorf("%s: %w: %w", s.host, ErrLost, err)
		}
		b = append(b, c)
		for _, m := range markers {
			if c == m[len(m)-1] && strings.HasSuffix(string(b[max(0, len(b)-len(m)):]), m) {
				return m, string(b), nil
			}
		}
		if len(b) > 8<<10 {
			b = append(b[:0], b[4<<10:]...)
		}
	}
	return "", string(b), fmt.Errorf("%s: %w: the login shell keeps talking", s.host, ErrGarbled)
}

// sudoLine is the line in which sudo says why: its last one. A lecture and a warning
// about the host's name may stand before it.
func sudoLine(said string) string {
	last := ""
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "sudo: ") {
			last = FirstLine(line)
		}
	}
	return orElse(last, FirstLine(said))
}
