package checklist

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"aslwiz/remote"
)

// jailQuestions are put to fail2ban in one run of its client: each start of it
// takes a good part of a second. Source: fail2ban-client(1), -i.
var jailQuestions = []string{
	"status sshd", "get sshd actions", "get sshd ignoreip", "get sshd journalmatch",
	"get sshd bantime", "get sshd findtime", "get sshd maxretry",
}

// banTried are addresses for documentation, which nobody has (RFC 5737, RFC 3849).
var banTried = []string{"192.0.2.77", "2001:db8::77"}

// banTrial bans the documentation addresses, waits until the route tables show
// them, and frees them again. It prints "banned ADDRESS ROUTE" and "freed ADDRESS",
// or "not tried" where the jail takes no order; nothing outlives it. A server
// whose kernel has no IPv6 is tried in IPv4 alone.
var banTrial = `command -v fail2ban-client >/dev/null || exit 127
list='` + strings.Join(banTried, " ") + `'
[ -e /proc/net/if_inet6 ] || list=${list%% *}
# At the end of its input the client complains of that end.
order() { for a in $list; do echo "set sshd $1 $a"; done | LC_ALL=C fail2ban-client -i 2>&1 | grep -v 'EOF when reading'; }
routes() { ip -4 route show; [ ! -e /proc/net/if_inet6 ] || ip -6 route show; }
route() { routes | grep -E "^(unreachable|blackhole|prohibit) $1(/[0-9]+)? " | head -n 1; }
settled() { for a in $list; do [ "$(route "$a" | wc -l)" = "$1" ] || return; done; }
within() { n=0; until settled "$1"; do n=$((n + 1)); [ $n -lt 20 ] || return 0; sleep 0.5; done; }
trap 'order unbanip >/dev/null' EXIT
trap 'exit 1' HUP INT TERM
said=$(order banip) || :
case $said in *ERROR*|*Sorry*) printf '%s\n' "$said" | grep -m 1 -e ERROR -e Sorry | sed 's/^fail2ban> //; s/.*ERROR *//; s/^/not tried: /'; exit 0 ;; esac
within 1
for a in $list; do r=$(route "$a"); [ -z "$r" ] || echo "banned $a $r"; done
trap - EXIT
order unbanip >/dev/null || :
within 0
for a in $list; do [ -n "$(route "$a")" ] || echo "freed $a"; done`

// itemFail2ban asks fail2ban what the jail watches, what it does to whom, and
// whom it spares, and then sees it ban. The page's own test, failed logins of the
// admin's, would ban the admin.
var itemFail2ban = Item{
	ID:    "fail2ban",
	Title: "Is fail2ban working?",
	Probes: func(In) []remote.Probe {
		ask := `printf '%s\n' ` + quoteAll(jailQuestions)
		return []remote.Probe{
			remote.ReadSetting("the sshd jail",
				"command -v fail2ban-client >/dev/null || exit 127\n"+ask+" | LC_ALL=C fail2ban-client -i 2>&1 || :").Within(20 * time.Second),
			remote.ReadSetting("a ban, tried", banTrial).Within(45 * time.Second),
		}
	},
	Judge: judgeFail2ban,
}

