package tui

import (
	"context"
	"errors"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// farEnd is the other end of a tunnel, as the last run saw it: a reading of this
// server says nothing about it.
type farEnd struct {
	host   string               // what its connection is called in events
	status checklist.StepStatus // "" unless something is left to do there
	reason string
}

// twoEnds says whether a step also works at the other ends of tunnels.
func (s *session) twoEnds(step string) bool {
	return stepOf(step).Peer != nil && len(s.answers.Peers) > 0
}

// open is what is left to do at an other end of a step that aslwiz logs in to, and
// why; "" when nothing is known to be.
func (s *session) open(step string) (status checklist.StepStatus, reason string) {
	if !s.twoEnds(step) {
		return "", ""
	}
	for _, p := range s.answers.Peers {
		if f := s.far[p.Name]; f.status != "" && p.SSH != "" {
			return f.status, clean(p.Name + ": " + f.reason)
		}
	}
	return "", ""
}

// dialled notes how the login to an other end went, in a run.
func (s *session) dialled(peer string, h checklist.Host, err error) {
	f := s.far[peer]
	switch {
	case errors.Is(err, context.Canceled):
		return
	case err != nil:
		f.status, f.reason = checklist.StepFailed, remote.FirstLine(err.Error())
	case h.Name() != s.host.Name(): // else its events could not be told from this end's
		f = farEnd{h.Name(), checklist.StepPending, "its end is not known to be as wanted"}
	}
	s.far[peer] = f
}

// happenedFar takes an event of an other end; ok is false when it is of none.
func (s *session) happenedFar(e checklist.Event) (ok bool) {
	for peer, f := range s.far {
		if f.host == "" || f.host != e.Server {
			continue
		}
		s.far[peer] = s.farAfter(peer, f, e)
		return true
	}
	return false
}

// farAfter is an other end after an event of it. The step is not done before it is
// done there.
func (s *session) farAfter(peer string, f farEnd, e checklist.Event) farEnd {
	switch {
	case e.Kind == checklist.EventPlanned && e.Status != checklist.StepSame:
		f.status, f.reason = checklist.StepPending, "its end is not as wanted yet"
	case e.Kind != checklist.EventStep:
	case e.Status == checklist.StepSame:
		f.status, f.reason = "", ""
	case e.Status == checklist.StepRunning:
		s.status[e.Step] = e.Status
	case e.Status == checklist.StepChanged:
		f.status, f.reason = "", ""
		s.status[e.Step] = e.Status
	default:
		f.status, f.reason = e.Status, e.Text
		s.status[e.Step], s.reason[e.Step], s.detail[e.Step] = e.Status, clean(peer+": "+e.Text), e.Detail
	}
	return f
}

// leaveOut is the admin's word that the other ends of a step stay as they are.
func (s *session) leaveOut(step string) {
	for peer, f := range s.far {
		if f.status != "" && s.twoEnds(step) {
			f.status, f.reason = checklist.StepSkipped, "left out on your word"
			s.far[peer] = f
		}
	}
}

// mends is the step that mends what was found; "" when none does. What is wrong at
// the other end of a tunnel is mended by the step of the item's name.
func (s *session) mends(f checklist.Finding) string {
	switch {
	case f.Fix == nil:
		return ""
	case f.Fix.Kind == checklist.FixPeer && s.twoEnds(f.Item):
		return f.Item
	}
	return f.Fix.Step
}
