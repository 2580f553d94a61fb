//go:build lab

package checklist

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"aslwiz/remote"
	"aslwiz/remote/lab"
)

// listener remembers what a real server answered.
type listener struct {
	Host
	said []saidAnswer
	seen map[string]bool
}

func (l *listener) Survey(ctx context.Context, probes []remote.Probe) ([]remote.Answer, error) {
	answers, err := l.Host.Survey(ctx, probes)
	for _, a := range answers {
		if key := a.Probe.Key(); !l.seen[key] {
			l.seen[key] = true
			l.said = append(l.said, saidAnswer{Kind: a.Probe.Kind, Args: a.Probe.Args, Code: a.Code, Out: string(a.Out), Stderr: a.Stderr, Issue: a.Issue})
		}
	}
	return answers, err
}

// TestReplayRecord writes what a real server answers to all steps and items to
// testdata/replay/NAME.json, for the tests that need no server. Run it in the
// network of the lab's admin:
//
//	ASLWIZ_RECORD=debian12-fresh ASLWIZ_HOST=198.51.100.11 go test -tags lab -run TestReplayRecord ./checklist
func TestReplayRecord(t *testing.T) {
	name, host := os.Getenv("ASLWIZ_RECORD"), os.Getenv("ASLWIZ_HOST")
	if name == "" || host == "" {
		t.Skip("say what to record with ASLWIZ_RECORD and ASLWIZ_HOST")
	}
	known := filepath.Join(t.TempDir(), "known_hosts")
	server, err := remote.Connect(t.Context(), remote.Target{Host: host, User: "root", Identity: []string{lab.Key("root")}},
		remote.Options{KnownHosts: []string{known}, SSHConfig: os.DevNull, Ask: func(context.Context, remote.Question) (remote.Secret, error) {
			return remote.NewSecret("yes"), nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	l := &listener{Host: server, seen: map[string]bool{}}
	in := replayIn()
	if in.Facts, err = GatherFacts(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if _, err := MakePlan(t.Context(), l, in, replaySteps()); err != nil {
		t.Fatal(err)
	}
	for _, it := range replayItems() {
		if _, err := l.Survey(t.Context(), it.Probes(in)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.MarshalIndent(saidAnswers{
		At: time.Now().UTC().Truncate(time.Second), Client: server.ClientAddr(), Server: netip.AddrPortFrom(netip.MustParseAddr(host), server.ServerAddr().Port()), Answers: l.said,
	}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", "replay", name+".json"), append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
