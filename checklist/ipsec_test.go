package checklist

import (
	"flag"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"mvdan.cc/sh/v3/syntax"

	"aslwiz/remote"
)

var updateIPsec = flag.Bool("update-ipsec", false, "write the golden texts of tunnels")

var (
	two    = Peer{Name: "two", Addresses: []string{"2001:db8:51::12", "198.51.100.12"}, SSH: "admin@198.51.100.12"}
	pasted = Peer{Name: "nms", Addresses: []string{"198.51.100.13"}, Far: "debian12"}
)

func factsOf(r Release, addrs ...string) Facts {
	n := NIC{Name: "eth0"}
	for _, a := range addrs {
		n.Addrs = append(n.Addrs, netip.MustParsePrefix(a))
	}
	return Facts{Release: r, Pretty: r.Name, NICs: []NIC{n}}
}

func tunnelIn(r Release, peers ...Peer) In {
	return In{
		Answers: Answers{Host: "198.51.100.11", Hostname: "stats", Domain: "example.net", Peers: peers},
		Facts:   factsOf(r, "198.51.100.11/24", "2001:db8:51::11/64"), Salt: "pepper",
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "ipsec", "golden", name)
	if *updateIPsec {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, _ := os.ReadFile(path)
	if d := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), got); d != "" {
		t.Errorf("%s: %s", name, d)
	}
}

func TestTunnelFiles(t *testing.T) {
	t.Parallel()
	for _, r := range []Release{releaseDebian12, releaseDebian13} {
		here, err := tunnelTo(tunnelIn(r, two), two)
		if err != nil {
			t.Fatal(err)
		}
		d := daemonOf(r)
		for end, tun := range map[string]tunnel{"here": here, "there": here.mirrored("stats")} {
			for what, path := range map[string]string{"conf": d.conf, "secrets": d.secrets} {
				got, err := tun.render(r, path)
				if err != nil {
					t.Fatal(err)
				}
				golden(t, r.Dir+"-"+end+"."+what, got)
			}
		}
	}
}

// Both ends name the same addresses in the same order, so that a key's file is
// right at both.
func TestTunnelIsMirrored(t *testing.T) {
	t.Parallel()
	here, err := tunnelTo(tunnelIn(releaseDebian12, two), two)
	if err != nil {
		t.Fatal(err)
	}
	there := here.mirrored("stats")
	if d := cmp.Diff(here.ids(), there.ids()); d != "" {
		t.Error(d)
	}
	if there.Pairs[0].Local != here.Pairs[0].Remote || there.Name != "stats" {
		t.Errorf("not mirrored: %+v", there)
	}
	if d := cmp.Diff(here, there.mirrored("two"), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
	one := two
	one.Addresses = []string{"2001:db8:51::12"}
	in := tunnelIn(releaseDebian12, one)
	in.Facts = factsOf(releaseDebian12, "198.51.100.11/24")
	if _, err := tunnelTo(in, one); err == nil || !strings.Contains(err.Error(), "no address of the family") {
		t.Errorf("a tunnel without a family in common: %v", err)
	}
}

func parsesAsShell(t *testing.T, what, script string) {
	t.Helper()
	if _, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(script), what); err != nil {
		t.Errorf("%s: %v\n%s", what, err, script)
	}
}

// missingEverything answers the probes of a resource as a server does on which
// nothing of it is there.
func missingEverything(r Resource) []remote.Answer {
	var out []remote.Answer
	for _, p := range r.Probes() {
		switch p.Kind {
		case remote.ProbeSecret:
			out = append(out, remote.SecretState{}.Answer(p))
		case remote.ProbeFile:
			out = append(out, remote.FileState{Path: p.Args[0]}.Answer(p))
		default:
			out = append(out, remote.Answer{Probe: p, Out: []byte("not loaded\n")})
		}
	}
	return out
}

func TestTunnelScriptsAreShell(t *testing.T) {
	t.Parallel()
	for _, r := range []Release{releaseDebian12, releaseDebian13} {
		in := tunnelIn(r, two)
		d := daemonOf(r)
		tun, err := tunnelTo(in, two)
		if err != nil {
			t.Fatal(err)
		}
		res, err := d.tunnel(in, tun, "two", "")
		if err != nil {
			t.Fatal(err)
		}
		c, err := res.Compare(missingEverything(res))
		if err != nil || c.Same {
			t.Fatalf("%s: same %v, %v", r.Dir, c.Same, err)
		}
		parsesAsShell(t, r.Dir+" script", strings.Join(c.Script, "\n"))
		parsesAsShell(t, r.Dir+" after", strings.Join(c.After, "\n"))
		for _, s := range c.Settings {
			parsesAsShell(t, s.Name+" read", s.Read)
			parsesAsShell(t, s.Name+" write", s.Write)
		}
		parsesAsShell(t, "loaded", d.loadedOf(tun))
		parsesAsShell(t, "look", tunnelLook(d, two.addrs()[0]))
		for _, inc := range d.includes("packages") {
			s := inc.(Setting)
			parsesAsShell(t, s.Title, s.Read+"\n"+s.Set+"\n"+s.Write)
		}
		p := pasted
		p.Far = r.Dir
		text, err := FarEndText(in, p)
		if err != nil {
			t.Fatal(err)
		}
		parsesAsShell(t, "far text", text)
		golden(t, r.Dir+"-paste.sh", text)
	}
}

