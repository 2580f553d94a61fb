//go:build lab

package lab

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"al.essio.dev/pkg/shellescape"
)

// proofs looks at the provisioned server with other eyes than aslwiz's: at
// the wire, from the monitoring system, into the relay and the log host.
func proofs(t *testing.T) {
	green(t)
	begun := time.Now()
	w := newWizard(t, serverAnswers(t))
	t.Run("the card was renamed by the reboot", func(t *testing.T) {
		if got := on(t, Server, "ls /sys/class/net | tr '\\n' ' '; cat /sys/class/net/eth0/address"); got != "eth0 lo 52:54:00:51:00:11" {
			t.Errorf("cards: %q", got)
		}
	})
	t.Run("AppArmor is on", func(t *testing.T) {
		for _, m := range []Machine{Server, Peer} {
			if got := on(t, m, "cat /sys/module/apparmor/parameters/enabled"); got != "Y" {
				t.Errorf("%s: enabled: %q", m, got)
			}
		}
		for _, daemon := range []string{"charon", "ntpd"} {
			if got := on(t, Server, "cat /proc/$(pgrep -o -x "+daemon+")/attr/current"); !strings.HasSuffix(got, "(enforce)") {
				t.Errorf("%s is confined by %q", daemon, got)
			}
		}
	})
	t.Run("ESP on the wire, and nothing of the protected port in plain", protectedPort)
	t.Run("the monitoring system is answered, others are not", askBySNMP)
	t.Run("a marked line reaches the log host", logLine)
	t.Run("root's mail reaches the relay", mailArrived)
	t.Run("failed logins from the peer are null-routed, and let in again", failedLogins)
	t.Run("the report holds no secret", func(t *testing.T) {
		w := w.in(t)
		code, out, _ := w.run("report")
		if code != 0 && !strings.Contains(out, "time (waiting)") {
			t.Errorf("report: exit %d\n%s", code, out)
		}
		_, list, _ := w.run("report", "--format", "json")
		out += list
		for _, want := range []string{"stats.example.net", "198.51.100.11", "AllStarLink itself", "LibreNMS", "Subject:"} {
			if !strings.Contains(out, want) {
				t.Errorf("the report does not say %q:\n%s", want, out)
			}
		}
		nothingSecret(t, "report", []byte(out))
	})
	t.Run("another key for one tunnel leaves the other up", func(t *testing.T) {
		w := w.in(t)
		sa := `ipsec statusall | grep -o 'nms-[46]\[[0-9]*\]: ESTABLISHED' | sort`
		before := on(t, Server, sa)
		on(t, Server, "printf '%s' x >>/etc/ipsec.d/two.secrets")
		for _, m := range []Machine{Server, Peer} { // for "no secret anywhere"
			on(t, m, sampler)
		}
		w.must(0, "apply", "--yes", "--plain", "--only", "ipsec")
		for _, m := range []Machine{Server, Peer} {
			if on(t, m, "systemctl stop lab-sampler; ! grep -q tx.sh /dev/shm/seen || echo seen") != "seen" {
				t.Errorf("%s: the sampler saw no job", m)
			}
		}
		if after := on(t, Server, sa); after != before || !strings.Contains(after, "ESTABLISHED") {
			t.Errorf("the other tunnel was %q, is %q", before, after)
		}
		if red := w.red("--watch", "--only", "ipsec"); len(red) > 0 {
			t.Errorf("red: %v", red)
		}
	})
	t.Run("no secret anywhere", func(t *testing.T) { secretScan(t, w) })
	t.Run("the tunnel comes back after the peer restarted", func(t *testing.T) {
		w := w.in(t)
		boot := on(t, Peer, "cat /proc/sys/kernel/random/boot_id")
		restart(t, Peer)
		until(t, 4*time.Minute, "the peer restarts", func() bool {
			out, err := SSH(t.Context(), Peer, "cat /proc/sys/kernel/random/boot_id")
			return err == nil && strings.TrimSpace(out) != boot
		})
		if red := w.red("--watch", "--only", "ipsec"); len(red) > 0 {
			t.Errorf("red: %v", red)
		}
	})
	t.Run("nobody was told of break-ins", func(t *testing.T) { noAlarm(t, begun) })
	leaveGreen(t)
}

// settled waits for what needs time on a server that has just come up, but for its
// clock, which provision has seen synchronised and which needs minutes.
func settled(t *testing.T, w *wizard) {
	t.Helper()
	red := w.red(append(allButTime(), "--watch", "--try")...)
	if len(red) > 0 { // what waited in a queue while the clock stood still is under way
		red = w.red(append(allButTime(), "--watch")...)
	}
	if len(red) > 0 {
		t.Fatalf("not green to begin with: %v", red)
	}
}

// allButTime are the arguments that measure what settles soon after a start.
func allButTime() []string {
	var args []string
	for _, item := range []string{"services", "address", "hostname", "dns", "firewall", "ipsec", "screen", "fail2ban", "mail", "monitoring"} {
		args = append(args, "--only", item)
	}
	return args
}

