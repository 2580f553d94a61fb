package checklist

import (
	"slices"
	"strings"
	"testing"

	"aslwiz/remote"
)

// comparePackages judges what a server with apt's lists says, where none of the names is
// installed and apt offers all of them but those of unsure.
func comparePackages(t *testing.T, p Packages, says string, unsure ...string) Change {
	t.Helper()
	names, _ := p.exact()
	policy := "=\n"
	for _, n := range names {
		if !slices.Contains(unsure, n) {
			policy += n + ":\n  Installed: (none)\n  Candidate: 1.0\n"
		}
	}
	probes := p.Probes()
	lists := "x_Packages"
	if len(unsure) > 0 {
		lists = ""
	}
	c, err := p.Compare([]remote.Answer{
		{Probe: probes[0], Out: []byte(policy)}, {Probe: probes[1], Out: []byte(lists)}, {Probe: probes[2]}, {Probe: probes[3], Out: []byte(says)},
	})
	if err != nil {
		t.Fatal(err)
	}
	posix(t, "packages", strings.Join(c.Script, "\n"))
	return c
}

// What apt would remove stands in the plan by name: agreed to with it where the page
// implies it or the answers say so, and otherwise the step stops there.
func TestRemovals(t *testing.T) {
	const chrony = "have systemd-timesyncd\nsimulated\ngone systemd-timesyncd\ngone chrony\nnew ntpsec\nagainst ntp, time-daemon, python3-ntp (<< 1.1)\nold systemd-timesyncd time-daemon (= 252)\nold chrony time-daemon\n"
	for _, tt := range []struct {
		name, says string
		remove     []string
		unsure     []string
		removes    string
		diff       []string
		short      []string
		script     string
	}{
		{name: "nothing", says: "simulated\n", script: "apt_install '' ntpsec"},
		{
			name: "implied", says: "have systemd-timesyncd\nsimulated\ngone systemd-timesyncd\n", removes: "systemd-timesyncd",
			diff: []string{"+ntpsec", "-systemd-timesyncd (ntpsec takes its place)"}, script: "apt_install systemd-timesyncd ntpsec",
		},
		{
			name: "another", says: chrony, removes: "systemd-timesyncd chrony", diff: []string{"-chrony"},
			short: []string{"apt would remove chrony (chrony cannot be installed beside ntpsec)", "packages: {remove: [chrony]}"},
		},
		{
			name: "another, agreed to", says: chrony, remove: []string{"chrony", "openntpd"}, removes: "systemd-timesyncd chrony",
			diff: []string{"-chrony (as packages.remove says)"}, script: "apt_install 'systemd-timesyncd chrony' ntpsec",
		},
		{
			name: "no lists yet", says: "have systemd-timesyncd\nhave chrony\n", remove: []string{"chrony"}, unsure: []string{"ntpsec"}, removes: "systemd-timesyncd chrony",
			diff: []string{"-systemd-timesyncd (ntpsec takes its place)", "-chrony (if apt has to; packages.remove lets it)"}, script: "apt_install 'systemd-timesyncd chrony' ntpsec",
		},
		{name: "apt cannot say", says: "failed Unmet dependencies. Try 'apt --fix-broken install'\n", script: "apt_install '' ntpsec"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := comparePackages(t, Packages{Names: []string{"ntp"}, Release: releaseDebian12, Remove: tt.remove}, tt.says, tt.unsure...)
			if got := strings.Join(c.Removes, " "); got != tt.removes {
				t.Errorf("removes %q", got)
			}
			for _, line := range tt.diff {
				if !slices.Contains(strings.Split(c.Diff, "\n"), line) {
					t.Errorf("no line %q in %q", line, c.Diff)
				}
			}
			if c.Blocks != (len(tt.short) > 0) || !c.Blocks && c.Short != "" {
				t.Errorf("blocks %t: %q", c.Blocks, c.Short)
			}
			for _, s := range tt.short {
				if !strings.Contains(c.Short, s) {
					t.Errorf("%q lacks %q", c.Short, s)
				}
			}
			if says := slices.ContainsFunc(c.Notes, func(n string) bool { return strings.HasPrefix(n, "undo cannot bring") }); says != (tt.removes != "") {
				t.Errorf("notes %q", c.Notes)
			}
			if tt.script != "" && !slices.Contains(c.Script, strings.ReplaceAll(tt.script, "install systemd-timesyncd", "install 'systemd-timesyncd'")) {
				t.Errorf("script %q", c.Script)
			}
		})
	}
}

// A server whose apt prints something else than names is not planned for.
func TestRemovalsAreNames(t *testing.T) {
	for _, says := range []string{"simulated\ngone x;reboot\n", "have $(id)\n", "gone \n", "gone -x\n"} {
		if _, err := (removals{}).parse(says); err == nil {
			t.Errorf("%q is taken", says)
		}
	}
}

// Every step that installs says what apt may remove, by the answers, and is planned anew
// after each earlier one: that may have fetched apt's lists.
func TestInstallingSteps(t *testing.T) {
	a := labAnswers()
	a.Packages.Remove = []string{"chrony"}
	a.Peers = []Peer{{Name: "two", Addresses: []string{"198.51.100.12"}, SSH: "root@198.51.100.12"}}
	in := In{Answers: a, Facts: loadRecording(t, "debian12-fresh").Facts}
	var earlier []string
	for _, s := range Steps() {
		wants, err := s.Want(in)
		if err != nil {
			t.Logf("%s: %v", s.ID, err)
		}
		for _, w := range wants {
			p, ok := w.(Packages)
			if !ok {
				continue
			}
			if !slices.Equal(p.Remove, a.Packages.Remove) {
				t.Errorf("%s: may remove %q", s.ID, p.Remove)
			}
			for _, e := range earlier {
				if !slices.Contains(s.Follows, e) {
					t.Errorf("%s does not follow %s", s.ID, e)
				}
			}
			earlier = append(earlier, s.ID)
		}
	}
	if want := []string{"python", "users", "packages", "bash-completion", "postfix", "snmp", "logging"}; !slices.Equal(earlier, want) {
		t.Errorf("the steps that install are %q", earlier)
	}
}
