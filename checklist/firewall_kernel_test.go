package checklist

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// others is what else has rules on a server: Docker with a published port, fail2ban,
// libvirt, and an administrator's own lines.
const others = `iptables-restore --noflush <<'EOF'
*nat
:DOCKER -
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
COMMIT
*filter
:FORWARD DROP
:DOCKER -
:DOCKER-USER -
:f2b-sshd -
:LIBVIRT_INP -
-A INPUT -j LIBVIRT_INP
-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
-A INPUT -s 203.0.113.66/32 -j DROP
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-USER -j RETURN
-A f2b-sshd -s 203.0.113.77/32 -j REJECT --reject-with icmp-port-unreachable
-A f2b-sshd -j RETURN
-A LIBVIRT_INP -i virbr0 -p udp -m udp --dport 53 -j ACCEPT
COMMIT
EOF
ip6tables -A INPUT -s 2001:db8::66/128 -j DROP
`

// startContainer is what Docker does when one more container starts.
const startContainer = `iptables -A DOCKER -d 172.17.0.3/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 443 -j ACCEPT
iptables -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8443 -j DNAT --to-destination 172.17.0.3:443
`

// kernel runs firewall.sh against the kernel's own tables, in a network of its own.
type kernel struct {
	t      *testing.T
	script string // firewall.sh
	local  string // firewall.local, beside it
	dir    string
}

