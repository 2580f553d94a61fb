package checklist

import (
	"context"
	"fmt"
	"io"
	"net/netip"

	"aslwiz/remote"
)

// FarLook is what the other end of a tunnel says of it.
type FarLook struct {
	Facts   Facts
	Answers []remote.Answer // one for each of the peer's addresses, IPv4 first
	Err     error           // why it could not be asked
}

// LookFar asks the other ends that the answers have a login for about their
// tunnels with this server, for In.Far. An end that cannot be reached is told as
// such, and is no reason to stop.
func LookFar(ctx context.Context, dial func(context.Context, Peer) (Host, error), in In) map[string]FarLook {
	out := map[string]FarLook{}
	for _, p := range in.Answers.Peers {
		if p.SSH != "" {
			out[p.Name] = lookFar(ctx, dial, in, p)
		}
	}
	return out
}

func lookFar(ctx context.Context, dial func(context.Context, Peer) (Host, error), in In, p Peer) (look FarLook) {
	h, err := dial(ctx, p)
	if err != nil {
		return FarLook{Err: err}
	}
	if c, ok := h.(io.Closer); ok {
		defer func() { _ = c.Close() }()
	}
	if look.Facts, look.Err = GatherFacts(ctx, h); look.Err != nil {
		return look
	}
	var probes []remote.Probe
	for _, a := range p.addrs() {
		probes = append(probes, tunnelProbe(daemonOf(look.Facts.Release), tunnelName(in.Answers.Hostname), ownAddr(in, a.Is4())))
	}
	look.Answers, look.Err = h.Survey(ctx, probes)
	return look
}

// seenFar adds the other end's word on the tunnel's n-th address to a verdict.
// What this end calls good is not when the other one does not see it.
func seenFar(in In, p Peer, n int, addr netip.Addr, v Finding) Finding {
	look, asked := in.Far[p.Name]
	switch {
	case !asked:
		return v
	case look.Err != nil:
		v.Evidence = append(v.Evidence, "from "+p.Name+": could not be asked: "+remote.CleanLine(look.Err.Error()))
		return v
	case n >= len(look.Answers):
		return v
	}
	at := in
	at.Facts = look.Facts
	far := judgeTunnel(at, p, fmt.Sprintf("%s-%d", tunnelName(in.Answers.Hostname), familyOf(addr)), look.Answers[n])
	v.Evidence = append(v.Evidence, "from "+p.Name+": "+far.Got)
	if v.Status == Passed && far.Status != Passed {
		v.Status, v.Got = far.Status, "up from here; seen from "+p.Name+": "+far.Got
		v.Fix = &Fix{Kind: FixPeer, Text: farFix(p)}
	}
	return v
}
