package checklist

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"aslwiz/remote"
)

func TestSetOwnHost(t *testing.T) {
	const fqdn, name = "stats.example.net", "stats"
	const line = "127.0.1.1\tstats.example.net stats\n"
	for old, want := range map[string]string{
		"":                       line,
		"127.0.0.1\tlocalhost\n": "127.0.0.1\tlocalhost\n" + line,
		"127.0.0.1 localhost":    "127.0.0.1 localhost\n" + line,
		"127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n::1 localhost\n": "127.0.0.1\tlocalhost\n" + line + "::1 localhost\n",
		"127.0.1.1 a\n# kept\n127.0.1.1 b\n10.0.0.1 stats\n":       line + "# kept\n10.0.0.1 stats\n",
		"127.0.1.1   stats.example.net   stats\n":                  "127.0.1.1   stats.example.net   stats\n",
		"127.0.1.1 stats.example.net stats old\n":                  line,
		"# 127.0.1.1 is a comment\n":                               line + "# 127.0.1.1 is a comment\n",
	} {
		got := setOwnHost(old, fqdn, name)
		if got != want {
			t.Errorf("%q became %q, want %q", old, got, want)
		}
		if again := setOwnHost(got, fqdn, name); again != got {
			t.Errorf("%q is edited again, to %q", got, again)
		}
	}
}

func TestEnableScrollBack(t *testing.T) {
	const pageLine, wide = "termcapinfo xterm|xterms|xs|rxvt ti@:te@", scrollBack
	for old, want := range map[string]string{
		"a\n#" + pageLine + "\nb\n":            "a\n" + pageLine + "\n" + wide + "\nb\n",
		"a\n# " + pageLine + "\n":              "a\n" + pageLine + "\n" + wide + "\n",
		"a\n" + pageLine + "\nb\n":             "a\n" + pageLine + "\n" + wide + "\nb\n",
		"a\n":                                  "a\n" + wide + "\n",
		"#" + pageLine + "\nx\n" + wide + "\n": pageLine + "\nx\n" + wide + "\n",
		"#" + wide + "\n":                      "#" + wide + "\n" + wide + "\n",
	} {
		got, err := enableScrollBack(old)
		if err != nil || got != want {
			t.Errorf("%q became %q, want %q, %v", old, got, want, err)
		}
		if again, _ := enableScrollBack(got); again != got {
			t.Errorf("%q is edited again, to %q", got, again)
		}
	}
}

func TestJail(t *testing.T) {
	r := newReplay(t, "debian12-done")
	in := r.in(t)
	wants, err := wantFail2ban(in)
	if err != nil {
		t.Fatal(err)
	}
	j := wants[0].(jail)
	fresh := j.apply(j.fresh)
	goldenFile(t, "jail/fresh.local", fresh)
	for name, old := range map[string]string{
		"fresh":   j.fresh,
		"nothing": "",
		"own":     "# ours\n[DEFAULT]\nbantime = 10m\nignoreip = 127.0.0.1/8\n  192.0.2.4\n  # the office\n  2001:db8::4, host.example.net\n\n[nginx-http-auth]\nenabled = true\nmaxretry = 9\n",
		"twice":   "[DEFAULT]\nmaxretry = 9\nmaxretry = 8\n[sshd]\nenabled=false\n",
		"spared":  "[DEFAULT]\nignoreip = 198.51.100.0/24\n",
	} {
		got := j.apply(old)
		if name != "fresh" {
			goldenFile(t, "jail/"+name+".local", got)
		}
		if again := j.apply(got); again != got {
			t.Errorf("%s is edited again:\n%s", name, unifiedDiff(name, got, again, true))
		}
		for _, s := range jailSettings {
			if v := iniValue(got, s.section, s.key); v != s.value {
				t.Errorf("%s: %s is %q, not %q", name, s.key, v, s.value)
			}
		}
	}
	// Another admin's run adds an address; the first one's next run finds its own.
	other := j
	other.ignore = []string{"127.0.0.1/8", "::1", "2001:db8:9::1"}
	both := other.apply(fresh)
	if v := iniValue(both, "DEFAULT", "ignoreip"); !strings.HasSuffix(v, " 203.0.113.7 2001:db8:9::1") {
		t.Errorf("ignoreip is %q", v)
	}
	if j.apply(both) != both {
		t.Error("two admins undo each other's work")
	}
}

