//go:build lab

package lab

import (
	"fmt"
	"strings"
	"testing"
)

// logins is a plan over every kind of login that a real sshd offers here.
func logins(t *testing.T) {
	must(t, Up(t.Context(), Container))
	must(t, Reset(t.Context(), Container))
	for _, l := range []struct {
		name, user, key string
		port, code      int
		says            string
	}{
		{"sudo with a password", "admin", "admin", 22, 2, "hostname"},
		{"sudo without a password", "ops", "ops", 22, 2, "hostname"},
		{"root", "root", "root", 22, 2, "hostname"},
		{"csh", "csh", "admin", 22, 2, "hostname"},
		{"fish", "fish", "admin", 22, 2, "hostname"},
		{"a .bashrc that talks", "chatty", "admin", 22, 2, "hostname"},
		{"another port, a banner and MaxSessions 1", "admin", "admin", 2222, 2, "hostname"},
		{"no shell", "nologin", "admin", 22, 5, "not available"},
		{"a key that is refused", "admin", "ops", 22, 5, "refused"},
		{"a port where nothing listens", "admin", "admin", 2022, 5, "2022"},
	} {
		t.Run(l.name, func(t *testing.T) {
			w := newWizard(t, fmt.Sprintf("host: %s\nport: %d\nuser: %s\nidentity: %s\nhostname: stats\ndomain: example.net\n",
				Container.IPv4(), l.port, l.user, Key(l.key)))
			if out := w.must(l.code, "plan"); !strings.Contains(out, l.says) {
				t.Errorf("the output does not say %q:\n%s", l.says, out)
			}
		})
	}
}

// trouble puts a real server into the states that an admin meets, and wants
// to be told what happened, where, and what to try, with nothing half-written.
func trouble(t *testing.T) {
	must(t, Up(t.Context()))
	for _, c := range []struct {
		name, script string
		answers      string // in place of the lab's
		args         []string
		code         int
		says         []string
	}{
		{"wrong sudo password", "echo admin:other | chpasswd", "", []string{"plan"}, 5, []string{"sudo", "password"}},
		{"nobody at the address", "", strings.Replace(serverAnswers(t), Server.IPv4(), "198.51.100.77", 1), []string{"plan"}, 5, []string{"198.51.100.77", "try"}},
		{
			"another release", "", "host: " + Peer.IPv4() + "\nuser: admin\nidentity: " + Key("admin") + "\nhostname: two\ndomain: example.net\n",
			[]string{"apply", "--yes", "--only", "hostname"},
			1,
			[]string{"Debian 13", "--unproven"},
		},
		{"disk full", `fallocate -l $(($(stat -f -c %a*%S /)-40960)) /fill 2>/dev/null || :; head -c 200M /dev/zero >/fill2 2>/dev/null || :`, "", applyOnly("hostname"), 3, []string{"disk", "full"}},
		{"read-only /", "mount -o remount,ro / || { systemctl stop systemd-journald.socket systemd-journald; fuser -k -m / ; mount -o remount,ro /; }", "", applyOnly("hostname"), 3, []string{"read-only"}},
		{"dpkg's status unreadable", "echo broken >>/var/lib/dpkg/status", "", applyOnly("packages"), 3, []string{"dpkg"}},
		{"apt's mirror unreachable", "sed -i 's/198.51.100.1/198.51.100.77/' /etc/apt/sources.list", "", applyOnly("packages"), 3, []string{"198.51.100.77"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			must(t, Reset(t.Context(), Server))
			if c.script != "" {
				sh(t, c.script)
			}
			if c.answers == "" {
				c.answers = serverAnswers(t)
			}
			out := newWizard(t, c.answers).must(c.code, c.args...)
			for _, want := range c.says {
				if !strings.Contains(out, want) {
					t.Errorf("the output does not say %q:\n%s", want, out)
				}
			}
			left := sh(t, "cat /etc/hostname; ls /var/lib/aslwiz/tx 2>/dev/null | grep -F .tmp || :; find /etc -name '.aslwiz-*'")
			if left != "debian" {
				t.Errorf("left on the server: %q, want an untouched host name and nothing else", left)
			}
		})
	}
	must(t, Reset(t.Context(), Server))
}

func applyOnly(steps ...string) []string {
	args := []string{"apply", "--yes", "--plain"}
	for _, step := range steps {
		args = append(args, "--only", step)
	}
	return args
}
