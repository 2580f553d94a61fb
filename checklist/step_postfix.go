package checklist

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"aslwiz/remote"
)

// stepPostfix makes the server hand its own mail to a relay.
// Sources: the page, "Configure Postfix"; Debian's postfix.config and
// postfix.postinst for the preseeded answers, postconf(5) for the parameters.
var stepPostfix = Step{
	ID:    "postfix",
	Title: "hand the server's own mail to the relay",
	Why:   "cron jobs and failing services write to root; without a relay nobody ever reads it",
	Limit: 20 * time.Minute,
	// Postfix takes its name from the host name when it is installed.
	Follows:  []string{"python", "users", "packages", "bash-completion", "hostname"},
	Services: postfixServices,
	Want:     wantPostfix,
}

func postfixServices(in In) []string {
	if in.Answers.Mail.Relay == "" {
		return nil
	}
	return []string{"postfix.service"}
}

func wantPostfix(in In) ([]Resource, error) {
	m := in.Answers.Mail
	if m.Relay == "" || m.Root == "" {
		return []Resource{manual("mail", "the answers do not say where mail goes: mail.relay is the host that takes it, mail.root the address that reads root's")}, nil
	}
	name, relay := in.Answers.FQDN(), relayHost(m)
	out := []Resource{
		File{Path: "/etc/mailname", Content: name + "\n", Public: "everybody who sends mail"},
		BroughtEdit{
			Path: "/etc/aliases", What: "root's mail goes to " + m.Root,
			Apply: func(old string) (string, error) { return setAliases(old, m), nil },
		},
		preseed{name: name, relay: relay, root: m.Root},
		packagesFor(in, "postfix", "mailutils"),
		postfixConfigured,
	}
	for _, p := range postfixParameters(name, relay) {
		out = append(out, p.setting())
	}
	return append(out, aliasesInUse(m), Service{Unit: "postfix.service", Restart: true},
		onChange{Resource: postfixRuns, then: []string{
			"for n in 1 2 3 4 5 6 7 8 9 10; do if postfix status >/dev/null 2>&1; then break; fi; sleep 1; done",
		}}), nil
}

// relayHost is the relay in postfix's words: brackets keep it from asking for an
// MX record.
func relayHost(m Mail) string {
	host, port := splitRelay(m.Relay)
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "ipv6:" + host
	}
	if !m.MX {
		host = "[" + host + "]"
	}
	if port != "" {
		host += ":" + port
	}
	return host
}

// preseed answers what postfix's package would ask, before it is installed.
type preseed struct{ name, relay, root string }

var _ Resource = preseed{}

// Name implements Resource.
func (preseed) Name() string { return "the answers to postfix's questions" }

// Probes implements Resource.
func (preseed) Probes() []remote.Probe { return []remote.Probe{remote.ReadPackages("postfix")} }

// Compare implements Resource.
func (p preseed) Compare(answers []remote.Answer) (Change, error) {
	c := Change{Kind: "setting", Now: "not asked", Want: "satellite system, " + p.name + ", relay " + p.relay}
	pkgs, err := answers[0].Packages()
	if err != nil {
		return c, err
	}
	if pkgs["postfix"].Installed() {
		c.Same, c.Now = true, "postfix is there already: its parameters are set one by one"
		return c, nil
	}
	c.Script = p.lines("Satellite system")
	return c, nil
}

func (p preseed) lines(kind string) []string {
	return []string{
		"wait_for_apt # who installs also holds debconf's answers",
		"echo '+ debconf-set-selections'",
		"debconf-set-selections <<'ANSWERS'",
		"postfix postfix/main_mailer_type select " + kind,
		"postfix postfix/mailname string " + p.name,
		"postfix postfix/relayhost string " + p.relay,
		"postfix postfix/root_address string " + p.root,
		"ANSWERS",
	}
}

const needsPostconf = "command -v postconf >/dev/null || exit 127; "

// postfixConfigured is about a postfix that was installed with the answer "no
// configuration": it has no main.cf, and every other parameter would fail.
var postfixConfigured = BroughtSetting{
	Title: "postfix's own configuration",
	Read:  needsPostconf + "if [ -e /etc/postfix/main.cf ]; then echo there; else echo missing; fi",
	Want:  "there",
	Set:   "[ -e /etc/postfix/main.cf ] || { wait_for_apt; run env DEBIAN_FRONTEND=noninteractive dpkg-reconfigure postfix; }",
}

// parameter is one of main.cf.
type parameter struct {
	name, want string
	equal      func(now, want string) bool // nil: the very same text
	note       string
}

