package remote

import (
	"context"
	"net/netip"
	"time"
)

// Target is how to reach a server. Empty fields are filled from ~/.ssh/config,
// then with the defaults of ssh(1).
type Target struct {
	Host     string // name or address, or an alias of ~/.ssh/config
	Port     int    // 0: from the configuration, else 22
	User     string
	Identity []string // private key files, tried before the agent's keys
	Jump     []string // hops in order, each [user@]host[:port]
}

// QuestionKind is what a Question asks for.
type QuestionKind string

// The questions that connecting may raise.
const (
	AskHostKey      QuestionKind = "host-key"    // answer "yes" to trust, anything else refuses
	AskPassword     QuestionKind = "password"    // login password
	AskPassphrase   QuestionKind = "passphrase"  // of a private key file
	AskInteractive  QuestionKind = "interactive" // one prompt of keyboard-interactive
	AskSudoPassword QuestionKind = "sudo-password"
)

// Question is something that only the admin can answer while a connection is
// being made.
type Question struct {
	Kind        QuestionKind
	Host        string // "host:port" of the hop that asks
	User        string
	Jump        bool   // a jump host asks, not the server
	Prompt      string // cleaned text, ready to show
	Fingerprint string // SHA256:..., for AskHostKey
	Echo        bool   // whether the answer may be shown while typed
}

// Ask puts a question to the admin. An error ends the connection attempt.
type Ask func(context.Context, Question) (Secret, error)

// Options are the circumstances of a connection that are not the server's.
type Options struct {
	Ask            Ask           // nil: every question is an error with a hint
	AcceptHostKey  []string      // fingerprints "SHA256:..." accepted without asking
	KnownHosts     []string      // files; nil: ~/.ssh/known_hosts and the system's. New keys go to the first
	SSHConfig      string        // file; "": ~/.ssh/config; os.DevNull: none
	AgentSocket    string        // "": $SSH_AUTH_SOCK
	SudoPassword   Secret        // empty: asked for when sudo wants one
	ConnectTimeout time.Duration // 0: 30 s, for each hop
	KeepAlive      time.Duration // between signs of life; 0: 15 s. Three missed end the connection
	Who            string        // who is at the keyboard, for the server's records: "anna@laptop"
}

// Reach is what a fresh TCP connection from here found.
type Reach struct {
	Addr    netip.AddrPort
	Outcome ReachOutcome
	Err     string // the cause in words, when not open
}

// ReachOutcome is how a connection attempt ended.
type ReachOutcome string

// Outcomes of a connection attempt.
const (
	ReachOpen        ReachOutcome = "open"
	ReachRefused     ReachOutcome = "refused"
	ReachTimeout     ReachOutcome = "timeout"
	ReachUnreachable ReachOutcome = "unreachable" // no route, or prohibited: says nothing of the port
)
