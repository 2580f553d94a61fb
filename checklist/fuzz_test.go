package checklist

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"aslwiz/remote"
)

// FuzzFacts: whatever a server says of itself, facts are made of it or an error,
// and an address holds nothing that a screen would obey.
func FuzzFacts(f *testing.F) {
	f.Add(`[{"ifname":"eth0","address":"52:54:00:51:00:11","link_type":"ether","flags":["UP"],"addr_info":[{"local":"198.51.100.11","prefixlen":24,"scope":"global"}]}]`)
	f.Add(`[{"gateway":"fe80::1%eth0","dev":"eth0"},{"type":"unreachable"}]`)
	f.Add(`[{"gateway":"fe80::1%` + "\u009b" + `2J"}]`)
	f.Add("nameserver fe80::1%\x1b[2J\nnameserver 198.51.100.1\n")
	f.Add("ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian\"\n")
	f.Add(`[{"addr_info":[{"local":"::1","prefixlen":-9,"scope":"global"}]}]`)
	f.Fuzz(func(t *testing.T, text string) {
		a := remote.Answer{Probe: remote.ReadCommand("ip"), Out: []byte(text)}
		nics, _ := parseNICs(a, nil)
		for _, n := range nics {
			wantClean(t, n.Name, n.MAC)
			for _, p := range n.Addrs {
				wantClean(t, p.String())
			}
		}
		gw, _, _ := defaultRoute(a)
		wantCleanAddrs(t, append(parseResolvers(text), gw))
		_, pretty := parseOSRelease(text)
		wantClean(t, pretty)
		var facts Facts
		_ = facts.readMachine(text, time.Time{}, time.Time{})
	})
}

func wantCleanAddrs(t *testing.T, addrs []netip.Addr) {
	t.Helper()
	for _, a := range addrs {
		wantClean(t, a.String())
	}
}

func wantClean(t *testing.T, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if s != remote.CleanText(s) {
			t.Errorf("%q would reach the screen", s)
		}
	}
}

// FuzzTunnelStatus: a tunnel is up only where a line of its own name says so.
func FuzzTunnelStatus(f *testing.F) {
	f.Add("two-4[1]: ESTABLISHED 5 seconds ago\ntwo-4{1}:  INSTALLED, TRANSPORT, reqid 1\ntwo-4{1}:   84 bytes_i (1 pkt, 2s ago), 84 bytes_o\n")
	f.Add("list-sa event {two-4 {uniqueid=1 state=ESTABLISHED local child-sas {two-4-1 {name=two-4 uniqueid=1 state=INSTALLED mode=TRANSPORT packets-in=1 packets-out=99999999999999999999}}}}\n")
	f.Add("one-4[1]: ESTABLISHED\n: two-4{")
	f.Fuzz(func(t *testing.T, text string) {
		for _, sa := range []tunnelSA{parseStatusall(text, "two-4"), parseListSAs(text, "two-4")} {
			if (sa.Established || sa.Installed) && !strings.Contains(text, "two-4") {
				t.Errorf("up without a word of it: %+v", sa)
			}
		}
	})
}

// FuzzJudge: whatever a server answers to an item's questions, there is a verdict, and
// one text for all of them is never a good one.
func FuzzJudge(f *testing.F) {
	r := loadRecording(f, "debian12-done")
	in := In{Answers: labAnswers(), Facts: r.Facts}
	in.Answers.Peers = []Peer{{Name: "two", Addresses: []string{"198.51.100.12", "2001:db8:51::12"}}}
	for _, it := range Items() {
		if it.Probes == nil {
			continue
		}
		for _, a := range r.answers(it.Probes(in)) {
			f.Add(a.Code, string(a.Out))
		}
	}
	f.Fuzz(func(t *testing.T, code int, text string) {
		for _, it := range Items() {
			if it.Probes == nil {
				continue
			}
			var seen Seen
			for _, p := range it.Probes(in) {
				seen.Answers = append(seen.Answers, remote.Answer{Probe: p, Code: code, Out: []byte(text)})
			}
			seen.After = seen.Answers
			if it.Lookups != nil {
				for _, q := range it.Lookups(in) {
					seen.Lookups = append(seen.Lookups, remote.LookupAnswer{Lookup: q, Code: text, Values: []string{text}, Hops: []string{text}})
				}
			}
			if got := it.Judge(in, seen); got.Status == "" || got.Status == Passed && it.ID != "hostname" {
				t.Errorf("%s: %+v", it.ID, got)
			}
		}
	})
}

// FuzzCompare: whatever a server answers, a step's resources compare it with what they
// want, or say that they cannot.
func FuzzCompare(f *testing.F) {
	r := loadRecording(f, "debian12-done")
	in := In{Answers: labAnswers(), Facts: r.Facts}
	var all []Resource
	for _, s := range Steps() {
		if list, err := s.Want(in); err == nil {
			all = append(all, list...)
		}
	}
	for _, res := range all {
		for _, a := range r.answers(res.Probes()) {
			f.Add(a.Code, string(a.Out))
		}
	}
	f.Fuzz(func(_ *testing.T, code int, text string) {
		for _, res := range all {
			var answers []remote.Answer
			for _, p := range res.Probes() {
				answers = append(answers, remote.Answer{Probe: p, Code: code, Out: []byte(text)})
			}
			_, _ = res.Compare(answers)
		}
	})
}
