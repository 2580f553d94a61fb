package remote

import (
	"context"
	"net/netip"
	"strings"
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
	Of          string // whose password sudo wants, where it is not the User's
	Jump        bool   // a jump host asks, not the server
	Prompt      string // cleaned; of AskInteractive the server's words, shown by Words alone
	Fingerprint string // SHA256:..., for AskHostKey
	Echo        bool   // whether the answer may be shown while typed
}

// promptMax is how much of a server's prompt is shown, in characters.
const promptMax = 300

// Words is the question as it is shown. What a server words is quoted behind its
// name, so that it cannot pass for a question of this computer: "passphrase of key
// /home/anna/.ssh/id_ed25519" would be typed, and sent.
func (q Question) Words() string {
	prompt := strings.TrimRight(CleanLine(q.Prompt), ": ")
	switch q.Kind {
	case AskInteractive:
		said := []rune(strings.ReplaceAll(strings.TrimRight(strings.Join(strings.Fields(CleanText(q.Prompt)), " "), ": "), `"`, "'"))
		if len(said) > promptMax {
			said = append(said[:promptMax], '…')
		}
		return CleanLine(q.Host) + ` asks: "` + string(said) + `"`
	case AskPassphrase:
		return "on this computer, not sent: " + orElse(prompt, "passphrase of the key")
	case AskPassword:
		return orElse(prompt, "password of "+CleanLine(q.User)+" on "+CleanLine(q.Host))
	case AskSudoPassword:
		if q.Of != "" {
			return "sudo on " + CleanLine(q.Host) + " asks for the password of " + CleanLine(q.Of) + ", not of " + CleanLine(q.User) +
				" (rootpw or targetpw is set there)"
		}
		return orElse(prompt, "password of "+CleanLine(q.User)+" on "+CleanLine(q.Host)+", for sudo")
	}
	return prompt
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// Ask puts a question to the admin. An error ends the connection attempt.
type Ask func(context.Context, Question) (Secret, error)

// Options are the circumstances of a connection that are not the server's.
type Options struct {
	Ask             Ask           // nil: every question is an error with a hint
	AcceptHostKey   *AcceptedKeys // accepted without asking; nil: none
	Peer            bool          // the server is a tunnel's peer: a fingerprint without a host is not for it
	AllowAlgorithms []string      // weak ones offered all the same, by name
	Note            func(string)  // told what the admin should know of the connection; nil: nobody
	KnownHosts      []string      // files; nil: ~/.ssh/known_hosts and the system's. New keys go to the first
	SSHConfig       string        // file; "": ~/.ssh/config; os.DevNull: none
	AgentSocket     string        // "": $SSH_AUTH_SOCK
	SudoPassword    Secret        // empty: asked for when sudo wants one
	ConnectTimeout  time.Duration // 0: 30 s, for each hop
	KeepAlive       time.Duration // between signs of life; 0: 15 s. Three missed end the connection
	// Moves are addresses that the answers give the server. A move that another
	// aslwiz began is followed to one of them and to no other.
	Moves []netip.Addr
	Who   string // who is at the keyboard, for the server's records: "anna@laptop"
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
