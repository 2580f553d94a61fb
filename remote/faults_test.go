//go:build linux

package remote

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"aslwiz/remote/remotetest"
)

// fault is one disturbance of one step, at one moment.
type fault struct {
	kind    string
	guarded bool
	at      int // which sync, write or byte of the step
}

func (f fault) String() string {
	name := "plain"
	if f.guarded {
		name = "guarded"
	}
	return fmt.Sprintf("%s at %d of a %s step", f.kind, f.at, name)
}

// strike disturbs a host that runs the example, and has aslwiz run again until
// there is nothing to do. It returns what is not as it should be then.
type strike func(h *host, f fault) error

// kind is a kind of fault, and at how many moments of a step it strikes.
type kind struct {
	name    string
	moments func(m moments) int
	strike  strike
}

// kinds are all faults that need no machine of their own. The number of moments is measured first, in an
// undisturbed run.
var kinds = []kind{
	{"link cut, counted in bytes sent", func(m moments) int { return min(m.sent, 40) }, cutSent},
	{"link cut, counted in bytes received", func(m moments) int { return min(m.received, 40) }, cutReceived},
	{"link cut, between two writes to the disk", syncs, atEvent(func(h *host, _ context.CancelFunc) { h.srv.Cut() })},
	{"aslwiz killed", syncs, atEvent(func(h *host, kill context.CancelFunc) { kill(); h.srv.Cut() })},
	{"job killed", syncs, jobKilled},
	{"guard killed", guardSyncs, atEvent(func(h *host, _ context.CancelFunc) { h.killGuard() })},
	{"power cut", syncs, atEvent(func(h *host, kill context.CancelFunc) { kill(); h.powerCut() })},
	{"clock a day ahead", few, clock(86400)},
	{"clock a day back", few, clock(-86400)},
	{"two aslwiz at once", few, atEvent(func(h *host, _ context.CancelFunc) { go func() { _, _ = h.apply(h.t.Context()) }() })},
	{"way in shut", lockouts, lockedOut(false)},
	{"way in shut, link cut", lockouts, lockedOut(true)},
	{"restore that cannot", lockouts, cannotRestore},
	{"disk full", func(m moments) int { return m.writes }, fullAt},
}

func syncs(m moments) int { return m.syncs }
func guardSyncs(m moments) int {
	if m.guarded {
		return m.syncs
	}
	return 0
}
func lockouts(m moments) int { return min(guardSyncs(m), 16) }
func few(m moments) int      { return min(m.syncs, 8) }

// moments are how often a step can be disturbed.
type moments struct {
	guarded                       bool
	syncs, writes, sent, received int
}

