package checklist

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aslwiz/remote"
)

// The texts are what daemons in the lab printed: look12 is ipsec statusall of
// Debian 12, look13 is swanctl --list-sas --raw and
// --list-pols --trap --raw of Debian 13.
func TestItemIPsec(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file, tunnel, got string
		status            ItemStatus
		fix               FixKind
	}{
		{"look12-up", "two-4", "3 packets out and 3 in", Passed, ""},
		{"look13-up", "stats-4", "3 packets out and 3 in", Passed, ""},
		{"look12-dropped", "two-4", "3 packets went out, and none came back", Failed, FixPeer},
		{"look12-up", "two-6", "a ping did not go through it", Failed, FixHand},
		{"look12-wrong-key", "two-4", "down, and not being tried", Failed, FixStep},
		{"look13-wrong-key", "stats-4", "down, and not being tried", Failed, FixStep},
		{"look12-no-trap", "two-4", "no trap: whenever the tunnel is down, what is sent leaves in clear", Failed, FixStep},
		{"look12-away", "two-6", "still agreeing", Waiting, FixPeer},
		{"look13-stopped", "stats-4", "down, and not being tried", Failed, FixStep},
		{"look12-up", "other-4", "down, and not being tried", Failed, FixStep},
	} {
		t.Run(c.file+" "+c.tunnel, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("testdata", "ipsec", c.file+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			r := releaseDebian12
			if strings.HasPrefix(c.file, "look13") {
				r = releaseDebian13
			}
			f := judgeTunnel(tunnelIn(r), two, c.tunnel, remote.Answer{Out: text})
			if f.Status != c.status || !strings.Contains(f.Got, c.got) {
				t.Errorf("%s, %q; want %s, %q", f.Status, f.Got, c.status, c.got)
			}
			if c.fix == "" != (f.Fix == nil) || f.Fix != nil && f.Fix.Kind != c.fix {
				t.Errorf("fix %+v, want %q", f.Fix, c.fix)
			}
			if c.status == Passed && !strings.Contains(strings.Join(f.Evidence, "\n"), "INSTALLED") {
				t.Errorf("evidence %q", f.Evidence)
			}
		})
	}
}

// ESTABLISHED without transport mode is what a status that only looks at the
// login takes for a tunnel.
func TestEstablishedIsNotEnough(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/ipsec/look12-up.txt")
	if err != nil {
		t.Fatal(err)
	}
	for old, want := range map[string]string{"INSTALLED, TRANSPORT": "INSTALLED, TUNNEL", "INSTALLED,": "ROUTED,"} {
		f := judgeTunnel(tunnelIn(releaseDebian12), two, "two-4", remote.Answer{Out: []byte(strings.ReplaceAll(string(text), old, want))})
		if f.Status != Failed || !strings.Contains(f.Got, "nothing is encrypted") {
			t.Errorf("%s: %s, %q", want, f.Status, f.Got)
		}
	}
}

func TestItemIPsecOfSeveralTunnels(t *testing.T) {
	t.Parallel()
	up, err := os.ReadFile("testdata/ipsec/look12-up.txt")
	if err != nil {
		t.Fatal(err)
	}
	in := tunnelIn(releaseDebian12, two)
	if n := len(ipsecProbes(in)); n != 2 {
		t.Fatalf("%d looks for two addresses", n)
	}
	f := judgeIPsec(in, Seen{Answers: []remote.Answer{{Out: up}, {Issue: "timeout", Probe: ipsecProbes(in)[1]}}})
	if f.Status != Unknown || !strings.Contains(f.Got, "two-4: ROUTED, ESTABLISHED") || !strings.Contains(f.Got, "two-6: not known") {
		t.Errorf("%s, %q", f.Status, f.Got)
	}
	f = judgeIPsec(in, Seen{Answers: []remote.Answer{{Code: 127}, {Out: up}}})
	if f.Status != Failed || f.Fix == nil || f.Fix.Step != "ipsec" {
		t.Errorf("without the programs: %+v", f)
	}
	if f = itemIPsec.Judge(tunnelIn(releaseDebian12), Seen{}); f.Status != Passed {
		t.Errorf("without peers: %+v", f)
	}
}

func TestSeenFromTheOtherEnd(t *testing.T) {
	t.Parallel()
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join("testdata", "ipsec", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	p := Peer{Name: "two", Addresses: []string{"198.51.100.12"}, SSH: "ops@two"}
	for _, c := range []struct {
		look     FarLook
		status   ItemStatus
		evidence string
	}{
		{FarLook{Facts: factsOf(releaseDebian13), Answers: []remote.Answer{{Out: read("look13-up")}}}, Passed, "from two: ROUTED, ESTABLISHED"},
		{FarLook{Facts: factsOf(releaseDebian13), Answers: []remote.Answer{{Out: read("look13-stopped")}}}, Failed, "from two: down"},
		{FarLook{Err: errors.New("two: connection refused")}, Passed, "from two: could not be asked: two: connection refused"},
	} {
		in := tunnelIn(releaseDebian12, p)
		in.Far = map[string]FarLook{"two": c.look}
		f := judgeIPsec(in, Seen{Answers: []remote.Answer{{Out: read("look12-up")}}})
		if f.Status != c.status || !strings.Contains(strings.Join(f.Evidence, "\n"), c.evidence) {
			t.Errorf("%s, %q: %q", f.Status, f.Got, f.Evidence)
		}
	}
}

func TestLookFar(t *testing.T) {
	t.Parallel()
	there := newTunnelHost("two", "13", "198.51.100.12")
	in := tunnelIn(releaseDebian12, two, pasted)
	got := LookFar(t.Context(), func(context.Context, Peer) (Host, error) { return there, nil }, in)
	if l := got["two"]; len(got) != 1 || l.Err != nil || len(l.Answers) != 2 || l.Facts.Release.Dir != "debian13" || !there.closed {
		t.Errorf("%+v", got)
	}
	if p := got["two"].Answers[0].Probe; !strings.Contains(p.Args[1], "swanctl") || !strings.Contains(p.Args[1], " 198.51.100.11 ") || p.Args[0] != "tunnel stats-4" {
		t.Errorf("asked for %q", p.Args)
	}
	got = LookFar(t.Context(), func(context.Context, Peer) (Host, error) { return nil, errors.New("refused") }, in)
	if got["two"].Err == nil {
		t.Error("an end that refuses is not told")
	}
}
