//go:build lab

package lab

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// move gives the server another address: aslwiz is there before the old one
// goes, and the answers file says so.
func move(t *testing.T) {
	provisioned(t)
	const moved = "198.51.100.14"
	w := newWizard(t, strings.Replace(serverAnswers(t), "ipv4: "+Server.IPv4(), "ipv4: "+moved, 1))
	out := w.must(0, "apply", "--yes", "--plain", "--only", "network", "--only", "reboot")
	if !strings.Contains(out, "198.51.100.14") {
		t.Errorf("the new address is not spoken of:\n%s", out)
	}
	text, err := os.ReadFile(w.answers)
	must(t, err)
	if !strings.Contains(string(text), `host: "`+moved+`"`) {
		t.Errorf("the answers file still says:\n%s", text)
	}
	login := func(address string) error {
		return Admin(t.Context(), "ssh", "-F", "none", "-i", Key("root"), "-o", "BatchMode=yes", "-o", "ConnectTimeout=5",
			"-o", "UserKnownHostsFile="+w.known, "root@"+address, "true").Run()
	}
	if login(moved) != nil || login(Server.IPv4()) == nil {
		t.Errorf("login at the new address: %v, at the old one: %v; want only the new one", login(moved), login(Server.IPv4()))
	}
	if red := w.red("--only", "address", "--only", "services"); len(red) > 0 {
		t.Errorf("red at the new address: %v", red)
	}
}

// mistake is one in the network that takes effect when the server restarts.
type mistake struct {
	name    string
	was, is string // in the answers
	todo    string // gives the steps something to do
	meddle  string // what somebody does to the steps' files before the restart
	others  bool   // somebody else restarts it, not the step reboot
}

// wrongNetwork makes the mistakes that cost people their servers, and
// restarts: the server comes back by itself on what it had.
func wrongNetwork(t *testing.T) {
	for _, m := range mistakes() {
		t.Run(m.name, m.comesBack)
	}
}

func mistakes() []mistake {
	gateway := mistake{was: "gateway4: 198.51.100.1\n", is: "gateway4: 198.51.100.254\n"}
	watched := gateway
	gateway.name, watched.name, watched.others = "wrong gateway", "wrong gateway, restarted by somebody else", true
	return []mistake{
		gateway,
		{name: "wrong prefix", was: "ipv4: 198.51.100.11/24", is: "ipv4: 198.51.100.11/4"},
		{
			name:   "wrong MAC",
			todo:   "sed -i 's/autoconf 0/autoconf 1/' /etc/network/interfaces; rm /etc/udev/rules.d/70-persistent-net.rules",
			meddle: `sed -i 's/52:54:00:51:00:11/52:54:00:51:00:99/' /etc/udev/rules.d/70-persistent-net.rules /etc/network/interfaces; update-initramfs -u`,
		},
		watched,
	}
}

func (m mistake) comesBack(t *testing.T) {
	provisioned(t)
	// From elsewhere: who sits on the server's own network misses no gateway.
	must(t, Far(t.Context()))
	defer func() { must(t, Near(context.WithoutCancel(t.Context()))) }()
	had := "cat /etc/network/interfaces | sha256sum; ip -o -4 addr show scope global | awk '{print $4}'; ip route show default | cut -d ' ' -f 1-3"
	if m.todo != "" {
		sh(t, m.todo)
	}
	before := sh(t, had)
	w := newWizard(t, strings.Replace(serverAnswers(t), m.was, m.is, 1)+"\nfail2ban:\n  ignore: [203.0.113.9, 2001:db8:7::9]\n")
	w.must(0, "apply", "--yes", "--plain", "--only", "network", "--only", "nic-name")
	if m.meddle != "" {
		sh(t, m.meddle)
	}
	start := time.Now()
	code, told := 3, ""
	if !m.others {
		var errs string
		code, told, errs = w.run("apply", "--yes", "--plain", "--only", "reboot", "--guard", "60s")
		told += errs
	} else {
		boots := "journalctl --list-boots -q | wc -l"
		was, err := strconv.Atoi(sh(t, boots))
		must(t, err)
		restart(t, Server)
		until(t, 5*time.Minute, "the server restarts, and once more", func() bool {
			out, err := SSH(t.Context(), Server, "[ ! -e /etc/systemd/system/aslwiz-unproved.service ] && "+boots)
			return err == nil && strings.TrimSpace(out) == strconv.Itoa(was+2)
		})
	}
	until(t, 5*time.Minute, "a login from elsewhere", func() bool {
		return Admin(t.Context(), "ssh", "-F", "none", "-i", Key("root"), "-o", "BatchMode=yes", "-o", "ConnectTimeout=5",
			"-o", "UserKnownHostsFile="+KnownHosts(), "root@"+Server.IPv4(), "true").Run() == nil
	})
	// The guard's minute, and two restarts of an emulated server.
	if took := time.Since(start).Round(time.Second); took > 7*time.Minute {
		t.Errorf("it is there again after %s", took)
	} else {
		t.Logf("there again after %s", took)
	}
	if after := sh(t, had); after != before {
		t.Errorf("the network is not what it was:\n%s\nwas\n%s", after, before)
	}
	if m.others {
		_, out, errs := w.run("apply", "--yes", "--plain", "--only", "screen")
		told = out + errs
	}
	if code != 3 || !strings.Contains(told, "restored") {
		t.Errorf("exit %d after %s, want 3 and the word restored:\n%s", code, time.Since(start).Round(time.Second), told)
	}
}
