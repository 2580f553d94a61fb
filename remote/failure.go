package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// dialError sorts the error of a TCP connection by what the admin can do.
func dialError(ctx context.Context, at Hop, err error) error {
	if cause := ctx.Err(); errors.Is(cause, context.Canceled) {
		return fmt.Errorf("%s: %w", at, cause)
	}
	reason, detail := dialReason(err)
	return &ConnectError{Hop: at, Reason: reason, Detail: detail, Err: err}
}

// dialReason gives a reason, and in words only what the reason does not say.
func dialReason(err error) (Reason, string) {
	var dns *net.DNSError
	var channel *ssh.OpenChannelError
	var errno syscall.Errno
	var timeout net.Error
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return ReasonNotFound, ""
	case errors.As(err, &dns):
		return ReasonNameServer, ""
	case errors.As(err, &channel):
		return forwardReason(channel)
	case errors.As(err, &errno):
		return errnoReason(errno)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return ReasonTimeout, ""
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return ReasonOther, "the connection to the jump host was lost"
	default:
		return ReasonOther, CleanLine(err.Error())
	}
}

// errnoReason knows the system's numbers. Those of Winsock are beyond all others,
// so that no build tag is needed.
func errnoReason(errno syscall.Errno) (Reason, string) {
	const (
		wsaAccess      = 10013
		wsaAddress     = 10049
		wsaNetwork     = 10051
		wsaReset       = 10054
		wsaTimeout     = 10060
		wsaRefused     = 10061
		wsaHost        = 10065
		wsaHostOffline = 10064
	)
	switch errno {
	case syscall.ECONNREFUSED, wsaRefused:
		return ReasonRefused, ""
	case syscall.ETIMEDOUT, wsaTimeout:
		return ReasonTimeout, ""
	case syscall.ECONNRESET, wsaReset:
		return ReasonClosed, ""
	case syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN, syscall.EADDRNOTAVAIL,
		syscall.EACCES, syscall.EPERM, syscall.EAFNOSUPPORT, syscall.EINVAL,
		wsaAccess, wsaAddress, wsaNetwork, wsaHost, wsaHostOffline:
		return ReasonUnreachable, errno.Error()
	default:
		return ReasonOther, errno.Error()
	}
}

// forwardReason reads what a jump host says of a connection that it was to make.
// sshd sends the system's words.
func forwardReason(e *ssh.OpenChannelError) (Reason, string) {
	if e.Reason == ssh.Prohibited {
		return ReasonForward, ""
	}
	said := CleanLine(e.Message)
	lower := strings.ToLower(said)
	for _, known := range []struct {
		words  string
		reason Reason
	}{
		{"refused", ReasonRefused},
		{"timed out", ReasonTimeout},
		{"no route", ReasonUnreachable},
		{"unreachable", ReasonUnreachable},
		{"cannot assign", ReasonUnreachable},
		{"permission denied", ReasonUnreachable},
		{"not known", ReasonNotFound},
		{"no address associated", ReasonNotFound},
		{"name resolution", ReasonNameServer},
	} {
		if strings.Contains(lower, known.words) {
			return known.reason, ""
		}
	}
	return ReasonOther, said
}

// failure sorts the error of a handshake or login.
func (l *login) failure(err error, expired bool, banner string) error {
	greeting, isSSH := l.wire.greeted()
	fail := func(reason Reason, detail string) error {
		return &ConnectError{Hop: l.at, Reason: reason, Detail: detail, Err: err}
	}
	var refused *CredentialsError
	switch cause := l.ctx.Err(); {
	case errors.Is(cause, context.Canceled):
		return fmt.Errorf("%s: %w", l.at, cause)
	case l.stop != nil:
		if errors.As(l.stop, &refused) && refused.Detail == "" {
			refused.Detail = FirstLine(banner)
		}
		return l.stop
	case greeting != "" && !isSSH:
		return greetingFailure(greeting, fail)
	case expired || cause != nil:
		if greeting == "" {
			return fail(ReasonTimeout, "the port is open, but nothing greets there")
		}
		return fail(ReasonTimeout, "the login did not end")
	case errors.As(err, new(*ssh.AlgorithmNegotiationError)):
		return l.algorithmFailure(err)
	case !isSSH:
		return greetingFailure(greeting, fail)
	case strings.Contains(strings.ToLower(err.Error()), "too many authentication failures"):
		l.settle(false)
		return l.refusal("the server counted too many attempts")
	case l.wire.dead() != nil:
		// pam_nologin while booting is such a case: the banner says so.
		return fail(ReasonClosed, FirstLine(banner))
	default:
		return fail(ReasonOther, CleanLine(strings.TrimPrefix(err.Error(), "ssh: handshake failed: ")))
	}
}

// greetingFailure reads what came instead of an SSH version. sshd itself says a
// line and closes when it takes no more connections.
func greetingFailure(greeting string, fail func(Reason, string) error) error {
	line := FirstLine(greeting)
	switch {
	case greeting == "":
		return fail(ReasonClosed, "before its greeting")
	case strings.HasPrefix(line, "Exceeded MaxStartups"), strings.HasPrefix(line, "Not allowed at this time"):
		return fail(ReasonBusy, line)
	default:
		return fail(ReasonNotSSH, fmt.Sprintf("it says %.80q", line))
	}
}
