package remote

import (
	"errors"
	"fmt"
	"strings"
)

// ErrConnect is wrapped by every error that says a server could not be reached,
// trusted or logged in to: nothing was done there.
var ErrConnect = errors.New("cannot connect")

// Reason is why no SSH connection came about.
type Reason string

// The reasons of a ConnectError.
const (
	ReasonNotFound    Reason = "name not found"
	ReasonNameServer  Reason = "the name server gave no answer"
	ReasonRefused     Reason = "connection refused"
	ReasonTimeout     Reason = "no answer in time"
	ReasonUnreachable Reason = "unreachable"
	ReasonNotSSH      Reason = "not an SSH server"
	ReasonBusy        Reason = "the server takes no connections at present"
	ReasonClosed      Reason = "the server closed the connection"
	ReasonForward     Reason = "the jump host does not allow forwarding"
	ReasonAlgorithms  Reason = "no common SSH algorithm"
	ReasonConfig      Reason = "ssh configuration"
	ReasonHostKey     Reason = "host key cannot be checked"
	ReasonUnanswered  Reason = "a question was not answered"
	ReasonOther       Reason = "connection failed"
)

// Hop says which machine on the way an error is about.
type Hop struct {
	Address string // host:port
	Via     string // host:port of the jump host before it, or ""
	Target  string // host:port of the server, when this hop is a jump host to it
}

// String names the hop, and its place on the way when it is not the only one.
func (h Hop) String() string {
	switch {
	case h.Target != "":
		return fmt.Sprintf("%s (jump host to %s)", h.Address, h.Target)
	case h.Via != "":
		return fmt.Sprintf("%s (through %s)", h.Address, h.Via)
	default:
		return h.Address
	}
}

// ConnectError says that no SSH connection came about, before any credential
// was judged. Trying again later is harmless.
type ConnectError struct {
	Hop
	Reason Reason
	Detail string // what the server or the system said, cleaned
	Try    string // what to try, where the reason alone does not say it
	Err    error  // the cause, may be nil
}

// Error implements error.
func (e *ConnectError) Error() string {
	return joinDetail(fmt.Sprintf("%s: %s", e.Hop, e.Reason), e.Detail)
}

// Unwrap gives ErrConnect and the cause.
func (e *ConnectError) Unwrap() []error { return causes(e.Err) }

// Hint says what to try.
func (e *ConnectError) Hint() string {
	if e.Try != "" {
		return e.Try
	}
	switch e.Reason {
	case ReasonNotFound:
		return "check the spelling, or use the IP address"
	case ReasonNameServer:
		return "check this computer's own network, or use the IP address"
	case ReasonRefused:
		return "check the port, and that sshd runs there (on its console: systemctl status ssh)"
	case ReasonTimeout:
		return "check the address, that the server is switched on, and that no firewall on the way drops SSH"
	case ReasonUnreachable:
		return "check this computer's network and routes; an IPv6 address needs IPv6 here too"
	case ReasonNotSSH:
		return "check the port: something else than SSH answers there"
	case ReasonBusy:
		return "wait a minute and try again: too many logins were open, or this address is being penalised"
	case ReasonClosed:
		return "wait a minute and try again: it may be starting up, or have banned this address (fail2ban)"
	case ReasonForward:
		return "set AllowTcpForwarding yes in the jump host's sshd_config, or use another jump host"
	case ReasonAlgorithms:
		return "ssh -vv shows what the server offers"
	case ReasonConfig:
		return "correct the file named, or have it left out"
	case ReasonHostKey:
		return "make the known_hosts file readable, or look at the server's certificate"
	case ReasonUnanswered:
		return "run it again in a terminal; --accept-host-key and key files spare the questions"
	default:
		return "see whether ssh -v reaches the same server"
	}
}

// KnownKey is a host key that was expected.
type KnownKey struct {
	File        string // "" for the key of this run's first connection
	Line        int
	Type        string
	Fingerprint string
}

// UnknownHostKeyError says that nobody has vouched for a server's key yet.
type UnknownHostKeyError struct {
	Hop
	Type        string
	Fingerprint string
	Declined    bool // the admin was asked and did not accept it
}

// Error implements error.
func (e *UnknownHostKeyError) Error() string {
	if e.Declined {
		return fmt.Sprintf("%s: host key %s %s was not accepted", e.Hop, e.Type, e.Fingerprint)
	}
	return fmt.Sprintf("%s: host key %s %s is not known", e.Hop, e.Type, e.Fingerprint)
}

