package practice

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// trouble is something that goes wrong in life, and whether it did.
type trouble struct {
	name  string
	met   bool      // it has come, and will not come again
	since time.Time // when
}

// Trouble is what the command line can ask for.
type Trouble struct{ Name, Text string }

// Troubles are all that there are.
func Troubles() []Trouble {
	return []Trouble{
		{"dns", "the server's AAAA record is entered only half a minute after its restart"},
		{"peer", "the other end of a tunnel cannot be reached until half a minute after the restart"},
		{"apt", "another program holds apt's lists for 30 seconds"},
		{"chrony", "chrony sets the clock already, and the package of the page would remove it"},
		{"link", "the connection is lost in the middle of the step packages"},
		{"firewall", "the firewall shuts you out the first time, and is taken back"},
		{"disk", "the disk is full when the packages are to be fetched, the first time"},
		{"relay", "the mail relay refuses the server's mail for half a minute"},
	}
}

func (w *World) letTrouble(name string) error {
	all := Troubles()
	if !slices.ContainsFunc(all, func(t Trouble) bool { return t.Name == name }) {
		var names []string
		for _, t := range all {
			names = append(names, t.Name)
		}
		return fmt.Errorf("there is no trouble %q: %s", name, strings.Join(names, ", "))
	}
	w.trouble[name] = &trouble{name: name}
	if name == "chrony" {
		s := w.server()
		s.stopUnit("systemd-timesyncd.service")
		delete(s.packages, "systemd-timesyncd")
		s.packages[name] = "installed"
		s.addUnit("chrony.service", "enabled")
		_ = s.startUnit("chrony.service") // it always can
	}
	return nil
}

// first says whether a trouble was asked for and comes now, for the first time.
func (w *World) first(name string) bool {
	t := w.trouble[name]
	if t == nil || t.met {
		return false
	}
	t.met, t.since = true, w.clock.Now()
	return true
}

// troubleTime is how long a trouble lasts that goes away by itself.
const troubleTime = 30 * time.Second

// missing says whether a record of the server's is not entered.
func (w *World) missing(kind string) bool {
	if w.names.missing[kind] {
		return true
	}
	return kind == "AAAA" && w.trouble["dns"] != nil && !w.afterRestart()
}

// afterRestart says whether the server was restarted, and that a while ago.
func (w *World) afterRestart() bool {
	s := w.server()
	return s.has(rebootedFile) && !strings.HasPrefix(s.text(rebootedFile), s.boot) && w.clock.Now().Sub(s.booted) > troubleTime
}

func (w *World) peerAway(m *machine) bool {
	return m.name == peerName && w.trouble["peer"] != nil && !w.afterRestart()
}

// aptLock is another program that holds the lock of the package system.
func (s *shell) aptLock() error {
	if s.m.name != serverName || !s.m.w.first("apt") {
		return nil
	}
	const waiting = "waiting for unattended-upgrade (pid 812), which holds apt's lists"
	s.say(waiting)
	for at := range 15 {
		s.progress(-1, fmt.Sprintf("%s, %d s", waiting, 2*at))
		if err := s.wait(2 * time.Second); err != nil {
			return err
		}
	}
	return nil
}

// diskTrouble is a disk that is full at the wrong time.
func (s *shell) diskTrouble() error {
	if s.r.tx.Step == "packages" && s.m.w.first("link") {
		s.r.note(s.m.w.clock.Now(), "the connection was lost, trying again; the step goes on by itself on the server")
		if err := s.wait(10 * time.Second); err != nil {
			return err
		}
		s.r.note(s.m.w.clock.Now(), "the server answers again; the log goes on where it was")
	}
	if s.r.tx.Step != "packages" || !s.m.w.first("disk") {
		return nil
	}
	s.say("E: You don't have enough free space in /var/cache/apt/archives/.",
		"PRACTICE: on a real server you would now look with df -h what fills the disk. Here somebody makes room while you read this: run the step again.")
	return s.because("the disk is full: apt has no room in /var/cache/apt/archives/ (12M free)")
}

// firewallTrouble shuts SSH by something that the rules do not show.
func (m *machine) firewallTrouble() {
	if m.name == serverName && m.w.first("firewall") {
		m.shut = true
	}
}

// relayTrouble lets the relay refuse, and after a while no more.
func (w *World) relayTrouble() {
	t := w.trouble["relay"]
	if t == nil {
		return
	}
	if w.first("relay") {
		w.relay.refuses = "454 4.7.1 <noc@" + domain + ">: Relay access denied"
	}
	if w.clock.Now().Sub(t.since) > troubleTime {
		w.relay.refuses = ""
	}
}
