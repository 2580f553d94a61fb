package tui

import "aslwiz/checklist"

// page is what the wizard goes through. Tests put a small page of their own in
// its place, so that their screens do not change with every step.
var page = struct {
	steps   func() []checklist.Step
	items   func() []checklist.Item
	section func(id string) (string, bool)
}{checklist.Steps, checklist.Items, checklist.Section}

func stepByID(id string) (checklist.Step, bool) {
	for _, s := range page.steps() {
		if s.ID == id {
			return s, true
		}
	}
	return checklist.Step{}, false
}

// stepOf is a step that exists.
func stepOf(id string) checklist.Step {
	s, _ := stepByID(id)
	return s
}
