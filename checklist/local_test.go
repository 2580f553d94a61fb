package checklist

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aslwiz/remote"
)

func fileAnswer(path, content string) remote.Answer {
	st := remote.FileState{Path: path}
	if content != "" {
		st.Exists, st.Regular, st.Mode, st.Owner = true, true, 0o644, "root:root"
		st.Content, st.SHA256 = []byte(content), hashOf([]byte(content))
	}
	return st.Answer(remote.ReadFile(path))
}

func vmIn(t *testing.T) In {
	t.Helper()
	in := labIn(t)
	in.Facts.Virt = "kvm"
	in.Facts.NICs = []NIC{{Name: "ens3", MAC: "52:54:00:51:00:11", Addrs: []netip.Prefix{
		netip.MustParsePrefix("198.51.100.11/24"), netip.MustParsePrefix("2001:db8:51::11/64"),
	}}}
	return in
}

// A program that its own step brings is planned from nothing, unless nothing is
// known of it.
func TestBrought(t *testing.T) {
	t.Parallel()
	s := BroughtSetting{Title: "x", Read: "x", Want: "1", Set: "run x", Note: "n"}
	c, err := s.Compare([]remote.Answer{ended(127)})
	if err != nil || c.Same || len(c.Script) != 1 || len(c.Settings) != 0 {
		t.Errorf("not there: %+v, %v", c, err)
	}
	if _, err := s.Compare([]remote.Answer{{Code: 127, Issue: "timeout"}}); err == nil {
		t.Error("no answer is taken for \"not there\"")
	}
	if c, err := s.Compare([]remote.Answer{text("1")}); err != nil || !c.Same {
		t.Errorf("there: %+v, %v", c, err)
	}
}

func TestServiceOff(t *testing.T) {
	t.Parallel()
	s := serviceOff("chrony.service", "")
	for now, same := range map[string]bool{
		"none inactive": true, "disabled inactive": true, "masked inactive": true,
		"enabled active": false, "enabled inactive": false, "disabled active": false, "static active": false,
	} {
		c, err := s.Compare([]remote.Answer{text(now)})
		if err != nil || c.Same != same {
			t.Errorf("%s: %+v, %v", now, c, err)
		}
	}
}

func TestOneOwnerOfTheCard(t *testing.T) {
	t.Parallel()
	check := ownersCheck(NIC{Name: "ens3"})
	for said, blocks := range map[string]bool{"": false, "systemd-networkd runs": true, "no ifupdown\nnetplan has /etc/netplan/50-cloud-init.yaml": true} {
		c, err := check.Compare([]remote.Answer{text(said)})
		if err != nil || c.Blocks != blocks || (c.Short != "") != blocks {
			t.Errorf("%q: %+v, %v", said, c, err)
		}
	}
}

// aslwiz does not saw off the branch that it sits on.
func TestAddressesThatStay(t *testing.T) {
	t.Parallel()
	const here = "198.51.100.11"
	for _, c := range []struct {
		host, server, v4, v6 string
		blocks               bool
		notes                int
		moves                string
	}{
		{here, here, "198.51.100.11/24", "2001:db8:51::11/64", false, 0, ""},
		{here, here, "198.51.100.14/24", "2001:db8:51::11/64", false, 1, "198.51.100.14:22"},
		{"198.51.100.14", here, "198.51.100.14/24", "2001:db8:51::11/64", false, 1, "198.51.100.14:22"}, // moved, by a session that began before
		{"stats.example.net", here, "198.51.100.14/24", "2001:db8:51::14/64", false, 1, "198.51.100.14:22"},
		{here, here, "198.51.100.11/24", "", false, 1, ""},
		{here, here, "", "2001:db8:51::11/64", true, 0, ""},                           // no address in its place
		{"203.0.113.5", here, "198.51.100.14/24", "2001:db8:51::11/64", true, 0, ""},  // a router hands connections on
		{"203.0.113.5", here, "198.51.100.11/24", "2001:db8:51::14/64", false, 1, ""}, // the way in stays
		{here, "", "198.51.100.14/24", "2001:db8:51::11/64", true, 0, ""},             // the way in is not known
		{"2001:db8:51::11", "2001:db8:51::11", "198.51.100.14/24", "2001:db8:51::11/64", false, 1, ""},
	} {
		in := vmIn(t)
		in.Answers.Host, in.Facts.SSHPort = c.host, 22
		in.Facts.Server, _ = netip.ParseAddr(c.server)
		in.Answers.Network.IPv4, in.Answers.Network.IPv6 = c.v4, c.v6
		got, err := addressesCheck(in, in.Facts.NICs[0]).Compare(nil)
		if err != nil || got.Blocks != c.blocks || len(got.Notes) != c.notes {
			t.Errorf("%+v: %+v, %v", c, got, err)
		}
		if to := newWayIn(in); to.IsValid() != (c.moves != "") || to.IsValid() && to.String() != c.moves {
			t.Errorf("%+v: moves to %s", c, to)
		}
	}
}