func TestProviderMessage(t *testing.T) {
	r := newReplay(t, "debian12-done")
	in := r.in(t)
	in.Facts.Virt, in.Facts.Cores, in.Facts.MemKiB, in.Facts.DiskKiB = "kvm", 2, 4022028, 38<<20
	message := func() string { return ProviderMessage(r.plan(t, in, stepPreflight).Changes, in.Answers, in.Facts) }
	if m := message(); m != "" {
		t.Errorf("a machine as ordered gets the message %q", m)
	}
	in.Facts.Cores, in.Facts.MemKiB, in.Facts.DiskKiB, in.Facts.NICs, in.Facts.Route6 = 1, 2<<20, 20<<20, nil, false
	r.says("findmnt", "/ /dev/vda1 ext4\n/home /dev/vda2 ext4\n/boot/efi /dev/vda15 vfat\n/run/x /dev/vda1[/x] ext4\n")
	r.changed[mountsProbe.Key()] = r.changed["findmnt"]
	goldenFile(t, "provider.txt", message())
}

func TestPreflightBlocks(t *testing.T) {
	for name, tt := range map[string]struct {
		edit   func(*In, *replay)
		check  string
		blocks bool
		short  string
	}{
		"read-only":        {func(in *In, _ *replay) { in.Facts.ReadOnly = true }, "/ can be written", true, "read-only"},
		"full":             {func(in *In, _ *replay) { in.Facts.FreeKiB = 100 << 10 }, "space left", true, "100 MiB"},
		"nearly full":      {func(in *In, _ *replay) { in.Facts.FreeKiB = 1 << 20 }, "space left", false, "may not fit"},
		"unknown release":  {func(in *In, _ *replay) { in.Facts.Release = Release{Name: "Plan 9"} }, checkRelease, true, "Plan 9"},
		"clock a bit off":  {func(in *In, _ *replay) { in.Facts.Skew = time.Minute }, "clock", false, ""},
		"clock far off":    {func(in *In, _ *replay) { in.Facts.Skew = -time.Hour }, "clock", false, "1h0m0s behind"},
		"IPv6 nowhere":     {func(in *In, _ *replay) { in.Facts.Route6 = false }, checkIPv6, false, "no IPv6 default route"},
		"cloud-init works": {func(_ *In, r *replay) { r.says("cloud-init", "running\n") }, "cloud-init", true, "still sets"},
		"half-configured":  {func(_ *In, r *replay) { r.says("dpkg's state", "half-configured ok vim\n") }, "dpkg", false, "vim is unpacked and not configured"},
		"half-installed":   {func(_ *In, r *replay) { r.says("dpkg's state", "half-installed reinstreq vim\n") }, "dpkg", true, "vim is installed only in part"},
		"broken sources": {func(_ *In, r *replay) {
			r.says("apt's sources", "bad Malformed entry 1 in list file /etc/apt/sources.list (Component)\n")
		}, "apt's sources", true, "/etc/apt/sources.list (Component)"},
		"no sources":    {func(_ *In, r *replay) { r.says("apt's sources", "") }, "apt's sources", false, "no http or https source"},
		"no mirror":     {func(_ *In, r *replay) { r.says("apt's sources", "ok a 80\nno b 443\n") }, "apt's sources", false, "b port 443"},
		"expired":       {func(_ *In, r *replay) { r.says("root's password", "expired\n") }, "root's password", false, "expired"},
		"a slow report": {func(_ *In, r *replay) { r.mute("security updates") }, "security updates", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReplay(t, "debian12-done")
			in := r.in(t)
			tt.edit(&in, r)
			p := r.plan(t, in, stepPreflight)
			c := changeOf(t, p, tt.check)
			if c.Blocks != tt.blocks || !strings.Contains(c.Short, tt.short) || tt.short == "" && c.Short != "" {
				t.Errorf("blocks %t, short %q", c.Blocks, c.Short)
			}
			if p.Status == StepUnknown {
				t.Errorf("preflight is unknown: %q", p.Problems)
			}
		})
	}
}

