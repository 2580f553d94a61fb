package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"
)

// What a test cannot bring about without a network.
func TestDialReason(t *testing.T) {
	op := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", err)}
	}
	sshd := func(reason ssh.RejectionReason, words string) error {
		return &ssh.OpenChannelError{Reason: reason, Message: words}
	}
	for _, tc := range []struct {
		err  error
		want Reason
	}{
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "x", IsNotFound: true}}, ReasonNotFound},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "x", IsTimeout: true}}, ReasonNameServer},
		{op(syscall.ECONNREFUSED), ReasonRefused},
		{op(syscall.Errno(10061)), ReasonRefused},
		{op(syscall.ETIMEDOUT), ReasonTimeout},
		{op(syscall.ENETUNREACH), ReasonUnreachable},
		{op(syscall.EHOSTUNREACH), ReasonUnreachable},
		{op(syscall.EACCES), ReasonUnreachable},
		{fmt.Errorf("dial: %w", context.DeadlineExceeded), ReasonTimeout},
		{&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, ReasonTimeout},
		{sshd(ssh.Prohibited, "open failed"), ReasonForward},
		{sshd(ssh.ConnectionFailed, "Connection refused"), ReasonRefused},
		{sshd(ssh.ConnectionFailed, "Connection timed out"), ReasonTimeout},
		{sshd(ssh.ConnectionFailed, "No route to host"), ReasonUnreachable},
		{sshd(ssh.ConnectionFailed, "Network is unreachable"), ReasonUnreachable},
		{sshd(ssh.ConnectionFailed, "Name or service not known"), ReasonNotFound},
		{sshd(ssh.ConnectionFailed, "Temporary failure in name resolution"), ReasonNameServer},
		{errors.New("something else"), ReasonOther},
	} {
		if got, _ := dialReason(tc.err); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.err, got, tc.want)
		}
	}
}

func TestParseHop(t *testing.T) {
	for spec, want := range map[string]Target{
		"bastion":                     {Host: "bastion"},
		"anna@bastion:2222":           {Host: "bastion", User: "anna", Port: 2222},
		"ssh://anna@bastion:2222":     {Host: "bastion", User: "anna", Port: 2222},
		"2001:db8::1":                 {Host: "2001:db8::1"},
		"[2001:db8::1]:2222":          {Host: "2001:db8::1", Port: 2222},
		"anna@example.com@192.0.2.77": {Host: "192.0.2.77", User: "anna@example.com"},
	} {
		got, err := parseHop(spec)
		if err != nil || got.Host != want.Host || got.User != want.User || got.Port != want.Port {
			t.Errorf("%s: %+v, %v", spec, got, err)
		}
	}
	for _, spec := range []string{"", "anna@", "bastion:ssh", ":22"} {
		if got, err := parseHop(spec); err == nil {
			t.Errorf("%q: %+v", spec, got)
		}
	}
}
