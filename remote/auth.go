package remote

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// The methods of RFC 4252 that are used, in the order in which they are tried.
// keyboard-interactive comes before password because it asks what the server
// really wants, a one-time code included.
const (
	methodKey         = "publickey"
	methodInteractive = "keyboard-interactive"
	methodPassword    = "password"
)

// maxKeys is how many keys one connection offers: sshd counts each unknown one
// against MaxAuthTries (6), and the last try is left for a password.
const maxKeys = 5

// credential is one thing to log in with. It remembers what was answered, so
// that a lost connection comes back without a question.
type credential struct {
	method  string
	key     *key
	secret  Secret
	answers map[string]Secret // of keyboard-interactive, by prompt
	refused bool              // by the server: never offered again
	spent   bool              // an answer was good for one login only
}

func (c *credential) String() string {
	if c.key == nil {
		return c.method
	}
	if problem := c.key.problem(); problem != "" {
		return fmt.Sprintf("%s (%s)", c.key.name, problem)
	}
	return c.key.name
}

// oneTime tells the prompts whose answer is used up once it was sent.
var oneTime = regexp.MustCompile(`(?i)code|token|otp|one.time|verif|challenge|yubi`)

// login is the login on one connection to one hop.
type login struct {
	ctx      context.Context
	at       Hop
	hop      *hop
	ask      Ask  // nil when nobody can be asked
	again    bool // only what worked before, and no questions
	known    *hostKeys
	wire     *wire
	patience *patience

	credentials []*credential // to offer, in order
	current     *credential
	worked      []*credential
	tried       []string
	allowed     []string // what the server would take now
	keys        int      // offered so far
	secretSent  bool     // the current credential's secret is with the server
	secretSpent bool     // one was refused: that is enough for one login
	unsigned    bool     // the current key could not sign: nothing was refused
	stop        error    // ends the login, whatever the server would still take
	stale       bool     // the connection ended while a person was thinking
}

// next chooses what to offer, after the server's answer to the one before.
func (l *login) next(state *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	// A broken connection is no verdict on a credential.
	if err := l.wire.dead(); err != nil {
		return nil, errors.Join(l.stop, err)
	}
	l.stale = false
	l.settle(len(state.PartialSuccessMethods) > len(l.worked))
	if l.stop != nil {
		return nil, l.stop
	}
	l.allowed = state.AllowedMethods
	l.current = l.pick()
	if l.current == nil {
		l.stop = l.refusal("")
		return nil, l.stop
	}
	return l.offer(l.current), nil
}

// settle notes what the server thought of the current credential.
func (l *login) settle(accepted bool) {
	c, unsigned, sent := l.current, l.unsigned, l.secretSent
	l.current, l.unsigned, l.secretSent = nil, false, false
	switch {
	case c == nil:
	case accepted:
		l.worked = append(l.worked, c)
	case unsigned && c.key.problem() == "":
		l.tried = append(l.tried, c.String()+" (the agent did not sign)")
	case unsigned || l.stop != nil:
		l.tried = append(l.tried, c.String())
	default:
		l.tried = append(l.tried, c.String())
		l.secretSpent = l.secretSpent || sent
		l.hop.refuse(c)
	}
}

func (l *login) pick() *credential {
	for i, c := range l.credentials {
		if !slices.Contains(l.allowed, c.method) || l.hop.isRefused(c) {
			continue
		}
		switch c.method {
		case methodKey:
			if problem := c.key.problem(); problem != "" {
				l.credentials = slices.Delete(l.credentials, i, i+1)
				l.tried = append(l.tried, c.String())
				return l.pick()
			}
			if l.keys++; l.keys > maxKeys {
				continue
			}
		case methodPassword, methodInteractive:
			if l.secretSpent || l.ask == nil && !l.again && c.secret.Empty() {
				continue
			}
		}
		l.credentials = slices.Delete(l.credentials, i, i+1)
		return c
	}
	return nil
}