func TestFacts(t *testing.T) {
	f := newReplay(t, "debian12-fresh").in(t).Facts
	if f.Release.Dir != "debian12" || f.Cores != 1 || f.MemKiB != 996616 || f.DiskKiB != 8184540 || f.Virt != "qemu" || f.SSHPort != 22 {
		t.Errorf("%+v", f)
	}
	if len(f.NICs) != 1 || f.NICs[0].Name != "ens3" || len(f.NICs[0].Addrs) != 2 || f.NICs[0].Addrs[1] != netip.MustParsePrefix("2001:db8:51::13/64") {
		t.Errorf("%+v", f.NICs)
	}
	if !f.Route6 || f.Gateway4 != netip.MustParseAddr("198.51.100.1") || f.Gateway6 != netip.MustParseAddr("2001:db8:51::1") {
		t.Errorf("routes %v %v %v", f.Gateway4, f.Gateway6, f.Route6)
	}
	r, pretty := parseOSRelease("ID=ubuntu\nVERSION_ID=\"99.04\"\nPRETTY_NAME=\"Ubuntu 99.04\"\n")
	if r.Dir != "" || r.Name != "Ubuntu 99.04" || pretty != r.Name {
		t.Errorf("%+v %q", r, pretty)
	}
	if c := newReplay(t, "debian12-done").in(t).Facts; len(c.NICs) != 1 || c.NICs[0].Name != "host0" {
		t.Errorf("a container's cards: %+v", c.NICs)
	}
}

// Whoever looks while somebody's step runs is told.
func TestFactsTellOfARunningStep(t *testing.T) {
	r := newReplay(t, "debian12-done")
	said := string(r.find(factProbes()[1]).Out)
	r.says("machine", said+"job packages, begun by anna@laptop at 2026-11-24 15:00:00 UTC\n")
	if got := r.in(t).Facts.Job; got != "packages, begun by anna@laptop at 2026-11-24 15:00:00 UTC" {
		t.Errorf("%q", got)
	}
	posix(t, "machine", machineRead)
}

func TestCovers(t *testing.T) {
	for pair, want := range map[[2]string]bool{
		{"198.51.100.0/24", "198.51.100.9"}:    true,
		{"198.51.100.9", "198.51.100.0/24"}:    false,
		{"198.51.100.0/24", "198.51.100.0/25"}: true,
		{"198.51.100.0/25", "198.51.100.0/24"}: false,
		{"2001:db8::/32", "198.51.100.9"}:      false,
		{"gate.example.net", "198.51.100.9"}:   false,
	} {
		if got := covers(pair[0], pair[1]); got != want {
			t.Errorf("%v: %t", pair, got)
		}
	}
}

func TestDefaultRoute(t *testing.T) {
	for _, c := range [][2]string{
		{"", "none"},
		{"[]", "none"},
		{`[{"dst":"default","gateway":"fe80::1","dev":"eth0","protocol":"ra"}]`, "fe80::1"},
		{`[{"dst":"default","dev":"ppp0"}]`, "no gateway"},
		{`[{"type":"unreachable","dst":"default","dev":"lo","metric":4294967295},{"dst":"default","gateway":"192.0.2.1","dev":"eth0"}]`, "192.0.2.1"},
		{`[{"type":"blackhole","dst":"default"}]`, "none"},
	} {
		out, want := c[0], c[1]
		gw, ok, err := defaultRoute(remote.Answer{Out: []byte(out)})
		got := gw.String()
		switch {
		case err != nil:
			got = err.Error()
		case !ok:
			got = "none"
		case !gw.IsValid():
			got = "no gateway"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", out, got, want)
		}
	}
}
