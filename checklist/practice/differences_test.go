package practice

import "strings"

// difference is where the practice server answers otherwise than a real machine
// of the lab, and why that is right.
type difference struct {
	file   string // of the recording; "" for all that hold the probe, inLab for all of the lab's server
	probe  string
	reason string
	// sometimes: in another moment of the same state the real machine answers alike.
	sometimes bool
}

const (
	inLab         = "the lab's server"
	replayFresh   = "replay/debian12-fresh.json"
	replayDone    = "replay/debian12-done.json"
	recordedFresh = "recorded/debian12-fresh.json"
	recordedDone  = "recorded/debian12-done.json"
	container     = "recorded in a container, whose card, clock and mounts are its host's; the practice server is a machine of its own"
)

func differences() []difference {
	return append(tunnelsApart(), []difference{
		{probe: "setting machine", reason: "the practice server has what the page asks of a machine: two processors, 4 GiB, 40 GB"},
		{file: inLab, probe: "setting apt's lists", reason: "the lab has a mirror of its own", sometimes: true},
		{file: inLab, probe: "setting age of the initramfs", reason: "the files of the lab's image are older than the initramfs in it, or younger, as it was put together", sometimes: true},
		{file: inLab, probe: "file /etc/screenrc", reason: "the lab takes out every line about ti@:te@, a commented one of Debian's too, and has the page's put in again", sometimes: true},
		{file: inLab, probe: "setting ntptime", reason: "a clock that was set needs minutes until the kernel calls it synchronised", sometimes: true},
		{file: inLab, probe: "setting ntpq", reason: "the daemon needs minutes to choose whom it follows", sometimes: true},
		{file: inLab, probe: "command findmnt -rno TARGET,SOURCE,FSTYPE", reason: "who logs in has a folder of their own in /run/user", sometimes: true},
		{file: replayDone, probe: "command ip -j address", reason: container},
		{file: recordedFresh, probe: "command ip -j address", reason: container},
		{file: recordedDone, probe: "command ip -j address", reason: container},
		{file: replayDone, probe: "command findmnt -rno TARGET,SOURCE,FSTYPE", reason: container},
		{file: replayDone, probe: "command ss -Htln", reason: "the lab's container has a second sshd on port 2222"},
		{file: replayDone, probe: "file /etc/hosts", reason: "the lab's container was built without the names of multicast"},
		{file: replayDone, probe: "file /etc/fail2ban/jail.local", reason: "recorded before the template began with who wrote it"},
		{probe: "setting apt's sources", reason: "the lab has a mirror of its own"},
		{file: replayFresh, probe: "setting apt's lists", reason: "the lab has a mirror of its own"},
		{file: replayDone, probe: "setting apt's lists", reason: "the lab has a mirror of its own"},
		{file: recordedDone, probe: "setting apt's lists", reason: "the lab has a mirror of its own"},
		{file: recordedDone, probe: "command ss -Hlntup", reason: container + ", and was recorded without strongSwan and ntpsec running"},
		{file: recordedDone, probe: "setting ntptime", reason: container},
		{file: recordedDone, probe: "setting ntpq", reason: container},
		{file: recordedDone, probe: "unit ntpsec.service", reason: container},
		{file: recordedDone, probe: "setting mail sent", reason: "three mails were sent there by hand"},
	}...)
}

// tunnelsApart are the tunnels of a server where one was broken.
func tunnelsApart() []difference {
	var out []difference
	for _, file := range []string{"broken-1", "broken-2", "broken-3"} {
		for _, name := range []string{"two-4", "two-6", "nms-4", "nms-6"} {
			out = append(out, difference{file: file, probe: "setting tunnel " + name, reason: "how far two ends have come apart is a matter of moments", sometimes: true})
		}
	}
	return out
}

func differenceOf(file, probe string) (difference, bool) {
	for _, d := range differences() {
		if (d.file == "" || d.file == file || d.file == inLab && !strings.Contains(file, "/")) && d.probe == probe {
			return d, true
		}
	}
	return difference{}, false
}
