package checklist

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"aslwiz/remote"
)

func text(s string) remote.Answer  { return remote.Answer{Out: []byte(s)} }
func ended(code int) remote.Answer { return remote.Answer{Code: code} }

const unitActive = "Id=x.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nResult=success\n"

func labIn(t *testing.T) In {
	t.Helper()
	return In{Answers: labAnswers(), Facts: loadRecording(t, "debian12-done").Facts}
}

// What the recorded servers answered, item by item.
func TestRecordedItems(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]map[string]ItemStatus{
		"debian12-done":  {"mail": Passed, "monitoring": Manual, "services-other": Manual, "time": Unknown, "address": Failed},
		"debian13-done":  {"mail": Passed, "monitoring": Manual, "services-other": Manual, "time": Unknown, "address": Failed},
		"debian12-fresh": {"mail": Failed, "monitoring": Failed, "services-other": Manual},
	} {
		r := loadRecording(t, name)
		for _, it := range []Item{itemMail, itemMonitoring, itemServicesOther, itemTime, itemAddress} {
			if want[it.ID] == "" {
				continue
			}
			in := In{Answers: labAnswers(), Facts: r.Facts}
			f := it.Judge(in, Seen{Answers: r.answers(it.Probes(in))})
			if f.Status != want[it.ID] || f.Want == "" || f.Got == "" || f.Status == Failed && f.Fix == nil {
				t.Errorf("%s, %s: %+v", name, it.ID, f)
			}
		}
	}
}

func TestJudgeMail(t *testing.T) {
	t.Parallel()
	in := labIn(t)
	const (
		empty = "Mail queue is empty"
		sent  = "6E31: to=<noc@example.net>, orig_to=<root>, relay=mail.example.net[198.51.100.1]:25, delay=0.02, delays=0/0.02/0/0, dsn=2.0.0, status=sent (250 2.0.0 Ok)"
		later = "6E32: to=<noc@example.net>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred (connect to mail.example.net[198.51.100.1]:25: Connection timed out)"
		// relayhost overridden in master.cf or by transport_maps
		strays   = "6E34: to=<noc@example.net>, orig_to=<root>, relay=smart.example.org[203.0.113.5]:25, delay=0.02, delays=0/0.02/0/0, dsn=2.0.0, status=sent (250 2.0.0 Ok)"
		lost     = "6E35: to=<noc@example.net>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred (connect to smart.example.org[203.0.113.5]:25: Connection refused)"
		nameless = "6E36: to=<noc@example.net>, relay=none, delay=0, delays=0/0/0/0, dsn=4.4.3, status=deferred (Host or domain name not found. Name service error for name=smart.example.org type=A: Host not found, try again)"
		refuses  = "6E37: to=<noc@example.net>, relay=mail.example.net[198.51.100.1]:25, delay=0, delays=0/0/0/0, dsn=4.7.1, status=deferred (host mail.example.net[198.51.100.1] said: 454 4.7.1 no)"
		other    = "6E33: to=<somebody@example.net>, relay=mail.example.net[198.51.100.1]:25, delay=0, delays=0/0/0/0, dsn=5.1.1, status=bounced (550 no)"
	)
	for _, c := range []struct {
		name                       string
		relay, queue, system, sent remote.Answer
		want                       ItemStatus
		got                        string
	}{
		{"sent", text("[mail.example.net]"), text(empty), text("running"), text(sent), Passed, "sent to noc@example.net"},
		{"sent after a delay", text("[mail.example.net]"), text(empty), text("running"), text(later + "\n" + sent), Passed, "sent"},
		{"deferred", text("[mail.example.net]"), text("-Queue ID- ..."), text("running"), text(sent + "\n" + later), Failed, "timed out"},
		{"somebody else's trouble", text("[mail.example.net]"), text(empty), text("running"), text(sent + "\n" + other), Passed, "sent"},
		{"sent elsewhere", text("[mail.example.net]"), text(empty), text("running"), text(strays), Failed, "was for smart.example.org, not for mail.example.net: sent"},
		{"waits for another relay", text("[mail.example.net]"), text("-- 1 Kbytes in 1 Request."), text("running"), text(lost), Failed, "was for smart.example.org, not for mail.example.net: deferred"},
		{"waits for one without a name", text("[mail.example.net]"), text("-- 1 Kbytes in 1 Request."), text("running"), text(nameless), Failed, "was for smart.example.org"},
		{"waits", text("[mail.example.net]"), text("-- 1 Kbytes in 1 Request."), text("running"), text(""), Failed, "queue"},
		{"never", text("[mail.example.net]"), text(empty), text("running"), text(""), Unknown, "no message"},
		{"other relay", text(""), text(empty), text("running"), text(sent), Failed, "relay is none"},
		{"stopped", text("[mail.example.net]"), text(empty), text("stopped"), text(sent), Failed, "stopped"},
		{"not installed", ended(127), ended(127), ended(127), text(""), Failed, "not installed"},
		{"no answer", text("[mail.example.net]"), remote.Answer{Issue: "timeout"}, text("running"), text(""), Unknown, "not measured"},
	} {
		f := judgeMail(in, Seen{Answers: []remote.Answer{c.relay, c.queue, c.system, c.sent}})
		if f.Status != c.want || !strings.Contains(f.Got, c.got) {
			t.Errorf("%s: %s, %q", c.name, f.Status, f.Got)
		}
	}
	// The relay of the real message is in the evidence and in the hint.
	for log, relay := range map[string]string{strays: "smart.example.org", lost: "smart.example.org", nameless: "smart.example.org", refuses: "mail.example.net", later: "mail.example.net"} {
		f := judgeMail(in, Seen{Answers: []remote.Answer{text("[mail.example.net]"), text(empty), text("running"), text(log)}})
		if !strings.Contains(strings.Join(f.Evidence, "\n"), "relay "+relay+", ") || f.Fix == nil ||
			strings.Contains(f.Fix.Text, "see that mail.example.net") != (relay == "mail.example.net") {
			t.Errorf("%s: evidence %q, fix %+v", log, f.Evidence, f.Fix)
		}
	}
	in.Answers.Mail.MX = true // its servers have names of their own
	if f := judgeMail(in, Seen{Answers: []remote.Answer{text("mail.example.net"), text(empty), text("running"), text(strays)}}); f.Status != Passed || !strings.Contains(f.Got, "smart.example.org") {
		t.Errorf("by MX: %s, %q", f.Status, f.Got)
	}
}