func newKernel(t *testing.T, edit func(string) string) kernel {
	t.Helper()
	for _, program := range []string{"unshare", "iptables-restore", "ip6tables-restore"} {
		if _, err := exec.LookPath(program); err != nil || os.Getuid() != 0 {
			t.Skip("needs root, unshare and iptables")
		}
	}
	if err := exec.CommandContext(t.Context(), "unshare", "-n", "sh", "-c", "iptables-save && ip6tables-save").Run(); err != nil {
		t.Skip("no network of its own: ", err)
	}
	r := newReplay(t, "debian12-fresh")
	p := r.plan(t, r.in(t), stepFirewall)
	text := string(changeOf(t, p, firewallScript).Files[0].After)
	if edit != nil {
		text = edit(text)
	}
	k := kernel{t: t, dir: t.TempDir()}
	k.script, k.local = filepath.Join(k.dir, "firewall.sh"), filepath.Join(k.dir, "firewall.local")
	text = strings.ReplaceAll(text, "mine=/etc/network/firewall.local", "mine="+k.local)
	if err := os.WriteFile(k.script, []byte(text), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	for name, content := range map[string]string{"read": ownRead("iptables"), "write": ownWrite("iptables"), "write6": ownWrite("ip6tables")} {
		if err := os.WriteFile(filepath.Join(k.dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// run runs a script there; load, read, write and write6 are commands in it, and foreign
// prints what is not aslwiz's in either family.
func (k kernel) run(script string) string {
	k.t.Helper()
	const head = `set -u
load() { sh "$D/firewall.sh" "$@" 2>"$D/says"; echo "load ends with $?"; }
read_() { sh "$D/read"; }
write() { sh "$D/write"; }
write6() { sh "$D/write6"; }
foreign() { { iptables-save; ip6tables-save; } | grep -v -e aslwiz -e '^#' | sed 's/ \[[0-9:]*\]$//'; }
part() { echo "== $1"; }
`
	cmd := exec.CommandContext(k.t.Context(), "unshare", "-n", "sh", "-c", head+script)
	cmd.Env = append(os.Environ(), "D="+k.dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		k.t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// parts cuts what was printed at the marks of part.
func parts(out string) map[string]string {
	m := map[string]string{}
	for _, p := range strings.Split("\n"+out, "\n== ")[1:] {
		name, text, _ := strings.Cut(p, "\n")
		m[name] = strings.TrimSpace(text)
	}
	return m
}

func (k kernel) says() string {
	text, _ := os.ReadFile(filepath.Join(k.dir, "says"))
	return string(text)
}

// What others have in the tables stays when aslwiz's rules are loaded, loaded again,
// and taken away again, and so does what they bring in between.
func TestKernelLeavesOthersAlone(t *testing.T) {
	k := newKernel(t, nil)
	out := k.run(others + `part before; foreign
part first; load
part loaded; foreign
part own; read_
part "IPv4"; iptables-save -t filter
` + startContainer + `part container; foreign
part again; load
part "own again"; read_
part reloaded; foreign
: | write; : | write6
part "taken back"; foreign
part nothing; read_; iptables-save | grep aslwiz; :
`)
	p := parts(out)
	if p["first"] != "load ends with 0" || p["again"] != p["first"] {
		t.Errorf("%s\n%s", out, k.says())
	}
	if p["loaded"] != p["before"] || p["reloaded"] != p["container"] || p["taken back"] != p["container"] {
		t.Errorf("what is not aslwiz's was changed:\n%s", out)
	}
	r := newReplay(t, "debian12-fresh")
	policy, err := policyOf(r.in(t))
	if err != nil {
		t.Fatal(err)
	}
	want, err := policy.render(onlyIPv4)
	if err != nil {
		t.Fatal(err)
	}
	if p["own"] != bareRules(want) || p["own again"] != p["own"] {
		t.Errorf("%s", unifiedDiff("rules", bareRules(want)+"\n", p["own"]+"\n", true))
	}
	if got := strings.Join(ownOf(parseSaved(p["IPv4"])["filter"]), "\n"); got != p["own"] {
		t.Errorf("the program sees\n%s\nthe shell\n%s", got, p["own"])
	}
	if p["nothing"] != "" {
		t.Errorf("left behind: %s", p["nothing"])
	}
	if i, j := strings.Index(p["IPv4"], "-A INPUT -s 203.0.113.66"), strings.Index(p["IPv4"], jumpIn); i < 0 || j < i {
		t.Errorf("the jump is not behind the others':\n%s", p["IPv4"])
	}
}

// Every rule that answers can ask for is printed by iptables-save as it was rendered:
// otherwise the step would never end, and the item never be green.
func TestKernelPrintsWhatWasRendered(t *testing.T) {
	k := newKernel(t, nil)
	all := make([]string, len(Services))
	for i, s := range Services {
		all[i] = s.Name
	}
	in := In{Answers: Answers{
		Firewall: Firewall{
			Services: all, Ports: []string{"8080/tcp", "8081/udp"},
			SSHFrom: []string{"198.51.100.0/24", "203.0.113.7", "2001:db8:7::/48"},
			Limited: []string{"5038/tcp from 198.51.100.0/24 2001:db8:7::1", "16080/tcp on eth0", "8088/udp from 203.0.113.5 on wg0"},
			Blocks:  []string{"192.0.2.0/24", "192.0.3.1", "2001:db8:bad::/48"},
		},
		Peers: []Peer{{Name: "two", Addresses: []string{"198.51.100.12", "2001:db8:51::12"}}},
		SNMP:  SNMP{NMS: []string{"203.0.113.9", "2001:db8:9::/64"}},
	}, Facts: Facts{SSHPort: 2222, NICs: []NIC{{Name: "ens3"}}}}
	p, err := policyOf(in)
	if err != nil {
		t.Fatal(err)
	}
	for command, family := range map[string]int{"iptables": onlyIPv4, "ip6tables": onlyIPv6} {
		full, err := p.render(family)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{full, p.renderLeast(family)} {
			if err := os.WriteFile(filepath.Join(k.dir, "want"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			got := strings.TrimSpace(k.run(ownShell + "set_own " + command + ` <"$D/want" && own ` + command))
			if got != bareRules(text) {
				t.Errorf("%s", unifiedDiff(command, bareRules(text)+"\n", got+"\n", true))
			}
		}
	}
}

// A jump stays where it is, more than one become one, and a roll-back brings back
// exactly what was there: also the admin's own rules, and rules that somebody edited.
func TestKernelJumpsAndRollBack(t *testing.T) {
	k := newKernel(t, nil)
	if err := os.WriteFile(k.local, []byte("-A aslwiz-local -p tcp -m tcp --dport 8088 -j ACCEPT\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := k.run(`load
iptables -A INPUT -j aslwiz-in; iptables -A INPUT -p tcp --dport 9 -j DROP
iptables -D aslwiz-in -j aslwiz-local; iptables -A aslwiz-local -p udp -j ACCEPT
read_ >"$D/before"
part before; read_
part load; load
part INPUT; iptables -S INPUT
part own; read_
write <"$D/before"
part "taken back"; read_
`)
	p := parts(out)
	if p["INPUT"] != "-P INPUT ACCEPT\n"+jumpIn+"\n-A INPUT -p tcp -m tcp --dport 9 -j DROP" {
		t.Errorf("INPUT is\n%s", p["INPUT"])
	}
	if !strings.Contains(p["own"], "-A aslwiz-local -p tcp -m tcp --dport 8088 -j ACCEPT") || strings.Contains(p["own"], "-A aslwiz-local -p udp") {
		t.Errorf("loaded:\n%s\n%s", p["own"], k.says())
	}
	if p["taken back"] != p["before"] || strings.Count(p["before"], jumpIn) != 2 {
		t.Errorf("before\n%s\nafter\n%s", p["before"], p["taken back"])
	}
}

// Where the rules cannot be loaded, what is in force stays; where nothing is, as at
// boot, SSH and what a network needs are let in, and the unit fails.
func TestKernelFailsShut(t *testing.T) {
	broken := func(function string) func(string) string {
		return func(text string) string {
			at := strings.Index(text, function+"() {\n")
			return text[:at] + strings.Replace(text[at:], "-A aslwiz-in -j aslwiz-log\n", "-A aslwiz-in -j aslwiz-log --no-such-word\n", 1)
		}
	}
	for _, c := range []struct {
		name       string
		edit       func(string) string
		full, part string // the families with all rules, and with the least
	}{
		{"IPv4", broken("rules4"), "6", "4"},
		{"IPv6", broken("rules6"), "4", "6"},
		{"at all", func(s string) string { return broken("rules4")(broken("rules6")(s)) }, "", "46"},
		{"by this kernel", func(s string) string {
			return strings.ReplaceAll(s, "--log-prefix", "--log-level 7 -m no-such-match --log-prefix")
		}, "", "46"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKernel(t, c.edit)
			p := parts(k.run(others + `part before; foreign
part load; load
part after; foreign
part 4; iptables -S INPUT; iptables -S aslwiz-in
part 6; ip6tables -S INPUT; ip6tables -S aslwiz-in
`))
			if p["load"] != "load ends with 1" || p["after"] != p["before"] {
				t.Errorf("%v\n%s", p, k.says())
			}
			for _, f := range []string{"4", "6"} {
				last := defaultDeny
				if strings.Contains(c.part, f) {
					last = "-A aslwiz-in -j DROP"
				}
				if !strings.HasSuffix(p[f], last) || !strings.Contains(p[f], "-A aslwiz-in -p tcp -m tcp --dport 22 -j ACCEPT") ||
					!strings.Contains(p[f], "-P INPUT ACCEPT") || strings.Count(p[f], jumpIn) != 1 {
					t.Errorf("IPv%s:\n%s\n%s", f, p[f], k.says())
				}
			}
			good := newKernel(t, nil)
			p = parts(k.run(fmt.Sprintf(`sh %s
part before; iptables-save | grep aslwiz; ip6tables-save | grep aslwiz
part load; load
part after; iptables-save | grep aslwiz; ip6tables-save | grep aslwiz
`, good.script)))
			if p["load"] != "load ends with 1" || plainCounters(p["after"]) != plainCounters(p["before"]) {
				t.Errorf("what was in force did not stay: %v", p)
			}
		})
	}
}

var chainCounters = regexp.MustCompile(`(?m) \[\d+:\d+\]$`)

func plainCounters(s string) string { return chainCounters.ReplaceAllString(s, "") }

// A kernel without connection tracking still gets a firewall that lets SSH in.
func TestKernelWithoutConntrack(t *testing.T) {
	stubs := t.TempDir()
	for _, c := range []string{"iptables-restore", "ip6tables-restore"} {
		stub := "#!/bin/sh\ntext=$(cat)\ncase $text in *conntrack*) exit 1 ;; esac\nprintf '%s\\n' \"$text\" | /usr/sbin/" + c + " \"$@\"\n"
		if err := os.WriteFile(filepath.Join(stubs, c), []byte(stub), 0o700); err != nil { //nolint:gosec // it is run
			t.Fatal(err)
		}
	}
	k := newKernel(t, func(text string) string { return strings.Replace(text, "\nPATH=", "\nPATH="+stubs+":", 1) })
	p := parts(k.run(`part load; load
part 4; iptables -S aslwiz-in
part 6; ip6tables -S aslwiz-in
`))
	for _, f := range []string{"4", "6"} {
		if p["load"] != "load ends with 1" || !strings.Contains(p[f], "--dport 22 -j ACCEPT") || !strings.HasSuffix(p[f], "-j DROP") || strings.Contains(p[f], "conntrack") {
			t.Errorf("%v\n%s", p, k.says())
		}
	}
}

// The admin's own rules are read as rules and nothing else. A line that is not valid
// leaves the file out, names it, and never keeps aslwiz's rules from being loaded.
func TestKernelLocalRules(t *testing.T) {
	for _, c := range []struct {
		name, text string
		loaded     []string // in IPv4
		says       string
	}{
		{"good", "# mine\n\n-A aslwiz-local -p tcp -m tcp --dport 8088 -s 198.51.100.0/24 -4 -j ACCEPT\n-A aslwiz-local -6 -s 2001:db8::/32 -j ACCEPT\n-A aslwiz-local -i wg0 -j ACCEPT", []string{
			"-A aslwiz-local -s 198.51.100.0/24 -p tcp -m tcp --dport 8088 -j ACCEPT", "-A aslwiz-local -i wg0 -j ACCEPT",
		}, ""},
		{"a typing mistake", "-A aslwiz-local -i wg0 -j ACCEPT\n-A aslwiz-local -p tcp --dprt 80 -j ACCEPT\n", nil, `line 2: iptables: unknown option "--dprt"`},
		{"another chain", "-A INPUT -j ACCEPT\n", nil, "line 1: only lines that begin with"},
		{"a table", "*nat\n-A aslwiz-local -j ACCEPT\nCOMMIT\n", nil, "line 1: only lines"},
		{"one family", "-A aslwiz-local -s 198.51.100.1 -j ACCEPT\n", nil, "line 1: ip6tables: host/network"},
		{"shell", "-A aslwiz-local -j ACCEPT $(touch " + os.TempDir() + "/aslwiz-evaluated)\n`touch " + os.TempDir() + "/aslwiz-evaluated`\n", nil, "line 2"},
		{"no such chain", "-A aslwiz-local -j nowhere\n", nil, "is left out"},
		{"a loop", "-A aslwiz-local -j aslwiz-in\n", nil, "is left out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKernel(t, nil)
			if err := os.WriteFile(k.local, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			p := parts(k.run("part load; load\npart own; read_\npart deny; ip6tables -S aslwiz-in\n"))
			var got []string
			for _, l := range strings.Split(p["own"], "\n") {
				if withoutLocal(l) == "" {
					got = append(got, l)
				}
			}
			if p["load"] != "load ends with 0" || strings.Join(got, "\n") != strings.Join(c.loaded, "\n") || !strings.Contains(k.says(), c.says) || c.says == "" && k.says() != "" {
				t.Errorf("%s, %q\n%s", p["load"], got, k.says())
			}
			if !strings.Contains(p["own"], defaultDeny) || !strings.HasSuffix(p["deny"], defaultDeny) {
				t.Errorf("aslwiz's rules are not there: %v", p)
			}
			if _, err := os.Stat(os.TempDir() + "/aslwiz-evaluated"); err == nil {
				t.Error("a line was run by the shell")
			}
		})
	}
	k := newKernel(t, nil)
	if err := os.WriteFile(k.local, []byte("-A aslwiz-local -j ACCEPT\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(k.local, 0o666); err != nil { //nolint:gosec // the point of it
		t.Fatal(err)
	}
	if out := k.run("load\niptables -S aslwiz-local\n"); !strings.Contains(k.says(), "nobody else may write to") || strings.Contains(out, "ACCEPT") {
		t.Errorf("anybody's rules were loaded:\n%s%s", out, k.says())
	}
}
