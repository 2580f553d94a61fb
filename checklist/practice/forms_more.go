package practice

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func aptForms() []form {
	return []form{
		lineForm(`wait_for_apt #[^\n]*`, func(s *shell, _ []string) error { return s.aptLock() }),
		lineForm(`apt_get update`, func(s *shell, _ []string) error { return s.aptUpdate() }),
		lineForm(`apt_install '([^']*)' ([^\n]+)`, func(s *shell, w []string) error {
			return s.aptInstall(strings.Fields(w[1]), strings.Fields(w[2]))
		}),
		lineForm(`dpkg_configure`, func(s *shell, _ []string) error {
			s.say("+ env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a dpkg --force-confdef --force-confold --configure -a")
			for _, name := range sortedKeys(s.m.packages) {
				if s.m.packages[name] != "installed" {
					if err := s.configure(s.m.w.catalog[name]); err != nil {
						return err
					}
				}
			}
			return nil
		}),
		lineForm(`run python --version`, func(s *shell, _ []string) error {
			s.say("+ python --version", "Python 3.11.2")
			return nil
		}),
	}
}

func settingForms() []form {
	return []form{
		lineForm(`run hostname (\S+)`, func(s *shell, w []string) error {
			s.say("+ hostname " + w[1])
			s.m.kernelName = unquote(w[1])
			return nil
		}),
		lineForm(`run timedatectl set-timezone (\S+)`, func(s *shell, w []string) error {
			s.say("+ timedatectl set-timezone " + w[1])
			s.m.zone = w[1]
			return nil
		}),
		lineForm(`run update-alternatives --set editor (\S+)`, func(s *shell, w []string) error {
			s.say("+ update-alternatives --set editor "+w[1], "update-alternatives: using "+w[1]+" to provide /usr/bin/editor (editor) in manual mode")
			s.m.editor = "manual " + w[1]
			return nil
		}),
		lineForm(`cat /proc/sys/kernel/random/boot_id >(\S+)`, func(s *shell, w []string) error {
			s.m.write(w[1], s.m.boot+"\n")
			return nil
		}),
	}
}

func userForms() []form {
	return []form{
		lineForm(`run useradd --create-home --shell /bin/bash --groups sudo (\S+)`, func(s *shell, w []string) error {
			s.say("+ useradd --create-home --shell /bin/bash --groups sudo " + w[1])
			s.m.users[w[1]] = &user{home: "/home/" + w[1], group: w[1], groups: []string{w[1], "sudo"}}
			return nil
		}),
		lineForm(`run usermod --append --groups sudo (\S+)`, func(s *shell, w []string) error {
			s.say("+ usermod --append --groups sudo " + w[1])
			if u := s.m.users[w[1]]; u != nil && !slices.Contains(u.groups, "sudo") {
				u.groups = append(u.groups, "sudo")
			}
			return nil
		}),
		lineForm(`run visudo -cqf (\S+) \|\| \{ drop \S+; exit 1; \}`, func(s *shell, w []string) error {
			s.say("+ visudo -cqf " + w[1])
			return nil
		}),
	}
}

