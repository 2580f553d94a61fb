package checklist

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aslwiz/remote"
)

func TestPeerProblems(t *testing.T) {
	t.Parallel()
	ok := Peer{Name: "two", Addresses: []string{"198.51.100.12", "2001:db8:51::12"}, SSH: "anna@two.example.net:2222", Far: "debian13"}
	for _, c := range []struct {
		name string
		edit func(*Peer)
		path string
		want string
	}{
		{"right", func(*Peer) {}, "", ""},
		{"no name", func(p *Peer) { p.Name = "" }, "peers[0].name", "is missing"},
		{"reserved", func(p *Peer) { p.Name = "default" }, "peers[0].name", "ipsec.conf"},
		{"dot", func(p *Peer) { p.Name = "a.secrets" }, "peers[0].name", "not a tunnel's name"},
		{"shell", func(p *Peer) { p.Name = "a;b" }, "peers[0].name", "not a tunnel's name"},
		{"no address", func(p *Peer) { p.Addresses = nil }, "peers[0].addresses", "are missing"},
		{"a name", func(p *Peer) { p.Addresses = []string{"two.example.net"} }, "peers[0].addresses[0]", "not an address"},
		{"one family twice", func(p *Peer) { p.Addresses = []string{"198.51.100.12", "198.51.100.13"} }, "peers[0].addresses[1]", "are enough"},
		{"ourselves", func(p *Peer) { p.Addresses = []string{"198.51.100.11"} }, "peers[0].addresses[0]", "own address"},
		{"loopback", func(p *Peer) { p.Addresses = []string{"::1"} }, "peers[0].addresses[0]", "not an address of another"},
		{"no user", func(p *Peer) { p.SSH = "two.example.net" }, "peers[0].ssh", "user@host"},
		{"option", func(p *Peer) { p.SSH = "a@-oProxyCommand=x" }, "peers[0].ssh", "neither an address nor a name"},
		{"release", func(p *Peer) { p.Far = "ubuntu16" }, "peers[0].far", "debian12 or debian13"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := ok
			c.edit(&p)
			got := Answers{Host: "198.51.100.11", Peers: []Peer{p}}.peerProblems()
			switch {
			case c.path == "" && len(got) > 0:
				t.Errorf("%+v", got)
			case c.path != "" && (len(got) != 1 || got[0].Path != c.path || !strings.Contains(got[0].Text, c.want)):
				t.Errorf("%+v, want %q at %s", got, c.want, c.path)
			case c.path != "" && got[0].Example == "":
				t.Errorf("%s has no example", c.path)
			}
		})
	}
	twice := Answers{Host: "stats", Peers: []Peer{ok, ok}}.peerProblems()
	if len(twice) != 3 {
		t.Errorf("the same peer twice: %+v", twice)
	}
}

func TestPeerTarget(t *testing.T) {
	t.Parallel()
	for ssh, want := range map[string]remote.Target{
		"anna@two":              {User: "anna", Host: "two"},
		"anna@two:2222":         {User: "anna", Host: "two", Port: 2222},
		"root@2001:db8::1":      {User: "root", Host: "2001:db8::1"},
		"root@[2001:db8::1]:22": {User: "root", Host: "2001:db8::1", Port: 22},
		"a@corp.example@two:22": {User: "a@corp.example", Host: "two", Port: 22},
	} {
		got, ok := Peer{SSH: ssh}.Target()
		if d := cmp.Diff(want, got); d != "" || !ok {
			t.Errorf("%s: %v %s", ssh, ok, d)
		}
	}
	if _, ok := (Peer{}).Target(); ok {
		t.Error("a peer without a login has a target")
	}
}