func TestJudgeTime(t *testing.T) {
	t.Parallel()
	in := labIn(t)
	in.Facts.Virt = "kvm"
	const (
		ok    = "ntp_gettime() returns code 0 (OK)\n  time ee\n  maximum error 2500 us\nntp_adjtime() returns code 0 (OK)\n  modes 0x0 (),\n  offset -1234.5 us, frequency 1 ppm\n"
		err   = "ntp_gettime() returns code 5 (ERROR)\n  time ee\nntp_adjtime() returns code 5 (ERROR)\n  offset 0.000 us\n"
		peers = "     remote   refid\n*198.51.100.1 .LOCL. 5 u\n"
	)
	off := strings.Replace(ok, "-1234.5", "900000.0", 1)
	for _, c := range []struct {
		name                      string
		ntptime, zone, ntpq, unit remote.Answer
		want                      ItemStatus
		got                       string
	}{
		{"synchronised", text(ok), text("UTC"), text(peers), text(unitActive), Passed, "-1.234 ms"},
		{"Etc/UTC is UTC", text(ok), text("Etc/UTC"), text(peers), text(unitActive), Passed, "zone UTC"},
		{"not yet", text(err), text("UTC"), text("remote"), text(unitActive), Waiting, "looks for servers"},
		{"follows, kernel not yet", text(err), text("UTC"), text(peers), text(unitActive), Waiting, "how fast the clock runs"},
		{"kernel still, daemon no more", text(ok), text("UTC"), text("     remote   refid\n 198.51.100.1 .INIT. 16 u\n"), text(unitActive), Waiting, "follows no server"},
		{"by a pulse", text(ok), text("UTC"), text("     remote   refid\noPPS(0) .PPS. 0 l\n"), text(unitActive), Passed, "zone UTC"},
		{"daemon does not say", text(ok), text("UTC"), text("ntpq: read: Connection refused"), text(unitActive), Passed, "zone UTC"},
		{"far off", text(off), text("UTC"), text(peers), text(unitActive), Failed, "900.000 ms"},
		{"wrong zone", text(ok), text("Europe/Berlin"), text(peers), text(unitActive), Failed, "Europe/Berlin"},
		{"daemon stopped", text(err), text("UTC"), text(""), text(strings.Replace(unitActive, "active", "inactive", 1)), Failed, "inactive"},
		{"no ntptime", ended(127), text("UTC"), text(""), text(unitActive), Unknown, "not measured"},
		{"no answer", text(ok), remote.Answer{Issue: "timeout"}, text(peers), text(unitActive), Unknown, "not measured"},
	} {
		f := judgeTime(in, Seen{Answers: []remote.Answer{c.ntptime, c.zone, c.ntpq, c.unit}})
		if f.Status != c.want || !strings.Contains(f.Got, c.got) || c.want == Waiting && f.Again == nil {
			t.Errorf("%s: %s, %q", c.name, f.Status, f.Got)
		}
	}
}