// Unwrap gives ErrConnect.
func (e *UnknownHostKeyError) Unwrap() error { return ErrConnect }

// Hint says what to try.
func (e *UnknownHostKeyError) Hint() string {
	next := "add " + acceptFlag(e.Hop, e.Fingerprint)
	if e.Declined {
		next = "connect again and say yes"
	}
	return fmt.Sprintf("compare it on the server's console (ssh-keygen -lf /etc/ssh/ssh_host_%s_key.pub); when it is the same, %s",
		hostKeyFile(e.Type), next)
}

// ChangedHostKeyError says that a server presents another key than the one
// known for it: somebody may be in between.
type ChangedHostKeyError struct {
	Hop
	Name        string // the name that known_hosts has it under
	Type        string
	Fingerprint string     // of the key presented
	Known       []KnownKey // what was expected instead
	Revoked     bool       // known_hosts says never to trust the key presented
}

// Error implements error.
func (e *ChangedHostKeyError) Error() string {
	var known []string
	for _, k := range e.Known {
		where := "at the first connection"
		if k.File != "" {
			where = fmt.Sprintf("%s line %d", k.File, k.Line)
		}
		known = append(known, fmt.Sprintf("%s %s (%s)", k.Type, k.Fingerprint, where))
	}
	verb := "host key changed: expected"
	if e.Revoked {
		verb = "host key is revoked:"
	}
	return fmt.Sprintf("%s: %s %s, but the server presents %s %s",
		e.Hop, verb, strings.Join(known, ", "), e.Type, e.Fingerprint)
}

// Unwrap gives ErrConnect.
func (e *ChangedHostKeyError) Unwrap() error { return ErrConnect }

// Hint says what to try. It is careful: the usual advice to delete the line is
// what an attacker hopes for.
func (e *ChangedHostKeyError) Hint() string {
	if e.Revoked || len(e.Known) == 0 || e.Known[0].File == "" {
		return "another machine may be answering: look at the server's console before going on"
	}
	return fmt.Sprintf("another machine may be answering; only when the server was really reinstalled: ssh-keygen -R '%s' -f '%s'",
		e.Name, e.Known[0].File)
}

// CredentialsError says that the server let none of the credentials in. What it
// names is not tried again by itself: repeated attempts get an address banned.
type CredentialsError struct {
	Hop
	User    string
	Tried   []string // "key /home/anna/.ssh/id_ed25519", "password"
	Allowed []string // what the server would take: "publickey", "password"
	Detail  string   // what the server said besides
}

// Error implements error.
func (e *CredentialsError) Error() string {
	s := fmt.Sprintf("%s: login of %s refused", e.Hop, e.User)
	if len(e.Tried) > 0 {
		s += ", tried " + strings.Join(e.Tried, ", ")
	}
	return joinDetail(s, e.Detail)
}

// Unwrap gives ErrConnect.
func (e *CredentialsError) Unwrap() error { return ErrConnect }

// Hint says what to try.
func (e *CredentialsError) Hint() string {
	s := "check the user name, the password where one was asked for, and that your public key is in that user's ~/.ssh/authorized_keys"
	if len(e.Allowed) > 0 {
		s += "; the server takes " + strings.Join(e.Allowed, ", ")
	}
	return s + "; repeated attempts may get this address banned"
}

func causes(err error) []error {
	if err == nil {
		return []error{ErrConnect}
	}
	return []error{ErrConnect, err}
}

func joinDetail(s, detail string) string {
	if detail == "" {
		return s
	}
	return s + ": " + detail
}

// hostKeyFile is the middle of the name that sshd gives the key's file.
func hostKeyFile(keyType string) string {
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		if strings.Contains(keyType, kind) {
			return kind
		}
	}
	return "*"
}

// Refused says whether err is a server's or an admin's no: a credential that was not
// let in, a host key that nobody vouched for, a sudo password that was wrong. To try
// the same again by itself could only lead to a ban.
func Refused(err error) bool {
	return !curable(err) && errors.As(err, new(*CredentialsError)) || errors.As(err, new(*UnknownHostKeyError)) ||
		errors.As(err, new(*ChangedHostKeyError)) || errors.Is(err, ErrSudo)
}
