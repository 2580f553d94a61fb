//go:build lab

package lab

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"
)

// traps shows on the wire that nothing goes between two servers in clear while their
// tunnel cannot come up, and that a restart alone brings it up. The server has no more
// of the page than its tunnel, so that no rule of a firewall hides anything.
func traps(t *testing.T) {
	must(t, Up(t.Context(), Server, Peer))
	for _, m := range []Machine{Server, Peer} {
		must(t, Reset(t.Context(), m))
	}
	on(t, Server, "export DEBIAN_FRONTEND=noninteractive; apt-get -q update && apt-get -qy install strongswan-starter strongswan-charon libstrongswan-standard-plugins")
	answers := serverAnswers(t)
	answers, _, _ = strings.Cut(answers, "  - name: nms\n")
	w := newWizard(t, answers)
	w.must(0, "apply", "--yes", "--plain", "--only", "ipsec")
	if red := w.red("--watch", "--only", "ipsec"); len(red) > 0 {
		t.Fatalf("red: %v", red)
	}
	t.Run("nothing in clear while IKE is blocked", func(t *testing.T) { nothingInClear(t, w.in(t)) })
	t.Run("the tunnel is up after a restart, without traffic", upAfterRestart)
	t.Run("a tunnel without its trap is red, and the step mends it", func(t *testing.T) {
		w := w.in(t)
		on(t, Server, "ipsec unroute two-4")
		if red := w.red("--only", "ipsec"); red["ipsec"] != "ipsec" {
			t.Errorf("without a trap: %v", red)
		}
		w.must(0, "apply", "--yes", "--plain", "--only", "ipsec")
		if red := w.red("--watch", "--only", "ipsec"); len(red) > 0 {
			t.Errorf("red: %v", red)
		}
	})
	for _, m := range []Machine{Server, Peer} {
		must(t, Reset(t.Context(), m))
	}
}

// ike begins or ends that the server neither sends nor takes what makes a tunnel.
func ike(t *testing.T, verb string) {
	t.Helper()
	script := "command -v iptables >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get -qy install iptables >/dev/null\n"
	for _, tables := range []string{"iptables", "ip6tables"} {
		for _, port := range []string{"500", "4500"} {
			script += tables + " " + verb + " OUTPUT -p udp --dport " + port + " -j DROP\n" + tables + " " + verb + " INPUT -p udp --sport " + port + " -j DROP\n"
		}
	}
	on(t, Server, script)
}

// inClear are packets between the two that a third party could have read.
var inClear = regexp.MustCompile(`(?m)^.* IP6? (198\.51\.100|2001:db8:51:)[.:]1[12](\.\d+)? > (198\.51\.100|2001:db8:51:)[.:]1[12](\.\d+)?: (ICMP echo|ICMP6, echo|Flags|UDP|SYSLOG).*$`)

func nothingInClear(t *testing.T, w *wizard) {
	ike(t, "-I")
	// Both daemons begin anew, and neither reaches the other.
	on(t, Server, "systemctl restart strongswan-starter")
	on(t, Peer, "systemctl restart strongswan")
	time.Sleep(20 * time.Second)
	t.Logf("the server's policies:\n%s", on(t, Server, "ip xfrm policy; ipsec statusall | sed -n '/^Routed/,$p'"))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	wire := &safeBuffer{}
	tap := Capture(ctx, "(host 198.51.100.11 and host 198.51.100.12) or (host 2001:db8:51::11 and host 2001:db8:51::12) or (icmp and host 198.51.100.1)")
	tap.Stdout = wire
	must(t, tap.Start())
	until(t, 30*time.Second, "a packet is captured", func() bool { // one to the gateway, which is no secret
		on(t, Peer, "ping -c1 -W3 198.51.100.1 >/dev/null; :")
		return strings.Contains(wire.String(), "198.51.100.12 > 198.51.100.1: ICMP echo")
	})
	talk := func(a4, a6 string) string {
		return `for a in ` + a4 + ` ` + a6 + `; do ping -n -c4 -W2 "$a" | sed -n '/transmitted/p'; timeout 5 bash -c "exec 3<>/dev/tcp/$a/22" 2>&1; logger -n "$a" -P 514 -d hello; done; :`
	}
	t.Logf("from the server: %s", on(t, Server, talk("198.51.100.12", "2001:db8:51::12")))
	t.Logf("from the peer: %s", on(t, Peer, talk("198.51.100.11", "2001:db8:51::11")))
	cancel()
	_ = tap.Wait()
	if seen := inClear.FindAllString(wire.String(), -1); len(seen) > 0 {
		t.Errorf("in clear on the wire:\n%s", strings.Join(seen, "\n"))
	}
	t.Logf("the wire:\n%s", wire.String())
	if red := w.red("--only", "ipsec"); red["ipsec"] == "" {
		t.Error("the tunnel is called up")
	}
	ike(t, "-D")
	if red := w.red("--watch", "--only", "ipsec"); len(red) > 0 {
		t.Errorf("after IKE came back: %v", red)
	}
}

// upAfterRestart restarts the server, sends nothing, and looks who began the tunnel.
func upAfterRestart(t *testing.T) {
	boot := on(t, Server, "cat /proc/sys/kernel/random/boot_id")
	restart(t, Server)
	until(t, 6*time.Minute, "the server restarts", func() bool {
		out, err := SSH(t.Context(), Server, "cat /proc/sys/kernel/random/boot_id")
		return err == nil && strings.TrimSpace(out) != boot
	})
	until(t, 3*time.Minute, "both families are INSTALLED, begun by the server", func() bool {
		out := on(t, Server, "ipsec statusall")
		return regexp.MustCompile(`two-4\{\d+\}:  INSTALLED, TRANSPORT`).MatchString(out) && regexp.MustCompile(`two-6\{\d+\}:  INSTALLED, TRANSPORT`).MatchString(out) &&
			regexp.MustCompile(`two-4\[\d+\]: IKEv2 SPIs: [0-9a-f]+_i\*`).MatchString(out)
	})
	t.Logf("%s", on(t, Server, "ipsec statusall; systemctl status strongswan-starter --no-pager | head -20; journalctl -b -o short-monotonic --no-pager | grep -i -e 'networking.service' -e 'charon.*rout' -e 'charon.*initiating' -e 'Reached target network' -e 'ipsec.*starter' | head -40"))
}
