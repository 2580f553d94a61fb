//go:build lab

package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// manyCuts cuts the link of the twin again and again, at random moments spread over
// whole provisionings, while one aslwiz carries out all steps. It comes back by itself, or
// is run again; the end is that of an undisturbed run. The seed alone says when.
func (f *faults) manyCuts(wanted int, seed uint64) {
	f.rnd = rand.New(rand.NewPCG(seed, 0))
	cuts := map[string]int{}
	total, provisionings := 0, 0
	for ; total < wanted && !f.t.Failed(); provisionings++ {
		f.t.Run(fmt.Sprintf("link cut in whole provisioning %d", provisionings+1), func(t *testing.T) {
			sub := *f
			sub.wizard = f.in(t)
			total += sub.cutOften(cuts)
			t.Logf("cut %d times so far: %v", total, cuts)
		})
	}
	f.t.Logf("%d link cuts in %d whole provisionings: %v", total, provisionings, cuts)
}

// cutOften provisions the twin and cuts its link every few seconds: for so short a time
// that the connection outlives it, for so long that aslwiz gives it up, or for good.
func (f *faults) cutOften(cuts map[string]int) (total int) {
	must(f.t, Restore(f.t.Context(), Twin, almost))
	var said string
	for range 12 {
		code, n, out := f.applyAllWhileCutting(cuts)
		total, said = total+n, out
		if code == 0 {
			f.endsAsUndisturbed(true)
			return total
		}
		f.t.Logf("run again after exit %d: %s", code, lastLine(out))
	}
	f.t.Errorf("it does not end well when it is run again:\n%s", said)
	return total
}

func (f *faults) applyAllWhileCutting(cuts map[string]int) (code, total int, said string) {
	ctx, cancel := context.WithTimeout(f.t.Context(), 15*time.Minute)
	defer cancel()
	cmd := f.command(ctx, append([]string{"apply", "--yes", "--plain", "--guard", "40s"}, onlyThese(faultSteps)...)...)
	log := &safeBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	must(f.t, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	for {
		select {
		case <-ended:
			return cmd.ProcessState.ExitCode(), total, log.String()
		case <-time.After(time.Duration(500+f.rnd.IntN(6000)) * time.Millisecond):
			kind := f.anyCut(cmd)
			select {
			case <-ended: // perhaps before it
			default:
				cuts[kind]++
				total++
			}
		}
	}
}

// anyCut cuts the link in one of the ways in which links fail, and says which. Three
// missed signs of life, 15 s apart, end a connection.
func (f *faults) anyCut(cmd *exec.Cmd) string {
	switch n := f.rnd.IntN(10); {
	case n == 0:
		f.cutLinkFor(50_000 + f.rnd.IntN(20_000))
		return "a minute"
	case n < 4:
		f.resetConnection(cmd)
		return "reset"
	default:
		f.cutLink(cmd)
		return "seconds"
	}
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
