package checklist

import (
	"fmt"

	"aslwiz/remote"
)

// Service is a unit that runs and is set to start at boot.
type Service struct {
	Unit string // its real name on the release
	// Step is the earlier step that brings the unit; empty when the same step does.
	Step string
	// Restart makes the service read its configuration again when something else
	// in the step changed.
	Restart bool
}

var _ Resource = Service{}

// Name implements Resource.
func (s Service) Name() string { return s.Unit }

// Probes implements Resource.
func (s Service) Probes() []remote.Probe {
	return []remote.Probe{remote.ReadUnit(s.Unit), remote.ReadSetting(s.Unit, serviceRead(s.Unit))}
}

// Compare implements Resource.
func (s Service) Compare(answers []remote.Answer) (Change, error) {
	u, err := answers[0].Unit()
	if err != nil {
		return Change{}, err
	}
	c := Change{Resource: s.Unit, Kind: "service", Now: describeUnit(u), Want: "active, starts at boot"}
	if u.Load == "not-found" && s.Step != "" {
		c.Waits = fmt.Sprintf("%s comes with the step %q", s.Unit, s.Step)
		return c, nil
	}
	if s.Restart {
		c.OnChange = []string{"run systemctl restart " + quote(s.Unit)}
	}
	active := u.Active == "active"
	enabled := u.Enabled == "enabled" || u.Enabled == "static" || u.Enabled == "alias" || u.Enabled == "generated"
	state := []remote.SettingChange{{
		Name: s.Unit, Read: serviceRead(s.Unit), Write: serviceWrite(s.Unit), Before: settingHash(answers[1]),
	}}
	if active && enabled {
		c.Same = true
		if s.Restart { // which may fail: a roll-back must leave it running as it was
			c.Settings = state
		}
		return c, nil
	}
	if u.Enabled == "masked" {
		c.Script = append(c.Script, "run systemctl unmask "+quote(s.Unit))
	}
	if !enabled {
		c.Script = append(c.Script, "run systemctl enable "+quote(s.Unit))
	}
	if !active && !s.Restart {
		c.Script = append(c.Script, "run systemctl restart "+quote(s.Unit))
	}
	if s.Restart {
		c.Script, c.OnChange = append(c.Script, c.OnChange...), nil
	}
	c.Settings = state
	return c, nil
}

func describeUnit(u remote.UnitState) string {
	if u.Load == "not-found" {
		return "not there"
	}
	at := "starts at boot"
	if u.Enabled != "enabled" && u.Enabled != "static" {
		at = "does not start at boot (" + orElse(u.Enabled, "no install section") + ")"
	}
	return u.Active + ", " + at
}

// serviceRead prints the two words that a restore needs: enabled? active? A unit
// that is not there is as one that was switched off: an undo cannot take away the
// package that brought it.
func serviceRead(unit string) string {
	q := quote(unit)
	return "e=$(systemctl is-enabled " + q + " 2>/dev/null) || :; a=$(systemctl is-active " + q + " 2>/dev/null) || :; " +
		`case $a in active|activating|reloading) a=active;; *) a=inactive;; esac; case ${e:-not-found} in not-found) e=disabled;; esac; echo "$e $a"`
}

func serviceWrite(unit string) string {
	q := quote(unit)
	return "read -r e a; case $e in enabled) systemctl enable " + q + ";; disabled) systemctl disable " + q +
		" ;; masked) systemctl mask " + q + ";; esac; case $a in active) systemctl --no-block restart " + q +
		";; *) systemctl --no-block stop " + q + ";; esac 2>/dev/null || :"
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
