package practice

import (
	"fmt"
	"regexp"
	"strings"
)

// form is a shape that lines of a step's script have, and what they do. The
// practice server knows these and no shell.
type form struct {
	pattern *regexp.Regexp
	do      func(*shell, []string) error
}

// lineForm matches one whole line; textForm lines up to a known end.
func lineForm(pattern string, do func(*shell, []string) error) form {
	return form{regexp.MustCompile(`\A(?:` + pattern + `)\n`), do}
}

func textForm(pattern string, do func(*shell, []string) error) form {
	return form{regexp.MustCompile(`(?s)\A(?:` + pattern + `)\n`), do}
}

// run carries out a script.
func (s *shell) run(script string) error {
	for rest := script; rest != ""; {
		line, after, _ := strings.Cut(rest, "\n")
		if line == "" || line[0] == '#' {
			rest = after
			continue
		}
		used, err := s.one(rest)
		if err != nil {
			return err
		}
		if used == 0 {
			return fmt.Errorf("the practice server does not know what this line does: %s", line)
		}
		rest = rest[used:]
		if err := s.wait(0); err != nil {
			return err
		}
	}
	return nil
}

// one carries out the form at the beginning of rest, and says how long it is.
func (s *shell) one(rest string) (used int, err error) {
	for _, f := range s.m.w.forms {
		if w := f.pattern.FindStringSubmatch(rest); w != nil {
			return len(w[0]), f.do(s, w)
		}
	}
	return 0, nil
}

// forms is the table of all lines that the page's scripts are made of.
func forms() []form {
	// The forms of several lines come before those of their first one.
	all := [][]form{fileForms(), systemctlForms(), aptForms(), settingForms(), userForms(), mailForms(), snmpForms(), ipsecForms(), addressForms(), bootForms(), echoForms()}
	var out []form
	for _, f := range all {
		out = append(out, f...)
	}
	return out
}

// unquote takes a word out of the quotes that a script puts it into.
func unquote(s string) string {
	if len(s) > 1 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return strings.ReplaceAll(s[1:len(s)-1], `'"'"'`, "'")
	}
	return s
}

func echoForms() []form {
	return []form{
		lineForm(`echo '(\+ [^']*)'`, func(s *shell, w []string) error { s.say(w[1]); return nil }),
	}
}

func nothing(*shell, []string) error { return nil }

func fileForms() []form {
	return []form{
		lineForm(`put (\S+)`, func(s *shell, w []string) error { return s.put(unquote(w[1])) }),
		lineForm(`drop (\S+)`, func(s *shell, w []string) error {
			s.say("+ remove " + w[1])
			s.m.remove(unquote(w[1]))
			return nil
		}),
		lineForm(`run mkdir -p \S+|mkdir -p \S+|sync -f \S+|offered=`, nothing),
		lineForm(`\[ -e (\S+) \] \|\| rm -f \S+`, nothing),
		lineForm(`run /etc/network/firewall\.sh test`, func(s *shell, _ []string) error {
			s.say("+ /etc/network/firewall.sh test")
			for _, f := range []int{4, 6} {
				if _, ok := scriptRules(s.m.text("/etc/network/firewall.sh"), f); !ok || !s.m.installed("iptables") {
					return exit(1)
				}
			}
			return nil
		}),
		lineForm(`(run )?/etc/network/firewall\.sh`, func(s *shell, w []string) error {
			if w[1] != "" {
				s.say("+ /etc/network/firewall.sh")
			}
			return s.m.loadRules()
		}),
		lineForm(`run ifup --no-act --force --all`, func(s *shell, _ []string) error {
			s.say("+ ifup --no-act --force --all")
			if len(s.m.readInterfaces(s.m.cardName()).addrs) == 0 {
				s.say("ifup: no address for the card in " + networkFile)
				return exit(1)
			}
			return nil
		}),
		lineForm(`fail2ban-client unban \S+ >/dev/null 2>&1 \|\| :`, func(*shell, []string) error { return nil }), // nobody is banned
		lineForm(`run fail2ban-client -t`, func(s *shell, _ []string) error {
			s.say("+ fail2ban-client -t", "OK: configuration test is successful")
			return nil
		}),
	}
}

// put installs a file's new content.
func (s *shell) put(path string) error {
	s.say("+ write " + path)
	for _, f := range s.r.tx.Files {
		if f.Path == path && !f.Remove {
			owner := f.Owner
			if f.User != "" {
				owner = f.User + ":" + f.User
			}
			s.m.writeAs(path, string(f.After), f.Mode, owner)
			return nil
		}
	}
	return fmt.Errorf("%s: not among the files of this step", path)
}

func systemctlForms() []form {
	return []form{
		lineForm(`(?:run )?systemctl daemon-reload`, func(s *shell, _ []string) error {
			s.say("+ systemctl daemon-reload")
			return nil
		}),
		lineForm(`run systemctl disable --now (\S+)`, func(s *shell, w []string) error {
			s.say("+ systemctl disable --now " + w[1])
			s.m.stopUnit(w[1])
			return s.told(s.m.systemctl("disable", w[1]))
		}),
		lineForm(`(?:run )?systemctl (?:--no-block )?(enable|disable|mask|unmask|start|stop|restart|try-restart) (\S+\.service)`, func(s *shell, w []string) error {
			s.say("+ systemctl " + w[1] + " " + w[2])
			return s.told(s.m.systemctl(w[1], w[2]))
		}),
	}
}

// told is how a command ends that said why it did not work.
func (s *shell) told(err error) error {
	if err == nil {
		return nil
	}
	s.say(err.Error())
	return exit(1)
}
