package checklist

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"aslwiz/remote"
)

// expect is what a finding must be; got is a part of Finding.Got, fix the step
// that mends it.
type expect struct {
	status ItemStatus
	got    string
	fix    string
}

func (e expect) check(t *testing.T, f Finding) {
	t.Helper()
	fix := ""
	if f.Fix != nil {
		fix = f.Fix.Step
	}
	if f.Status != e.status || !strings.Contains(f.Got, e.got) || fix != e.fix {
		t.Errorf("%s, got %q, fix %q; want %s, %q, %q", f.Status, f.Got, fix, e.status, e.got, e.fix)
	}
	if f.Want == "" || f.Status == Passed && len(f.Evidence) == 0 {
		t.Errorf("does not say what it wants or what it saw: %+v", f)
	}
	if (f.Status == Waiting) != (f.Again != nil) {
		t.Errorf("%s, looked at again at %v", f.Status, f.Again)
	}
}

// bansWell is what banTrial prints where all is well.
const bansWell = "banned 192.0.2.77 unreachable 192.0.2.77 \n" +
	"banned 2001:db8::77 unreachable 2001:db8::77 dev lo metric 1024 pref medium\nfreed 192.0.2.77\nfreed 2001:db8::77\n"

// TestRealServerPasses judges what a provisioned Debian 12 answered.
func TestRealServerPasses(t *testing.T) {
	r := newReplay(t, "debian12-done").says("a ban, tried", bansWell)
	in := r.in(t)
	for _, it := range []Item{itemServices, itemHostname, itemScreen, itemFail2ban} {
		t.Run(it.ID, func(t *testing.T) { expect{status: Passed}.check(t, r.measure(in, it, nil, nil)) })
	}
}

// TestFreshServerFails judges what a Debian 12 answered before aslwiz ran.
func TestFreshServerFails(t *testing.T) {
	r := newReplay(t, "debian12-fresh")
	in := r.in(t)
	for id, want := range map[string]expect{
		"services": {Failed, "not restarted", "reboot"},
		"hostname": {Failed, `says "debian"`, "hostname"},
		"screen":   {Failed, "not installed", "packages"},
		"fail2ban": {Failed, "not installed", "packages"},
		"firewall": {Failed, "iptables is not installed", "firewall"},
	} {
		it, _ := ItemByID(id)
		t.Run(id, func(t *testing.T) { want.check(t, r.measure(in, it, nil, r)) })
	}
}

// TestItemsUnreadable lets each probe of each item time out in turn: nothing is
// then known, and nothing is said to be right.
func TestItemsUnreadable(t *testing.T) {
	in := newReplay(t, "debian12-done").in(t)
	for _, it := range replayItems() {
		for _, p := range it.Probes(in) {
			r := newReplay(t, "debian12-done").says("a ban, tried", bansWell)
			r.mute(p.Key())
			f := r.measure(in, it, knock(in, remote.ReachOpen, remote.ReachTimeout), newReplay(t, "debian12-done"))
			extra := it.ID == "hostname" && p.Args[0] == "boots"
			if f.Status != Unknown && !extra {
				t.Errorf("%s without %s: %s, %q", it.ID, p, f.Status, f.Got)
			}
		}
	}
}

func TestJudgeServices(t *testing.T) {
	unit := func(active, enabled string) string {
		return "Id=x\nLoadState=loaded\nActiveState=" + active + "\nSubState=x\nUnitFileState=" + enabled + "\nResult=x\n"
	}
	for name, tt := range map[string]struct {
		edit func(*replay)
		want expect
	}{
		"starting":        {func(r *replay) { r.says("system state", "starting\n") }, expect{Waiting, "still starting", ""}},
		"never restarted": {func(r *replay) { r.says("boots", "now\n-\n-\n") }, expect{Failed, "not restarted", "reboot"}},
		"same boot":       {func(r *replay) { r.says("boots", "now\n-\nnow\n") }, expect{Failed, "not restarted", "reboot"}},
		"down": {
			func(r *replay) {
				r.changed["unit\x00haveged.service"] = remote.Answer{Out: []byte(unit("failed", "enabled"))}
			},
			expect{Failed, "haveged.service (failed", "packages"},
		},
		"not enabled": {
			func(r *replay) {
				r.changed["unit\x00"+firewallUnit] = remote.Answer{Out: []byte(unit("active", "disabled"))}
			},
			expect{Failed, "does not start at boot", "firewall"},
		},
		"activating": {
			func(r *replay) {
				r.changed["unit\x00fail2ban.service"] = remote.Answer{Out: []byte(unit("activating", "enabled"))}
			},
			expect{Waiting, "fail2ban.service still starting", ""},
		},
		"another failed": {
			func(r *replay) { r.says("systemctl", "● other.service loaded failed failed Other\n") },
			expect{Failed, "other.service (failed since the reboot)", ""},
		},
		"failed before too": {
			func(r *replay) {
				r.says("systemctl", "other.service loaded failed failed Other\n").says("failed before the reboot", "other.service\n")
			},
			expect{Failed, "as it had before the reboot", ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReplay(t, "debian12-done")
			in := r.in(t)
			tt.edit(r)
			tt.want.check(t, r.measure(in, itemServices, nil, nil))
		})
	}
}

