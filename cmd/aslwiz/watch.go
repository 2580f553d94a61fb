package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"aslwiz/checklist"
)

// watch measures the waiting items again until none waits or the limit is
// reached. Items that have settled are left alone, and with them whatever they
// do to the server to be measured.
func (a *app) watch(ctx context.Context, v *verified, measure func(context.Context, []checklist.Item) ([]checklist.Finding, error)) error {
	for end := time.Now().Add(watchLimit); ; {
		items, next := waiting(v.Findings, time.Now())
		if len(items) == 0 {
			return nil
		}
		if next.After(end) {
			fmt.Fprintf(a.err, "%s: still waiting after %s\n", v.Server, clock(watchLimit))
			return nil
		}
		var names []string
		for _, it := range items {
			names = append(names, it.ID)
		}
		fmt.Fprintf(a.err, "%s: waiting for %s; looking again in %s\n", v.Server, strings.Join(names, ", "), clock(time.Until(next)))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Until(next)):
		}
		found, err := measure(ctx, items)
		if err != nil {
			return err
		}
		merge(v.Findings, found)
	}
}

// waiting are the items that wait, and when to look at them again.
func waiting(findings []checklist.Finding, now time.Time) (items []checklist.Item, next time.Time) {
	for _, f := range findings {
		if f.Status != checklist.Waiting {
			continue
		}
		it, ok := checklist.ItemByID(f.Item)
		if !ok {
			continue
		}
		items = append(items, it)
		if f.Again != nil && (next.IsZero() || f.Again.Before(next)) {
			next = *f.Again
		}
	}
	if next.IsZero() {
		next = now.Add(watchEvery)
	}
	if soonest := now.Add(time.Second); next.Before(soonest) {
		next = soonest
	}
	return items, next
}

func merge(old, fresh []checklist.Finding) {
	for _, f := range fresh {
		for i := range old {
			if old[i].Item == f.Item {
				old[i] = f
			}
		}
	}
}
