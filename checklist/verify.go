package checklist

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"aslwiz/remote"
)

// outsideTimeout is how long a connection attempt from outside may take; a
// filtered port answers never.
const outsideTimeout = 5 * time.Second

// Verify measures the items: one survey for all of them, then the fresh
// connections from where aslwiz runs, then a second survey for those that
// compare before and after. Nothing that it does on the server outlives it.
func Verify(ctx context.Context, h Host, in In, items []Item, emit Emit) ([]Finding, error) {
	findings, _, err := measure(ctx, h, in, items, emit)
	return findings, err
}

// measure is Verify, with what was seen for each item.
func measure(ctx context.Context, h Host, in In, items []Item, emit Emit) ([]Finding, []Seen, error) {
	if emit == nil {
		emit = func(Event) {}
	}
	probes := make([][]remote.Probe, len(items))
	var outside []netip.AddrPort
	for i, it := range items {
		if it.Probes != nil {
			probes[i] = it.Probes(in)
		}
		if it.Outside != nil {
			outside = append(outside, it.Outside(in)...)
		}
	}
	before, err := ask(ctx, h, probes)
	if err != nil {
		return nil, nil, err
	}
	findings, all := make([]Finding, len(items)), make([]Seen, len(items))
	judge := func(i int) {
		f := items[i].Judge(in, all[i])
		f.Item, f.Title, f.At = items[i].ID, items[i].Title, time.Now()
		findings[i] = f
		emit(Event{Kind: EventFinding, At: f.At, Server: h.Name(), Finding: &f})
	}
	for i, it := range items { // what needs nothing more is known already
		if all[i].Answers = before[i]; it.atOnce() {
			judge(i)
		}
	}
	// The look-ups need neither the server nor the knocks: they run beside them.
	lookups := make(chan [][]remote.LookupAnswer, 1)
	go func() { lookups <- lookUpAll(ctx, h, in, items) }()
	reached := map[netip.AddrPort]remote.Reach{}
	if len(outside) > 0 {
		slices.SortFunc(outside, netip.AddrPort.Compare)
		for _, r := range h.Reach(ctx, slices.Compact(outside), outsideTimeout) {
			reached[r.Addr] = r
		}
	}
	after, err := askAgain(ctx, h, items, probes)
	looked := <-lookups
	if err != nil {
		return nil, nil, err
	}
	for i, it := range items {
		if it.atOnce() {
			continue
		}
		all[i].After, all[i].Lookups = after[i], looked[i]
		if it.Outside != nil {
			for _, a := range it.Outside(in) {
				all[i].Outside = append(all[i].Outside, reached[a])
			}
		}
		judge(i)
	}
	return findings, all, nil
}

// atOnce says whether the first survey alone decides on an item.
func (it Item) atOnce() bool { return it.Outside == nil && it.Lookups == nil && !it.Again }

func askAgain(ctx context.Context, h Host, items []Item, probes [][]remote.Probe) ([][]remote.Answer, error) {
	again := make([][]remote.Probe, len(items))
	asked := false
	for i, it := range items {
		if it.Again {
			again[i], asked = probes[i], true
		}
	}
	if !asked {
		return make([][]remote.Answer, len(items)), nil
	}
	return ask(ctx, h, again)
}
