package checklist

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aslwiz/remote"
)

// itemHostname asks for the name everywhere the server keeps it. hostname -f may
// wait for a DNS server that does not answer: its time is limited.
var itemHostname = Item{
	ID:    "hostname",
	Title: "Is the hostname set?",
	Probes: func(In) []remote.Probe {
		return []remote.Probe{
			remote.ReadFile(hostnameFile),
			remote.ReadSetting("kernel host name", "uname -n"),
			remote.ReadCommand("hostname", "-f").Within(8 * time.Second),
			remote.ReadFile(hostsFile),
			remote.ReadSetting("boots", rebootRead),
		}
	},
	Judge: judgeHostname,
}

func judgeHostname(in In, seen Seen) Finding {
	name, fqdn := in.Answers.Hostname, in.Answers.FQDN()
	f := Finding{Want: name + ", in full " + fqdn}
	file, err0 := seen.Answers[0].File()
	kernel, err1 := seen.Answers[1].Text()
	hosts, err3 := seen.Answers[3].File()
	for _, err := range []error{err0, err1, err3, seen.Answers[2].Err()} {
		if err != nil {
			return unknown(f, err)
		}
	}
	if name == "" {
		return unknown(f, fmt.Errorf("the server's name is not answered"))
	}
	full, err := seen.Answers[2].Text()
	if err != nil {
		full = "nothing (" + err.Error() + ")"
	}
	stored := remote.FirstLine(string(file.Content))
	f.Evidence = []string{hostnameFile + ": " + stored, "uname -n: " + kernel, "hostname -f: " + full}
	own := ownHostLines(string(hosts.Content))
	f.Evidence = append(f.Evidence, own...)
	var wrong []string
	if stored != name {
		wrong = append(wrong, fmt.Sprintf("%s says %q", hostnameFile, stored))
	}
	if kernel != name {
		wrong = append(wrong, fmt.Sprintf("the kernel says %q", kernel))
	}
	if full != fqdn {
		wrong = append(wrong, fmt.Sprintf("hostname -f says %s", full))
	}
	if !slices.ContainsFunc(own, func(l string) bool { return slices.Contains(strings.Fields(l), fqdn) }) {
		wrong = append(wrong, hostsFile+" does not name "+fqdn)
	}
	if len(wrong) > 0 {
		f.Status, f.Got = Failed, strings.Join(wrong, "; ")
		f.Fix = &Fix{Kind: FixStep, Step: "hostname", Text: "run the step hostname"}
		return f
	}
	f.Status, f.Got = Passed, f.Want
	if boots, err := seen.Answers[4].Text(); err == nil {
		f.Evidence = append(f.Evidence, keptByReboot(boots))
	}
	return f
}

// ownHostLines are the lines of /etc/hosts that give addresses names, without
// those of the loopback and of multicast.
func ownHostLines(text string) (out []string) {
	for line := range strings.Lines(remote.CleanText(text)) {
		w := strings.Fields(line)
		if len(w) > 1 && !strings.HasPrefix(w[0], "#") && w[0] != "127.0.0.1" && w[0] != "::1" && !strings.HasPrefix(w[0], "ff") {
			out = append(out, strings.Join(w, " "))
		}
	}
	return out
}

// keptByReboot says what rebootRead's lines prove about a name that is right now.
func keptByReboot(boots string) string {
	ids := append(strings.Split(boots, "\n"), "-", "-")
	if ids[2] == "-" || ids[2] == "" || ids[2] == ids[0] || ids[1] == ids[0] {
		return "not restarted since it was set: item services asks for that"
	}
	return "kept by a reboot"
}