// protectedPort has the peer talk to a port of the server that no rule opens.
func protectedPort(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	on(t, Server, `systemd-run -q --collect --unit=listener python3 -c '
import socket
s = socket.create_server(("198.51.100.11", 3306)); c, _ = s.accept(); c.sendall(b"through the tunnel"); c.close()'
for n in $(seq 50); do ss -Hltn | grep -q :3306 && break; sleep 0.2; done`)
	wire := &safeBuffer{}
	tap := Capture(ctx, "host 198.51.100.12 and host 198.51.100.11")
	tap.Stdout = wire
	must(t, tap.Start())
	talk := "bash -c 'exec 3<>/dev/tcp/198.51.100.11/3306; cat <&3'"
	// The capture has begun when it has seen something.
	until(t, 30*time.Second, "a packet is captured", func() bool {
		on(t, Peer, "ping -c1 -W3 198.51.100.11 >/dev/null; :")
		return strings.Contains(wire.String(), "ESP")
	})
	if got := on(t, Peer, talk); got != "through the tunnel" {
		t.Errorf("the peer got %q", got)
	}
	cancel()
	_ = tap.Wait()
	if out := wire.String(); strings.Contains(out, ".3306") || strings.Contains(out, "ICMP echo") {
		t.Errorf("in plain on the wire:\n%s", out)
	}
}

// credentials are what the server made for the monitoring system.
func credentials(t *testing.T) (auth, priv string) {
	t.Helper()
	text := on(t, Server, "cat /etc/snmp/aslwiz-nms.credentials")
	words := regexp.MustCompile(`(?s)authentication SHA-256 (\S+)\s+privacy AES (\S+)`).FindStringSubmatch(text)
	if words == nil {
		t.Fatal("no passwords in the file for the monitoring team")
	}
	return words[1], words[2]
}

func askBySNMP(t *testing.T) {
	auth, priv := credentials(t)
	get := "snmpget -v3 -l authPriv -u monitor -a SHA-256 -A " + auth + " -x AES -X " + priv + " -t 3 -r 1 -Oqv 198.51.100.11 .1.3.6.1.2.1.1.5.0"
	if got := on(t, Third, get); strings.Trim(got, `"`) != "stats" {
		t.Errorf("the monitoring system got %q", got)
	}
	out, err := Admin(t.Context(), "sh", "-c", get).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "Timeout") {
		t.Errorf("the admin's computer got %q, %v", out, err)
	}
	// Through the tunnel, where the firewall lets everything in, snmpd itself refuses.
	for m, want := range map[Machine]string{Third: "1", Peer: "0"} { // that the one is answered shows that it was asked rightly
		if got := on(t, m, "bash -c "+shellescape.Quote(knock(t)+"\nknock 198.51.100.11")); got != want {
			t.Errorf("%s, without credentials, got %q answers, want %s", m, got, want)
		}
	}
}

// knock is check.sh's function of that name: questions that an agent answers anybody.
func knock(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("check.sh")
	must(t, err)
	found := regexp.MustCompile(`(?ms)^knock\(\) \{.*?^\}`).Find(text)
	if found == nil {
		t.Fatal("check.sh has no function knock")
	}
	return string(found)
}

func logLine(t *testing.T) {
	mark := "marked-" + time.Now().Format("150405.000")
	// More than once: a server that was taken back to an earlier moment first has to
	// find out that its connection has gone.
	until(t, 3*time.Minute, "the line arrives", func() bool {
		on(t, Server, "logger -p user.notice "+mark+"; sleep 2")
		b, err := os.ReadFile(filepath.Join(Received(), "syslog.log"))
		return err == nil && bytes.Contains(b, []byte(mark))
	})
}

func mailArrived(t *testing.T) {
	mark := "marked " + time.Now().Format("150405.000")
	on(t, Server, "echo '"+mark+"' | mail -s test root")
	until(t, time.Minute, "the mail arrives", func() bool {
		files, _ := filepath.Glob(filepath.Join(Received(), "mail", "*"))
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err == nil && bytes.Contains(b, []byte(mark)) {
				if !bytes.Contains(b, []byte("noc@example.net")) {
					t.Errorf("not to root's reader:\n%s", b)
				}
				return true
			}
		}
		return false
	})
}

// noAlarm looks for mails of sudo to root: each of aslwiz's logins would be one, if
// it tried sudo without the password first.
func noAlarm(t *testing.T, since time.Time) {
	files, err := filepath.Glob(filepath.Join(Received(), "mail", "*"))
	must(t, err)
	for _, f := range files {
		info, err := os.Stat(f)
		must(t, err)
		b, err := os.ReadFile(f)
		must(t, err)
		if info.ModTime().After(since) && bytes.Contains(b, []byte("SECURITY information")) {
			t.Fatalf("root's reader got\n%s", b)
		}
	}
}