func TestJudgeHostname(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(*replay)
		want expect
	}{
		"file":   {func(r *replay) { r.holds(hostnameFile, "other\n") }, expect{Failed, `/etc/hostname says "other"`, "hostname"}},
		"kernel": {func(r *replay) { r.says("kernel host name", "other\n") }, expect{Failed, `the kernel says "other"`, "hostname"}},
		"full":   {func(r *replay) { r.says("hostname", "stats\n") }, expect{Failed, "hostname -f says stats", "hostname"}},
		"hosts":  {func(r *replay) { r.holds(hostsFile, "127.0.0.1 localhost\n# stats.example.net\n") }, expect{Failed, "does not name", "hostname"}},
		"public": {func(r *replay) { r.holds(hostsFile, "198.51.100.11 stats.example.net stats\n") }, expect{status: Passed}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReplay(t, "debian12-done")
			in := r.in(t)
			tt.edit(r)
			tt.want.check(t, r.measure(in, itemHostname, nil, nil))
		})
	}
}

func TestJudgeScreen(t *testing.T) {
	for out, want := range map[string]expect{
		"xterm normal\nxterm-256color alternate\n":    {Failed, "as xterm-256color", "screen"},
		"xterm alternate\nxterm-256color alternate\n": {Failed, "as xterm and xterm-256color", "screen"},
		"xterm normal\nxterm-256color unknown\n":      {Unknown, "by hand", ""},
		"xterm normal\n":                              {Unknown, "by hand", ""},
		"":                                            {Unknown, "by hand", ""},
	} {
		r := newReplay(t, "debian12-done").says("screen in an xterm", out)
		want.check(t, r.measure(r.in(t), itemScreen, nil, nil))
	}
}

func TestJudgeFail2ban(t *testing.T) {
	r := newReplay(t, "debian12-done")
	in := r.in(t)
	said := string(r.find(itemFail2ban.Probes(in)[0]).Out)
	for name, tt := range map[string]struct {
		old, new string
		want     expect
	}{
		"stopped":       {said, "ERROR Failed to access socket path: /var/run/fail2ban/fail2ban.sock. Is fail2ban running?\n", expect{Failed, "does not run", "fail2ban"}},
		"no jail":       {"Status for the jail: sshd", "Sorry but the jail 'sshd' does not exist", expect{Failed, "no sshd jail", "fail2ban"}},
		"other action":  {"\nroute\n", "\nnftables\n", expect{Failed, "its action is nftables", "fail2ban"}},
		"short ban":     {"fail2ban> 3600", "fail2ban> 600", expect{Failed, "bantime is 600", "fail2ban"}},
		"not spared":    {in.Facts.Client.String(), "192.0.2.9", expect{Failed, "is not among those", "fail2ban"}},
		"spared by net": {"|- " + in.Facts.Client.String(), "|- 198.51.100.0/24", expect{status: Passed}},
		"a file":        {"Journal matches", "File list", expect{Failed, "does not watch the journal", "fail2ban"}},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(said, tt.old, tt.new, 1)
			if text == said {
				t.Fatalf("%q is not in what was recorded", tt.old)
			}
			r := newReplay(t, "debian12-done").says("the sshd jail", text).says("a ban, tried", bansWell)
			tt.want.check(t, r.measure(in, itemFail2ban, nil, nil))
		})
	}
}

func TestJudgeBan(t *testing.T) {
	in := newReplay(t, "debian12-done").in(t)
	for tried, want := range map[string]expect{
		bansWell: {Passed, "null-routed and freed again", ""},
		"banned 192.0.2.77 unreachable 192.0.2.77\nfreed 192.0.2.77\n":                                  {status: Passed}, // no IPv6
		"freed 192.0.2.77\nfreed 2001:db8::77\n":                                                        {Failed, "192.0.2.77 reached no route table; a ban of 2001:db8::77", "fail2ban"},
		"banned 192.0.2.77 unreachable 192.0.2.77\nfreed 192.0.2.77\nfreed 2001:db8::77\n":              {Failed, "a ban of 2001:db8::77 reached no", "fail2ban"},
		"banned 192.0.2.77 unreachable 192.0.2.77\nbanned 2001:db8::77 unreachable\nfreed 192.0.2.77\n": {Failed, "a ban of 2001:db8::77 was not lifted", "fail2ban"},
		"":            {Failed, "192.0.2.77 reached no", "fail2ban"},
		"not tried\n": {Unknown, "took no order", ""},
	} {
		r := newReplay(t, "debian12-done").says("a ban, tried", tried)
		want.check(t, r.measure(in, itemFail2ban, nil, nil))
	}
}

