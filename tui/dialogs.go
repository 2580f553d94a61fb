package tui

import (
	"errors"
	"fmt"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// errRefused is what a connection gets when its question is not answered.
var errRefused = errors.New("the question was closed")

// questionDialog puts what connecting asks.
func (w *wizard) questionDialog(msg questionMsg) *dialog {
	q := msg.question
	reply := func(s remote.Secret, err error) { msg.answer <- answered{s, err} }
	d := &dialog{cancel: func() tea.Cmd { reply(remote.Secret{}, errRefused); return nil }}
	if q.Kind == remote.AskHostKey {
		d.head = "Is this the right server?"
		d.body = hostKeyWords(q)
		d.input = newLine(false)
		d.answer = func(text string) (string, tea.Cmd) {
			yes, wrong := hostKeyAnswer(text, q.Fingerprint)
			if wrong != "" {
				return wrong, nil
			}
			word := "no"
			if yes {
				word = "yes"
			}
			reply(remote.NewSecret(word), nil)
			return "", nil
		}
		d.cancel = func() tea.Cmd { reply(remote.NewSecret("no"), nil); return nil }
		return d
	}
	d.head, d.body = questionWords(q)
	d.input = newLine(!q.Echo)
	d.answer = func(text string) (string, tea.Cmd) {
		if text == "" && q.Kind != remote.AskInteractive { // a wrong one that counts towards a ban
			return "type it, or leave with Esc: nothing at all is no password", nil
		}
		reply(remote.NewSecret(text), nil)
		return "", nil
	}
	return d
}

func hostKeyWords(q remote.Question) []string {
	return []string{
		clean(q.Host) + " has not been met before. Its host key has this fingerprint:",
		"",
		"    " + clean(q.Fingerprint),
		"",
		"Type yes if the server itself says the same, or paste the fingerprint you have and it is compared for you. " +
			"Your provider's panel may show it; on the server's console this prints it:",
		"    for k in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $k; done",
		"",
		"So nobody in between can pass for the server.",
	}
}

// hostKeyAnswer reads the answer about a host key: yes, no, or a fingerprint to
// compare.
func hostKeyAnswer(text, fingerprint string) (yes bool, wrong string) {
	text = strings.TrimSpace(text)
	switch low := strings.ToLower(text); {
	case low == "yes":
		return true, ""
	case low == "no" || low == "n":
		return false, ""
	case strings.Contains(text, fingerprint):
		return true, ""
	case strings.Contains(text, "SHA256:"):
		return false, "these are not the same: another machine may be answering. Do not go on before you know why; Esc goes back"
	}
	return false, "type yes or no, or paste a fingerprint that begins with SHA256:"
}

// questionWords are a title and an explanation for a question of the connection.
func questionWords(q remote.Question) (head string, body []string) {
	said := strings.TrimRight(clean(q.Prompt), ": ")
	switch q.Kind {
	case remote.AskPassword:
		return "Password", []string{"The password of " + clean(q.User) + " on " + clean(q.Host) + ". It is not shown while you type, and it is not kept."}
	case remote.AskPassphrase:
		return "Passphrase", []string{"The key is locked: " + orElse(said, "a passphrase opens it") + ". It is not shown while you type, and it is not kept."}
	case remote.AskSudoPassword:
		if q.Of != "" {
			return "Password of " + clean(q.Of) + " for sudo", []string{
				clean(q.Words()) + ".", "It is not shown while you type, and it is forgotten when aslwiz ends.",
			}
		}
		return "Password for sudo", []string{
			"Changing the system needs root's rights. " + clean(q.User) + " gets them through sudo, which asks for the password of " +
				clean(q.User) + " on " + clean(q.Host) + ".",
			"It is not shown while you type, and it is forgotten when aslwiz ends.",
		}
	}
	return "The server asks", []string{
		clean(q.Words()),
		"These are the server's words, not aslwiz's, and the answer goes to the server. Never type the passphrase of a key here.",
	}
}

// pskWords explain the question for a tunnel's key.
func pskWords(tunnel string) []string {
	return []string{
		"Both ends of the tunnel " + clean(tunnel) + " share a secret key. Leave this empty and a strong one is generated and sent to these two servers alone: " +
			"the best choice when aslwiz sets up both ends.",
		"Type one only when the other end has it already. It is not shown, and not kept here.",
	}
}

// pskDialog asks for the key of a tunnel.
func pskDialog(msg pskMsg) *dialog {
	return &dialog{
		head: "Key of the tunnel " + clean(msg.tunnel), body: pskWords(msg.tunnel), input: newLine(true),
		answer: func(text string) (string, tea.Cmd) {
			if text != "" {
				if _, err := checklist.PSKWord(text); err != nil {
					return err.Error(), nil
				}
			}
			msg.answer <- answered{secret: remote.NewSecret(text)}
			return "", nil
		},
		cancel: func() tea.Cmd { msg.answer <- answered{err: errRefused}; return nil },
	}
}

// approveDialog asks about a step whose plan is not the one that was shown, or
// that is never carried out without a word.
func (w *wizard) approveDialog(msg approveMsg) *dialog {
	step, _ := stepByID(msg.plan.Step)
	reply := func(a approval) func() tea.Cmd { return func() tea.Cmd { msg.answer <- a; return nil } }
	d := &dialog{
		run:    msg.run,
		head:   "Step " + msg.plan.Step + ": " + clean(msg.plan.Title),
		cancel: reply(approval{quit: true}),
	}
	short, _ := msg.plan.Short()
	switch {
	case msg.plan.Status == checklist.StepManual:
		d.body = append([]string{"The server falls short of the page here:"}, bullets(short)...)
		d.body = append(d.body, "", "Go on all the same?")
	case step.Reboots:
		d.body = []string{
			"With yes, the server restarts. Whoever uses it is cut off for a few minutes.",
			"aslwiz waits for it, and proves that it came back on every way in.",
		}
	case msg.plan.Title != step.Title:
		d.body = append([]string{"This changes the other server:"}, changeLines(msg.plan)...)
	default:
		d.body = []string{"What this step changes is not what the screen showed before, because the server has changed since. The changes now:"}
		d.body = append(d.body, changeLines(msg.plan)...)
	}
	if other := w.elsewhere(msg.run, "This is about %s, which is not the server on the screen."); other != "" {
		d.body = append([]string{other, ""}, d.body...)
	}
	d.options = []option{
		{bind("y", "yes, go on", "y"), reply(approval{yes: true})},
		{bind("s", "skip this step", "s"), reply(approval{})},
		{bind("esc", "stop here and look first", "esc"), reply(approval{quit: true})},
	}
	if msg.plan.Status == checklist.StepManual {
		d.options = []option{d.options[0], d.options[2]}
	}
	return d
}

func changeLines(p checklist.StepPlan) []string {
	var out []string
	for _, c := range p.Changes {
		if !c.Same {
			out = append(out, fmt.Sprintf("- %s: now %s; then %s", clean(c.Resource), clean(orDash(c.Now)), clean(orDash(c.Want))))
		}
	}
	return out
}

func bullets(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = "- " + clean(t)
	}
	return out
}

// leaveDialog asks what to do about the step that runs.
func (w *wizard) leaveDialog(r *run, quit bool) *dialog {
	d := &dialog{asked: true, run: r, head: "A step is running on the server"}
	step := orElse(r.step, "the run")
	d.body = []string{
		"Step " + step + " runs on the server by itself" + w.elsewhere(r, ", on %s") + "; it does not need this screen.",
	}
	leave := "leave it running"
	if quit {
		leave = "leave it running and quit; the next start follows it again"
	}
	d.options = []option{
		{bind("l", leave, "l"), func() tea.Cmd {
			r.leaving = true
			r.leave()
			if quit {
				w.parting = "Step " + step + " goes on on the server. Start aslwiz again to follow it."
				return tea.Quit
			}
			return nil
		}},
		{bind("s", "stop it: the server ends its commands. What is done by then stays; a step that runs under the guard is taken back", "s"), func() tea.Cmd {
			r.askToStop()
			w.notice = "asked the server to stop the step; waiting for its word"
			return nil
		}},
		{bind("esc", "go on watching", "esc", "c"), func() tea.Cmd { return nil }},
	}
	return d
}