func (p parameter) setting() Resource {
	return BroughtSetting{
		Title: "postfix " + p.name, Want: p.want, Equal: p.equal, Note: p.note,
		Read:  needsPostconf + "postconf -h " + p.name,
		Write: `IFS= read -r value || :; postconf -e "` + p.name + ` = $value"`,
		Set:   "run postconf -e " + quote(p.name+" = "+p.want),
	}
}

func postfixParameters(name, relay string) []parameter {
	return []parameter{
		{name: "myhostname", want: name},
		{name: "myorigin", want: "/etc/mailname", equal: func(now, _ string) bool {
			return now == "/etc/mailname" || now == "$myhostname" || now == name
		}},
		{name: "relayhost", want: relay},
		{name: "inet_interfaces", want: "loopback-only", equal: func(now, want string) bool {
			return now == want || now == "localhost" || now == "127.0.0.1"
		}, note: "a satellite sends; nobody outside needs to reach its port 25"},
		{
			name: "mydestination", want: "$myhostname, localhost.localdomain, localhost",
			equal: func(now, _ string) bool {
				list := fields(now)
				return (slices.Contains(list, "$myhostname") || slices.Contains(list, name)) && slices.Contains(list, "localhost")
			},
			note: "root's mail must count as local, or its alias is never looked at",
		},
		{name: "default_transport", want: "smtp", equal: func(now, _ string) bool { return !strings.HasPrefix(now, "error") }},
		{name: "alias_maps", want: "hash:/etc/aliases", equal: namesAliases},
		{name: "alias_database", want: "hash:/etc/aliases", equal: namesAliases},
	}
}

func namesAliases(now, _ string) bool {
	return slices.ContainsFunc(fields(now), func(f string) bool {
		return strings.HasSuffix(f, ":/etc/aliases") || f == "$alias_database"
	})
}

// fields parts a list as postfix writes it.
func fields(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
}

// aliasesInUse asks the table that postfix reads, which newaliases makes of the
// file.
func aliasesInUse(m Mail) Resource {
	return BroughtSetting{
		Title: "aliases that postfix uses",
		Read: needsPostconf + `db=$(postconf -h alias_database); db=${db%%[, ]*}; for who in root postmaster; do ` +
			`printf '%s: %s\n' $who "$(postalias -q $who "$db" 2>/dev/null)"; done`,
		Write: "newaliases",
		Want:  fmt.Sprintf("root: %s\npostmaster: %s", m.Root, orElse(m.Postmaster, "root")),
		Set:   "run newaliases",
		Show:  func(v string) string { return strings.ReplaceAll(v, "\n", ", ") },
	}
}

// postfixRuns asks postfix itself: on Debian 12 postfix.service is active
// whatever happens to the mail system, which is postfix@-.service.
var postfixRuns = BroughtSetting{
	Title: "mail system",
	Read:  "command -v postfix >/dev/null || exit 127; if postfix status >/dev/null 2>&1; then echo running; else echo stopped; fi",
	Want:  "running",
	Set:   "run systemctl restart postfix.service",
}

// setAliases gives root and postmaster their addresses and leaves every other
// alias as it is.
func setAliases(old string, m Mail) string {
	want := [][2]string{{"postmaster", orElse(m.Postmaster, "root")}, {"root", m.Root}}
	if old == "" {
		old = "# See man 5 aliases for format\n"
	}
	lines := strings.Split(strings.TrimSuffix(old, "\n"), "\n")
	for _, w := range want {
		lines = setAlias(lines, w[0], w[1])
	}
	return strings.Join(lines, "\n") + "\n"
}

func setAlias(lines []string, name, target string) []string {
	var out []string
	placed := false
	for i := 0; i < len(lines); i++ {
		start := i
		key, value, ok := strings.Cut(lines[i], ":")
		if !ok || strings.HasPrefix(lines[i], "#") || !strings.EqualFold(strings.Trim(strings.TrimSpace(key), `"`), name) {
			out = append(out, lines[i])
			continue
		}
		for i+1 < len(lines) && continues(lines[i+1]) {
			i++
			value += " " + lines[i]
		}
		if placed {
			continue
		}
		placed = true
		if strings.TrimSpace(value) == target {
			out = append(out, lines[start:i+1]...)
		} else {
			out = append(out, name+": "+target)
		}
	}
	if !placed {
		out = append(out, name+": "+target)
	}
	return out
}

// continues reports a line that belongs to the one before: it begins with a
// blank. Source: aliases(5).
func continues(line string) bool {
	return strings.TrimSpace(line) != "" && (line[0] == ' ' || line[0] == '\t')
}
