//go:build lab

// Package lab drives the real test machines of lab.sh from Go tests: a Debian 12 server to
// provision, a Debian 13 peer, a Debian 12 monitoring system, a Debian 12 on which much runs
// already and a container, in a network of their own. It needs root on Linux and is left out of ordinary builds by its build tag.
package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Machine names one of the lab's machines.
type Machine string

// The machines of the lab.
const (
	Server    Machine = "server"     // Debian 12, emulated: what aslwiz provisions
	Peer      Machine = "peer"       // Debian 13, emulated: the other end of a tunnel
	Third     Machine = "third"      // Debian 12, emulated and small: the monitoring system, with a tunnel of its own
	Busy      Machine = "busy"       // Debian 12, emulated: Docker, fail2ban and an admin's own packet filter rules
	Container Machine = "container"  // Debian 12 without its own kernel: odd shells and sshd settings
	Twin      Machine = "container2" // the same image at another address: for what disturbs a machine
)

// SudoPassword is what sudo asks the user admin for, and the container's users with odd shells.
const SudoPassword = "lab-admin-7"

// IPv4 returns the machine's address, "" for a machine that is not the lab's.
func (m Machine) IPv4() string {
	if m.host() == "" {
		return ""
	}
	return "198.51.100." + m.host()
}

// IPv6 returns the machine's address, "" for a machine that is not the lab's.
func (m Machine) IPv6() string {
	if m.host() == "" {
		return ""
	}
	return "2001:db8:51::" + m.host()
}

// host is the last part of both addresses.
func (m Machine) host() string {
	return map[Machine]string{Server: "11", Peer: "12", Third: "13", Busy: "15", Container: "21", Twin: "22"}[m]
}

// Cache is the folder of everything that the lab keeps.
func Cache() string {
	if dir := os.Getenv("ASLWIZ_LAB"); dir != "" {
		return dir
	}
	return "/var/cache/aslwiz-lab"
}

// Key is the path of the private key of a user: root, admin (also for the container's users with
// odd shells) or ops.
func Key(user string) string { return filepath.Join(Cache(), "keys", user) }

// Answers is the path of an answers file for the server; a test that changes it works on a copy.
func Answers() string { return filepath.Join(Cache(), "answers", "stats.yaml") }

// KnownHosts is the path of a known_hosts file with the keys of all machines.
func KnownHosts() string { return filepath.Join(Cache(), "answers", "known_hosts") }

// SSHConfig is the path of an ssh_config that logs in to the other ends of the tunnels.
func SSHConfig() string { return filepath.Join(Cache(), "answers", "ssh_config") }

// Received is the folder of what the lab's services received: mail/ (one file a message) and
// syslog.log (a line a message, the sender's address first).
func Received() string { return filepath.Join(Cache(), "run", "svc") }

// Up builds what is missing and boots what is down; without arguments, server, peer and third.
func Up(ctx context.Context, machines ...Machine) error {
	args := []string{"up"}
	for _, m := range machines {
		args = append(args, string(m))
	}
	return do(ctx, args...)
}

// Fresh is Up with the machines as they were installed, whatever had become of them.
func Fresh(ctx context.Context) error { return do(ctx, "up", "--fresh") }

// Reset takes a machine back to the fresh system, booted and answering.
func Reset(ctx context.Context, m Machine) error { return do(ctx, "reset", string(m)) }

// Snapshot keeps the disk and the memory of a running machine under a name.
func Snapshot(ctx context.Context, m Machine, name string) error {
	return do(ctx, "snapshot", string(m), name)
}

// Restore goes back to a snapshot. The machine runs on from there, with the clock set to now.
func Restore(ctx context.Context, m Machine, name string) error {
	return do(ctx, "restore", string(m), name)
}

// PowerCut pulls the plug: what the machine had not flushed to its disk is gone.
func PowerCut(ctx context.Context, m Machine) error { return do(ctx, "power-cut", string(m)) }

// Start boots a machine from its disk as it is and waits until it has started all services.
func Start(ctx context.Context, m Machine) error { return do(ctx, "start", string(m)) }

// CutLink makes the network silently drop what goes to and from the admin's computer.
func CutLink(ctx context.Context) error { return do(ctx, "cut", "on") }

// CutLinkOf cuts a machine's own link, which leaves the others alone.
func CutLinkOf(ctx context.Context, m Machine) error { return do(ctx, "cut", "on", string(m)) }

// RestoreLinkOf ends CutLinkOf.
func RestoreLinkOf(ctx context.Context, m Machine) error { return do(ctx, "cut", "off", string(m)) }

// Written is where this host sees what a container has written to path.
func Written(m Machine, path string) string {
	return filepath.Join(Cache(), "disks", string(m), "upper", path)
}

// RestoreLink ends CutLink.
func RestoreLink(ctx context.Context) error { return do(ctx, "cut", "off") }

// Far has the admin come in through the servers' gateway, as from elsewhere; Near ends it.
func Far(ctx context.Context) error { return do(ctx, "far", "on") }

// Near ends Far.
func Near(ctx context.Context) error { return do(ctx, "far", "off") }

// StopService ends one of the lab's own services, by its name in lab.sh.
func StopService(ctx context.Context, name string) error { return do(ctx, "service", name, "off") }

// StartService starts it again, and takes back what ChangeZone did.
func StartService(ctx context.Context, name string) error { return do(ctx, "service", name, "on") }

// ChangeZone edits a zone of the lab's name server with sed.
func ChangeZone(ctx context.Context, zone, sed string) error { return do(ctx, "zone", zone, sed) }

// Capture prints packets on the lab's wire until ctx ends.
func Capture(ctx context.Context, filter string) *exec.Cmd { return command(ctx, "capture", filter) }

// SSH runs a shell command on a machine as root, beside aslwiz's own way in: from the gateway,
// not from the admin's computer. It returns stdout; stderr is part of the error.
func SSH(ctx context.Context, m Machine, script string) (string, error) {
	cmd := command(ctx, "ssh", string(m), script)
	out, err := cmd.Output()
	return string(out), explain(err)
}

// Admin is a command that runs on the admin's computer, where aslwiz runs and probes from.
func Admin(ctx context.Context, name string, arg ...string) *exec.Cmd {
	return command(ctx, append([]string{"admin", name}, arg...)...)
}

// do runs a lab command for its effect.
func do(ctx context.Context, arg ...string) error {
	_, err := command(ctx, arg...).Output()
	if err != nil {
		return fmt.Errorf("lab.sh %s: %w", strings.Join(arg, " "), explain(err))
	}
	return nil
}

// command is lab.sh with arguments. An interrupted one gets time to leave no mess.
func command(ctx context.Context, arg ...string) *exec.Cmd {
	_, here, _, _ := runtime.Caller(0)
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(here), "lab.sh"), arg...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// explain adds what the command said to its exit status.
func explain(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return err
}
