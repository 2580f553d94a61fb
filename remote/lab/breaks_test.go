//go:build lab

package lab

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// breakage is a fault, the items it must turn red, and the way to mend each: a
// step, "peer" (the same step, which looks at both ends) or "hand".
type breakage struct {
	name   string
	on     Machine // where the script runs; "" for the server
	script string
	also   func(context.Context) error // done before the script
	mend   func(context.Context) error // what a person does by hand
	red    map[string]string           // item → fix
	apply  []string                    // steps that mend it
	down   string                      // the unit that the item services names
}

func zone(file, sed string) func(context.Context) error {
	return func(ctx context.Context) error { return ChangeZone(ctx, file, sed) }
}

func zones(ctx context.Context) error { return StartService(ctx, "dns-auth") }

// rounds are breakages that are made together. Where two of a round turn the same item
// red, it names one of their fixes. Looking at everything costs a minute under emulation.
var rounds = [][]breakage{
	{
		{name: "host name changed", script: "hostnamectl set-hostname wrong", red: map[string]string{"hostname": "hostname"}},
		{name: "IPv6 rules flushed", script: "ip6tables -P INPUT ACCEPT; ip6tables -F INPUT", red: map[string]string{"firewall": "firewall"}},
		{name: "screenrc line commented", script: "sed -i '/ti@:te@/s/^/#/' /etc/screenrc", red: map[string]string{"screen": "screen"}},
		{
			name: "a needed service stopped and disabled", script: "systemctl disable --now haveged",
			red: map[string]string{"services": "packages"},
		},
		{
			name: "the jail more patient than the page", script: "sed -i 's/^maxretry.*/maxretry = 9/' /etc/fail2ban/jail.local; systemctl restart fail2ban",
			red: map[string]string{"fail2ban": "fail2ban"},
		},
		{name: "the zone not UTC", script: "timedatectl set-timezone Europe/Berlin", red: map[string]string{"time": "timezone"}},
		{
			name: "the peer's tunnel stopped", on: Peer, script: "systemctl disable --now strongswan",
			red: map[string]string{"ipsec": "peer"}, apply: []string{"ipsec"},
		},
		{
			name: "no AAAA record", also: zone("example.net", "/^ *stats *AAAA/d"), mend: zones,
			red: map[string]string{"dns": "hand"},
		},
		{
			name: "the relay out of reach",
			also: func(ctx context.Context) error { return StopService(ctx, "mail") },
			script: `echo lost | mail -s lost root
for n in $(seq 60); do postqueue -p | grep -q refused && break; sleep 0.5; done`,
			mend: func(ctx context.Context) error {
				if err := StartService(ctx, "mail"); err != nil {
					return err
				}
				_, err := SSH(ctx, Server, "postqueue -f; for n in $(seq 60); do postqueue -p | grep -q 'queue is empty' && break; sleep 0.5; done")
				return err
			},
			red: map[string]string{"mail": "hand"},
		},
		{
			name: "the log kept to itself", script: "rm /etc/rsyslog.d/60-aslwiz.conf; systemctl restart rsyslog",
			red: map[string]string{"monitoring": "logging"},
		},
	},
	{
		{name: "name missing in /etc/hosts", script: "sed -i /stats/d /etc/hosts", red: map[string]string{"hostname": "hostname"}},
		{
			name: "the keys differ", on: Peer,
			script: `f=$(ls /etc/swanctl/conf.d/*.secrets.conf)
sed -i 's/secret = .*/secret = 0sAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=/' "$f"
swanctl --load-creds --clear >/dev/null; swanctl --terminate --ike stats-4 >/dev/null; swanctl --terminate --ike stats-6 >/dev/null; :`,
			red: map[string]string{"ipsec": "ipsec"}, apply: []string{"ipsec"},
		},
		{
			name: "a PTR record to another name", also: zone("example.net", "s/^ *stats.PTR.*/stats.PTR PTR two/"), mend: zones,
			red: map[string]string{"dns": "hand"},
		},
		{name: "no default route", script: "ip -4 route del default", red: map[string]string{"address": "network"}},
		{
			name: "snmpd silent", script: "systemctl disable --now snmpd",
			red: map[string]string{"services": "snmp", "monitoring": "snmp"},
		},
	},
	{ // three services
		{
			name: "the jail stopped", down: "fail2ban.service", script: "systemctl disable --now fail2ban",
			red: map[string]string{"services": "fail2ban", "fail2ban": "fail2ban"},
		},
		{
			name: "the IPv6 address gone", script: "ip -6 addr flush dev eth0 scope global",
			red: map[string]string{"address": "network", "firewall": "hand", "ipsec": "peer"}, apply: []string{"network"},
		},
		{
			name: "the time daemon stopped", down: "ntpsec.service", script: "systemctl disable --now ntpsec",
			red: map[string]string{"services": "packages", "time": "time"},
		},
		{
			name: "postfix stopped", down: "postfix.service", script: "systemctl disable --now postfix",
			red: map[string]string{"services": "postfix", "mail": "postfix"},
		},
	},
}

