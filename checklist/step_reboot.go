package checklist

import (
	"strings"
	"time"

	"aslwiz/remote"
)

// rebootedFile on a server holds the id of the boot that the reboot step ended,
// then the units that had failed in it.
const rebootedFile = "/var/lib/aslwiz/rebooted"

// stepReboot restarts the server: the page's first item asks what comes up again.
// It reboots once, and again when a step that only a reboot proves has changed
// something in the present boot.
// Source: the page, "reboot the server/vm, do all services start properly?".
var stepReboot = Step{
	ID:      "reboot",
	Title:   "reboot the server",
	Why:     "a server that was never restarted since it was set up will surprise somebody on the day it must be",
	Follows: []string{"hostname", "network", "nic-name"},
	Guarded: true,
	Reboots: true,
	Limit:   10 * time.Minute,
	Want:    func(In) ([]Resource, error) { return []Resource{reboot{}}, nil },
}

// reboot is that the server was restarted since the last change that needs it.
type reboot struct{}

// rebootRead prints three boot ids, a line each: the present one, the one in
// which something changed that only a reboot proves, the one that the reboot
// step ended. "-" stands for none.
const rebootRead = `cat /proc/sys/kernel/random/boot_id
head -n 1 ` + changedFile + ` 2>/dev/null || echo -
head -n 1 ` + rebootedFile + ` 2>/dev/null || echo -`

func (reboot) Name() string { return "reboot" }

func (reboot) Probes() []remote.Probe {
	return []remote.Probe{remote.ReadSetting("boots", rebootRead)}
}

func (reboot) Compare(answers []remote.Answer) (Change, error) {
	text, err := answers[0].Text()
	if err != nil {
		return Change{}, err
	}
	ids := append(strings.Split(text, "\n"), "-", "-")
	now, changed, ended := ids[0], ids[1], ids[2]
	c := Change{Kind: "reboot", Want: "restarted since the last change that needs it"}
	switch {
	case ended == "-" || ended == "":
		c.Now = "never restarted by aslwiz"
	case ended == now:
		c.Now = "told to restart, and still in the same boot"
	case changed == now:
		c.Now = "something changed since the last restart that only a restart proves"
	default:
		c.Now, c.Same = c.Want, true
		return c, nil
	}
	c.Script = []string{
		"# What item services compares with: this boot, and what had failed in it.",
		"{",
		"  cat /proc/sys/kernel/random/boot_id",
		"  systemctl --failed --plain --no-legend | cut -d ' ' -f 1",
		"} >" + rebootedFile + ".new",
		"mv " + rebootedFile + ".new " + rebootedFile,
		"run systemctl --no-block reboot",
	}
	return c, nil
}