func failedLogins(t *testing.T) {
	route := "ip route show | grep -F '" + Peer.IPv4() + "' || :"
	on(t, Peer, "for n in 1 2 3; do timeout 20 ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o ConnectTimeout=20 intruder@198.51.100.11 true 2>/dev/null; done; :")
	until(t, time.Minute, "the peer is null-routed", func() bool {
		return strings.Contains(on(t, Server, route), "unreachable "+Peer.IPv4())
	})
	on(t, Server, "fail2ban-client set sshd unbanip "+Peer.IPv4())
	until(t, time.Minute, "the peer is let in again", func() bool { return on(t, Server, route) == "" })
}

// secrets are all that must be nowhere but where they are used.
func secrets(t *testing.T) [][]byte {
	t.Helper()
	out := [][]byte{[]byte(SudoPassword)}
	auth, priv := credentials(t)
	out = append(out, []byte(auth), []byte(priv))
	for _, m := range regexp.MustCompile(`0s([A-Za-z0-9+/=]{20,})`).FindAllStringSubmatch(on(t, Server, "cat /etc/ipsec.d/*.secrets"), -1) {
		raw, err := base64.StdEncoding.DecodeString(m[1])
		must(t, err)
		out = append(out, []byte(m[1]), raw)
	}
	if len(out) < 7 {
		t.Fatalf("only %d secrets are known: two keys, two passwords and sudo's are wanted", len(out))
	}
	return out
}

// forms are a secret as it is, in base64 and in hex, and quoted for a shell, a URL,
// JSON and Go.
func forms(secret []byte) [][]byte {
	text := string(secret)
	asJSON, _ := json.Marshal(text) // a string always can
	out := [][]byte{secret}
	for _, form := range []string{
		base64.StdEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret),
		hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)),
		strings.ReplaceAll(text, "'", `'\''`), url.QueryEscape(text), url.PathEscape(text), strings.Trim(strconv.Quote(text), `"`), strings.Trim(string(asJSON), `"`),
	} {
		if form != text {
			out = append(out, []byte(form))
		}
	}
	return out
}

func nothingSecret(t *testing.T, where string, data []byte) {
	t.Helper()
	for i, s := range secrets(t) {
		for _, f := range forms(s) {
			if bytes.Contains(data, f) {
				t.Errorf("%s holds secret %d", where, i)
			}
		}
	}
}

// secretScan looks into what aslwiz leaves here and on the machines.
func secretScan(t *testing.T, w *wizard) {
	all := secrets(t)
	var patterns strings.Builder
	for _, s := range all {
		for _, f := range forms(s) {
			if !bytes.ContainsAny(f, "\n\x00") {
				patterns.Write(f)
				patterns.WriteByte('\n')
			}
		}
	}
	// Not /etc/ipsec.d, /etc/swanctl and /etc/snmp, where they belong, what snmpd keeps
	// of them, and the copies that an undo needs, which only root may read. The patterns
	// come on standard input.
	scan := `find /var/lib/aslwiz/tx -maxdepth 0 ! -perm 700
grep -a -r -l -F -f - --exclude-dir=before /var/lib/aslwiz /var/log /run /tmp /root /home /etc/network /etc/postfix /etc/rsyslog.d /dev/shm/seen 2>/dev/null
for p in /proc/[0-9]*; do [ "$p" = "/proc/$$" ] || cat "$p/cmdline" "$p/environ" 2>/dev/null; done | tr '\0' '\n' >/run/lab-scan`
	for _, m := range []Machine{Server, Peer} {
		if on(t, m, "[ ! -s /dev/shm/seen ] || echo yes") != "yes" {
			t.Errorf("%s: what was sampled has gone", m)
		}
	}
	for _, m := range []Machine{Server, Peer, Third} {
		cmd := command(t.Context(), "ssh", string(m), "cat >/dev/shm/lab-patterns; { "+strings.Replace(scan, "-f -", "-f /dev/shm/lab-patterns", 1)+
			"; grep -a -c -F -f /dev/shm/lab-patterns /run/lab-scan | grep -vx 0; journalctl -o cat --no-pager | grep -a -F -f /dev/shm/lab-patterns | cut -c1-40; }; rm -f /dev/shm/lab-patterns /run/lab-scan")
		cmd.Stdin = strings.NewReader(patterns.String())
		out, err := cmd.Output()
		var exit *exec.ExitError
		if err != nil && !asExit(err, &exit) {
			t.Fatal(err)
		}
		if found := strings.TrimSpace(string(out)); found != "" {
			t.Errorf("%s: a secret in %s", m, found)
		}
	}
	scanFolder(t, w.home)
}

// scanFolder looks for secrets in every file that aslwiz left here.
func scanFolder(t *testing.T, dir string) {
	t.Helper()
	all := secrets(t)
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for i, s := range all {
			for _, f := range forms(s) {
				if bytes.Contains(b, f) {
					t.Errorf("%s holds secret %d", path, i)
				}
			}
		}
		return err
	}))
}
