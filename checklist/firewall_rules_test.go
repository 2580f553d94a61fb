package checklist

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aslwiz/remote"
)

// TestFirewallScript holds the whole script for each kind of answer.
func TestFirewallScript(t *testing.T) {
	r := newReplay(t, "debian12-done")
	for name, edit := range map[string]func(*In){
		"plain": func(in *In) { in.Answers.Firewall = Firewall{} },
		"services": func(in *In) {
			in.Answers.Firewall = Firewall{Services: []string{"snmp", "dns", "echolink", "http"}, Ports: []string{"8080/tcp", "80/tcp"}}
		},
		"ssh-from": func(in *In) {
			in.Facts.SSHPort = 2222
			in.Answers.Firewall = Firewall{SSHFrom: []string{"198.51.100.0/24", "203.0.113.7", "2001:db8:7::1/48"}}
		},
		"monitored": func(in *In) {
			in.Answers.Firewall = Firewall{}
			in.Answers.Peers = []Peer{{Name: "nms", Addresses: []string{"198.51.100.12"}}}
			in.Answers.SNMP.NMS = []string{"198.51.100.12", "203.0.113.9", "2001:db8:7::9"}
		},
		"anywhere": func(in *In) { in.Answers.Firewall = Firewall{SSHFrom: []string{"0.0.0.0/0", "::/0"}} },
	} {
		in := r.in(t)
		edit(&in)
		p := r.plan(t, in, stepFirewall)
		checkShell(t, p)
		c := changeOf(t, p, firewallScript)
		if len(c.Files) != 1 {
			t.Fatalf("%s: %q", name, p.Problems)
		}
		goldenFile(t, filepath.Join("firewall", name+".sh"), string(c.Files[0].After))
	}
}

// TestFirewallPeers holds what tunnels and the monitoring add.
func TestFirewallPeers(t *testing.T) {
	p := filterPolicy{
		SSHPort: 22,
		Peers:   []netip.Addr{netip.MustParseAddr("198.51.100.12"), netip.MustParseAddr("2001:db8:51::12")},
		NMS:     []netip.Prefix{netip.MustParsePrefix("203.0.113.9/32")},
	}
	for name, family := range map[string]int{"peers4": onlyIPv4, "peers6": onlyIPv6} {
		text, err := p.render(family)
		if err != nil {
			t.Fatal(err)
		}
		goldenFile(t, filepath.Join("firewall", name+".rules"), text)
	}
}

