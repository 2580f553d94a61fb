package checklist

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"
)

// tables is what iptables-save -c prints of a server with aslwiz's rules and with lines
// of others: in front of aslwiz's jump, behind it, and in other tables.
func tables(front, behind, rest string) string {
	p := filterPolicy{SSHPort: 22}
	ours, _ := p.render(onlyIPv4)
	counted := func(lines string) (out string) {
		for line := range strings.Lines(lines) {
			if strings.HasPrefix(line, "-A") {
				line = "[0:0] " + line
			}
			out += line
		}
		return out
	}
	head, own, _ := strings.Cut(bareRules(ours)+"\n", jumpIn+"\n")
	return "*filter\n:INPUT ACCEPT [1:1]\n:FORWARD ACCEPT [0:0]\n" + head + counted(front+jumpIn+"\n"+behind+own) + "COMMIT\n" + counted(rest)
}

// Rules of others that open a port past the answers, or shut one that they open, are
// named by table, chain and text; what guards bridges and bans single addresses is not.
func TestForeignRules(t *testing.T) {
	in := In{Answers: Answers{Firewall: Firewall{Services: []string{"http"}, Ports: []string{"8080/tcp"}}}, Facts: Facts{
		SSHPort: 22, Client: netip.MustParseAddr("198.51.100.9"), NICs: []NIC{{Name: "ens3"}},
	}}
	const docker = "*nat\n:PREROUTING ACCEPT\n:DOCKER -\n-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n"
	for name, c := range map[string]struct {
		front, behind, rest, around string
		red, aside                  string // "": none
	}{
		"nothing":        {},
		"accepts a port": {front: "-A INPUT -p tcp -m tcp --dport 9999 -j ACCEPT\n", red: `IPv4 filter INPUT: '-A INPUT -p tcp -m tcp --dport 9999 -j ACCEPT' lets in 9999/tcp`},
		"from somebody":  {front: "-A INPUT -s 203.0.113.0/24 -j ACCEPT\n", red: "lets in everything"},
		"by source port": {front: "-A INPUT -p udp -m udp --sport 123 -j ACCEPT\n", red: "lets in all of UDP"},
		"in a chain":     {front: ":mine - [0:0]\n-A INPUT -p tcp -j mine\n-A mine -p tcp -m multiport --dports 25,80 -j ACCEPT\n", red: `filter mine: '-A mine -p tcp -m multiport --dports 25,80 -j ACCEPT' lets in 25/tcp, 80/tcp`},
		"what is open":   {front: "-A INPUT -p tcp -m multiport --dports 22,80,8080 -j ACCEPT\n"},
		"replies":        {front: "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -i lo -j ACCEPT\n-A INPUT -p icmp -j ACCEPT\n"},
		"through IPsec":  {front: "-A INPUT -s 198.51.100.12/32 -m policy --dir in --pol ipsec -j ACCEPT\n"},
		"libvirt":        {front: ":LIBVIRT_INP - [0:0]\n-A INPUT -j LIBVIRT_INP\n-A LIBVIRT_INP -i virbr0 -p udp -m udp --dport 53 -j ACCEPT\n"},
		"fail2ban":       {front: ":f2b-sshd - [0:0]\n-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd\n-A f2b-sshd -s 203.0.113.7/32 -j REJECT --reject-with icmp-port-unreachable\n-A f2b-sshd -j RETURN\n"},
		"a limit":        {front: "-A INPUT -p tcp -m tcp --dport 22 -m recent --update --seconds 60 --hitcount 9 -j DROP\n-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN FIN,SYN -j DROP\n"},
		"rejects the rest": {
			front: "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp-host-prohibited\n",
			red:   "drops all packets before they reach aslwiz's rules",
		},
		"drops a port":    {front: "-A INPUT -p tcp -m tcp --dport 80 -j DROP\n", red: "drops 80/tcp, which the answers open"},
		"drops another":   {front: "-A INPUT -p tcp -m tcp --dport 25 -j DROP\n"},
		"behind":          {behind: "-A INPUT -p tcp -m tcp --dport 9 -j ACCEPT\n", aside: "have no effect: -A INPUT -p tcp -m tcp --dport 9 -j ACCEPT"},
		"redirected":      {rest: "*nat\n:PREROUTING ACCEPT\n-A PREROUTING -p tcp -m tcp --dport 2222 -j REDIRECT --to-ports 22\nCOMMIT\n", red: `IPv4 nat PREROUTING: '-A PREROUTING -p tcp -m tcp --dport 2222 -j REDIRECT --to-ports 22' forwards 2222/tcp to port 22`},
		"published":       {rest: docker + "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8443 -j DNAT --to-destination 172.17.0.2:443\nCOMMIT\n", red: "forwards 8443/tcp to 172.17.0.2:443 and bypasses aslwiz's rules"},
		"published, open": {rest: docker + "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80\nCOMMIT\n"},
		"published here":  {rest: docker + "-A DOCKER -d 127.0.0.1/32 ! -i docker0 -p tcp -m tcp --dport 9 -j DNAT --to-destination 172.17.0.2:80\nCOMMIT\n"},
		"published, limited": {
			front: ":DOCKER-USER - [0:0]\n-A DOCKER-USER -i ens3 ! -s 203.0.113.0/24 -j DROP\n",
			rest:  docker + "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8443 -j DNAT --to-destination 172.17.0.2:443\nCOMMIT\n", aside: "rules in DOCKER-USER limit",
		},
		"in raw":         {rest: "*raw\n:PREROUTING ACCEPT\n-A PREROUTING -p tcp -m tcp --dport 22 -j DROP\nCOMMIT\n", red: `IPv4 raw PREROUTING: '-A PREROUTING -p tcp -m tcp --dport 22 -j DROP' drops 22/tcp`},
		"Docker's raw":   {rest: "*raw\n:PREROUTING ACCEPT\n-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP\nCOMMIT\n"},
		"in mangle":      {rest: "*mangle\n:PREROUTING ACCEPT\n-A PREROUTING -i ens3 -p tcp -j DROP\n-A PREROUTING -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n", red: "IPv4 mangle PREROUTING"},
		"forwards":       {around: "forward4 1\n", red: "forwards packets between networks (ip_forward is on)"},
		"forwards, shut": {around: "forward4 1\n", front: "-A FORWARD -i ens3 -j DROP\n"},
		"forwards, one banned": {
			around: "forward4 1\n", red: "forwards packets between networks",
			front: ":DOCKER - [0:0]\n-A FORWARD -j DOCKER\n-A DOCKER -o docker0 -j DROP\n-A FORWARD -i virbr0 -j REJECT\n-A FORWARD -s 203.0.113.9/32 -j DROP\n",
		},
		"published, one banned": {
			front: ":DOCKER-USER - [0:0]\n-A DOCKER-USER -s 203.0.113.9/32 -j REJECT\n", red: "forwards 8443/tcp to",
			rest: docker + "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8443 -j DNAT --to-destination 172.17.0.2:443\nCOMMIT\n",
		},
		"legacy": {around: "legacy ip *filter\nlegacy ip :INPUT DROP [0:0]\nlegacy ip -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nlegacy ip COMMIT\n", red: "IPv4 iptables-legacy filter: the policy of INPUT is DROP", aside: "holds 1 rules"},
		"nft":    {around: "nft table inet f2b-table\n", aside: "inet f2b-table"},
	} {
		t.Run(name, func(t *testing.T) {
			red, aside := foreignRules(in, [2]string{tables(c.front, c.behind, c.rest), ""}, parseAround(c.around))
			for what, got := range map[string][2]string{"red": {strings.Join(red, "\n"), c.red}, "aside": {strings.Join(aside, "\n"), c.aside}} {
				if (got[0] == "") != (got[1] == "") || !strings.Contains(got[0], got[1]) {
					t.Errorf("%s: %q, want %q", what, got[0], got[1])
				}
			}
		})
	}
}

