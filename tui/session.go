package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// session is what the wizard knows of the server it works on. It is changed by
// Update only.
type session struct {
	name    string // how the admin calls it; its answers file is named so
	file    string // of the answers; "" until it has a name
	answers checklist.Answers
	typed   map[string]string // what stands in the fields, also when it is wrong
	asked   map[string]bool   // steps whose questions were answered

	host     checklist.Host
	notes    []string // what the admin should know of the connection
	facts    checklist.Facts
	plan     map[string]checklist.StepPlan
	status   map[string]checklist.StepStatus
	reason   map[string]string
	detail   map[string][]string
	far      map[string]farEnd // the other ends of tunnels, by the peer's name
	current  *remote.Status    // a step that an earlier start left running
	findings map[string]checklist.Finding
	verified time.Time // when all items were last measured
	told     time.Time // when the admin ticked that the list was told
	unproven bool      // the admin goes on where the page was not proven
	at       string    // the step, or the verification, that was last on the screen
}

func newSession() *session {
	return &session{
		typed: map[string]string{}, asked: map[string]bool{}, plan: map[string]checklist.StepPlan{},
		status: map[string]checklist.StepStatus{}, reason: map[string]string{}, detail: map[string][]string{},
		findings: map[string]checklist.Finding{}, far: map[string]farEnd{},
	}
}

func (s *session) in() checklist.In { return checklist.In{Answers: s.answers, Facts: s.facts} }

// took takes a fresh reading of the server.
func (s *session) took(facts checklist.Facts, plan checklist.Plan) {
	s.facts = facts
	for _, p := range plan.Steps {
		s.plan[p.Step] = p
		s.status[p.Step] = settle(s.status[p.Step], p.Status)
		if s.status[p.Step] == p.Status {
			delete(s.reason, p.Step)
			delete(s.detail, p.Step)
		}
		status, why := s.open(p.Step)
		if now := s.status[p.Step]; status != "" && (now == checklist.StepSame || now == checklist.StepChanged) {
			s.status[p.Step], s.reason[p.Step] = status, why
		}
	}
}

// settle is the status to show after a reading: what was done or decided in
// this run is kept as long as the server does not say otherwise.
func settle(old, read checklist.StepStatus) checklist.StepStatus {
	switch {
	case read == checklist.StepSame && old == checklist.StepChanged,
		read == checklist.StepPending && (old == checklist.StepSkipped || old == checklist.StepFailed || old == checklist.StepRestored || old == checklist.StepNotStarted):
		return old
	}
	return read
}

// happened takes an event of a run.
func (s *session) happened(e checklist.Event) {
	if s.happenedFar(e) {
		return
	}
	switch e.Kind {
	case checklist.EventPlanned:
		if e.Plan != nil {
			s.plan[e.Step] = *e.Plan
		}
	case checklist.EventStep:
		s.status[e.Step] = e.Status
		s.reason[e.Step], s.detail[e.Step] = clean(e.Text), e.Detail
	case checklist.EventMoved:
		s.answers.Moved(e.Text)
	case checklist.EventFinding:
		if e.Finding != nil {
			s.findings[e.Finding.Item] = *e.Finding
		}
	}
}

// left are the steps that still have something to do.
func (s *session) left() (n int) {
	for _, st := range page.steps() {
		if !s.done(st.ID) {
			n++
		}
	}
	return n
}

// settled says whether a step needs nothing more from the admin.
func settled(s checklist.StepStatus) bool {
	switch s {
	case checklist.StepSame, checklist.StepChanged, checklist.StepSkipped, checklist.StepManual:
		return true
	}
	return false
}

// nextStep is the first step after id that is not settled; "" when there is none.
// With id "" it is the first of all.
func (s *session) nextStep(id string) string {
	after := id == ""
	for _, st := range page.steps() {
		if after && !s.done(st.ID) {
			return st.ID
		}
		after = after || st.ID == id
	}
	return ""
}