func TestJudgeDNS(t *testing.T) {
	t.Parallel()
	in := labIn(t)
	in.Answers.Network.IPv6, in.Answers.Network.Gateway6 = "", ""
	const (
		arpa = "11.100.51.198.in-addr.arpa"
		a    = "198.51.100.11   STREAM stats.example.net\n198.51.100.11   DGRAM\n"
		ptr  = "198.51.100.11   stats.example.net\n"
	)
	out := func(typ, name string, hops, values []string) remote.LookupAnswer {
		return remote.LookupAnswer{Lookup: remote.Lookup{Name: name, Type: typ}, Asked: "9.9.9.9:53", Code: "ok", Hops: hops, Values: values}
	}
	forward := out("A", "stats.example.net", nil, []string{"198.51.100.11"})
	hop := []string{arpa + " -> stats.ptr.example.net"}
	back := out("PTR", arpa, hop, []string{"stats.example.net"})
	none := remote.LookupAnswer{Lookup: remote.Lookup{Name: arpa, Type: "PTR"}, Code: "no such name"}
	for _, c := range []struct {
		name    string
		server  []remote.Answer
		outside []remote.LookupAnswer
		want    ItemStatus
		got     string
	}{
		{"all", []remote.Answer{text(a), text(ptr)}, []remote.LookupAnswer{forward, back}, Passed, "here and outside"},
		{"without the CNAME", []remote.Answer{text(a), text(ptr)}, []remote.LookupAnswer{forward, out("PTR", arpa, nil, []string{"stats.example.net"})}, Passed, "without the page's CNAME"},
		{"no PTR anywhere", []remote.Answer{text(a), ended(2)}, []remote.LookupAnswer{forward, none}, Failed, "not there"},
		{"not at the server yet", []remote.Answer{text(a), ended(2)}, []remote.LookupAnswer{forward, back}, Waiting, "caches"},
		{"another address too", []remote.Answer{text(a), text(ptr)}, []remote.LookupAnswer{out("A", "stats.example.net", nil, []string{"198.51.100.11", "192.0.2.1"}), none}, Failed, "192.0.2.1"},
		{"outside silent", []remote.Answer{text(a), text(ptr)}, []remote.LookupAnswer{forward, {Issue: "9.9.9.9:53: gave no answer"}}, Unknown, "gave no answer"},
		{"outside not asked", []remote.Answer{text(a), text(ptr)}, nil, Unknown, "not asked"},
		{"server silent", []remote.Answer{{Issue: "timeout"}, text(ptr)}, []remote.LookupAnswer{forward, back}, Unknown, "no answer"},
	} {
		f := judgeDNS(in, Seen{Answers: c.server, Lookups: c.outside})
		if f.Status != c.want || !strings.Contains(f.Got, c.got) {
			t.Errorf("%s: %s, %q", c.name, f.Status, f.Got)
		}
	}
}

// The evidence has each hop, from outside and by the server's own resolver.
func TestDNSShowsTheHops(t *testing.T) {
	t.Parallel()
	in := labIn(t)
	in.Answers.Network.IPv6, in.Answers.Network.Gateway6 = "", ""
	in.Facts.DNS = []netip.Addr{netip.MustParseAddr("198.51.100.1")}
	var answers []remote.LookupAnswer
	for _, q := range itemDNS.Lookups(in) {
		a := remote.LookupAnswer{Lookup: q, Asked: "outside", Code: "ok", Values: []string{"198.51.100.11"}}
		if q.FromServer {
			a.Asked = q.Resolver
		}
		if q.Type == "PTR" {
			a.Hops, a.Values = []string{q.Name + " -> stats.PTR.example.net"}, []string{"stats.example.net"}
		}
		answers = append(answers, a)
	}
	f := judgeDNS(in, Seen{Answers: []remote.Answer{text("198.51.100.11 STREAM stats.example.net\n"), text("198.51.100.11 stats.example.net\n")}, Lookups: answers})
	said := strings.Join(f.Evidence, "\n")
	for _, where := range []string{"outside (outside)", "at the server (198.51.100.1)"} {
		if want := where + ": 11.100.51.198.in-addr.arpa -> CNAME stats.PTR.example.net -> PTR stats.example.net"; f.Status != Passed || !strings.Contains(said, want) {
			t.Errorf("%s; no %q in\n%s", f.Status, want, said)
		}
	}
}

