package tui

import (
	"slices"
	"strings"

	"aslwiz/checklist"
)

// fieldKind is how a field is filled in.
type fieldKind int

const (
	oneText   fieldKind = iota
	manyText            // several words, by blanks
	manyLines           // several that hold blanks, by commas
	number
	yesNo
	oneOf
	manyOf
)

// field is one question. Full screen and line mode ask the same ones, and the
// checklist's own rules judge the answers.
type field struct {
	path    string // in the answers file: "firewall.ports"
	step    string // the step that asks it; "connect" for how to reach the server
	label   string
	help    string
	example string
	kind    fieldKind
	choices func(checklist.Facts) []choice
	now     func(checklist.Facts) string // what the server has now, offered when there is no answer yet
	rare    bool                         // answered when somebody asks for it, not before the step is shown
}

type choice struct{ value, label string }

// fieldsOf are the questions of a step that the answers file has room for.
func fieldsOf(step string, a checklist.Answers) []field {
	var out []field
	for _, f := range allFields(a) {
		if f.step == step && hasPath(f.path) {
			out = append(out, f)
		}
	}
	return out
}

// onlyRare says whether a step asks nothing before it is shown.
func onlyRare(fields []field) bool {
	return !slices.ContainsFunc(fields, func(f field) bool { return !f.rare })
}

// allFields are the questions in their order, with those about each admin and
// each other end of a tunnel, and the name of one more: given, its other
// questions follow.
func allFields(a checklist.Answers) []field {
	out := fieldTable[:len(fieldTable):len(fieldTable)]
	for i := range a.Admins {
		out = append(out, adminFields(i)...)
	}
	out = append(out, adminFields(len(a.Admins))[0])
	for i := range a.Peers {
		out = append(out, peerFields(i)...)
	}
	return append(out, peerFields(len(a.Peers))[0])
}

// wrong says what is wrong with the field's answer, alone and with its
// neighbours and on the server that the facts are of, in the checklist's own words;
// "" when nothing is.
func (f field) wrong(a checklist.Answers, facts checklist.Facts) string {
	for _, p := range append(a.Problems(nil), a.ProblemsOn(facts)...) {
		list, _, isElement := strings.Cut(f.path, "].keys[")
		if p.Path == f.path || strings.HasPrefix(p.Path, f.path+"[") || isElement && p.Path == list+"].keys" {
			if strings.HasPrefix(p.Text, "is ") {
				return clean(f.label + " " + p.Text)
			}
			return clean(p.Text)
		}
	}
	return ""
}
