//go:build lab

package lab

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// oddLogin is a real sshd, shell or sudo in a state that keeps a login from root, or
// that a secret must not be sent into.
type oddLogin struct {
	name, user string
	set, back  string // on the server, before and after
	args       []string
	code       int
	says       string // words that must be in the output, separated by |
	not        string // and those that must not
}

// oddLogins watches each for real: what is said, and that the next one is unharmed.
func oddLogins(t *testing.T) {
	must(t, Up(t.Context(), Container))
	must(t, Reset(t.Context(), Container))
	container := func(t *testing.T, script string) {
		t.Helper()
		if out, err := SSH(t.Context(), Container, script); err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
	}
	sudoers := func(line string) (set, back string) {
		return "echo '" + line + "' >/etc/sudoers.d/zz && chmod 440 /etc/sudoers.d/zz && visudo -c", "rm /etc/sudoers.d/zz"
	}
	sshd := func(lines string) (set, back string) {
		return "printf '" + lines + "' >/etc/ssh/sshd_config.d/aa.conf && sshd -t && systemctl reload ssh && sleep 1",
			"rm /etc/ssh/sshd_config.d/aa.conf && systemctl reload ssh && sleep 1"
	}
	bashrc := func(line string) (set, back string) {
		return "cp -p /home/chatty/.bashrc /root/kept; sed -i '1i " + line + "' /home/chatty/.bashrc", "cp -p /root/kept /home/chatty/.bashrc"
	}
	w := newWizard(t, "")
	of := func(o oddLogin, set, back string) oddLogin { o.set, o.back = set, back; return o }
	two := func(f func(string) (string, string), line string, o oddLogin) oddLogin {
		set, back := f(line)
		return of(o, set, back)
	}
	for _, l := range []oddLogin{
		two(bashrc, "exec fish", oddLogin{name: "bashrc starts fish", user: "chatty", code: 5, says: "the shell ran no command within 30 s|.bashrc or .profile of chatty|ssh chatty@"}),
		two(bashrc, "exec cat", oddLogin{name: "bashrc starts cat", user: "chatty", code: 5, says: "the shell ran no command within 30 s|.bashrc or .profile of chatty"}),
		{name: "nologin", user: "nologin", code: 5, says: "This account is currently not available|nologin, which lets nobody in"},
		{name: "false", user: "csh", set: "usermod -s /bin/false csh", back: "usermod -s /bin/tcsh csh", code: 5, says: "status 1|said nothing|/bin/false"},
		two(sshd, `Match User csh\n ChrootDirectory /srv\n`, oddLogin{name: "chroot without a shell", user: "csh", code: 5, says: "No such file|ChrootDirectory"}),
		two(sshd, `Match User csh\n ForceCommand internal-sftp\n`, oddLogin{name: "sftp only", user: "csh", code: 5, says: "sftp"}),
		two(sudoers, "Defaults rootpw", oddLogin{name: "rootpw", user: "admin", code: 5, says: "type the password of root|rootpw, targetpw"}),
		two(sudoers, "Defaults targetpw", oddLogin{name: "targetpw", user: "admin", code: 5, says: "type the password of root|rootpw, targetpw"}),
		two(sudoers, "Defaults requiretty", oddLogin{name: "requiretty", user: "admin", code: 5, says: "requiretty|Defaults:admin !requiretty"}),
		two(sudoers, "Defaults log_input", oddLogin{name: "log_input", user: "admin", code: 2, says: "log_input|/var/log/sudo-io|Defaults:admin !log_input"}),
		two(sudoers, "admin ALL=(ALL:ALL) LOG_INPUT: ALL", oddLogin{name: "LOG_INPUT of one rule", user: "admin", code: 2, says: "log_input"}),
		two(sudoers, "Defaults use_pty, log_input", oddLogin{name: "log_input in a terminal of its own", user: "admin", code: 2, says: "log_input"}),
		two(sudoers, "Defaults use_pty, log_output", oddLogin{name: "log_output alone takes no secret", user: "admin", code: 2, says: "hostname", not: "log_input"}),
		two(sudoers, "Defaults use_pty", oddLogin{name: "use_pty", user: "admin", code: 2, says: "hostname", not: "log_input"}),
		{
			name: "sudo hangs", user: "admin", set: "cp /etc/pam.d/sudo /root/kept; sed -i '1i auth required pam_exec.so /bin/sleep 300' /etc/pam.d/sudo",
			back: "cp /root/kept /etc/pam.d/sudo; pkill -x sleep || :", code: 5, says: "sudo gives no answer|sudo -v",
		},
		{
			name: "a planted sudo", user: "chatty", set: "install -d -o chatty /home/chatty/bin; printf '#!/bin/sh\\ntouch /home/chatty/ran; cat\\n' >/home/chatty/bin/sudo; " +
				"chmod 755 /home/chatty/bin/sudo; cp -p /home/chatty/.bashrc /root/kept; sed -i '1i PATH=/home/chatty/bin:$PATH' /home/chatty/.bashrc",
			back: "test ! -e /home/chatty/ran && rm -r /home/chatty/bin && cp -p /root/kept /home/chatty/.bashrc", code: 2, says: "hostname",
		},
		two(sshd, `KexAlgorithms sntrup761x25519-sha512@openssh.com\n`, oddLogin{
			name: "a key exchange too new for aslwiz", user: "root", code: 5, says: "the server offers sntrup761x25519-sha512@openssh.com|aslwiz offers", not: "old",
		}),
		two(sshd, `KexAlgorithms diffie-hellman-group14-sha1\n`, oddLogin{
			name: "a key exchange too old", user: "root", code: 5, says: "old or weak: diffie-hellman-group14-sha1|--allow-algorithms diffie-hellman-group14-sha1",
		}),
		two(sshd, `KexAlgorithms diffie-hellman-group14-sha1\n`, oddLogin{
			name: "the same, allowed", user: "root", args: []string{"--allow-algorithms", "diffie-hellman-group14-sha1"}, code: 2,
			says: "weak algorithm that you allowed: diffie-hellman-group14-sha1|hostname",
		}),
	} {
		t.Run(l.name, func(t *testing.T) {
			key := "admin"
			if l.user == "root" {
				key = "root"
			}
			if l.set != "" {
				container(t, l.set)
				defer container(t, l.back)
			}
			w := w.in(t)
			must(t, os.WriteFile(w.answers, fmt.Appendf(nil, "host: %s\nuser: %s\nidentity: %s\nhostname: stats\ndomain: example.net\n", Container.IPv4(), l.user, Key(key)), 0o600))
			code, stdout, stderr := w.run(append([]string{"plan"}, l.args...)...)
			out := strings.Join(strings.Fields(stdout+stderr), " ") // as one line: hints are wrapped
			t.Logf("%d: %s", code, stderr)
			if code != l.code {
				t.Errorf("exit code %d, want %d:\n%s", code, l.code, stdout+stderr)
			}
			for want := range strings.SplitSeq(l.says, "|") {
				if !strings.Contains(out, want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
			if l.not != "" && strings.Contains(out, l.not) {
				t.Errorf("it says %q:\n%s", l.not, out)
			}
		})
	}
}
