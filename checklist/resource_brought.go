package checklist

import "aslwiz/remote"

// BroughtSetting is a Setting of a program that the same step installs. Where
// the program is not there yet, Read ends with status 127 and the setting is
// planned from nothing: the step's script installs first and sets then.
type BroughtSetting Setting

var _ Resource = BroughtSetting{}

// Name implements Resource.
func (b BroughtSetting) Name() string { return Setting(b).Name() }

// Probes implements Resource.
func (b BroughtSetting) Probes() []remote.Probe { return Setting(b).Probes() }

// Compare implements Resource.
func (b BroughtSetting) Compare(answers []remote.Answer) (Change, error) {
	if a := answers[0]; a.Err() == nil && a.Code == 127 {
		c := Change{Resource: b.Title, Kind: "setting", Now: "not there", Want: b.Want, Script: []string{b.Set}}
		if b.Show != nil {
			c.Want = b.Show(b.Want)
		}
		if b.Note != "" {
			c.Notes = []string{b.Note}
		}
		if b.Takes {
			c.Settings = []remote.SettingChange{{Name: b.Title, Read: b.Read, Write: b.Write, Before: settingHash(a), Path: b.Path}}
		}
		return c, nil
	}
	return Setting(b).Compare(answers)
}

// BroughtEdit is an Edit of a file that need not be there: what Apply makes of
// nothing is then the file. A package of the same step finds it and leaves it.
type BroughtEdit Edit

var _ Resource = BroughtEdit{}

// Name implements Resource.
func (b BroughtEdit) Name() string { return Edit(b).Name() }

// Probes implements Resource.
func (b BroughtEdit) Probes() []remote.Probe { return Edit(b).Probes() }

// Compare implements Resource.
func (b BroughtEdit) Compare(answers []remote.Answer) (Change, error) {
	st, err := answers[0].File()
	if err != nil || st.Exists {
		if err != nil {
			return Change{}, err
		}
		return Edit(b).Compare(answers)
	}
	content, err := b.Apply("")
	if err != nil {
		return Change{Resource: b.Path, Kind: "edit", Now: describeFile(st), Want: b.What}, err
	}
	return File{
		Path: b.Path, Content: content, Mode: b.Mode, Owner: b.Owner, Public: b.Public, After: b.After, Note: b.Note,
	}.Compare(answers)
}

// onChange is a resource with lines that run last, when anything of its step
// changed.
type onChange struct {
	Resource
	then []string
}

// Compare implements Resource.
func (o onChange) Compare(answers []remote.Answer) (Change, error) {
	c, err := o.Resource.Compare(answers)
	c.OnChange = append(c.OnChange, o.then...)
	return c, err
}

// serviceOff is a unit that neither runs nor starts at boot. A unit that is not
// there is as good.
func serviceOff(unit, note string) Setting {
	return Setting{
		Title: unit, Note: note, Want: "stopped, does not start at boot",
		Read: serviceRead(unit), Write: serviceWrite(unit), Set: "run systemctl disable --now " + quote(unit),
		Equal: func(now, _ string) bool { return serviceIsOff(now) },
		Show:  showServiceOff,
	}
}

// serviceIsOff judges the two words of serviceRead.
func serviceIsOff(now string) bool {
	switch now {
	case "none inactive", "not-found inactive", "disabled inactive", "masked inactive", "masked-runtime inactive",
		"static inactive", "alias inactive", "indirect inactive":
		return true
	}
	return false
}

func showServiceOff(v string) string {
	if serviceIsOff(v) {
		return "stopped, does not start at boot"
	}
	return v
}
