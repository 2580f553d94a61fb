//go:build lab

package lab

import (
	"strings"
	"testing"
	"time"
)

// TestLab is everything that is shown on real machines, in the order in which one
// builds on another. Each can be run alone: -run TestLab/breaks.
func TestLab(t *testing.T) {
	for _, part := range []part{
		{"machines", machines},
		{"logins", logins},
		{"odd logins", oddLogins},
		{"accidents", accidents},
		{"locks", locks},
		{"removals", removals},
		{"no sudo", noSudo},
		{"homes", homes},
		{"the wizard on the container", wizardOnTheContainer},
		{"trouble", trouble},
		{"beside others", besideTheFirewall},
		{"by command", byCommand},
		{"provision", provision},
		{"proofs", proofs},
		{"breaks", breaks},
		{"undo", undo},
		{"by hand", byHand},
		{"traps", traps},
		{"ten minutes without the peer", longCut},
		{"guard", guard},
		{"move", move},
		{"wrong network", wrongNetwork},
		{"neighbours", neighbours},
	} {
		begun := time.Now()
		t.Run(part.name, part.test)
		t.Logf("%s: %s", part.name, time.Since(begun).Round(time.Second))
	}
}

// machines is the lab's own check: what other tests take for granted about it. It leaves
// the server alone and ends with a fresh peer.
func machines(t *testing.T) {
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	sh := func(m Machine, script string) string {
		t.Helper()
		out, err := SSH(ctx, m, script)
		must(err)
		return strings.TrimSpace(out)
	}
	must(Up(ctx, Server, Peer, Container))
	defer func() {
		if err := Reset(ctx, Peer); err != nil {
			t.Error(err)
		}
	}()
	must(Reset(ctx, Peer))

	t.Run("both families reach every machine from the admin's computer", func(t *testing.T) {
		for _, m := range []Machine{Server, Peer, Container} {
			for _, address := range []string{m.IPv4(), m.IPv6()} {
				if out, err := Admin(ctx, "ping", "-c1", "-W5", address).CombinedOutput(); err != nil {
					t.Errorf("%s at %s: %s", m, address, out)
				}
			}
		}
	})
	t.Run("a cut link is silent and comes back", func(t *testing.T) {
		must(CutLink(ctx))
		err := Admin(ctx, "ping", "-c1", "-W2", Peer.IPv4()).Run()
		must(RestoreLink(ctx))
		if err == nil {
			t.Error("the peer answered over a cut link")
		}
		must(Admin(ctx, "ping", "-c1", "-W5", Peer.IPv4()).Run())
	})
	t.Run("a user's sudo asks for the password", func(t *testing.T) {
		login := Admin(ctx, "ssh", "-F", "none", "-i", Key("admin"), "-o", "UserKnownHostsFile="+KnownHosts(),
			"admin@"+Peer.IPv6(), "sudo -S -p '' id -un")
		login.Stdin = strings.NewReader(SudoPassword + "\n")
		out, err := login.Output()
		must(explain(err))
		if got := strings.TrimSpace(string(out)); got != "root" {
			t.Errorf("sudo made %q, want root", got)
		}
	})
	t.Run("restore brings back disk and memory, and the time of day", func(t *testing.T) {
		boot := sh(Peer, "cat /proc/sys/kernel/random/boot_id")
		must(Snapshot(ctx, Peer, "selftest"))
		sh(Peer, "touch /root/later")
		must(Restore(ctx, Peer, "selftest"))
		if got := sh(Peer, "cat /proc/sys/kernel/random/boot_id"); got != boot {
			t.Errorf("boot id %s after restore, want %s", got, boot)
		}
		sh(Peer, "test ! -e /root/later")
		at, err := time.Parse(time.RFC3339, sh(Peer, "date -u +%Y-%m-%dT%H:%M:%SZ"))
		must(err)
		if off := time.Since(at).Abs(); off > 10*time.Second {
			t.Errorf("clock is %s off after restore", off)
		}
	})
	t.Run("a power cut loses what was not flushed, and nothing else", func(t *testing.T) {
		sh(Peer, "echo kept > /root/kept; sync; echo lost > /root/lost")
		must(PowerCut(ctx, Peer))
		must(Start(ctx, Peer))
		if got := sh(Peer, "cat /root/kept; cat /root/lost 2>/dev/null || true"); got != "kept" {
			t.Errorf("after the power cut: %q, want only what was synced", got)
		}
	})
}