// Chains that lead to each other without an end are read to an end.
func TestForeignRulesEnd(*testing.T) {
	var b strings.Builder
	b.WriteString("*filter\n:INPUT ACCEPT [0:0]\n:a - [0:0]\n:b - [0:0]\n-A INPUT -j a\n")
	for range 60 {
		b.WriteString("-A a -j b\n-A b -j a\n")
	}
	foreignRules(In{Facts: Facts{SSHPort: 22}}, [2]string{b.String(), "*filter\n-A\n:\n*\n-A INPUT -j\n-A INPUT ! -j \"x\n"}, around{})
}

func TestAroundParses(t *testing.T) {
	parsesAsShell(t, "around the firewall", aroundFirewall)
	parsesAsShell(t, "firewalls", firewallsRead)
	parsesAsShell(t, "own", ownRead("iptables")+"\n"+ownWrite("ip6tables"))
	if _, err := exec.LookPath("shellcheck"); err == nil {
		cmd := exec.CommandContext(t.Context(), "shellcheck", "-s", "sh", "-")
		cmd.Stdin = strings.NewReader("#!/bin/sh\n" + ownShell + "own iptables | set_own ip6tables\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s", out)
		}
	}
}

// What is open to some alone, and who is shut out.
func TestLimitsAndBlocks(t *testing.T) {
	in := In{Answers: Answers{Firewall: Firewall{
		Limited: []string{"5038/tcp from 198.51.100.0/24 2001:db8:7::/48", "iax2 on eth0", "8088/tcp from 203.0.113.5 on wg0"},
		Blocks:  []string{"192.0.2.0/24", "2001:db8:bad::/48"},
	}}, Facts: Facts{SSHPort: 22, NICs: []NIC{{Name: "ens3"}}}}
	p, err := policyOf(in)
	if err != nil {
		t.Fatal(err)
	}
	for family, want := range map[int]string{
		onlyIPv4: `-A aslwiz-in -s 192.0.2.0/24 -j DROP
-A aslwiz-in -s 198.51.100.0/24 -p tcp -m tcp --dport 5038 -j ACCEPT
-A aslwiz-in -i ens3 -p udp -m udp --dport 4569 -j ACCEPT
-A aslwiz-in -i eth0 -p udp -m udp --dport 4569 -j ACCEPT
-A aslwiz-in -s 203.0.113.5/32 -i wg0 -p tcp -m tcp --dport 8088 -j ACCEPT
`,
		onlyIPv6: `-A aslwiz-in -s 2001:db8:bad::/48 -j DROP
-A aslwiz-in -s 2001:db8:7::/48 -p tcp -m tcp --dport 5038 -j ACCEPT
-A aslwiz-in -i ens3 -p udp -m udp --dport 4569 -j ACCEPT
-A aslwiz-in -i eth0 -p udp -m udp --dport 4569 -j ACCEPT
`,
	} {
		text, err := p.render(family)
		if err != nil {
			t.Fatal(err)
		}
		plain, _ := filterPolicy{SSHPort: 22}.render(family)
		var more string
		for line := range strings.Lines(text) {
			if !strings.Contains("\n"+plain, "\n"+line) && line[0] != '#' {
				more += line
			}
		}
		if more != want {
			t.Errorf("IPv%d:\n%swant\n%s", family, more, want)
		}
		if i, j := strings.Index(text, " -j DROP"), strings.Index(text, replies); i > j {
			t.Errorf("IPv%d: who is shut out keeps an old connection", family)
		}
	}
	if in.Facts.NICs = append(in.Facts.NICs, NIC{Name: "eth0"}); mainCard(in) != nil {
		t.Error("a rule for another card matches the main one")
	}
}

