package checklist

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"aslwiz/remote"
)

// itemTime believes the kernel, which ntptime asks, and shows what the daemon
// says. Both need minutes after a start.
// Sources: the page, "Is the time set via ntp ntptime and is the timezone set to
// UTC?"; ntp_adjtime(2) for the codes.
var itemTime = Item{
	ID:    "time",
	Title: "Is the time set via NTP, and is the time zone UTC?",
	Probes: func(in In) []remote.Probe {
		return []remote.Probe{
			remote.ReadSetting("ntptime", "command -v ntptime >/dev/null || exit 127\nLC_ALL=C ntptime 2>&1 || :"),
			remote.ReadCommand("timedatectl", "show", "--property=Timezone", "--value"),
			remote.ReadSetting("ntpq", "command -v ntpq >/dev/null || exit 127\nntpq -np 2>&1 || :").Within(20 * time.Second),
			remote.ReadUnit(ntpUnit(in)),
		}
	},
	Judge: judgeTime,
}

var (
	ntpCode   = regexp.MustCompile(`ntp_gettime\(\) returns code (\d+) \(([A-Z]+)\)`)
	ntpOffset = regexp.MustCompile(`(?m)^\s*offset\s+(-?[0-9.]+) us`)
	// ntpPeer is the source that the daemon follows: a server, or a pulse per second.
	ntpPeer = regexp.MustCompile(`(?m)^[*o](\S+)`)
)

// maxOffset is how far off a clock may be that calls itself synchronised, in
// microseconds: IPsec, logs and certificates all live with that.
const maxOffset = 500_000

func judgeTime(in In, seen Seen) Finding {
	f := Finding{Want: "the clock is synchronised by " + ntpUnit(in) + ", the zone is UTC"}
	zone, err := seen.Answers[1].Text()
	if err != nil {
		return unknown(f, err)
	}
	f.Evidence = []string{"time zone: " + zone}
	if !isUTC(zone) {
		f.Status, f.Got = Failed, "the time zone is "+zone
		f.Fix = &Fix{Kind: FixStep, Step: "timezone", Text: "run the step timezone"}
		return f
	}
	if isContainer(in.Facts.Virt) {
		return unknown(f, fmt.Errorf("a container (%s) has its host's clock: look there", in.Facts.Virt))
	}
	unit, err := seen.Answers[3].Unit()
	if err != nil {
		return unknown(f, err)
	}
	if unit.Active != "active" {
		f.Status, f.Got = Failed, ntpUnit(in)+" is "+describeUnit(unit)
		f.Fix = &Fix{Kind: FixStep, Step: "time", Text: "run the step time"}
		return f
	}
	text, err := seen.Answers[0].Text()
	if err != nil {
		return unknown(f, err)
	}
	code := ntpCode.FindStringSubmatch(text)
	if code == nil {
		return unknown(f, fmt.Errorf("ntptime: %s", remote.FirstLine(text)))
	}
	f.Evidence = append(f.Evidence, code[0])
	peers, _ := seen.Answers[2].Text()
	peer := ntpPeer.FindStringSubmatch(peers)
	if peer != nil {
		f.Evidence = append(f.Evidence, "follows "+peer[1])
	}
	return judgeSync(f, code[2], ntpOffset.FindStringSubmatch(text), peer != nil, peers)
}

func judgeSync(f Finding, code string, offset []string, follows bool, peers string) Finding {
	if code == "ERROR" {
		got := "not synchronised yet: the daemon looks for servers that agree"
		if follows {
			// ntpd does that at a start without a drift file, which it first writes after an hour.
			got = "not synchronised yet: the daemon follows a server, and may first measure for five minutes how fast the clock runs"
		}
		f.Evidence = append(f.Evidence, lastLines(peers, 6)...)
		return waiting(f, got, 30*time.Second)
	}
	if !follows && strings.Contains(peers, "refid") {
		f.Evidence = append(f.Evidence, lastLines(peers, 6)...)
		return waiting(f, "the kernel calls the clock synchronised, and the daemon follows no server", 30*time.Second)
	}
	f.Status, f.Got = Passed, "synchronised, zone UTC"
	if offset != nil {
		var us float64
		_, _ = fmt.Sscanf(offset[1], "%g", &us)
		f.Got = fmt.Sprintf("synchronised, %.3f ms off, zone UTC", us/1000)
		if us > maxOffset || us < -maxOffset {
			f.Status = Failed
			f.Fix = &Fix{Kind: FixStep, Step: "time", Text: "look at ntpq -p on the server: " + strings.Join(lastLines(peers, 2), " ")}
		}
	}
	return f
}
