package checklist

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"aslwiz/templates"
)

const logForward = "/etc/rsyslog.d/60-aslwiz.conf"

// stepLogging sends the server's log to the log host.
// Sources: the page, "Logging will be sucked up by graylog"; rsyslog's omfwd and
// queue parameters; RFC 5424 for the form, which carries the time zone and the
// host's name.
var stepLogging = Step{
	ID:       "logging",
	Title:    "send the log to the log host",
	Why:      "what a server logged is of use when it is read beside the others', and when the server itself is gone",
	Limit:    20 * time.Minute,
	Follows:  []string{"python", "users", "packages", "bash-completion", "postfix", "snmp"},
	Services: loggingServices,
	Want:     wantLogging,
}

func loggingServices(in In) []string {
	if in.Answers.Logging.Host == "" {
		return nil
	}
	return []string{"rsyslog.service"}
}

func wantLogging(in In) ([]Resource, error) {
	l := in.Answers.Logging
	if l.Host == "" {
		return []Resource{manual("log host", "the answers name no log host: logging.host is where the log goes, by UDP to port 514 unless logging.protocol and logging.port say otherwise")}, nil
	}
	content, err := templates.Render(in.Facts.Release.Dir, logForward, map[string]any{
		"Host": l.Host, "Port": l.LogPort(), "Protocol": l.LogProtocol(), "DiskMiB": 256,
	})
	if err != nil {
		return nil, err
	}
	return []Resource{
		packagesFor(in, "rsyslog"),
		File{
			Path: logForward, Content: content,
			After: []string{"systemctl --no-block try-restart rsyslog.service"},
			Note: fmt.Sprintf("the log goes to %s in the clear: through the tunnel where there is one to it",
				net.JoinHostPort(l.Host, strconv.Itoa(l.LogPort()))+"/"+l.LogProtocol()),
		},
		Service{Unit: "rsyslog.service", Restart: true},
	}, nil
}