// TestFaults disturbs a step and wants the same end as if nothing had happened.
// By itself it takes a few of all faults; ASLWIZ_FAULTS=all takes every one, and
// ASLWIZ_FAULTS_SEED repeats a choice.
func TestFaults(t *testing.T) {
	seed, err := strconv.ParseUint(os.Getenv("ASLWIZ_FAULTS_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64N(1e6)
	}
	rnd := rand.New(rand.NewPCG(seed, 0))
	calm, all := measure(t, rnd)
	chosen := all
	if os.Getenv("ASLWIZ_FAULTS") != "all" {
		rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		chosen = all[:8]
	}
	survived := map[string][2]int{}
	var mu sync.Mutex
	t.Run("all", func(t *testing.T) {
		for _, f := range chosen {
			t.Run(f.String(), func(t *testing.T) {
				t.Parallel()
				h := newHost(t, f.guarded)
				k := slices.IndexFunc(kinds, func(k kind) bool { return k.name == f.kind })
				err := errors.Join(kinds[k].strike(h, f))
				if err == nil {
					err = h.faultsLeft(calm[f.guarded])
				}
				mu.Lock()
				defer mu.Unlock()
				n := survived[f.kind]
				n[1]++
				if err == nil {
					n[0]++
				} else {
					t.Errorf("%v\n%s", err, h.logs())
				}
				survived[f.kind] = n
			})
		}
	})
	t.Logf("seed %d, %d of %d faults:\n%s", seed, len(chosen), len(all), table(survived))
}

// measure runs a step undisturbed, plain and guarded, for what it leaves and for
// the moments at which it can be disturbed.
func measure(t *testing.T, rnd *rand.Rand) (calm map[bool]map[string]string, all []fault) {
	t.Helper()
	calm = map[bool]map[string]string{}
	for _, guarded := range []bool{false, true} {
		h := newHost(t, guarded)
		h.writeFile(h.bin+"/fullat", "1000000\n")
		st, err := h.apply(t.Context())
		if err != nil || st.State != TxDone {
			t.Fatalf("undisturbed: %+v, %v\n%s", st, err, h.logs())
		}
		if err := h.quiet(); err != nil {
			t.Fatal(err)
		}
		calm[guarded] = h.fingerprint()
		if err := h.faultsLeft(calm[guarded]); err != nil {
			t.Fatalf("undisturbed: %v", err)
		}
		m := moments{guarded, h.count("count"), h.count("writes"), int(h.in.Load()), int(h.out.Load())}
		t.Logf("moments of a step: %+v", m)
		for _, k := range kinds {
			for i := range k.moments(m) {
				at := i * m.syncs / k.moments(m) // spread over the step
				switch k.name {
				case "disk full":
					at = i
				case "link cut, counted in bytes sent":
					at = 1 + rnd.IntN(m.sent)
				case "link cut, counted in bytes received":
					at = 1 + rnd.IntN(m.received)
				}
				all = append(all, fault{k.name, guarded, at})
			}
		}
	}
	return calm, all
}

func table(survived map[string][2]int) string {
	var b strings.Builder
	total := [2]int{}
	for _, k := range kinds {
		n := survived[k.name]
		fmt.Fprintf(&b, "  %-42s %4d of %4d survived\n", k.name, n[0], n[1])
		total[0], total[1] = total[0]+n[0], total[1]+n[1]
	}
	fmt.Fprintf(&b, "  %-42s %4d of %4d survived\n", "in all", total[0], total[1])
	return b.String()
}

// TestFaultsSeeABrokenRestore: with a restore program that restores nothing, the
// suite is red.
func TestFaultsSeeABrokenRestore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lies bool
		says string
	}{
		"and says so": {false, "not all of it came back"},
		"and lies":    {true, "restored, it says, and the files are"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, true)
			h.stopAt(4, func(context.CancelFunc) { // before the guard is armed
				name := h.root + TxRoot + "/20260101T000001Z-example/tx.sh"
				program := strings.Replace(txProgram, `install_file "$T/before/$n"`, `true "$T/before/$n"`, 1)
				if c.lies {
					program = strings.Replace(program, "\nnot_back() {\n", "\nnot_back() {\n  return 0\n", 1)
				}
				if program == txProgram || os.WriteFile(name+".new", []byte(program), 0o600) != nil || os.Rename(name+".new", name) != nil {
					t.Error("the program is as it was")
				}
				h.srv.Configure(func(c *remotetest.Config) { c.Keys = nil })
			})
			if err := h.cameBack(); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q:\n%s", err, c.says, h.logs())
			}
		})
	}
}

func (h *host) writeFile(name, text string) {
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		h.t.Error(err)
	}
}

// count is how often a stub has counted.
func (h *host) count(name string) int {
	fi, err := os.Stat(filepath.Join(h.bin, name))
	if err != nil {
		return 0
	}
	return int(fi.Size())
}

// logs are those of all transactions, with how they ended.
func (h *host) logs() string {
	var b strings.Builder
	files, _ := filepath.Glob(h.root + TxRoot + "/*/*")
	for _, f := range files {
		if base := filepath.Base(f); base == "log" || base == "status" {
			text, _ := os.ReadFile(f)
			fmt.Fprintf(&b, "--- %s\n%s", strings.TrimPrefix(f, h.root+TxRoot+"/"), text)
		}
	}
	return b.String()
}
