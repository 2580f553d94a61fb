package checklist

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aslwiz/remote"
)

// itemServices is the page's first question. A reboot by the step of that name
// must lie between then and now, or nothing was proved.
var itemServices = Item{
	ID:    "services",
	Title: "After a reboot, do all services start properly?",
	Probes: func(in In) []remote.Probe {
		probes := []remote.Probe{
			remote.ReadSetting("boots", rebootRead),
			remote.ReadSetting("system state", "systemctl is-system-running || :"),
			remote.ReadCommand("systemctl", "--failed", "--plain", "--no-legend"),
			remote.ReadSetting("failed before the reboot", "tail -n +2 "+rebootedFile+" 2>/dev/null || :"),
		}
		for _, s := range watched(in) {
			probes = append(probes, remote.ReadUnit(s.unit))
		}
		return probes
	},
	Judge: judgeServices,
}

// watchedUnit is a unit and the step that is responsible for it.
type watchedUnit struct{ unit, step string }

// watched are the units of all steps, each once.
func watched(in In) (out []watchedUnit) {
	for _, s := range Steps() {
		if s.Services == nil {
			continue
		}
		for _, u := range s.Services(in) {
			if u != "" && !slices.ContainsFunc(out, func(w watchedUnit) bool { return w.unit == u }) {
				out = append(out, watchedUnit{unit: u, step: s.ID})
			}
		}
	}
	return out
}

func judgeServices(in In, seen Seen) Finding {
	f := Finding{Want: "restarted by aslwiz, nothing failed, every service running and set to start"}
	boots, err0 := seen.Answers[0].Text()
	state, err1 := seen.Answers[1].Text()
	failed, err2 := seen.Answers[2].Text()
	before, err3 := seen.Answers[3].Text()
	for _, err := range []error{err0, err1, err2, err3} {
		if err != nil {
			return unknown(f, err)
		}
	}
	ids := append(strings.Split(boots, "\n"), "-", "-")
	f.Evidence = []string{"systemctl is-system-running: " + state}
	if ids[2] == "-" || ids[2] == "" || ids[2] == ids[0] {
		f.Status, f.Got = Failed, "not restarted since aslwiz set it up"
		f.Fix = &Fix{Kind: FixStep, Step: "reboot", Text: "run the step reboot, and look again"}
		return f
	}
	f.Evidence = append(f.Evidence, "this boot is "+ids[0]+", the one before the reboot step's restart was "+ids[2])
	if state == "initializing" || state == "starting" {
		return waiting(f, "still starting", 30*time.Second)
	}
	return judgeUnits(f, watched(in), seen.Answers[4:], unitNames(failed), strings.Fields(before))
}

// judgeUnits looks at each unit of the steps, then at whatever else failed.
func judgeUnits(f Finding, units []watchedUnit, answers []remote.Answer, failed, before []string) Finding {
	var bad, notYet []string
	for i, w := range units {
		u, err := answers[i].Unit()
		if err != nil {
			return unknown(f, err)
		}
		f.Evidence = append(f.Evidence, w.unit+": "+describeUnit(u))
		switch {
		case u.Active == "active" && startsAtBoot(u):
		case u.Active == "activating" || u.Active == "reloading":
			notYet = append(notYet, w.unit)
		default:
			bad = append(bad, w.unit+" ("+describeUnit(u)+")")
			if f.Fix == nil {
				f.Fix = &Fix{Kind: FixStep, Step: w.step, Text: fmt.Sprintf("run the step %s; `journalctl -u %s -b` says why it is not up", w.step, w.unit)}
			}
		}
	}
	for _, u := range failed {
		when := "failed since the reboot"
		if slices.Contains(before, u) {
			when = "failed, as it had before the reboot"
		}
		f.Evidence = append(f.Evidence, u+": "+when)
		if !slices.ContainsFunc(bad, func(b string) bool { return strings.HasPrefix(b, u+" ") }) {
			bad = append(bad, u+" ("+when+")")
		}
		if f.Fix == nil {
			f.Fix = &Fix{Kind: FixHand, Text: fmt.Sprintf("see `systemctl status %s` and `journalctl -u %s -b` on the server", u, u)}
		}
	}
	switch {
	case len(bad) > 0:
		f.Status, f.Got = Failed, strings.Join(bad, ", ")
	case len(notYet) > 0:
		return waiting(f, strings.Join(notYet, ", ")+" still starting", 30*time.Second)
	default:
		f.Status, f.Got = Passed, fmt.Sprintf("restarted, nothing failed, %d services running and set to start", len(units))
	}
	return f
}

// unitNames are the first words of systemctl's list. A unit may be marked with a
// dot before its name.
func unitNames(list string) (names []string) {
	for line := range strings.Lines(list) {
		if w := strings.Fields(strings.TrimLeft(line, "●* ")); len(w) > 0 {
			names = append(names, w[0])
		}
	}
	return names
}

func startsAtBoot(u remote.UnitState) bool {
	return slices.Contains([]string{"enabled", "static", "alias", "generated"}, u.Enabled)
}

// unknown is a finding that could not be made.
func unknown(f Finding, err error) Finding {
	f.Status, f.Got = Unknown, "not measured: "+err.Error()
	return f
}

// waiting is a finding that needs time.
func waiting(f Finding, got string, again time.Duration) Finding {
	at := time.Now().Add(again)
	f.Status, f.Got, f.Again, f.Fix = Waiting, got, &at, nil
	return f
}