func mailForms() []form {
	return []form{
		textForm(`debconf-set-selections <<'ANSWERS'\n(.*?)ANSWERS`, func(s *shell, w []string) error {
			for line := range strings.Lines(w[1]) {
				if f := strings.SplitN(strings.TrimSpace(line), " ", 4); len(f) == 4 {
					s.m.debconf[f[1]] = f[3]
				}
			}
			return nil
		}),
		lineForm(`\[ -e /etc/postfix/main\.cf \] \|\| \{ wait_for_apt; run env DEBIAN_FRONTEND=noninteractive dpkg-reconfigure postfix; \}`, func(s *shell, _ []string) error {
			s.m.configurePostfix()
			return nil
		}),
		lineForm(`run postconf -e '([^=']+?) = ([^']*)'`, func(s *shell, w []string) error {
			s.say("+ postconf -e '" + w[1] + " = " + w[2] + "'")
			s.m.setPostconf(w[1], w[2])
			return nil
		}),
		lineForm(`run newaliases`, func(s *shell, _ []string) error {
			s.say("+ newaliases")
			s.m.newAliases()
			return nil
		}),
		lineForm(`for n in 1 2 3 4 5 6 7 8 9 10; do if postfix status [^\n]*done`, func(s *shell, _ []string) error { return s.wait(time.Second) }),
		lineForm(`echo "(\+ mail to root)"`, func(s *shell, w []string) error { s.say(w[1]); return nil }),
		lineForm(`command -v mail [^\n]*`, func(s *shell, _ []string) error {
			if !s.m.installed("mailutils") {
				s.say("mail is not installed: run the step postfix")
				return exit(1)
			}
			return nil
		}),
		lineForm(`printf '[^\n]*\| mail -s '([^']+)' root`, func(s *shell, w []string) error { s.m.mailRoot(w[1]); return nil }),
		lineForm(`for n in 1 2 3 4 5 6 7 8 9 10; do sleep 1; [^\n]*done`, func(s *shell, _ []string) error { return s.wait(time.Second) }),
		lineForm(`run logger (-t aslwiz [^\n]*)`, func(s *shell, w []string) error { s.say("+ logger " + w[1]); return nil }),
	}
}

func snmpForms() []form {
	return []form{
		textForm(`echo "(\+ make the passwords of (\S+): (\S+))"\n.*?run systemctl start snmpd\.service`, func(s *shell, w []string) error {
			s.say(w[1])
			name, secret := w[2], strings.ToLower(newBoot())
			s.m.writeAs(w[3], "user "+name+"\nauthentication SHA-256 "+hashOf(secret)[:32]+"\nprivacy AES "+hashOf(secret)[32:]+"\n", 0o600, "root:root")
			s.m.edit(snmpState, func(old string) string {
				return old + fmt.Sprintf("createUser %s SHA-256 %q AES %q\n", name, hashOf(secret)[:32], hashOf(secret)[32:])
			})
			s.say("+ systemctl stop snmpd.service", "+ systemctl start snmpd.service")
			return s.told(s.m.startUnit("snmpd.service"))
		}),
		textForm(`echo '(\+ make the community: \S+)'\nprintf '%s\\n' '([^']+)' ([^|]+) \| \(\n.*?\n\)`, func(s *shell, w []string) error {
			s.say(w[1])
			s.m.setCommunity(w[2] + "\n" + strings.ReplaceAll(w[3], " ", "\n"))
			return nil
		}),
	}
}

func ipsecForms() []form {
	return []form{
		textForm(`echo '?(\+ add to (\S+): ([^'\n]+))'?\ngrep -qxF [^\n]*`, func(s *shell, w []string) error {
			s.say(w[1])
			s.m.edit(w[2], func(old string) string { return old + "\n" + w[3] + "\n" })
			return nil
		}),
		textForm(`echo '?(\+ write (\S+?))'?\nkey=\$\(([^\n]*)\)\n.*?<<EOF\n(.*?)EOF\n.*?mv -fT [^\n]*`, func(s *shell, w []string) error {
			s.say(w[1])
			key := secretKey.FindString(s.m.text(w[2]))
			if name, ok := strings.CutPrefix(w[3], `cat "$ASLWIZ_SECRETS/`); ok {
				secret := s.r.tx.Secrets[strings.TrimSuffix(name, `"`)]
				key = secret.Reveal()
			}
			if key == "" {
				return exit(1)
			}
			s.m.writeAs(w[2], strings.ReplaceAll(w[4], "$key", key), 0o600, "root:root")
			return nil
		}),
		textForm(`if ipsec listalgs .*?for conn in ([^;]+); do.*?until .*?run ipsec stroke up-nb "\$conn"\ndone`, func(s *shell, w []string) error {
			s.say("+ ipsec rereadsecrets", "+ ipsec update")
			if !s.m.active("strongswan-starter.service") {
				if err := s.told(s.m.startUnit("strongswan-starter.service")); err != nil {
					return err
				}
			}
			for name := range strings.FieldsSeq(w[1]) { // taken down, and begun anew
				delete(s.m.conns, name)
				delete(s.m.up, name)
			}
			s.m.readSecrets()
			s.m.readConns()
			s.m.begin(strings.Fields(w[1])...)
			return s.wait(2 * ikeTime)
		}),
		textForm(`! command -v ipsec .*?ipsec stroke up-nb "\$conn"\n  done\n\}`, func(s *shell, _ []string) error {
			s.m.readSecrets()
			s.m.readConns()
			return nil
		}),
	}
}

