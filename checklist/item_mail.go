package checklist

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"aslwiz/remote"
)

// itemMail follows root's mail to the relay. What was sent in the last day
// counts; Act sends one.
// Source: the page, "Configure Postfix".
var itemMail = Item{
	ID:    "mail",
	Title: "Does root's mail reach the relay?",
	Act: func(in In) []string {
		if in.Answers.Mail.Relay == "" {
			return nil
		}
		return []string{
			`echo "+ mail to root"`,
			"command -v mail >/dev/null || die 'mail is not installed: run the step postfix'",
			"printf 'Sent by aslwiz verify --try, to see that mail for root leaves this server.\\n' | mail -s " +
				quote("aslwiz test from "+in.Answers.FQDN()) + " root",
			"for n in 1 2 3 4 5 6 7 8 9 10; do sleep 1; if [ \"$(find /var/spool/postfix/maildrop /var/spool/postfix/incoming " +
				"/var/spool/postfix/active -type f 2>/dev/null | head -n 1)\" = '' ]; then break; fi; done",
		}
	},
	Probes: func(In) []remote.Probe {
		return []remote.Probe{
			remote.ReadSetting("relay", needsPostconf+"postconf -h relayhost"),
			remote.ReadSetting("mail queue", "command -v postqueue >/dev/null || exit 127\nLC_ALL=C postqueue -p"),
			remote.ReadSetting("mail system", postfixRuns.Read),
			remote.ReadSetting("mail sent", `journalctl -q -o cat -t postfix/smtp -t postfix/error --since '1 day ago' -n 200 2>/dev/null | grep -E ' status=' | tail -n 5 || :`).Within(20 * time.Second),
		}
	},
	Judge: judgeMail,
}

var mailSent = regexp.MustCompile(`to=<([^>]*)>(, orig_to=<[^>]*>)?, relay=([^,]*),.* status=(\w+) \((.*)\)`)

func judgeMail(in In, seen Seen) Finding {
	m := in.Answers.Mail
	f := Finding{Want: "root's mail leaves by " + orElse(m.Relay, "a relay") + " to " + orElse(m.Root, "somebody") + ", the queue is empty"}
	if m.Relay == "" {
		f.Status, f.Got = Manual, "the answers name no relay: mail.relay and mail.root"
		return f
	}
	fix := &Fix{Kind: FixStep, Step: "postfix", Text: "run the step postfix"}
	if a := seen.Answers[0]; a.Err() == nil && a.Code == 127 {
		f.Status, f.Got, f.Fix = Failed, "postfix is not installed", fix
		return f
	}
	var text [4]string
	for i := range text {
		var err error
		if text[i], err = seen.Answers[i].Text(); err != nil {
			return unknown(f, err)
		}
	}
	relay, queue, system, sent := text[0], text[1], text[2], text[3]
	empty := strings.Contains(queue, "Mail queue is empty")
	f.Evidence = append(f.Evidence, "relayhost of main.cf: "+relay)
	f.Evidence = append(f.Evidence, lastLines(queue, 4)...)
	last := lastMailTo(sent, m.Root)
	took := m.Relay // the relay of the last message
	if last != nil {
		took = orElse(triedRelay(last), m.Relay)
		f.Evidence = append(f.Evidence, fmt.Sprintf("the last message to %s: relay %s, %s (%s)", last[1], took, last[4], last[5]))
	}
	switch {
	case relay != relayHost(m):
		f.Status, f.Got, f.Fix = Failed, "the relay is "+orElse(relay, "none"), fix
	case system != "running":
		f.Status, f.Got, f.Fix = Failed, "the mail system is stopped", fix
	case !m.MX && !sameHost(took, m.Relay):
		f.Status, f.Got = Failed, fmt.Sprintf("the last message to %s was for %s, not for %s: %s", last[1], took, m.Relay, last[4])
		f.Fix = &Fix{Kind: FixHand, Text: "something overrides main.cf's relayhost: see `postconf transport_maps sender_dependent_relayhost_maps default_transport` and, for master.cf, " +
			"`postconf -P '*/*/relayhost'`; then send a message: " + sendOne}
	case last != nil && last[4] != "sent" || !empty:
		f.Status, f.Got = Failed, "mail waits in the queue"
		if last != nil && last[4] != "sent" {
			f.Got = "the last message to " + last[1] + " was " + last[4] + ": " + last[5]
		}
		f.Fix = &Fix{Kind: FixHand, Text: "see that " + took + " takes mail from this server, then: postqueue -f"}
	case last == nil:
		f.Status, f.Got = Unknown, "set up and running; no message to "+m.Root+" was sent in the last day"
		f.Fix = &Fix{Kind: FixHand, Text: "send one: " + sendOne}
	default:
		f.Status, f.Got = Passed, "sent to "+last[1]+" by "+last[3]
	}
	return f
}

// sendOne is how a message is sent by the item itself.
const sendOne = "t on the screen of the verification, or aslwiz verify --try --only mail"

// relayNamed finds the relay in the reason of a message that was not sent, as
// postfix's SMTP client words it.
var relayNamed = regexp.MustCompile(`(?:connect to|host|lost connection with|conversation with) ([^\s\[\]]+)\[|name=(\S+) type=`)

// triedRelay is the host that a message went to, or that did not take it; "" when
// the log does not name it.
func triedRelay(last []string) string {
	if host, _, _ := strings.Cut(last[3], "["); host != "none" {
		return host
	}
	if w := relayNamed.FindStringSubmatch(last[5]); w != nil {
		return w[1] + w[2]
	}
	return ""
}

// sameHost says whether the log's relay is the one of the answers, which may have a
// port.
func sameHost(logged, relay string) bool {
	host, _ := splitRelay(relay)
	a, err := netip.ParseAddr(host)
	b, err2 := netip.ParseAddr(logged)
	return err == nil && err2 == nil && a == b || strings.EqualFold(strings.TrimSuffix(logged, "."), strings.TrimSuffix(host, ".")) || logged == relay
}

// lastMailTo is the newest line of the log about mail to an address, parted.
func lastMailTo(log, to string) (last []string) {
	for l := range strings.Lines(log) {
		if m := mailSent.FindStringSubmatch(strings.TrimSpace(l)); m != nil && strings.EqualFold(m[1], to) {
			last = m
		}
	}
	return last
}