// TestRulesAsLoaded compares the model with what iptables-save printed on a real
// Debian 12 after it was loaded there, line by line.
func TestRulesAsLoaded(t *testing.T) {
	r := newReplay(t, "debian12-done")
	policy, err := policyOf(r.in(t))
	if err != nil {
		t.Fatal(err)
	}
	for i, family := range []int{onlyIPv4, onlyIPv6} {
		text, err := policy.render(family)
		if err != nil {
			t.Fatal(err)
		}
		loaded := ownOf(parseSaved(string(r.find(itemFirewall.Probes(In{})[i]).Out))["filter"])
		if want := strings.Split(bareRules(text), "\n"); !slices.Equal(loaded, want) {
			t.Errorf("IPv%d:\n%s", family, unifiedDiff("rules", strings.Join(want, "\n")+"\n", strings.Join(loaded, "\n")+"\n", true))
		}
	}
	for _, name := range []string{"peers4", "peers6"} {
		saved, err := os.ReadFile(filepath.Join("testdata", "replay", name+".save"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("testdata", "firewall", name+".rules"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(ownOf(parseSaved(string(saved))["filter"]), "\n"); got != bareRules(string(want)) {
			t.Errorf("%s:\n%s", name, unifiedDiff(name, bareRules(string(want)), got, true))
		}
	}
}

// TestRulesEndInDeny: whatever is ticked, the last rule of INPUT drops, on every
// interface, and no rule but the loopback's knows an interface.
func TestRulesEndInDeny(t *testing.T) {
	all := make([]string, len(Services))
	for i, s := range Services {
		all[i] = s.Name
	}
	p := filterPolicy{SSHPort: 22, Services: all, Ports: []string{"1/tcp"}, Peers: []netip.Addr{netip.MustParseAddr("2001:db8::1")}}
	for _, family := range []int{onlyIPv4, onlyIPv6} {
		text, err := p.render(family)
		if err != nil {
			t.Fatal(err)
		}
		var input []string
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "-A "+chainIn+" ") {
				input = append(input, strings.TrimSpace(line))
			}
			if strings.Contains(line, " -i ") && !strings.Contains(line, " -i lo ") {
				t.Errorf("depends on an interface: %s", line)
			}
			if strings.Contains(line, "nat") && !strings.HasPrefix(line, "#") {
				t.Errorf("touches NAT: %s", line)
			}
		}
		if input[len(input)-1] != defaultDeny {
			t.Errorf("IPv%d ends in %s", family, input[len(input)-1])
		}
		if strings.Count(text, defaultDeny+"\n") != 1 {
			t.Errorf("IPv%d denies more than once", family)
		}
	}
}

func TestOtherFirewall(t *testing.T) {
	for now, runs := range map[string]bool{
		"none inactive": false, "not-found inactive": false, "disabled inactive": false, "masked inactive": false, "absent": false, "inactive": false,
		"enabled active": true, "disabled active": true, "enabled inactive": true, "active": true,
	} {
		if got := otherFirewallRuns(now); got != runs {
			t.Errorf("%q: %t", now, got)
		}
	}
	r := newReplay(t, "debian12-done").says("firewalld", "enabled active\n").says("ufw", "active\n")
	in := r.in(t)
	p := r.plan(t, in, stepFirewall)
	if p.Status != StepUnknown || len(p.Problems) != 2 || !strings.Contains(p.Problems[0], "firewall.take_over: true") {
		t.Errorf("%s %q", p.Status, p.Problems)
	}
	in.Answers.Firewall.TakeOver = true
	p = r.plan(t, in, stepFirewall)
	off, load := strings.Index(p.Script, "run ufw --force disable"), strings.Index(p.Script, "run systemctl restart "+firewallUnit)
	if p.Status != StepPending || off < 0 || load < off || !strings.Contains(p.Script, "run systemctl disable --now firewalld.service") {
		t.Errorf("%s\n%s", p.Status, p.Script)
	}
	if c := changeOf(t, p, "ufw"); len(c.Settings) != 1 || c.Settings[0].Before != hashOf([]byte("active")) {
		t.Errorf("not undoable: %+v", c.Settings)
	}
}

// The step, preflight and the look at a peer agree on what another firewall is: one that
// runs or starts at boot, and of nftables one that drops. Docker, libvirt and fail2ban
// are none.
func TestOtherFirewallsRead(t *testing.T) {
	for name, c := range map[string]struct{ on, ufw, conf, want string }{
		"none":               {"docker libvirtd fail2ban", "inactive", "flush ruleset\n", ""},
		"firewalld":          {"firewalld docker", "", "", "firewalld\n"},
		"ufw":                {"", "active", "", "ufw\n"},
		"nftables, as it is": {"nftables", "", "flush ruleset\ntable inet filter {\n chain input {\n  type filter hook input priority filter;\n }\n # drop\n}\n", ""},
		"nftables":           {"nftables", "active", "table inet filter {\n chain input {\n  type filter hook input priority filter; policy drop;\n }\n}\n", "nftables\nufw\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			stubs := map[string]string{"systemctl": "#!/bin/sh\nfor last; do :; done\nfor u in " + c.on + "; do [ $u != $last ] || exit 0; done\nexit 1\n"}
			if c.ufw != "" {
				stubs["ufw"] = "#!/bin/sh\necho Status: " + c.ufw + "\n"
			}
			for program, text := range stubs {
				if err := os.WriteFile(filepath.Join(dir, program), []byte(text), 0o700); err != nil { //nolint:gosec // it is run
					t.Fatal(err)
				}
			}
			conf := filepath.Join(dir, "nftables.conf")
			if err := os.WriteFile(conf, []byte(c.conf), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(firewallsRead, "/etc/nftables", filepath.Join(dir, "nftables")))
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
			out, err := cmd.Output()
			if err != nil || string(out) != c.want {
				t.Errorf("%q, %v; want %q", out, err, c.want)
			}
		})
	}
	if c := judgeFirewalls("nftables\nufw\n"); len(c.Notes) != 2 || c.Now != "nftables, ufw" {
		t.Errorf("%+v", c)
	}
}

// TestARestartCanBeRolledBack: a unit that runs and is only restarted, because the rules
// changed, has its state kept. The restart may fail, and would leave it failed.
func TestARestartCanBeRolledBack(t *testing.T) {
	r := newReplay(t, "debian12-done")
	in := r.in(t)
	in.Answers.Firewall.Ports = []string{"9099/tcp"}
	p := r.plan(t, in, stepFirewall)
	tx := p.Transaction(time.Now(), 0)
	if !slices.ContainsFunc(tx.Settings, func(s remote.SettingChange) bool { return s.Name == firewallUnit }) {
		t.Errorf("the state of %s is not kept: %+v", firewallUnit, tx.Settings)
	}
}