// At the far end the daemon may only come with the step's own packages.
func TestTunnelWithoutItsDaemon(t *testing.T) {
	t.Parallel()
	for step, wants := range map[string]string{"": "", "packages": `the step "packages"`} {
		in := tunnelIn(releaseDebian13, two)
		tun, err := tunnelTo(in, two)
		if err != nil {
			t.Fatal(err)
		}
		res, err := daemonOf(releaseDebian13).tunnel(in, tun, "two", step)
		if err != nil {
			t.Fatal(err)
		}
		answers := missingEverything(res)
		answers[len(answers)-1].Code = 127
		c, err := res.Compare(answers)
		if err != nil || c.Same || (c.Waits == "") != (wants == "") || !strings.Contains(c.Waits, wants) {
			t.Errorf("step %q: %+v, %v", step, c, err)
		}
	}
}

func TestWantIPsec(t *testing.T) {
	t.Parallel()
	got, err := wantIPsec(tunnelIn(releaseDebian12))
	if err != nil || len(got) != 0 {
		t.Errorf("without peers: %v, %v", got, err)
	}
	got, err = wantIPsec(tunnelIn(releaseDebian12, two, pasted))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range got {
		names = append(names, r.Name())
	}
	want := []string{
		"/etc/ipsec.conf", "/etc/ipsec.secrets", "/etc/ipsec.d/aslwiz-initiate", "/etc/systemd/system/strongswan-starter.service.d/aslwiz.conf",
		"strongswan-starter.service",
		"no other tunnel to 198.51.100.12, 2001:db8:51::12", "tunnel two", "no other tunnel to 198.51.100.13", "tunnel nms",
	}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
	far := factsOf(releaseDebian13, "198.51.100.12/24", "2001:db8:51::12/64")
	there, err := wantFarEnd(tunnelIn(releaseDebian12, two), two, far)
	if err != nil || len(there) != 6 {
		t.Errorf("%d resources at the far end, %v", len(there), err)
	}
	if _, err := wantFarEnd(tunnelIn(releaseDebian12, two), two, factsOf(releaseDebian13, "198.51.100.99/24")); err == nil ||
		!strings.Contains(err.Error(), "does not have the address") {
		t.Errorf("another server than the peer: %v", err)
	}
}

// Who comes in through the other end of the tunnel is kept from being cut off.
func TestTunnelWithTheWayInIsGuarded(t *testing.T) {
	t.Parallel()
	for client, want := range map[string]bool{"198.51.100.12": true, "2001:db8:51::12": true, "198.51.100.9": false, "": false} {
		in := tunnelIn(releaseDebian12, two)
		in.Facts.Client, _ = netip.ParseAddr(client)
		note, err := tunnelTo(in, two)
		if err != nil || strings.Contains(note.blocks(in.Facts), "your own login") != want {
			t.Errorf("from %q: %v, %q", client, err, note.blocks(in.Facts))
		}
		p := planStep(stepIPsec, in, nil, nil, nil)
		if p.Guarded != want || (p.Transaction(time.Now(), 0).Guard != nil) != want {
			t.Errorf("from %q: guarded %v", client, p.Guarded)
		}
	}
	if p := planStep(stepTimezone, tunnelIn(releaseDebian12, two), nil, nil, nil); p.Guarded {
		t.Error("every step is guarded")
	}
}

func TestRivals(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("greps as a server does, which is Linux")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"two.conf":     "conn two\n\tright=198.51.100.12\n",
		"wiki.conf":    "conn one-to-two\n  right = 198.51.100.12 # two\n",
		"six.conf":     "conn x\n\tright=2001:db8:51::12\n",
		"nearly.conf":  "conn x\n\tright=198.51.100.121\n",
		"dots.conf":    "conn x\n\tright=198a51.100.12\n",
		"comment.conf": "#\tright=198.51.100.12\n",
		"left.conf":    "conn x\n\tleft=198.51.100.12\n\trightid=198.51.100.12\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tun, err := tunnelTo(tunnelIn(releaseDebian12, two), two)
	if err != nil {
		t.Fatal(err)
	}
	read := strings.NewReplacer("/etc/ipsec.d/", dir+"/", "/etc/ipsec.conf", "/nowhere").Replace(legacyDaemon.rivalsRead(tun))
	out, err := exec.CommandContext(t.Context(), "sh", "-c", read).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if d := cmp.Diff(dir+"/six.conf\n"+dir+"/wiki.conf\n", string(out)); d != "" {
		t.Error(d)
	}
	check := legacyDaemon.rivals(tun)
	c, err := check.Compare([]remote.Answer{{Out: []byte("/etc/ipsec.conf\n")}})
	if err != nil || !c.Blocks || !strings.Contains(c.Short, "/etc/ipsec.conf already declares") {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err = check.Compare([]remote.Answer{{}}); err != nil || !c.Same {
		t.Errorf("%+v, %v", c, err)
	}
}