func TestFirewallComesBeforeTheNetwork(t *testing.T) {
	t.Parallel()
	script := fileAnswer(firewallScript, "#!/bin/sh\n")
	for _, a := range []remote.Answer{fileAnswer(firewallScript, ""), script} {
		if c, err := firewallFirst().Compare([]remote.Answer{a}); err != nil || c.Waits == "" {
			t.Errorf("missing or not executable: %+v, %v", c, err)
		}
	}
	st, _ := script.File()
	st.Mode = 0o755
	if c, err := firewallFirst().Compare([]remote.Answer{st.Answer(script.Probe)}); err != nil || c.Waits != "" {
		t.Errorf("there: %+v, %v", c, err)
	}
}

// The resolvers are written where this server reads them, never through a link into
// another program's folder, and dns- lines only where somebody reads them.
func TestResolverByOwner(t *testing.T) {
	t.Parallel()
	in := vmIn(t)
	in.Answers.Network.DNS = []string{"198.51.100.1"}
	res, err := resolversOf(in)
	if err != nil {
		t.Fatal(err)
	}
	leadsTo := func(path, content string) remote.Answer {
		st, _ := fileAnswer(resolvConf, content).File()
		st.Path = path
		return st.Answer(remote.ReadFile(resolvConf))
	}
	const stub, static, own = "/run/systemd/resolve/stub-resolv.conf", "/usr/lib/systemd/resolv.conf", "nameserver 192.0.2.1\n"
	for _, c := range []struct {
		owner string
		conf  remote.Answer
		want  string // the file that is written; "" for none
		err   string
	}{
		{"nobody", fileAnswer(resolvConf, own), resolvConf, ""},
		{"nobody", fileAnswer(resolvConf, ""), resolvConf, ""},
		{"nobody", leadsTo(stub, "nameserver 127.0.0.53\n"), "", "systemd-resolved does not run"},
		{"nobody", leadsTo(stub, ""), "", "systemd-resolved does not run"}, // the link dangles
		{"nobody", leadsTo("/run/NetworkManager/resolv.conf", own), "", "another program writes"},
		{"nobody", leadsTo("/etc/resolv.conf.ours", own), resolvConf, ""},
		{"resolved", leadsTo(stub, "nameserver 127.0.0.53\n"), resolvedConf, ""},
		{"resolved", leadsTo("/run/systemd/resolve/resolv.conf", own), resolvedConf, ""},
		{"resolved", leadsTo(static, "nameserver 127.0.0.53\n"), resolvedConf, ""},
		{"resolved", fileAnswer(resolvConf, "nameserver 127.0.0.53\n"), resolvedConf, ""},
		{"resolved", fileAnswer(resolvConf, own), resolvConf, ""}, // libc does not ask resolved
		{"resolvconf", leadsTo("/run/resolvconf/resolv.conf", own), "", ""},
	} {
		ch, err := resolver{release: in.Facts.Release, data: res}.Compare([]remote.Answer{text(c.owner), c.conf, fileAnswer(resolvedConf, "")})
		if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if c.want != "" && (len(ch.Files) != 1 || ch.Files[0].Path != c.want || !strings.Contains(string(ch.Files[0].After), "198.51.100.1")) || c.want == "" && len(ch.Files) > 0 {
			t.Errorf("%+v: %+v", c, ch)
		}
	}
	for _, owner := range []string{"nobody", "resolved", "resolvconf"} {
		block, err := interfacesResource{in: in, card: in.Facts.NICs[0], resolver: res}.block(owner)
		if err != nil || strings.Contains(block, "dns-nameservers 198.51.100.1") != (owner == "resolvconf") {
			t.Errorf("%s: %v\n%s", owner, err, block)
		}
	}
}

