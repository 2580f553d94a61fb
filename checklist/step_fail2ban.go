package checklist

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"aslwiz/remote"
	"aslwiz/templates"
)

const jailFile = "/etc/fail2ban/jail.local"

// stepFail2ban null-routes who fails to log in.
// Sources: the page, "setup fail2ban for ssh"; jail.conf(5): jail.local is read
// after jail.conf and jail.d/*.conf, which on Debian 13 names another banaction.
var stepFail2ban = Step{
	ID:       "fail2ban",
	Title:    "ban who fails to log in",
	Why:      "every server with SSH open is tried with stolen passwords all day long",
	Guarded:  true,
	Follows:  []string{"packages"},
	Services: func(in In) []string { return []string{in.Facts.Release.Units["fail2ban"]} },
	Want:     wantFail2ban,
}

func wantFail2ban(in In) ([]Resource, error) {
	fresh, err := templates.Render(in.Facts.Release.Dir, jailFile, nil)
	if err != nil {
		return nil, err
	}
	ignore, err := ignored(in)
	if err != nil {
		return nil, err
	}
	unit := in.Facts.Release.Units["fail2ban"]
	if unit == "" {
		return nil, fmt.Errorf("%s: the unit of fail2ban is not known there", in.Facts.Release.Name)
	}
	return []Resource{
		jail{fresh: fresh, ignore: ignore, unit: unit, client: in.Facts.Client},
		Service{Unit: unit, Step: "packages", Restart: true},
	}, nil
}

// ignored are the addresses that are never banned: the server's own, the
// admin's, and those of the answers.
func ignored(in In) ([]string, error) {
	out := []string{"127.0.0.1/8", "::1"}
	if c := in.Facts.Client; c.IsValid() {
		out = append(out, c.String())
	}
	for _, s := range in.Answers.Fail2ban.Ignore {
		p, err := parsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("fail2ban.ignore: %w", err)
		}
		if p.Bits() == p.Addr().BitLen() {
			s = p.Addr().String()
		} else {
			s = p.String()
		}
		out = append(out, s)
	}
	return out, nil
}

// jailSettings are what the page asks of jail.conf, and what the sshd jail needs
// where the log is the journal.
var jailSettings = []struct{ section, key, value string }{
	{"DEFAULT", "bantime", "3600"},
	{"DEFAULT", "findtime", "3600"},
	{"DEFAULT", "maxretry", "2"},
	{"DEFAULT", "banaction", "route"},
	{"DEFAULT", "banaction_allports", "route"},
	{"sshd", "enabled", "true"},
	{"sshd", "backend", "systemd"},
}

// jail is the page's settings in jail.local. Other lines of an admin's own
// jail.local stay. Addresses that ignoreip holds are never taken out: several
// admins, each from an address of their own, must not undo each other's run, and
// who may be banned again is for a person to decide.
type jail struct {
	fresh  string // the file where there is none
	ignore []string
	unit   string
	client netip.Addr // the admin's
}

func (j jail) Name() string { return jailFile }

func (j jail) Probes() []remote.Probe { return []remote.Probe{remote.ReadFile(jailFile)} }

func (j jail) Compare(answers []remote.Answer) (Change, error) {
	st, err := answers[0].File()
	if err != nil {
		return Change{}, err
	}
	after := []string{"systemctl --no-block try-restart " + quote(j.unit)}
	if j.client.IsValid() { // fail2ban keeps its bans over a restart: the admin's own would outlive the jail
		after = append([]string{"fail2ban-client unban " + j.client.String() + " >/dev/null 2>&1 || :"}, after...)
	}
	want := File{
		Path: jailFile, Content: j.apply(string(st.Content)), After: after,
		Note: "in jail.local, where the page edits jail.conf: an update replaces jail.conf, and Debian 13 overrides its banaction",
	}
	if !st.Exists {
		want.Content = j.apply(j.fresh)
	}
	c, err := want.Compare(answers)
	if err == nil && !c.Same {
		c.Script = append(c.Script, "run fail2ban-client -t")
	}
	return c, err
}

// apply makes the page's settings hold in an old jail.local.
func (j jail) apply(old string) string {
	have := strings.Fields(strings.ReplaceAll(iniValue(old, "DEFAULT", "ignoreip"), ",", " "))
	for _, a := range j.ignore {
		if !slices.ContainsFunc(have, func(h string) bool { return covers(h, a) }) {
			have = append(have, a)
		}
	}
	text := setINI(old, "DEFAULT", "ignoreip", strings.Join(have, " "))
	for _, s := range jailSettings {
		text = setINI(text, s.section, s.key, s.value)
	}
	return text
}

// covers says whether an entry of ignoreip holds an address or prefix.
func covers(entry, a string) bool {
	e, err1 := parsePrefix(entry)
	p, err2 := parsePrefix(a)
	if err1 != nil || err2 != nil {
		return entry == a // a DNS name
	}
	return e.Bits() <= p.Bits() && e.Contains(p.Addr())
}
