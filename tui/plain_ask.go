package tui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/term"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// spokenWords work at every question whose answer is shown.
var spokenWords = []string{"back", "quit", "exit", "help", "?", "review"}

// wordIn is the word for aslwiz that a line is; "" when it is an answer.
func wordIn(line string) string {
	word := strings.ToLower(strings.TrimSpace(line))
	if slices.Contains(spokenWords, word) {
		return word
	}
	return ""
}

// prompt asks for a line; the words that work at every prompt are taken out of
// it here.
func (p *plain) prompt(text string, help func()) (string, error) {
	return p.promptUntil(p.ctx, text, help)
}

// word is prompt where the answer is one of a few words.
func (p *plain) word(text string, help func()) (string, error) {
	return p.wordUntil(p.ctx, text, help)
}

func (p *plain) wordUntil(ctx context.Context, text string, help func()) (string, error) {
	line, err := p.promptUntil(ctx, text, help)
	return strings.ToLower(line), err
}

// yes is whether the answer to a question is yes.
func (p *plain) yes(question string, help func()) (bool, error) {
	line, err := p.word(question+" yes or no: ", help)
	return line == "yes" || line == "y", err
}

func (p *plain) promptUntil(ctx context.Context, text string, help func()) (string, error) {
	for {
		fmt.Fprint(p.out, p.cfg.marked(text))
		line, err := p.read(ctx, false)
		if err != nil {
			return "", err
		}
		switch wordIn(line) {
		case "back":
			return "", errBack
		case "quit", "exit":
			return "", errQuit
		case "help", "?":
			help()
		case "review":
			p.review()
		default:
			return strings.TrimSpace(line), nil
		}
	}
}

// secret asks for a password. A word that is meant for aslwiz would go to a server
// as one, and two wrong ones can get the admin banned: so there are no words here,
// and an empty line, which is no password, goes back.
func (p *plain) secret(ctx context.Context, text string) (remote.Secret, error) {
	for {
		line, err := p.hidden(ctx, text+" (empty goes back): ")
		switch word := wordIn(line); {
		case err != nil:
			return remote.Secret{}, err
		case line == "":
			return remote.Secret{}, errBack
		case word != "":
			p.tell("", fmt.Sprintf("%q was not sent: it is a word for aslwiz, and there are none where what you type is not shown. An empty line goes back.", word))
		default:
			return remote.NewSecret(line), nil
		}
	}
}

// hidden asks for a line that is not shown. The echo is switched off before the
// question is put, so that nobody types faster than that.
func (p *plain) hidden(ctx context.Context, text string) (string, error) {
	p.asking.Lock()
	defer p.asking.Unlock()
	if p.fd >= 0 && !p.reading {
		if before, err := term.MakeRaw(p.fd); err == nil {
			defer func() { _ = term.Restore(p.fd, before) }()
		}
	}
	fmt.Fprint(p.out, p.cfg.marked(text))
	return p.readNow(ctx, true)
}

// question answers what connecting asks.
func (p *plain) question(ctx context.Context, q remote.Question) (remote.Secret, error) {
	if q.Kind == remote.AskHostKey {
		return p.hostKey(ctx, q)
	}
	head, body := questionWords(q)
	explain := func() {
		for _, l := range body {
			p.tell("", l)
		}
	}
	explain()
	if !q.Echo {
		return p.secret(ctx, head)
	}
	line, err := p.promptUntil(ctx, head+": ", explain)
	return remote.NewSecret(line), err
}

// hostKey asks whether a server that was not met before is the right one.
func (p *plain) hostKey(ctx context.Context, q remote.Question) (remote.Secret, error) {
	explain := func() {
		for _, l := range hostKeyWords(q) {
			p.tell("", l)
		}
	}
	explain()
	for {
		line, err := p.promptUntil(ctx, "The same? yes, no or the fingerprint: ", explain)
		if err != nil {
			return remote.Secret{}, err
		}
		yes, wrong := hostKeyAnswer(line, q.Fingerprint)
		if wrong != "" {
			p.tell("", wrong)
			continue
		}
		if yes {
			return remote.NewSecret("yes"), nil
		}
		return remote.NewSecret("no"), nil
	}
}

// psk asks for the key of a tunnel. No key is as short as a word, so the words work
// here, and an empty line has one generated.
func (p *plain) psk(ctx context.Context, tunnel string) (remote.Secret, error) {
	explain := func() {
		for _, l := range pskWords(tunnel) {
			p.tell("", l)
		}
	}
	explain()
	for {
		line, err := p.hidden(ctx, "Key of the tunnel "+clean(tunnel)+" (empty generates one, back goes back): ")
		if err != nil || line == "" {
			return remote.Secret{}, err
		}
		switch wordIn(line) {
		case "back":
			return remote.Secret{}, errBack
		case "quit", "exit":
			return remote.Secret{}, errQuit
		case "help", "?", "review":
			explain()
			continue
		}
		if _, err = checklist.PSKWord(line); err == nil {
			return remote.NewSecret(line), nil
		}
		p.tell("", "Not usable: "+clean(err.Error()))
	}
}

// far asks the other ends of tunnels about them. An end whose login was not
// answered is told as such; quit leaves, here too.
func (p *plain) far(in checklist.In, items []checklist.Item) (map[string]checklist.FarLook, error) {
	far := p.peers.look(p.ctx, p.cfg, p.question, in, items)
	for _, look := range far {
		if errors.Is(look.Err, errQuit) {
			return nil, errQuit
		}
	}
	return far, nil
}
