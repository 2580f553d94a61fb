package tui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// peers logs in to the other ends of tunnels. What was typed for one is not asked
// again while it works, and an end that the admin did not want to log in to, or that
// refused the login, is not dialled at each measurement.
type peers struct {
	mu      sync.Mutex
	worked  map[secretOf]remote.Secret
	refused map[string]error // by login: why an end is not dialled again by itself
}

type secretOf struct {
	peer string
	kind remote.QuestionKind
}

// errDeclined is why an end is not measured that the admin gave no answer about.
var errDeclined = errors.New("its login was not answered before; run the step ipsec to be asked again")

// dial logs in to p. The password of this server is not offered to another one.
func (c *peers) dial(ctx context.Context, cfg Config, ask remote.Ask, p checklist.Peer) (checklist.Host, error) {
	t, ok := p.Target()
	if !ok {
		return nil, fmt.Errorf("%s: no login is known for this other end of a tunnel", p.Name)
	}
	given := map[secretOf]remote.Secret{}
	o := cfg.Options
	o.SudoPassword, o.Peer = remote.Secret{}, true
	o.Ask = func(ctx context.Context, q remote.Question) (remote.Secret, error) {
		of := secretOf{p.SSH, q.Kind}
		if _, tried := given[of]; !tried && slices.Contains([]remote.QuestionKind{remote.AskPassword, remote.AskPassphrase, remote.AskSudoPassword}, q.Kind) {
			if s, ok := c.known(of); ok {
				given[of] = s
				return s, nil
			}
		}
		s, err := ask(ctx, q)
		if err == nil {
			given[of] = s
		}
		return s, err
	}
	h, err := cfg.Dial(ctx, t, o)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.worked == nil {
		c.worked, c.refused = map[secretOf]remote.Secret{}, map[string]error{}
	}
	delete(c.refused, p.SSH)
	switch {
	case errors.Is(err, errRefused), errors.Is(err, errBack):
		c.refused[p.SSH] = errDeclined
	case err != nil && remote.Refused(err):
		c.refused[p.SSH] = fmt.Errorf("%w; run the step ipsec to try again", err)
	}
	for of, s := range given {
		if delete(c.worked, of); err == nil {
			c.worked[of] = s
		}
	}
	return h, err
}

func (c *peers) known(of secretOf) (remote.Secret, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.worked[of]
	return s, ok
}

// look asks the other ends about their tunnels, when the items are about them.
func (c *peers) look(ctx context.Context, cfg Config, ask remote.Ask, in checklist.In, items []checklist.Item) map[string]checklist.FarLook {
	if !slices.ContainsFunc(items, func(it checklist.Item) bool { return it.ID == "ipsec" }) {
		return nil
	}
	return checklist.LookFar(ctx, func(ctx context.Context, p checklist.Peer) (checklist.Host, error) {
		c.mu.Lock()
		refused := c.refused[p.SSH]
		c.mu.Unlock()
		if refused != nil {
			return nil, refused
		}
		return c.dial(ctx, cfg, ask, p)
	}, in)
}