func TestFirewallAnswersAreChecked(t *testing.T) {
	base := func() Answers {
		return Answers{
			Host: "198.51.100.11", Hostname: "stats", Domain: "example.net",
			Peers: []Peer{{Name: "two", Addresses: []string{"198.51.100.12"}}}, SNMP: SNMP{NMS: []string{"203.0.113.9"}, User: "monitor"},
		}
	}
	for _, c := range []struct {
		edit       func(*Firewall)
		path, says string
	}{
		{func(f *Firewall) { f.Limited = []string{"iax2"} }, "firewall.limited[0]", `say who may reach it, as in "iax2 from 198.51.100.0/24"`},
		{func(f *Firewall) { f.Limited = []string{"ssh from 198.51.100.0/24"} }, "firewall.limited[0]", "firewall.ssh_from"},
		{func(f *Firewall) { f.Services = []string{"ssh"} }, "firewall.services[0]", "firewall.ssh_from"},
		{func(f *Firewall) { f.Limited = []string{"gopher on eth1"} }, "firewall.limited[0]", "not a service"},
		{func(f *Firewall) { f.Limited = []string{"70000/tcp on eth1"} }, "firewall.limited[0]", "1 to 65535"},
		{func(f *Firewall) { f.Limited = []string{"80/tcp from 198.51.100.1/24"} }, "firewall.limited[0]", "for the whole network"},
		{func(f *Firewall) { f.Limited = []string{"80/tcp on lo"} }, "firewall.limited[0]", "network card"},
		{func(f *Firewall) { f.Limited = []string{"80/tcp on e;reboot"} }, "firewall.limited[0]", "network card"},
		{func(f *Firewall) { f.Limited = []string{"80/tcp to eth1"} }, "firewall.limited[0]", "comes from, with addresses, or on"},
		{func(f *Firewall) { f.Services, f.Limited = []string{"http"}, []string{"80/tcp on eth1"} }, "firewall.limited[0]", "open to everybody already"},
		{func(f *Firewall) { f.Limited = []string{"http on eth1", "http on eth1"} }, "firewall.limited[1]", "already in the list"},
		{func(f *Firewall) { f.Ports = []string{"5038/tcp from 198.51.100.0/24"} }, "firewall.ports[0]", "move it to firewall.limited"},
		{func(f *Firewall) { f.Blocks = []string{"0.0.0.0/0"} }, "firewall.blocks[0]", "would block every address"},
		{func(f *Firewall) { f.Blocks = []string{"198.51.100.0/28"} }, "firewall.blocks[0]", "198.51.100.11, the server itself"},
		{func(f *Firewall) { f.Blocks = []string{"198.51.100.12"} }, "firewall.blocks[0]", "an address of the peer two"},
		{func(f *Firewall) { f.Blocks = []string{"203.0.113.0/24"} }, "firewall.blocks[0]", "snmp.nms"},
		{func(f *Firewall) {
			f.Limited, f.Blocks = []string{"iax2 from 10.0.0.0/8 on eth1"}, []string{"192.0.2.0/24"}
		}, "", ""},
	} {
		a := base()
		c.edit(&a.Firewall)
		problems := a.Problems(nil)
		switch {
		case c.path == "" && len(problems) > 0:
			t.Errorf("%+v: %+v", a.Firewall, problems)
		case c.path != "" && (len(problems) != 1 || problems[0].Path != c.path || !strings.Contains(problems[0].Text, c.says) || problems[0].Example == ""):
			t.Errorf("%+v: %+v, want %s: %s", a.Firewall, problems, c.path, c.says)
		}
	}
	in := In{Answers: base(), Facts: Facts{SSHPort: 22, Client: netip.MustParseAddr("192.0.2.9"), DNS: []netip.Addr{netip.MustParseAddr("203.0.113.53")}}}
	for block, says := range map[string]string{"192.0.2.0/24": "would lock you out", "203.0.113.32/27": "a name server"} {
		in.Answers.Firewall.Blocks = []string{block}
		if _, err := policyOf(in); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", block, err)
		}
	}
	in.Answers.Firewall = Firewall{Limited: []string{"22/tcp from 198.51.100.0/24"}}
	if _, err := policyOf(in); err == nil || !strings.Contains(err.Error(), "ssh_from") {
		t.Errorf("SSH limited in another way: %v", err)
	}
}
