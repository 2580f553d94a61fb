//go:build lab

package lab

import (
	"context"
	"testing"
	"time"
)

// longCut takes the other end of a tunnel off the network for ten minutes, which is
// longer than either daemon waits for an answer: the tunnel is back by itself.
func longCut(t *testing.T) {
	provisioned(t)
	w := newWizard(t, serverAnswers(t))
	settled(t, w)
	must(t, CutLinkOf(t.Context(), Peer))
	mend := func() { must(t, RestoreLinkOf(context.WithoutCancel(t.Context()), Peer)) }
	defer mend()
	time.Sleep(5 * time.Minute)
	if red := w.red("--only", "ipsec"); red["ipsec"] == "" {
		t.Errorf("red in the middle of the cut: %v, want the tunnel", red)
	}
	time.Sleep(5 * time.Minute)
	mend()
	if red := w.red("--watch", "--only", "ipsec"); len(red) > 0 {
		t.Errorf("red: %v", red)
	}
}
