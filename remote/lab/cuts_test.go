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

// wholeKinds are how whole provisionings are disturbed. A strike returns once the link
// is well again.
var wholeKinds = []struct {
	name   string
	strike func(*faults, *exec.Cmd)
}{
	{"link cut or reset, whole", (*faults).anyCut},
	{"aslwiz killed, whole", func(_ *faults, cmd *exec.Cmd) { _ = cmd.Process.Kill() }},
}

// wholeOften strikes again and again, at random moments spread over whole provisionings
// of the twin, each of which one aslwiz begins. It comes back by itself, or is run again;
// the end is that of an undisturbed run. The seed alone says when.
func (f *faults) wholeOften(kind string, wanted int, seed uint64, strike func(*faults, *exec.Cmd)) {
	f.rnd = rand.New(rand.NewPCG(seed, 0))
	for n := 1; f.survived[kind][1] < wanted && n <= wanted && !f.t.Failed(); n++ {
		f.t.Run(fmt.Sprintf("%s provisioning %d", kind, n), func(t *testing.T) {
			sub := *f
			sub.wizard = f.in(t)
			struck := sub.provisionStruck(strike)
			if struck == 0 {
				t.Error("it never struck: the test is no good")
			}
			f.count(t, kind, struck)
			t.Logf("struck %d times in it, %d so far", struck, f.survived[kind][1])
		})
	}
}

// provisionStruck provisions the twin while it is struck every few seconds, and says how
// often it was.
func (f *faults) provisionStruck(strike func(*faults, *exec.Cmd)) (struck int) {
	must(f.t, Restore(f.t.Context(), Twin, almost))
	for range 60 {
		code, n, out := f.applyAllStruck(strike)
		struck += n
		if code == 0 {
			f.endsAsUndisturbed(true)
			return struck
		}
		f.t.Logf("run again after exit %d: %s", code, lastLine(out))
	}
	f.t.Error("it does not end well when it is run again and again")
	return struck
}

func (f *faults) applyAllStruck(strike func(*faults, *exec.Cmd)) (code, struck int, said string) {
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
			return cmd.ProcessState.ExitCode(), struck, log.String()
		case <-time.After(time.Duration(500+f.rnd.IntN(6000)) * time.Millisecond):
			strike(f, cmd)
			select {
			case <-ended:
				if cmd.ProcessState.ExitCode() >= 0 {
					continue // perhaps before it
				}
			default:
			}
			struck++
		}
	}
}

// anyCut cuts the link in one of the ways in which links fail: for so short a time that
// the connection outlives it, for so long that aslwiz gives it up (three missed signs of
// life, 15 s apart), or for good.
func (f *faults) anyCut(cmd *exec.Cmd) {
	switch n := f.rnd.IntN(10); {
	case n == 0:
		f.cutLinkFor(50_000 + f.rnd.IntN(20_000))
	case n < 4:
		f.resetConnection(cmd)
	default:
		f.cutLink(cmd)
	}
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