func bootForms() []form {
	return []form{
		textForm(`for i in /boot/initrd\.img-\*; do\n  h=[^\n]*\n  run cp [^\n]*\ndone`, func(s *shell, _ []string) error {
			text := s.m.text(initramfsFile)
			s.say("+ cp " + initramfsFile + " " + savedInitramfs + hashOf(text))
			s.m.write(savedInitramfs+hashOf(text), text)
			return nil
		}),
		lineForm(`run update-initramfs -u -k all`, func(s *shell, _ []string) error {
			s.say("+ update-initramfs -u -k all", "update-initramfs: Generating "+initramfsFile)
			if err := s.wait(3 * time.Second); err != nil {
				return err
			}
			s.m.makeInitramfs()
			return nil
		}),
		textForm(`\{\n  cat /proc/sys/kernel/random/boot_id\n  systemctl --failed [^\n]*\n\} >(\S+)\nmv \S+ (\S+)`, func(s *shell, w []string) error {
			s.m.write(w[2], s.m.boot+"\n"+strings.Join(s.m.lines(s.m.failedUnits()), ""))
			return nil
		}),
		lineForm(`run systemctl --no-block reboot`, func(s *shell, _ []string) error {
			s.say("+ systemctl --no-block reboot")
			return nil
		}),
	}
}

const savedInitramfs = "/var/lib/aslwiz/initramfs/"

// set writes a setting's old value back, as a restore does.
func (m *machine) set(name, value string) error {
	word, rest, _ := strings.Cut(name, " ")
	switch {
	case name == "kernel host name":
		m.kernelName = value
	case name == "time zone":
		m.zone = value
	case name == "default editor":
		m.editor = value
	case name == "rp_filter":
		m.rpFilter = value
	case name == "IPv4 rules in force":
		m.setOwn(4, value)
	case name == "IPv6 rules in force":
		m.setOwn(6, value)
	case name == "initramfs":
		_, hash, _ := strings.Cut(value, " ")
		if saved := m.text(savedInitramfs + hash); saved != "" {
			m.write(initramfsFile, saved)
		}
	case name == "aliases that postfix uses":
		m.newAliases()
	case word == "postfix" && rest != "":
		m.setPostconf(rest, value)
	case strings.HasPrefix(name, "SNMPv3 user ") && value == "":
		m.dropSNMPUser(strings.TrimPrefix(name, "SNMPv3 user "))
		m.remove(snmpCredentials)
	case name == "SNMPv2c community":
		m.setCommunity(value)
	case strings.HasSuffix(name, ".service"):
		return m.setTwoWords(name, value)
	case name == "/etc/ipsec.conf", name == "/etc/ipsec.secrets":
		if value == "no such line" {
			line := "include /etc/ipsec.d/*" + strings.TrimPrefix(name, "/etc/ipsec") + "\n"
			m.edit(name, func(old string) string { return strings.Replace(old, line, "", 1) })
		}
	case strings.HasPrefix(name, "/etc/ipsec.d/"):
		if value == "" {
			m.remove(name)
			return nil
		}
		i := strings.Index(value, "# Written by aslwiz")
		text := value[max(i, 0):]
		m.writeAs(name, strings.TrimSuffix(text, value[:max(i, 0)]), 0o600, "root:root")
	default:
		return fmt.Errorf("%s: the practice server does not know how it is written", name)
	}
	return nil
}