// A server has no tunnel with itself, by whichever of its addresses.
func TestOwnAddressIsNoPeer(t *testing.T) {
	t.Parallel()
	a := Answers{Host: "stats.example.net", Network: Network{IPv4: "198.51.100.11/24", IPv6: "2001:db8:51::11/64"}}
	for s, own := range map[string]bool{"198.51.100.11": true, "2001:DB8:51:0::11": true, "198.51.100.12": false} {
		err := a.checkPeerAddress(s, map[bool]bool{})
		if (err != nil) != own || own && !strings.Contains(err.Error(), "own address") {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestPSKWord(t *testing.T) {
	t.Parallel()
	const want = "0sYSBsb25nLCBsb25nIHNlY3JldCE="
	for _, typed := range []string{"a long, long secret!", "a long, long secret!\r\n", `"a long, long secret!"`, want, "0x61206c6f6e672c206c6f6e672073656372657421"} {
		if got, err := PSKWord(typed); err != nil || got != want {
			t.Errorf("%q: %q, %v", typed, got, err)
		}
	}
	for typed, want := range map[string]string{
		"": "0 bytes", "short": "5 bytes", " a long, long secret!": "space", "a long, long secret!\t": "space",
		strings.Repeat("64 KB of it.", 5000): "more than enough", "This is the AllStarLink PSK": "public page",
		"0s###not base64 at all###": "double quotes", "0xnothexnothexnothexnothex": "double quotes",
	} {
		_, err := PSKWord(typed)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %.200v", typed, err)
		}
		if err != nil && len(typed) > 5 && strings.Contains(err.Error(), typed) {
			t.Errorf("the error repeats the key: %v", err)
		}
	}
	if a, b := generatePSK(), generatePSK(); a == b || len(a) != 46 {
		t.Errorf("generated %d characters, equal: %v", len(a), a == b)
	}
}

func TestPeersInTheFirewall(t *testing.T) {
	t.Parallel()
	in := tunnelIn(releaseDebian12, two)
	in.Facts.SSHPort = 22
	p, err := policyOf(in)
	if err != nil {
		t.Fatal(err)
	}
	for family, want := range map[int]string{onlyIPv4: "-A aslwiz-in -s 198.51.100.12/32 -p esp -j ACCEPT", onlyIPv6: "-A aslwiz-in -s 2001:db8:51::12/128 -p esp -j ACCEPT"} {
		rules, err := p.render(family)
		if err != nil || !strings.Contains(rules, want+"\n") {
			t.Errorf("no %q, %v", want, err)
		}
	}
}

func TestFarFirewall(t *testing.T) {
	t.Parallel()
	f := farFirewall{Us: two.addrs(), Host: "far"}
	ours, err := (filterPolicy{SSHPort: 22}).render(onlyIPv4)
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n" + writtenByFirewallStep + " more\nrules4() {\n  cat <<'RULES'\n" + ours + "RULES\n}\nrules6() {\n" + ours + "}\n"
	all := "*filter\n:INPUT DROP [0:0]\n" + strings.Join(append(tunnelLines(f.Us[0]), tunnelLines(f.Us[1])...), "\n") + "\nCOMMIT\n"
	for _, c := range []struct {
		name, script, rules, others string
		same                        bool
		kind, short                 string
	}{
		{"nothing there", "", "", "", true, "check", ""},
		{"open", "", "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n", "", true, "check", ""},
		{"closed by policy", "", "*filter\n:INPUT DROP [0:0]\nCOMMIT\n", "", false, "check", "--dport 4500"},
		{"closed by a last rule", "", "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j log-and-drop\nCOMMIT\n", "", false, "check", "--pol ipsec"},
		{"admits us", "", all, "", true, "check", ""},
		{"firewalld", "", "", "firewalld\n", false, "check", "firewalld manages it"},
		{"ours", script, all, "nftables\n", false, "edit", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := f.Probes()
			st := remote.FileState{Path: firewallScript}
			if c.script != "" {
				st = remote.FileState{Path: firewallScript, Exists: true, Regular: true, Mode: 0o755, Owner: "root:root", SHA256: hashOf([]byte(c.script)), Content: []byte(c.script)}
			}
			got, err := f.Compare([]remote.Answer{
				st.Answer(p[0]), {Probe: p[1], Out: []byte(c.others)}, {Probe: p[2], Out: []byte(c.rules)}, {Probe: p[3], Out: []byte(c.rules)},
			})
			if err != nil || got.Same != c.same || got.Kind != c.kind || (got.Short == "") != (c.short == "") || !strings.Contains(got.Short, c.short) {
				t.Fatalf("%+v, %v", got, err)
			}
			if c.script == "" {
				return
			}
			after := string(got.Files[0].After)
			if _, err = f.Compare([]remote.Answer{st.Answer(p[0]), {Issue: "timeout"}, {Issue: "timeout"}, {Issue: "timeout"}}); err != nil {
				t.Errorf("aslwiz's own script is judged by others: %v", err)
			}
			for _, a := range f.Us {
				if again, err := f.insert(after, a); err != nil || again != after {
					t.Errorf("a second time changes it again: %v", err)
				}
			}
			if len(got.Files) != 1 {
				t.Errorf("%d changes of one file", len(got.Files))
			}
			four, six, _ := strings.Cut(after, "rules6() {")
			if strings.Count(four, "198.51.100.12/32") != 4 || strings.Contains(six, "198.51.100.12") || strings.Count(six, "2001:db8:51::12/128") != 4 {
				t.Errorf("the rules are at the wrong place:\n%s", after)
			}
		})
	}
	for _, p := range f.Probes()[1:] {
		parsesAsShell(t, p.Args[0], p.Args[1])
	}
}