// What an admin wrote in resolv.conf about how to look up stays.
func TestResolverKeepsOptions(t *testing.T) {
	t.Parallel()
	in := vmIn(t)
	c, err := resolver{release: in.Facts.Release, data: resolverData{Servers: []string{"198.51.100.1"}, Search: "example.net"}}.Compare([]remote.Answer{
		text("nobody"), fileAnswer(resolvConf, "search old.example\nnameserver 192.0.2.1\noptions timeout:1 rotate\nsortlist 198.51.100.0\n"), fileAnswer(resolvedConf, ""),
	})
	if err != nil || len(c.Files) != 1 || !strings.HasSuffix(string(c.Files[0].After), "\nnameserver 198.51.100.1\noptions timeout:1 rotate\nsortlist 198.51.100.0\n") {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestRuleAndInitramfsChangeTogether(t *testing.T) {
	t.Parallel()
	in := vmIn(t)
	wants, err := wantNICName(in)
	if err != nil {
		t.Fatal(err)
	}
	rule := wants[1].(nicRule)
	right, _ := rule.edit.Apply("")
	hash := text("initrd.img-6.1 " + hashOf(nil) + "\n")
	for _, c := range []struct {
		name, rule, age string
		same, initramfs bool
	}{
		{"fresh", "", "older", false, true},
		{"done", right, "current", true, false},
		{"made before the rule", right, "older", false, true},
		{"wrong card", strings.ReplaceAll(right, "00:11", "00:99"), "current", false, true},
	} {
		got, err := rule.Compare([]remote.Answer{fileAnswer(udevRules, c.rule), text(c.age), hash})
		script := strings.Join(got.Script, "\n")
		if err != nil || got.Same != c.same || strings.Contains(script, "update-initramfs") != c.initramfs || (len(got.Settings) == 1) != c.initramfs {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	if got, err := rule.Compare([]remote.Answer{fileAnswer(udevRules, ""), text("current"), text("")}); err != nil || strings.Contains(strings.Join(got.Script, "\n"), "initramfs") {
		t.Errorf("a server without an initramfs: %+v, %v", got, err)
	}
}

func TestWhichCard(t *testing.T) {
	t.Parallel()
	in := vmIn(t)
	in.Facts.NICs = append(in.Facts.NICs, NIC{Name: "eth0", MAC: "52:54:00:51:00:99"})
	if _, err := findCard(in); err == nil || !strings.Contains(err.Error(), "2 network cards") {
		t.Error(err)
	}
	in.Answers.Network.MAC = "52:54:00:51:00:11"
	if c, err := findCard(in); err != nil || c.Name != "ens3" {
		t.Error(c, err)
	}
	if _, err := wantNICName(in); err == nil || !strings.Contains(err.Error(), "eth0 is now the name of") {
		t.Errorf("two cards would change places: %v", err)
	}
	in.Answers.Network.MAC = "52:54:00:51:00:77"
	if _, err := findCard(in); err == nil || !strings.Contains(err.Error(), "no card of the server") {
		t.Error(err)
	}
}

func TestUsersThatAreLeftAlone(t *testing.T) {
	t.Parallel()
	k, _ := ParseKey(labKey)
	u := adminUser{name: "anna", keys: []Key{k}}
	const (
		root  = "keyfile .ssh/authorized_keys\nhome /home/anna\nshell /bin/bash\nuid 1001\ngroup anna\ngroups anna\n"
		in    = "in 1001 anna anna 700 directory\n"
		dir   = ".ssh 1001 anna anna 700 directory\n"
		file  = "authorized_keys 1001 anna anna 600 regular file\nkeys \n"
		whole = "whole\n"
	)
	with := strings.ReplaceAll
	for said, want := range map[string]string{
		root + in + ".ssh 1001 anna anna 777 symbolic link\nwhole\n":                  "/home/anna/.ssh is a symbolic link",
		root + in + dir + "authorized_keys 0 root root 777 symbolic link\n" + whole:   "/home/anna/.ssh/authorized_keys is a symbolic link",
		root + in + dir + "authorized_keys 1001 anna anna 600 fifo\n" + whole:         "authorized_keys is a fifo",
		root + in + dir + with(file, "1001 anna", "0 root") + whole:                   "authorized_keys belongs to root",
		root + in + with(dir, "1001 anna", "0 root") + whole:                          ".ssh belongs to root",
		root + with(in, "1001 anna", "0 root") + whole:                                "/home/anna belongs to root",
		root + with(in, "700", "777") + whole:                                         "chmod go-w /home/anna`",
		root + with(in, "anna 700", "users 770") + whole:                              "others than anna may write to /home/anna ",
		root + in + dir + file + "stuck /home/anna/.ssh/authorized_keys\n" + whole:    "chattr -ia /home/anna/.ssh/authorized_keys",
		root + in + dir + "authorized_keys 1001 anna anna 200 regular file\n" + whole: "cannot be read by anna",
		root + whole: "does not exist",
		root + in:    "could not be read with the rights of anna",
		with(root, "/home/anna", "/") + in + whole:         `the home of anna is "/"`,
		"keyfile .ssh/authorized_keys\ntaken /home/anna\n": "/home/anna exists, but there is no user anna",
		"keyfile /etc/ssh/keys/%u\n":                       "sshd looks for keys",
		with(root, "/bin/bash", "/usr/sbin/nologin"):       "may not log in",
		// What comes from a process of the user's does not count against what root said.
		root + with(in, "1001 anna", "0 root") + "uid 0\nhome /home/eve\n" + whole: "/home/anna belongs to root",
	} {
		if _, err := u.Compare([]remote.Answer{text(said)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	c, err := u.Compare([]remote.Answer{text(with(with(root, "/home", "/srv"), "groups anna", "groups anna sudo") + with(in, "700", "770") + whole)})
	if err != nil || len(c.Files) != 1 || c.Files[0].Path != "/srv/anna/.ssh/authorized_keys" || c.Files[0].User != "anna" ||
		strings.Join(c.Script, "\n") != "put /srv/anna/.ssh/authorized_keys" {
		t.Errorf("who is there already: %+v, %v", c, err)
	}
}

// In a home nothing is read by root, and a pipe that is planted there is not opened.
func TestHomesAreReadAsTheirUser(t *testing.T) {
	t.Parallel()
	posix(t, "user anna", userRead("anna"))
	if read := userRead("anna"); !strings.Contains(read, "runuser -u anna -- sh -c "+quote(homeRead)) || strings.Contains(strings.Replace(read, quote(homeRead), "", 1), "/.ssh") {
		t.Errorf("root reads in the home:\n%s", read)
	}
	home := t.TempDir()
	if err := errors.Join(os.Mkdir(home+"/.ssh", 0o700), exec.CommandContext(t.Context(), "mkfifo", home+"/.ssh/authorized_keys").Run()); err != nil {
		t.Skip(err)
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", homeRead, "sh", home).Output()
	st, err2 := parseUser(string(out))
	if err != nil || err2 != nil || st.file.kind != "fifo" || st.hasKeys || !st.whole {
		t.Errorf("a FIFO: %q, %v, %v", out, err, err2)
	}
}

// Who has a password is not given more than they had.
func TestSudoRights(t *testing.T) {
	t.Parallel()
	s := sudoRights{names: []string{"anna", "bert"}}
	c, err := s.Compare([]remote.Answer{fileAnswer(sudoersFile, ""), text("anna L\nbert P\n")})
	if err != nil || len(c.Files) != 1 || strings.Contains(string(c.Files[0].After), "bert") || c.Files[0].Mode != 0o440 {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := s.Compare([]remote.Answer{fileAnswer(sudoersFile, ""), text("anna P\nbert P\n")}); err != nil || !c.Same {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestGetentValues(t *testing.T) {
	t.Parallel()
	v6 := netip.MustParseAddr("2001:db8::1")
	if got, err := getentValues(text("::ffff:198.51.100.1 STREAM mail.example.net\n"), v6, false); err != nil || len(got) != 0 {
		t.Errorf("an A record is taken for an AAAA record: %v, %v", got, err)
	}
	if got, err := getentValues(ended(2), v6, true); err != nil || got != nil {
		t.Error(got, err)
	}
}

func TestLogLinesThatWait(t *testing.T) {
	t.Parallel()
	r := loadRecording(t, "debian12-done")
	in := In{Answers: labAnswers(), Facts: r.Facts}
	for said, want := range map[string]string{
		"3 yes": "does not take the log", "0 no": "no connection to log.example.net:514/tcp", "3 no": "no connection", "0 yes": "",
	} {
		answers := r.answers(itemMonitoring.Probes(in))
		answers[4] = text(said)
		f := judgeMonitoring(in, Seen{Answers: answers})
		switch {
		case want == "" && (f.Status != Manual || !strings.Contains(f.Got, "encrypt the log on its way to log.example.net")):
			t.Errorf("%s: %+v", said, f)
		case want != "" && (f.Status != Failed || !strings.Contains(f.Got, want) || f.Fix == nil || f.Fix.Kind != FixHand):
			t.Errorf("%s: %+v", said, f) // the step has nothing to do
		}
	}
}

// The page asks for a tunnel to the monitoring system.
func TestTunnelToTheMonitoring(t *testing.T) {
	t.Parallel()
	in := In{Answers: Answers{SNMP: SNMP{NMS: []string{"198.51.100.40", "198.51.100.13"}}, Peers: []Peer{pasted}}}
	var f Finding
	todo := nmsTunnel(in, &f)
	if len(todo) != 1 || !strings.Contains(todo[0], "no tunnel leads to 198.51.100.40:") {
		t.Errorf("left to do: %q", todo)
	}
	if len(f.Evidence) != 1 || !strings.Contains(f.Evidence[0], "198.51.100.13: through the tunnel nms") {
		t.Errorf("evidence: %q", f.Evidence)
	}
}

// acted remembers what was started and ends it as told.
type acted struct {
	*memory
	started []remote.Transaction
	ends    remote.TxState
}

func (a *acted) Start(_ context.Context, tx remote.Transaction) error {
	a.started = append(a.started, tx)
	return nil
}

func (a *acted) Follow(context.Context, string, int64, func(remote.Progress)) (remote.Status, error) {
	return remote.Status{State: a.ends}, nil
}

func TestAct(t *testing.T) {
	t.Parallel()
	in := labIn(t)
	h := &acted{memory: newMemory(nil), ends: remote.TxDone}
	if err := Act(t.Context(), h, in, []Item{itemMail, itemTime, itemMonitoring}, nil); err != nil || len(h.started) != 1 {
		t.Fatal(len(h.started), err)
	}
	tx := h.started[0]
	parseShell(t, tx.Script)
	if len(tx.Files) != 0 || !strings.Contains(tx.Script, "mail -s") || !strings.Contains(tx.Script, "logger") {
		t.Error(tx.Script)
	}
	h.ends = remote.TxFailed
	if err := Act(t.Context(), h, in, []Item{itemMail}, nil); err == nil {
		t.Error("a script that failed is no error")
	}
	if err := Act(t.Context(), h, In{}, []Item{itemMail, itemMonitoring}, nil); err != nil || len(h.started) != 2 {
		t.Error("without answers something was done", err)
	}
}

func TestWrongLocalAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		change func(*Answers)
		path   string
		text   string
	}{
		{func(a *Answers) { a.Network.Gateway4 = "198.51.101.1" }, "network.gateway4", "not inside"},
		{func(a *Answers) { a.Network.Gateway4 = "198.51.100.11" }, "network.gateway4", "own address"},
		{func(a *Answers) { a.Network.Gateway4 = "" }, "network.gateway4", "missing"},
		{func(a *Answers) { a.Network.IPv4 = "198.51.100.255/24" }, "network.ipv4", "broadcast"},
		{func(a *Answers) { a.Network.IPv4 = "198.51.100.0/24" }, "network.ipv4", "network itself"},
		{func(a *Answers) { a.Network.IPv4 = "2001:db8::1/64" }, "network.ipv4", "other family"},
		{func(a *Answers) { a.Network.IPv4 = "198.51.100.11" }, "network.ipv4", "prefix length"},
		{func(a *Answers) { a.Network.MAC = "52:54:00" }, "network.mac", "hardware address"},
		{func(a *Answers) { a.Network.DNS = []string{"dns.example.net"} }, "network.dns[0]", "address of a resolver"},
		{func(a *Answers) { a.Mail.Root = "noc" }, "mail.root", "no @"},
		{func(a *Answers) { a.Mail.Root = "root@stats.example.net" }, "mail.root", "circle"},
		{func(a *Answers) { a.Mail.Relay = "mail_relay" }, "mail.relay", "underscore"},
		{func(a *Answers) { a.Mail.Relay, a.Mail.MX = "198.51.100.1", true }, "mail.relay", "no MX"},
		{func(a *Answers) { a.SNMP.NMS = []string{"nms.example.net"} }, "snmp.nms[0]", "not an address"},
		{func(a *Answers) { a.SNMP.User = "" }, "snmp.user", "user's name"},
		{func(a *Answers) { a.SNMP.Version = "1" }, "snmp.version", "neither"},
		{func(a *Answers) { a.SNMP.Version = "2c" }, "snmp.insist_v2c", "no tunnel in peers leads to 198.51.100.9, 2001:db8:51::9, and version 2c is not encrypted"},
		{func(a *Answers) {
			a.SNMP.Version, a.Peers = "2c", []Peer{{Name: "nms", Addresses: []string{"198.51.100.9"}, Far: "debian12"}}
		}, "snmp.insist_v2c", "leads to 2001:db8:51::9, and"},
		{func(a *Answers) { a.Logging.Protocol = "relp" }, "logging.protocol", "is not a protocol: use tcp, tls or udp"},
		{func(a *Answers) { a.Logging.TLSCA = "/etc/ssl/log-ca.pem" }, "logging.tls_ca", "only works with"},
		{func(a *Answers) { a.Logging.Protocol, a.Logging.TLSCA = "tls", "/home/anna/ca.pem" }, "logging.tls_ca", "below /etc or /usr"},
		{func(a *Answers) { a.Logging.Protocol, a.Logging.TLSCA = "tls", "/etc/../home/ca.pem" }, "logging.tls_ca", "below /etc or /usr"},
		{func(a *Answers) { a.Logging.Protocol, a.Logging.TLSCA = "tls", "/etc/ca\" x=\".pem" }, "logging.tls_ca", "below /etc or /usr"},
		{func(a *Answers) { a.Logging.Protocol, a.Logging.Host = "tls", "198.51.100.7" }, "logging.tls_name", "is an address"},
		{func(a *Answers) { a.Logging.Protocol, a.Logging.TLSName = "tls", "log host" }, "logging.tls_name", ""},
		{func(a *Answers) { a.Time.Servers = []string{"a.example.net", "a.example.net"} }, "time.servers[1]", "already"},
		{func(a *Answers) { a.Admins[0].Name = "root" }, "admins[0].name", "always there"},
		{func(a *Answers) { a.Admins[0].Keys = nil }, "admins[0].keys", "no key"},
		{func(a *Answers) { a.Admins[0].Keys = []string{"-----BEGIN OPENSSH PRIVATE KEY-----"} }, "admins[0].keys[0]", "never leaves"},
		{func(a *Answers) { a.Resolver = "9.9.9" }, "resolver", "not an address"},
	} {
		a := labAnswers()
		if p := a.Problems(nil); len(p) != 0 {
			t.Fatal(p)
		}
		c.change(&a)
		got := a.Problems(nil)
		if len(got) == 0 || got[0].Path != c.path || !strings.Contains(got[0].Text, c.text) {
			t.Errorf("%s: %v", c.path, got)
		}
	}
	for _, change := range []func(*Answers){
		func(a *Answers) { a.SNMP.Version, a.SNMP.InsistV2c = "2c", true },
		func(a *Answers) {
			a.SNMP.Version, a.Peers = "2c", []Peer{{Name: "nms", Addresses: []string{"198.51.100.9", "2001:db8:51:0::9"}, Far: "debian12"}}
		},
		func(a *Answers) { a.Logging.Protocol, a.Logging.TLSCA = "tls", "/etc/ssl/log-ca.pem" },
		func(a *Answers) {
			a.Logging = Logging{Host: "198.51.100.7", Protocol: "tls", TLSName: "log.example.net"}
		},
	} {
		a := labAnswers()
		change(&a)
		if p := a.Problems(nil); len(p) > 0 {
			t.Errorf("%+v: %v", a, p)
		}
	}
	a := labAnswers()
	a.Network.IPv4, a.Network.Gateway6 = "198.51.100.11 255.255.255.0", "fe80::1"
	if p := a.Problems(nil); len(p) != 0 || a.Network.Addr4().String() != "198.51.100.11/24" {
		t.Error("a netmask, a link-local gateway:", p, a.Network.Addr4())
	}
}

// Whom the packet filter lets through to what listens.
func TestListenersAreOpenTo(t *testing.T) {
	t.Parallel()
	in := In{Answers: Answers{SNMP: SNMP{NMS: []string{"198.51.100.40"}}, Peers: []Peer{pasted}, Firewall: Firewall{Services: []string{"echolink"}, Ports: []string{"8080/tcp"}}}, Facts: Facts{SSHPort: 22}}
	var got []string
	for _, l := range parseListeners(in, "udp UNCONN 0 0 0.0.0.0:4500 0.0.0.0:*\nudp UNCONN 0 0 *:5199 *:*\ntcp LISTEN 0 9 [::]:22 [::]:*\ntcp LISTEN 0 9 *:8080 *:*\n"+
		"udp UNCONN 0 0 0.0.0.0:161 0.0.0.0:*\ntcp LISTEN 0 9 127.0.0.1:25 0.0.0.0:*\ntcp LISTEN 0 9 *:3306 *:*\n") {
		got = append(got, l.Port+": "+l.Open)
	}
	want := []string{
		"22/tcp: everybody", "5199/udp: everybody", "8080/tcp: everybody", "3306/tcp: nobody outside, but for tunnels",
		"161/udp: the monitoring system", "4500/udp: the other ends of the tunnels", "25/tcp: this machine alone",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A reboot that had nothing to prove is looked at again after a step that only a
// reboot proves.
func TestTheRebootFollowsWhatItProves(t *testing.T) {
	t.Parallel()
	reboot, _ := StepByID("reboot")
	for _, s := range Steps() {
		if s.AtBoot != slices.Contains(reboot.Follows, s.ID) {
			t.Errorf("%s: proved by a reboot: %t; followed by it: %t", s.ID, s.AtBoot, !s.AtBoot)
		}
	}
}

// A daemon that runs answers nobody when its files say so.
func TestMonitoringWhoMayAsk(t *testing.T) {
	t.Parallel()
	r := loadRecording(t, "debian12-done")
	in := In{Answers: labAnswers(), Facts: r.Facts}
	for i, path := range map[int]string{5: hostsAllow, 6: snmpConf, 7: snmpAslwiz} {
		answers := r.answers(itemMonitoring.Probes(in))
		if f := judgeMonitoring(in, Seen{Answers: answers}); f.Status != Manual {
			t.Fatalf("as recorded: %+v", f)
		}
		answers[i] = fileAnswer(path, "# nothing\n")
		if f := judgeMonitoring(in, Seen{Answers: answers}); f.Status != Failed || !strings.Contains(f.Got, path) || f.Fix == nil || f.Fix.Step != "snmp" {
			t.Errorf("%s: %+v", path, f)
		}
	}
}

// What not even root may change is said in the plan.
func TestFixedFiles(t *testing.T) {
	t.Parallel()
	f := File{Path: "/etc/hostname", Content: "stats\n"}
	st := func(head, content string) []remote.Answer {
		return []remote.Answer{{Probe: remote.ReadFile("/etc/hostname"), Out: []byte(head + " 644 root:root - /etc/hostname\n" + content)}}
	}
	for head, want := range map[string]string{
		"file!i":   "/etc/hostname is immutable",
		"file!d":   "/etc is immutable",
		"absent!d": "chattr -ia /etc`",
	} {
		if _, err := f.Compare(st(head, "")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", head, err)
		}
	}
	if c, err := f.Compare(st("file!i", "stats\n")); err != nil || !c.Same {
		t.Errorf("nothing to do: %+v, %v", c, err)
	}
}