func TestReverseName(t *testing.T) {
	t.Parallel()
	in := labIn(t)
	want := []string{
		"11.100.51.198.in-addr.arpa. IN CNAME stats.PTR.example.net.",
		"1.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.5.0.0.8.b.d.0.1.0.0.2.ip6.arpa. IN CNAME stats.PTR.example.net.",
	}
	if got := providerRecords(in); !slices.Equal(got, want) {
		t.Error(strings.Join(got, "\n"))
	}
}

func TestJudgeAddress(t *testing.T) {
	t.Parallel()
	in := labIn(t)
	const (
		link = `[{"ifname":"lo"},{"ifname":"eth0","address":"52:54:00:51:00:11","addr_info":[{"local":"198.51.100.11","prefixlen":24},{"local":"2001:db8:51::11","prefixlen":64}]}]`
		r4   = `[{"dev":"eth0","gateway":"198.51.100.1"}]`
		r6   = `[{"dev":"eth0","gateway":"2001:db8:51::1"}]`
	)
	reach := func(v6 remote.ReachOutcome) []remote.Reach {
		out := make([]remote.Reach, 2)
		for i, a := range itemAddress.Outside(in) {
			out[i] = remote.Reach{Addr: a, Outcome: remote.ReachOpen}
		}
		out[1].Outcome = v6
		return out
	}
	for _, c := range []struct {
		name, link, r4, r6 string
		v6                 remote.ReachOutcome
		want               ItemStatus
		got                string
	}{
		{"all", link, r4, r6, remote.ReachOpen, Passed, "reached"},
		{"IPv6 not seen from here", link, r4, r6, remote.ReachUnreachable, Unknown, "2001:db8:51::11"},
		{"old name", strings.Replace(link, "eth0", "ens3", 1), r4, r6, remote.ReachOpen, Failed, "no eth0"},
		{"prefix", strings.Replace(link, `"prefixlen":64`, `"prefixlen":128`, 1), r4, r6, remote.ReachOpen, Failed, "/128"},
		{"tentative", strings.Replace(link, `"prefixlen":64`, `"prefixlen":64,"tentative":true`, 1), r4, r6, remote.ReachOpen, Failed, "tentative"},
		{"twice on the link", strings.Replace(link, `"prefixlen":64`, `"prefixlen":64,"dadfailed":true,"tentative":true`, 1), r4, r6, remote.ReachOpen, Failed, "another machine"},
		{"no IPv6 route", link, r4, `[]`, remote.ReachOpen, Failed, "no IPv6 default route"},
		{"route elsewhere", link, `[{"dev":"wg0"}]`, r6, remote.ReachOpen, Failed, "no IPv4 default route"},
		{"not JSON", "Object", r4, r6, remote.ReachOpen, Unknown, "not measured"},
	} {
		f := judgeAddress(in, Seen{Answers: []remote.Answer{text(c.link), text(c.r4), text(c.r6)}, Outside: reach(c.v6)})
		if f.Status != c.want || !strings.Contains(f.Got, c.got) {
			t.Errorf("%s: %s, %q", c.name, f.Status, f.Got)
		}
	}
}

func TestReportHoldsNoSecretAndSaysWhatIsOpen(t *testing.T) {
	t.Parallel()
	r := loadRecording(t, "debian12-done")
	in := In{Answers: labAnswers(), Facts: r.Facts}
	findings := []Finding{
		{Item: "hostname", Title: "Is the hostname set?", Status: Passed, Got: "stats"},
		{Item: "dns", Title: "DNS?", Status: Failed, Got: "no PTR | <b>", Evidence: []string{"```", "\x1b[31mred"}, Fix: &Fix{Text: "enter it"}},
		{Item: "monitoring", Title: "Handed over?", Status: Manual, Got: "ask on the list"},
	}
	rep := newReport(in, findings, r.answers(itemServicesOther.Probes(in)), time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC))
	md := rep.Markdown()
	for _, want := range []string{"NOT ready", "dns (failed): no PTR", "enter it", `no PTR \| &lt;b>`, "monitoring: ask on the list", "161/udp", snmpCredentials, "AllStarLink itself", "Subject: stats.example.net", "\n````\n```\nred\n````\n", "stats.example.net ansible_host="} {
		if !strings.Contains(md, want) {
			t.Errorf("the report does not say %q:\n%s", want, md)
		}
	}
	if rep.Ready || strings.Contains(md, "\x1b") {
		t.Error("ready in spite of a red item, or an escape sequence came through")
	}
}
