package practice

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"aslwiz/remote"
)

// message waits in the queue, or was sent.
type message struct {
	id, to, subject string
	why             string // it waits
	at              time.Time
}

// relay is the host that takes the world's mail.
type relay struct {
	refuses string // its word to everybody; "": it takes mail
	away    bool   // it cannot be reached at all
}

const mainCF = "/etc/postfix/main.cf"

// configurePostfix is postfix's postinst: main.cf from what debconf was told.
func (m *machine) configurePostfix() {
	if m.has(mainCF) || m.debconf["postfix/main_mailer_type"] == "No configuration" {
		return
	}
	name := m.debconf["postfix/mailname"]
	if name == "" {
		name = m.kernelName
	}
	m.write(mainCF, fmt.Sprintf(`# See /usr/share/postfix/main.cf.dist for a commented, more complete version

smtpd_banner = $myhostname ESMTP $mail_name (Debian/GNU)
biff = no
append_dot_mydomain = no
readme_directory = no
compatibility_level = 3.6
myhostname = %s
alias_maps = hash:/etc/aliases
alias_database = hash:/etc/aliases
myorigin = /etc/mailname
mydestination = $myhostname, %s, localhost.localdomain, localhost
relayhost = %s
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
mailbox_size_limit = 0
recipient_delimiter = +
inet_interfaces = loopback-only
default_transport = smtp
relay_transport = smtp
inet_protocols = all
`, name, name, m.debconf["postfix/relayhost"]))
	if !m.has("/etc/mailname") {
		m.write("/etc/mailname", name+"\n")
	}
	if !m.has("/etc/aliases") {
		m.write("/etc/aliases", "# See man 5 aliases for format\npostmaster:    root\n")
	}
	m.newAliases()
}

// postconf is a parameter of main.cf, or its default.
func (m *machine) postconf(name string) string {
	for line := range strings.Lines(m.text(mainCF)) {
		if k, v, ok := strings.Cut(line, "="); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return map[string]string{
		"inet_interfaces": "all", "default_transport": "smtp", "mydestination": "$myhostname, localhost.$mydomain, localhost",
		"alias_maps": "hash:/etc/aliases, nis:mail.aliases", "alias_database": "hash:/etc/aliases", "myorigin": "$myhostname", "myhostname": m.kernelName + ".localdomain",
	}[name]
}

// setPostconf is postconf -e.
func (m *machine) setPostconf(name, value string) {
	m.edit(mainCF, func(old string) string {
		line := name + " = " + value + "\n"
		re := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + `\s*=.*\n`)
		if !re.MatchString(old) {
			return old + line
		}
		return re.ReplaceAllLiteralString(old, line)
	})
}

// newAliases makes the table that postfix looks into.
func (m *machine) newAliases() {
	m.aliases = map[string]string{}
	for line := range strings.Lines(m.text("/etc/aliases")) {
		if k, v, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, "#") {
			m.aliases[strings.TrimSpace(k)] = strings.TrimSpace(v)
		}
	}
}

// mailRuns says whether the mail system itself is up.
func (m *machine) mailRuns() bool { return m.active("postfix.service") && m.has(mainCF) }

// mailRoot is a message of the system to root. Without a mail system it is lost.
func (m *machine) mailRoot(subject string) {
	if !m.mailRuns() {
		return
	}
	to := m.aliases["root"]
	if to == "" {
		return // it lies in /var/mail/root
	}
	m.queue = append(m.queue, message{id: fmt.Sprintf("%X", 0x6E3179CF22+len(m.sent)*7919+len(m.queue)), to: to, subject: subject, at: m.w.clock.Now()})
	m.deliver()
}

// deliver tries what waits, as the queue manager does.
func (m *machine) deliver() {
	if !m.mailRuns() {
		return
	}
	m.w.relayTrouble()
	via := strings.Trim(m.postconf("relayhost"), "[]")
	if to, ok := strings.CutPrefix(m.postconf("transport_maps"), "static:smtp:"); ok { // it goes before relayhost
		via = strings.Trim(to, "[]")
	}
	var left []message
	for _, msg := range m.queue {
		host := via + "[" + resolver + "]:25"
		status, why, dsn := "sent", "250 2.0.0 Ok", "2.0.0"
		switch {
		case via == "" || !m.reachesDNS() || !strings.HasSuffix(via, domain):
			status, why, dsn, host = "deferred", "Host or domain name not found. Name service error for name="+via+" type=A: Host not found, try again", "4.4.3", "none"
		case m.w.relay.away:
			status, why, dsn, host = "deferred", "connect to "+via+"["+resolver+"]:25: Connection refused", "4.4.1", "none"
		case m.w.relay.refuses != "":
			status, why, dsn = "deferred", "host "+via+"["+resolver+"] said: "+m.w.relay.refuses, "4.7.1"
		}
		m.sent = append(m.sent, fmt.Sprintf("%s: to=<%s>, orig_to=<root>, relay=%s, delay=0.02, delays=0/0.02/0/0, dsn=%s, status=%s (%s)", msg.id, msg.to, host, dsn, status, why))
		if status != "sent" {
			msg.why = why
			left = append(left, msg)
		}
	}
	m.queue = left
}

// queueAnswer is postqueue -p.
func (m *machine) queueAnswer(p remote.Probe) remote.Answer {
	if !m.installed("postfix") {
		return remote.Answer{Probe: p, Code: 127}
	}
	m.deliver()
	if len(m.queue) == 0 {
		return said(p, "Mail queue is empty\n")
	}
	var b strings.Builder
	b.WriteString("-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n")
	for _, msg := range m.queue {
		fmt.Fprintf(&b, "%s      420 %s  root@%s\n%78s\n                                         %s\n\n", msg.id, msg.at.UTC().Format("Mon Jan _2 15:04:05"), m.postconf("myhostname"), "("+msg.why+")", msg.to)
	}
	fmt.Fprintf(&b, "-- %d Kbytes in %d Request%s.\n", len(m.queue), len(m.queue), map[bool]string{true: "s"}[len(m.queue) > 1])
	return said(p, b.String())
}

// sentAnswer is what postfix logged about deliveries, the last lines.
func (m *machine) sentAnswer(p remote.Probe) remote.Answer {
	lines := m.sent[max(0, len(m.sent)-5):]
	if len(lines) == 0 {
		return said(p, "")
	}
	return said(p, strings.Join(lines, "\n")+"\n")
}