// knock is what every address answers at the SSH port and at the closed one.
func knock(in In, open, closed remote.ReachOutcome) []remote.Reach {
	var out []remote.Reach
	for i, a := range itemFirewall.Outside(in) {
		r := remote.Reach{Addr: a, Outcome: open}
		if i%2 == 1 {
			r.Outcome = closed
		}
		out = append(out, r)
	}
	return out
}

// counted is the recorded packet filter with so many packets at the last rule.
func counted(t *testing.T, packets string) *replay {
	r := newReplay(t, "debian12-done")
	for i, name := range []string{"IPv4 packet filter", "IPv6 packet filter"} {
		text := string(r.find(itemFirewall.Probes(In{})[i]).Out)
		at := strings.Index(text, "] "+defaultDeny+"\n")
		from := strings.LastIndex(text[:at], "[")
		r.says(name, text[:from]+"["+packets+":40"+text[at:])
	}
	return r
}

func TestJudgeFirewall(t *testing.T) {
	base := newReplay(t, "debian12-done").in(t)
	base.Answers.Host = "example.net"
	v6 := func(outcome remote.ReachOutcome) []remote.Reach {
		out := knock(base, remote.ReachOpen, remote.ReachTimeout)
		for i := range out {
			if out[i].Addr.Addr().Is6() {
				out[i].Outcome = outcome
			}
		}
		return out
	}
	for name, tt := range map[string]struct {
		outside []remote.Reach
		edit    func(*replay)
		after   string
		want    expect
	}{
		"good":            {outside: knock(base, remote.ReachOpen, remote.ReachTimeout), want: expect{status: Passed}},
		"refuses":         {outside: knock(base, remote.ReachOpen, remote.ReachRefused), want: expect{Failed, "answers instead of keeping silent", ""}},
		"open":            {outside: knock(base, remote.ReachOpen, remote.ReachOpen), want: expect{Failed, "is not let in by any rule", ""}},
		"nothing reached": {outside: knock(base, remote.ReachTimeout, remote.ReachTimeout), want: expect{Unknown, "IPv4 and IPv6", ""}},
		"no IPv6 here":    {outside: v6(remote.ReachUnreachable), want: expect{Unknown, "could not be seen that they hold for IPv6", ""}},
		"refuses on IPv6": {outside: v6(remote.ReachRefused), want: expect{Unknown, "IPv6", ""}},
		"counter stands":  {outside: knock(base, remote.ReachOpen, remote.ReachTimeout), after: "5", want: expect{Unknown, "could not be seen", ""}},
		"no rules": {
			outside: knock(base, remote.ReachOpen, remote.ReachTimeout),
			edit: func(r *replay) {
				r.says("IPv6 packet filter", "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n")
			},
			want: expect{Failed, "IPv6: no rule drops", "firewall"},
		},
		"one rule more": {
			outside: knock(base, remote.ReachOpen, remote.ReachTimeout),
			edit: func(r *replay) {
				text := string(r.find(itemFirewall.Probes(In{})[0]).Out)
				r.says("IPv4 packet filter", strings.Replace(text, "COMMIT", "[0:0] -A aslwiz-in -j ACCEPT\nCOMMIT", 1))
			},
			want: expect{Failed, "IPv4: the rules in force are not those", "firewall"},
		},
		"a rule of somebody's in front": {
			outside: knock(base, remote.ReachOpen, remote.ReachTimeout),
			edit: func(r *replay) {
				text := string(r.find(itemFirewall.Probes(In{})[0]).Out)
				front, rest, _ := strings.Cut(text, "-A INPUT")
				r.says("IPv4 packet filter", front+"-A INPUT -p tcp -m tcp --dport 9999 -j ACCEPT\n[0:0] -A INPUT"+rest)
			},
			want: expect{Failed, "lets in 9999/tcp, which no answer opens", ""},
		},
		"not at boot": {
			outside: knock(base, remote.ReachOpen, remote.ReachTimeout),
			edit:    func(r *replay) { r.says("around the firewall", "forward4 0\nforward6 0\nboot disabled\n") },
			want:    expect{Failed, "does not start at boot", "firewall"},
		},
		"its own rules wrong": {
			outside: knock(base, remote.ReachOpen, remote.ReachTimeout),
			edit: func(r *replay) {
				r.says("around the firewall", "forward4 0\nforward6 0\nboot enabled\nlocal /etc/network/firewall.local, line 3: iptables: unknown option\n")
			},
			want: expect{Failed, "firewall.local, line 3", ""},
		},
		"its own rules not loaded": {
			outside: knock(base, remote.ReachOpen, remote.ReachTimeout),
			edit: func(r *replay) {
				r.says("around the firewall", "forward4 0\nforward6 0\nboot enabled\nlocals 2\n")
			},
			want: expect{Failed, "has 2 rules, and none of them is in force", ""},
		},
		"only the least": {
			outside: knock(base, remote.ReachOpen, remote.ReachTimeout),
			edit: func(r *replay) {
				r.says("IPv6 packet filter", "*filter\n:INPUT ACCEPT [0:0]\n:aslwiz-in - [0:0]\n[0:0] -A INPUT -j aslwiz-in\n[0:0] -A aslwiz-in -j DROP\nCOMMIT\n")
			},
			want: expect{Failed, "IPv6: only SSH and what a network needs", "firewall"},
		},
		"no script": {
			outside: knock(base, remote.ReachOpen, remote.ReachTimeout),
			edit:    func(r *replay) { r.holds(firewallScript, "#!/bin/sh\n") },
			want:    expect{Failed, "is not aslwiz's", "firewall"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := counted(t, "5")
			if tt.edit != nil {
				tt.edit(before)
			}
			tt.want.check(t, before.measure(base, itemFirewall, tt.outside, counted(t, orElse(tt.after, "7"))))
		})
	}
}

