package checklist

import (
	"errors"
	"strings"

	"aslwiz/templates"
)

const (
	hostnameFile = "/etc/hostname"
	hostsFile    = "/etc/hosts"
	cloudPin     = "/etc/cloud/cloud.cfg.d/99-aslwiz-hostname.cfg"
)

// stepHostname gives the server its name, now and after every boot.
// Sources: the page, "set the host name"; hostname(5), hosts(5). 127.0.1.1 is
// Debian's way to resolve a server's own name without DNS (Debian Reference 5.1.1).
var stepHostname = Step{
	ID:     "hostname",
	Title:  "set the host name",
	Why:    "logs, mail and the monitoring all know the server by this name, and postfix keeps the one it finds",
	AtBoot: true,
	Want:   wantHostname,
}

func wantHostname(in In) ([]Resource, error) {
	name, fqdn := in.Answers.Hostname, in.Answers.FQDN()
	if name == "" || in.Answers.Domain == "" {
		return nil, errors.New("the server's name is not answered: give hostname and domain")
	}
	want := []Resource{
		File{Path: hostnameFile, Content: name + "\n"},
		Edit{
			Path: hostsFile, What: "127.0.1.1 is " + fqdn + " " + name,
			Apply: func(old string) (string, error) { return setOwnHost(old, fqdn, name), nil },
			Note:  "beyond the page: with it the server knows its full name without asking DNS",
		},
		Setting{
			Title: "kernel host name",
			Read:  "uname -n",
			Write: `read -r name; hostname "$name"`,
			Want:  name,
			Set:   "run hostname " + quote(name),
		},
	}
	if in.Facts.CloudInit {
		pin, err := templates.Render(in.Facts.Release.Dir, cloudPin, nil)
		if err != nil {
			return nil, err
		}
		want = append(want, File{Path: cloudPin, Content: pin, Note: "cloud-init would set its own name again at every boot"})
	}
	return want, nil
}

// setOwnHost makes one line of /etc/hosts say the server's own name and keeps
// all others.
func setOwnHost(old, fqdn, name string) string {
	const own = "127.0.1.1"
	line := own + "\t" + fqdn + " " + name + "\n"
	var out []string
	done := false
	for l := range strings.Lines(old) {
		w := strings.Fields(l)
		if len(w) == 0 || w[0] != own {
			out = append(out, l)
			continue
		}
		if done {
			continue
		}
		done = true
		if len(w) == 3 && w[1] == fqdn && w[2] == name {
			out = append(out, l)
		} else {
			out = append(out, line)
		}
	}
	if done {
		return strings.Join(out, "")
	}
	for i, l := range out {
		if w := strings.Fields(l); len(w) > 0 && w[0] == "127.0.0.1" {
			if !strings.HasSuffix(l, "\n") {
				out[i] = l + "\n"
			}
			return strings.Join(out[:i+1], "") + line + strings.Join(out[i+1:], "")
		}
	}
	return line + strings.Join(out, "")
}
