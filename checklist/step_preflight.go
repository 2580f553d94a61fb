package checklist

import "aslwiz/remote"

// stepPreflight looks whether the machine is what the page asks for. It changes
// nothing: what falls short is the provider's to mend, and the admin's to accept.
// Source: the page, "Basic Requirements" and the first point of the install guide.
var stepPreflight = Step{
	ID:    "preflight",
	Title: "look whether the server is as it should be",
	Why:   "what the provider has to mend is cheapest to mend now",
	Want: func(in In) ([]Resource, error) {
		f := in.Facts
		return []Resource{
			fact(checkRelease, func() Change { return judgeRelease(f) }),
			fact(checkCores, func() Change { return judgeCores(f) }),
			fact(checkSpeed, func() Change { return judgeSpeed(f) }),
			fact(checkMemory, func() Change { return judgeMemory(f) }),
			fact(checkDisk, func() Change { return judgeDisk(f) }),
			fact("space left", func() Change { return judgeSpace(f) }),
			fact("/ can be written", func() Change { return judgeReadOnly(f) }),
			asked(checkPartitions, mountsProbe, judgePartitions),
			fact(checkIPv6, func() Change { return judgeIPv6(f) }),
			fact(checkVirt, func() Change { return judgeVirt(f) }),
			reported("Secure Boot", secureBootProbe, judgeSecureBoot),
			reported("cloud-init", cloudInitProbe, judgeCloudInit),
			reported("apt's sources", aptReachProbe, judgeAptReach),
			Check{Title: "dpkg", Ask: []remote.Probe{dpkgProbe}, Judge: judgeDpkg},
			reported("another firewall", firewallsProbe, judgeFirewalls),
			fact("clock", func() Change { return judgeClock(f) }),
			reported("security updates", updatesProbe, judgeUpdates),
			reported("root's password", rootPasswordProbe, judgeRootPassword),
		}, nil
	},
}

// The checks whose shortfall is the provider's to mend.
const (
	checkRelease    = "operating system"
	checkCores      = "processors"
	checkSpeed      = "processor speed"
	checkMemory     = "memory"
	checkDisk       = "disk"
	checkPartitions = "partitions"
	checkIPv6       = "IPv6"
	checkVirt       = "kind of machine"
)

// fact is a check that the facts answer.
func fact(title string, judge func() Change) Check {
	return Check{Title: title, Judge: func([]remote.Answer) (Change, error) { return judge(), nil }}
}

// asked is a check of what one probe prints.
func asked(title string, p remote.Probe, judge func(text string) Change) Check {
	return Check{Title: title, Ask: []remote.Probe{p}, Judge: func(a []remote.Answer) (Change, error) {
		text, err := a[0].Text()
		if err != nil {
			return Change{}, err
		}
		return judge(text), nil
	}}
}

// reported is a check that the page does not ask for: where it cannot be read,
// that is said, and nothing stops.
func reported(title string, p remote.Probe, judge func(text string) Change) Check {
	c := asked(title, p, judge)
	strict := c.Judge
	c.Judge = func(a []remote.Answer) (Change, error) {
		ch, err := strict(a)
		if err != nil {
			return Change{Now: "not known: " + err.Error(), Want: "nothing that stands in the way"}, nil
		}
		return ch, nil
	}
	return c
}