// From the other end of a tunnel nothing is kept out, and nothing is wrong with that.
func TestJudgeFirewallFromAPeer(t *testing.T) {
	base := newReplay(t, "debian12-done").in(t)
	base.Facts.Client = netip.MustParseAddr("192.0.2.5")
	base.Answers.Host, base.Answers.Peers = "example.net", []Peer{{Name: "two", Addresses: []string{"192.0.2.5"}}}
	got := counted(t, "5").measure(base, itemFirewall, knock(base, remote.ReachOpen, remote.ReachRefused), counted(t, "7"))
	expect{Failed, "IPv6: ", ""}.check(t, got) // that peer has no IPv6 address
	base.Answers.Peers[0].Addresses = []string{"192.0.2.5", "2001:db8::5"}
	got = counted(t, "5").measure(base, itemFirewall, knock(base, remote.ReachOpen, remote.ReachRefused), counted(t, "7"))
	expect{Unknown, "could not be seen that they hold for IPv4 and IPv6", ""}.check(t, got)
}

func TestClosedPort(t *testing.T) {
	in := In{Answers: Answers{Host: "203.0.113.1", Firewall: Firewall{Ports: []string{"65533/tcp", "65532/udp"}}}, Facts: Facts{SSHPort: 65532}}
	if p := closedPort(in); p != 65531 {
		t.Errorf("knocks at %d", p)
	}
	in.Facts.NICs = []NIC{{Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.4/24")}}}
	if got := itemFirewall.Outside(in); len(got) != 4 {
		t.Errorf("behind a NAT it knocks at %v", got)
	}
}

// knocked notes what had been told when the knocks from outside began.
type knocked struct {
	*memory
	before func()
}

func (k *knocked) Reach(context.Context, []netip.AddrPort, time.Duration) []remote.Reach {
	k.before()
	return nil
}

// An item ticks as soon as it is known, whatever the others still need.
func TestVerifyTellsWhatIsKnown(t *testing.T) {
	t.Parallel()
	judge := func(In, Seen) Finding { return Finding{Status: Passed} }
	items := []Item{
		{ID: "slow", Judge: judge, Outside: func(In) []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:22")} }},
		{ID: "quick", Judge: judge},
	}
	var told, early []string
	h := &knocked{memory: newMemory(nil), before: func() { early = slices.Clone(told) }}
	findings, err := Verify(t.Context(), h, In{}, items, func(e Event) { told = append(told, e.Finding.Item) })
	if err != nil || !slices.Equal(early, []string{"quick"}) || !slices.Equal(told, []string{"quick", "slow"}) {
		t.Errorf("told %q, %q of it before the knocks; %v", told, early, err)
	}
	if len(findings) != 2 || findings[0].Item != "slow" || findings[1].Item != "quick" {
		t.Errorf("not in the page's order: %+v", findings)
	}
}