// breaks breaks the provisioned server piece by piece: exactly the items
// concerned turn red, an independent check agrees, and the way that is shown to
// fix them does.
func breaks(t *testing.T) {
	green(t)
	w := newWizard(t, serverAnswers(t))
	likePractice(t, "finished", "")
	for i, round := range rounds {
		var names []string
		for _, b := range round {
			names = append(names, b.name)
		}
		t.Run(strings.Join(names, " + "), func(t *testing.T) {
			breakAndMend(t, w.in(t), fmt.Sprintf("broken-%d", i+1), round, i == len(rounds)-1)
		})
	}
	leaveGreen(t)
}

// breakAndMend is one round. After the last one every item is looked at, not only those
// that were broken.
func breakAndMend(t *testing.T, w *wizard, state string, round []breakage, last bool) {
	want := map[string][]string{} // item → the fixes that it may name
	var steps, names []string
	for _, b := range round {
		names = append(names, b.name)
		for item, fix := range b.red {
			want[item] = append(want[item], fix)
		}
		breakIt(t, b)
	}
	broken := slices.Sorted(maps.Keys(want))
	red := w.red()
	for _, item := range sorted(red) {
		// How far a tunnel has come apart is a matter of moments, and what to look at
		// first depends on it.
		if fixes := want[item]; fixes == nil || !slices.Contains(fixes, red[item]) && item != "ipsec" {
			t.Errorf("%s is not green, fixed by %q; want %q", item, red[item], fixes)
		}
	}
	for _, item := range broken {
		if _, ok := red[item]; !ok {
			t.Errorf("%s is green", item)
		}
	}
	for _, b := range round {
		if !strings.Contains(w.got["services"], b.down) {
			t.Errorf("services does not name %s: %q", b.down, w.got["services"])
		}
	}
	likePractice(t, state, "", names...)
	everything := func(t *testing.T, _ ...string) []string { t.Helper(); return checkAll(t, want["time"] != nil) }
	looks := check
	if state == "broken-1" { // once at every item, which takes more than a minute
		looks = everything
	}
	bad := looks(t, broken...)
	slices.Sort(bad)
	if bad = slices.Compact(bad); !slices.Equal(bad, broken) {
		t.Errorf("the independent check finds %v, not %v", bad, broken)
	}
	// What the items say, and nothing else.
	watch := []string{"--watch"}
	for _, b := range round {
		switch {
		case b.mend != nil:
			must(t, b.mend(t.Context()))
		case b.apply != nil:
			steps = append(steps, b.apply...)
		default:
			steps = slices.AppendSeq(steps, mapValues(b.red))
		}
	}
	if len(steps) > 0 {
		w.must(0, applyOnly(slices.Compact(slices.Sorted(slices.Values(steps)))...)...)
	}
	if !last {
		watch = append(watch, onlyThese(broken)...)
	}
	if red := w.red(watch...); len(red) > 0 {
		t.Errorf("still red after the fix: %v", red)
	}
	if looks = check; last {
		looks = everything
	}
	if bad := looks(t, broken...); len(bad) > 0 {
		t.Errorf("the independent check finds %v after the fix", bad)
	}
}

// checkAll asks the independent check about every item; about the clock, which needs
// minutes, only where that was broken.
func checkAll(t *testing.T, time bool) []string {
	t.Helper()
	items := slices.DeleteFunc(allButTime(), func(a string) bool { return a == "--only" })
	if time {
		items = append(items, "time")
	}
	bad := check(t, items...)
	slices.Sort(bad)
	return slices.Compact(bad)
}

func breakIt(t *testing.T, b breakage) {
	t.Helper()
	if b.also != nil {
		must(t, b.also(t.Context()))
	}
	if b.on == "" {
		b.on = Server
	}
	if b.script != "" {
		on(t, b.on, b.script)
	}
}

// on runs a shell command as root on a machine.
func on(t *testing.T, m Machine, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := SSH(ctx, m, script)
	if err != nil {
		t.Fatalf("%s: %s: %v", m, script, err)
	}
	return strings.TrimSpace(out)
}

// restart begins a machine's restart, which may cut off the answer.
func restart(t *testing.T, m Machine) {
	t.Helper()
	_, _ = SSH(t.Context(), m, "systemctl --no-block reboot")
}