// blocked is a step, up to last, that found something with which going on would
// do harm.
func (s *session) blocked(last string) string {
	for _, st := range page.steps() {
		if _, blocks := s.plan[st.ID].Short(); blocks {
			return st.ID
		}
		if st.ID == last {
			break
		}
	}
	return ""
}

// neighbour is the step before or after id in the page's order.
func neighbour(id string, by int) string {
	steps := page.steps()
	for i, st := range steps {
		if st.ID == id && i+by >= 0 && i+by < len(steps) {
			return steps[i+by].ID
		}
	}
	return ""
}

// skip leaves a step out on the admin's word.
func (s *session) skip(id string) {
	s.status[id] = checklist.StepSkipped
	s.leaveOut(id)
	delete(s.reason, id)
	delete(s.detail, id)
}

// needsAnswers says whether a step cannot be planned before its questions are
// answered, or whether they were never shown.
func (s *session) needsAnswers(id string) bool {
	fields := fieldsOf(id, s.answers)
	for _, f := range fields {
		if f.wrong(s.answers, s.facts) != "" || s.unfit(f) {
			return true
		}
	}
	if onlyRare(fields) {
		return false
	}
	return s.unasked(id) || !s.asked[id] && !settled(s.status[id])
}

// wrong is a step whose answer cannot stand, because Back left it so: nothing
// is run with it. What was never answered is not wrong. A wrong way to connect
// concerns the next connection only.
func (s *session) wrong() string {
	for _, f := range allFields(s.answers) {
		if f.step != "connect" && hasPath(f.path) && s.wrongIn(f, checklist.Facts{}) {
			return f.step
		}
	}
	return ""
}

// wrongIn says whether a field was filled in, and that cannot stand.
func (s *session) wrongIn(f field, facts checklist.Facts) bool {
	return s.unfit(f) || f.get(s.answers) != "" && f.wrong(s.answers, facts) != ""
}

// unfit says whether the text in a field is no answer at all, such as a word in
// place of a number: the answers then hold what was there before.
func (s *session) unfit(f field) bool {
	text, ok := s.typed[f.path]
	a := s.answers
	return ok && f.set(&a, text) != nil
}

// leftWrong says whether a step was answered, and not all of it can stand.
func (s *session) leftWrong(step string) bool {
	return slices.ContainsFunc(fieldsOf(step, s.answers), func(f field) bool { return s.wrongIn(f, s.facts) })
}

// asking is how many steps after id have questions that were not answered yet.
func (s *session) asking(id string) (n int) {
	after := false
	for _, st := range page.steps() {
		if after && !s.done(st.ID) && s.needsAnswers(st.ID) {
			n++
		}
		after = after || st.ID == id
	}
	return n
}

// unasked says whether a step has nothing to do only because its questions were
// never put: without a mail relay, say, there is nothing to set up.
func (s *session) unasked(id string) bool {
	if s.asked[id] || onlyRare(fieldsOf(id, s.answers)) {
		return false
	}
	p, read := s.plan[id]
	return s.status[id] == checklist.StepManual || read && p.Status == checklist.StepSame && len(p.Changes) == 0
}

// done says whether a step needs nothing more.
func (s *session) done(id string) bool { return settled(s.status[id]) && !s.unasked(id) }

// title is how the server is called on the screen.
func (s *session) title() string {
	switch {
	case s.name == "" && s.answers.Host == "":
		return ""
	case s.name == "" || s.name == s.answers.Host:
		return s.answers.Host
	}
	return s.name + " (" + s.answers.Host + ")"
}

// count is how many items have each verdict.
func count(findings map[string]checklist.Finding) map[checklist.ItemStatus]int {
	out := map[checklist.ItemStatus]int{}
	for _, f := range findings {
		out[f.Status]++
	}
	return out
}

// sum is one line about the findings.
func sum(n map[checklist.ItemStatus]int) string {
	var parts []string
	for _, s := range []checklist.ItemStatus{checklist.Passed, checklist.Failed, checklist.Waiting, checklist.Unknown, checklist.Manual} {
		if n[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[s], itemWord(s)))
		}
	}
	return strings.Join(parts, ", ")
}