func judgeFail2ban(in In, seen Seen) Finding {
	f := Finding{Want: "the sshd jail runs, watches the journal, null-routes for an hour after 2 failures in both families, and spares you"}
	if a := seen.Answers[0]; a.Err() == nil && a.Code == 127 {
		f.Status, f.Got = Failed, "fail2ban is not installed"
		f.Fix = &Fix{Kind: FixStep, Step: "packages", Text: "run the step packages"}
		return f
	}
	text, err := seen.Answers[0].Text()
	if err != nil {
		return unknown(f, err)
	}
	// What comes before the first prompt is a greeting.
	said := strings.Split(text, "fail2ban> ")[1:]
	if len(said) < len(jailQuestions) || !strings.Contains(said[0], "Status for the jail: sshd") {
		f.Status, f.Got = Failed, "fail2ban does not run, or has no sshd jail"
		f.Evidence = lastLines(text, 4)
		f.Fix = fail2banFix()
		return f
	}
	for i := range said {
		said[i] = strings.TrimSpace(said[i])
	}
	f.Evidence = jailEvidence(said)
	tried, err := seen.Answers[1].Text()
	wrong := jailWrong(in, said) // is wrong whatever the trial brought
	switch {
	case len(wrong) > 0:
	case err != nil:
		return unknown(f, err)
	case strings.HasPrefix(tried, "not tried"):
		f.Evidence = append(f.Evidence, tried)
		return unknown(f, errors.New("the jail took no order to ban"))
	default:
		f.Evidence = append(f.Evidence, strings.Split(tried, "\n")...)
		wrong = banWrong(tried)
	}
	if len(wrong) > 0 {
		f.Status, f.Got, f.Fix = Failed, strings.Join(wrong, "; "), fail2banFix()
		return f
	}
	if p := in.Answers.Peers; len(p) > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("the page's own test, never from your own address: on %s fail three SSH logins with a password here, look at `ip route show`, "+
			"then fail2ban-client set sshd unbanip %s, or its tunnel stays cut for an hour", p[0].Name, strings.Join(p[0].Addresses, " ")))
	}
	f.Status = Passed
	f.Got = f.Want + " (an address that nobody has was banned, null-routed and freed again)"
	return f
}

// banWrong is what banTrial did not see. IPv6 is wanted where the server has it:
// there banTrial names the address once at least.
func banWrong(tried string) (wrong []string) {
	lines := "\n" + tried + "\n"
	for i, a := range banTried {
		if i > 0 && !strings.Contains(tried, a) {
			continue
		}
		if !strings.Contains(lines, "\nbanned "+a+" ") {
			wrong = append(wrong, "a ban of "+a+" reached no route table")
		}
		if !strings.Contains(lines, "\nfreed "+a+"\n") {
			wrong = append(wrong, "a ban of "+a+" was not lifted")
		}
	}
	return wrong
}

// jailWrong is where the answers to jailQuestions are not as the page wants them.
func jailWrong(in In, said []string) (wrong []string) {
	if !strings.Contains(said[0], "Journal matches") || !strings.Contains(said[3], "=") {
		wrong = append(wrong, "the jail does not watch the journal")
	}
	if actions := strings.Fields(afterFirstLine(said[1])); !slices.Equal(actions, []string{"route"}) {
		wrong = append(wrong, "its action is "+orElse(strings.Join(actions, " "), "none")+", not route")
	}
	for i, want := range map[int]string{4: "3600", 5: "3600", 6: "2"} {
		if said[i] != want {
			wrong = append(wrong, fmt.Sprintf("%s is %s, not %s", strings.TrimPrefix(jailQuestions[i], "get sshd "), remote.FirstLine(said[i]), want))
		}
	}
	slices.Sort(wrong)
	if c := in.Facts.Client; c.IsValid() {
		spared := strings.Fields(strings.NewReplacer("|-", " ", "`-", " ").Replace(afterFirstLine(said[2])))
		if !slices.ContainsFunc(spared, func(s string) bool { return covers(s, c.String()) }) {
			wrong = append(wrong, fmt.Sprintf("your address %s is not among those it never bans", c))
		}
	}
	return wrong
}

func jailEvidence(said []string) (out []string) {
	for _, i := range []int{3, 1, 2} {
		out = append(out, jailQuestions[i]+": "+strings.Join(strings.Fields(afterFirstLine(said[i])), " "))
	}
	return append(out, fmt.Sprintf("bantime %s, findtime %s, maxretry %s", said[4], said[5], strings.TrimSpace(said[6])))
}

func fail2banFix() *Fix {
	return &Fix{Kind: FixStep, Step: "fail2ban", Text: "run the step fail2ban again; `journalctl -u fail2ban -b` says why it is not as wanted"}
}

// afterFirstLine is s without its first line, which says what follows.
func afterFirstLine(s string) string {
	_, rest, _ := strings.Cut(s, "\n")
	return rest
}

// lastLines are the last n lines of s that are not blank.
func lastLines(s string, n int) (out []string) {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out[max(0, len(out)-n):]
}