// offer makes the library's method of the credential. None of them is retried.
func (l *login) offer(c *credential) ssh.AuthMethod {
	switch c.method {
	case methodKey:
		if c.key.pub != nil {
			return ssh.PublicKeys(lazySigner{c.key, l})
		}
		return ssh.PublicKeysCallback(func() ([]ssh.Signer, error) {
			signer, err := c.key.signerFor(l)
			if l.unsigned = err != nil; l.unsigned {
				return nil, err
			}
			return []ssh.Signer{lazySigner{&key{name: c.key.name, pub: signer.PublicKey(), signer: signer}, l}}, nil
		})
	case methodPassword:
		return ssh.PasswordCallback(func() (string, error) { return l.password(c) })
	default:
		asked := map[string]bool{}
		return ssh.KeyboardInteractive(func(name, instruction string, prompts []string, echos []bool) ([]string, error) {
			return l.interactive(c, asked, name+"\n"+instruction, prompts, echos)
		})
	}
}

func (l *login) password(c *credential) (string, error) {
	if c.secret.Empty() {
		answer, err := l.question(Question{
			Kind: AskPassword, Prompt: fmt.Sprintf("password of %s on %s", l.hop.user, l.at.Address),
		})
		if err != nil {
			return "", err
		}
		c.secret = answer
		if err := l.wire.dead(); err != nil {
			return "", err
		}
	}
	l.secretSent = true
	return c.secret.Reveal(), nil
}

// interactive answers one round of prompts. A prompt that comes a second time
// means that its answer was refused: that ends it, before a ban does.
func (l *login) interactive(c *credential, asked map[string]bool, intro string, prompts []string, echos []bool) ([]string, error) {
	answers := make([]string, len(prompts))
	for i, prompt := range prompts {
		if asked[prompt] {
			return nil, errors.New("asked again")
		}
		asked[prompt] = true
		answer, have := c.answers[prompt]
		if !have {
			if l.ask == nil {
				l.stop = l.refusal(fmt.Sprintf(`it asks "%.100s", which only a person can answer`, FirstLine(prompt)))
				return nil, l.stop
			}
			var err error
			answer, err = l.question(Question{
				Kind: AskInteractive, Prompt: strings.TrimSpace(CleanText(intro + "\n" + prompt)), Echo: echos[i],
			})
			if err != nil {
				return nil, err
			}
			c.answers[prompt] = answer
		}
		answers[i] = answer.Reveal()
	}
	if err := l.wire.dead(); err != nil {
		return nil, err
	}
	if len(prompts) > 0 {
		l.secretSent = true
	}
	for i, prompt := range prompts {
		if !l.again && (echos[i] || oneTime.MatchString(prompt)) {
			delete(c.answers, prompt)
			c.spent = true
		}
	}
	return answers, nil
}

// question puts q to the admin, with no time limit running.
func (l *login) question(q Question) (Secret, error) {
	l.patience.pause()
	defer l.patience.resume()
	q.Host, q.User, q.Jump = l.at.Address, l.hop.user, l.at.Target != ""
	answer, err := l.ask(l.ctx, q)
	switch {
	case err != nil:
	case l.ctx.Err() != nil:
		err = l.ctx.Err()
	case answer.Empty() && (q.Kind == AskPassword || q.Kind == AskInteractive && !q.Echo): // it would count towards a ban
		err = errors.New("no password was typed")
	}
	if err != nil {
		l.stop = &ConnectError{Hop: l.at, Reason: ReasonUnanswered, Detail: CleanLine(err.Error()), Err: err}
		return Secret{}, l.stop
	}
	// sshd waits two minutes for a login. Whoever took longer is not punished
	// for it: the answer serves the next connection. While a host key is being
	// judged nothing is read, so that only the next message can tell.
	l.stale = q.Kind == AskHostKey || l.wire.dead() != nil
	return answer, nil
}

// refusal is the error of a login that has nothing left to offer.
func (l *login) refusal(detail string) error {
	e := &CredentialsError{Hop: l.at, User: l.hop.user, Tried: l.tried, Allowed: l.allowed, Detail: detail}
	if detail == "" && l.keys > maxKeys {
		e.Detail = "it would not look at more keys, name the right one"
	}
	if detail == "" && l.ask == nil && !l.again &&
		(slices.Contains(l.allowed, methodPassword) || slices.Contains(l.allowed, methodInteractive)) {
		e.Detail = "nobody can be asked for a password here"
	}
	return e
}
