package practice

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"aslwiz/remote"
)

// unit is a systemd unit as the machine has it now.
type unit struct {
	enabled string // "enabled", "disabled", "masked"
	active  bool
	failed  bool
}

// service is what is known of a unit that a package brings.
type service struct {
	name   string
	pack   string
	exited bool // its work is done when it is active
	// stopped says that its package leaves it stopped.
	stopped bool
	// start says why it cannot run as it is configured; nil: it always can.
	start func(*machine) error
}

// services are the units of Debian 12 that the page deals with.
func services() []service {
	return []service{
		{name: "ssh.service", pack: "openssh-server"},
		{name: "systemd-timesyncd.service", pack: "systemd-timesyncd"},
		{name: "chrony.service", pack: "chrony"},
		{name: "aslwiz-firewall.service", exited: true, start: (*machine).loadRules},
		{name: "haveged.service", pack: "haveged"},
		{name: "ntpsec.service", pack: "ntpsec", start: func(m *machine) error {
			if len(m.timeSources()) == 0 {
				return errors.New("ntp.conf names no time server")
			}
			return nil
		}},
		{name: "strongswan-starter.service", pack: "strongswan-starter", stopped: true, start: (*machine).startTunnels},
		{name: "fail2ban.service", pack: "fail2ban", start: (*machine).jailError},
		{name: "snmpd.service", pack: "snmpd", start: (*machine).startSNMP},
		{name: "postfix.service", pack: "postfix", exited: true},
		{name: "rsyslog.service", pack: "rsyslog"},
	}
}

func serviceNamed(name string) (service, bool) {
	all := services()
	i := slices.IndexFunc(all, func(s service) bool { return s.name == name })
	if i < 0 {
		return service{}, false
	}
	return all[i], true
}

// there says whether systemd has a file for the unit.
func (m *machine) there(s service) bool {
	if s.pack == "" {
		return m.has("/etc/systemd/system/" + s.name)
	}
	return m.installed(s.pack)
}

func (m *machine) addUnit(name, enabled string) {
	if m.units[name] == nil {
		m.units[name] = &unit{enabled: enabled}
	}
}

// unitOf is a unit that is there, made known the first time that it is asked for.
func (m *machine) unitOf(name string) (*unit, service, bool) {
	s, ok := serviceNamed(name)
	if !ok || !m.there(s) {
		delete(m.units, name)
		return nil, s, false
	}
	m.addUnit(name, "disabled")
	return m.units[name], s, true
}

func (m *machine) active(name string) bool {
	u, _, ok := m.unitOf(name)
	return ok && u.active
}

// startUnit starts a unit anew, as restart does.
func (m *machine) startUnit(name string) error {
	u, s, ok := m.unitOf(name)
	if !ok {
		return fmt.Errorf("Unit %s not found", name) //nolint:staticcheck // systemctl's own words
	}
	if u.enabled == "masked" {
		return fmt.Errorf("Unit %s is masked", name) //nolint:staticcheck // systemctl's own words
	}
	u.active, u.failed = true, false
	if s.start != nil {
		if err := s.start(m); err != nil {
			u.active, u.failed = false, true
			return fmt.Errorf("Job for %s failed because the control process exited with error code: %w", name, err) //nolint:staticcheck // systemctl's own words
		}
	}
	m.settleTunnels()
	return nil
}

func (m *machine) stopUnit(name string) {
	if u, _, ok := m.unitOf(name); ok {
		u.active, u.failed = false, false
	}
	m.settleTunnels()
}

// systemctl does one of its verbs to a unit.
func (m *machine) systemctl(verb, name string) error {
	u, _, ok := m.unitOf(name)
	switch {
	case !ok && verb == "try-restart":
		return nil
	case !ok:
		return fmt.Errorf("Failed to %s unit: Unit file %s does not exist", verb, name) //nolint:staticcheck // systemctl's own words
	}
	switch verb {
	case "enable":
		u.enabled = "enabled"
	case "disable":
		u.enabled = "disabled"
	case "mask":
		u.enabled = "masked"
	case "unmask":
		u.enabled = "disabled"
	case "start", "restart":
		return m.startUnit(name)
	case "try-restart":
		if u.active {
			return m.startUnit(name)
		}
	case "stop":
		m.stopUnit(name)
	default:
		return fmt.Errorf("the practice server does not know systemctl %s", verb)
	}
	return nil
}

// unitAnswer is what systemctl show prints of a unit.
func (m *machine) unitAnswer(p remote.Probe) remote.Answer {
	name := p.Args[0]
	load, act, sub, enabled, result := "not-found", "inactive", "dead", "", "success"
	if u, s, ok := m.unitOf(name); ok {
		load, enabled = "loaded", u.enabled
		switch {
		case u.failed:
			act, sub, result = "failed", "failed", "exit-code"
		case u.active && s.exited:
			act, sub = "active", "exited"
		case u.active:
			act, sub = "active", "running"
		}
		if enabled == "masked" {
			load = "masked"
		}
	}
	return said(p, fmt.Sprintf("Result=%s\nId=%s\nLoadState=%s\nActiveState=%s\nSubState=%s\nUnitFileState=%s\n", result, name, load, act, sub, enabled))
}

// twoWords are how a unit is enabled and whether it is active, as a step reads it.
func (m *machine) twoWords(name string) string {
	u, _, ok := m.unitOf(name)
	switch {
	case !ok:
		return "disabled inactive"
	case u.active:
		return u.enabled + " active"
	}
	return u.enabled + " inactive"
}

// setTwoWords brings a unit back to what twoWords said.
func (m *machine) setTwoWords(name, words string) error {
	enabled, act, _ := strings.Cut(strings.TrimSpace(words), " ")
	verb := map[string]string{"enabled": "enable", "disabled": "disable", "masked": "mask"}[enabled]
	if verb != "" {
		if err := m.systemctl(verb, name); err != nil {
			return err
		}
	}
	if act == "active" {
		return m.startUnit(name)
	}
	m.stopUnit(name)
	return nil
}

// failedUnits are the names that systemctl --failed lists.
func (m *machine) failedUnits() []string {
	var out []string
	for name, u := range m.units {
		if u.failed {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
