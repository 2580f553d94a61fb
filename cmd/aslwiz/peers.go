package main

import (
	"context"
	"fmt"
	"strings"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// tunnelKeys are the pre-shared keys given with --psk-file, by the peer's name.
type tunnelKeys map[string]remote.Secret

// readKeys reads PEER=FILE arguments.
func (a *app) readKeys(ctx context.Context, args []string) (tunnelKeys, error) {
	keys := tunnelKeys{}
	for _, arg := range args {
		name, file, ok := strings.Cut(arg, "=")
		if !ok || name == "" || file == "" {
			return nil, usage("--psk-file two=two.psk", "--psk-file %q: is not PEER=FILE", arg)
		}
		key, err := readSecret(ctx, a.in, "--psk-file", file)
		if err != nil {
			return nil, err
		}
		if _, err := checklist.PSKWord(key.Reveal()); err != nil {
			return nil, fmt.Errorf("--psk-file %s: %w", arg, err)
		}
		keys[name] = key
	}
	return keys, nil
}

// dialPeer logs in to the other end of a tunnel. The passwords given in files are
// this server's: they are not shown to another.
func (a *app) dialPeer(ctx context.Context, s server, f *connectFlags, p checklist.Peer) (*remote.Server, error) {
	target, ok := p.Target()
	if !ok {
		return nil, fmt.Errorf("tunnel %s: no login is known for its other end", p.Name)
	}
	fmt.Fprintf(a.err, "%s: connecting to the other end of the tunnel %s, %s\n", s.name, p.Name, p.SSH)
	o := remote.Options{AcceptHostKey: f.accepted, Peer: true, AllowAlgorithms: f.allow, Note: a.note, KnownHosts: f.knownHosts, SSHConfig: f.sshConfig, Who: who()}
	if a.terminal != nil {
		o.Ask = a.asker(&connectFlags{})
	}
	return remote.Connect(ctx, target, o)
}

// farEnds are the other ends of a server's tunnels while it is looked at again and
// again: a login is made once, and one that was refused is not offered once more.
type farEnds struct {
	app     *app
	server  server
	flags   *connectFlags
	hosts   map[string]*remote.Server
	refused map[string]error
}

func newFarEnds(a *app, s server, f *connectFlags) *farEnds {
	return &farEnds{app: a, server: s, flags: f, hosts: map[string]*remote.Server{}, refused: map[string]error{}}
}

// look asks the other ends of the tunnels about them.
func (e *farEnds) look(ctx context.Context, in checklist.In) map[string]checklist.FarLook {
	found := checklist.LookFar(ctx, e.dial, in)
	for name, look := range found { // where the link was lost, it was logged in to anew
		if look.Err != nil && remote.Refused(look.Err) {
			e.refused[name] = look.Err
		}
	}
	return found
}

func (e *farEnds) dial(ctx context.Context, p checklist.Peer) (checklist.Host, error) {
	if err := e.refused[p.Name]; err != nil {
		return nil, err
	}
	h := e.hosts[p.Name]
	if h == nil {
		var err error
		if h, err = e.app.dialPeer(ctx, e.server, e.flags, p); err != nil {
			if remote.Refused(err) {
				e.refused[p.Name] = err
			}
			return nil, err
		}
		e.hosts[p.Name] = h
	}
	return struct{ checklist.Host }{h}, nil // whoever looks does not close it
}

func (e *farEnds) close() {
	for _, h := range e.hosts {
		_ = h.Close()
	}
}

// secret is the key of a tunnel that has to be set: from its file, else typed,
// else empty, which means that one is generated.
func (r *applying) secret(ctx context.Context, name string) (remote.Secret, error) {
	if key, ok := r.keys[name]; ok || r.yes || r.app.terminal == nil {
		return key, nil
	}
	r.asking.Lock()
	defer r.asking.Unlock()
	r.live.hold()
	defer r.live.release()
	for {
		typed, err := r.app.terminal.ask(ctx, "Pre-shared key of the tunnel "+name+" (nothing: a new one is generated): ", false)
		if err != nil || typed == "" {
			return remote.Secret{}, err
		}
		if _, err = checklist.PSKWord(typed); err == nil {
			return remote.NewSecret(typed), nil
		}
		fmt.Fprintf(r.app.terminal.out, "not usable: %v\n", err)
	}
}
