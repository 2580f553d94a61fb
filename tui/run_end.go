package tui

import (
	"fmt"
	"strings"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// endLines are how the steps of a run ended.
func (s *runScreen) endLines(w int) []string {
	r := s.r
	var out []string
	finished := r.finished
	if n := len(finished) - 4; n > 1 {
		out, finished = append(out, style.faint.Render(fmt.Sprintf("  %s before these", plural(n, "step")))), finished[n:]
	}
	for _, f := range finished {
		text := f.Status.Words()
		for _, sw := range stepWords {
			if sw.status == f.Status && len(r.finished) == 1 { // one line each where there are many
				text += ": " + sw.means
			}
		}
		if f.Reason != "" {
			text = f.Status.Words() + ": " + clean(f.Reason)
		}
		out = append(out, wrap(w, stepMark(f.Status)+" "+style.title.Render(f.Step)+"  ", text)...)
	}
	if len(out) > 9 {
		out = append(out[:8:8], style.faint.Render("  "+glyph.more+" the log has the rest"))
	}
	if r.err != nil {
		for l := range strings.SplitSeq(remote.CleanText(r.err.Error()), "\n") {
			if n := len(r.finished); n == 0 || r.finished[n-1].Reason != l { // else it stands there already
				out = append(out, wrap(w, style.bad.Render(glyph.bad)+" ", clean(l))...)
			}
		}
		for _, l := range connectWrong(r.err)[1:] {
			out = append(out, wrap(w, "  ", clean(l))...)
		}
	}
	if len(out) == 0 {
		out = append(out, "  no step was carried out")
	}
	return out
}

// readBack is what the server has after a step that went well, so far as a few
// lines can tell; the step's own screen has it all.
func (s *runScreen) readBack(w, h int) []string {
	if len(s.r.finished) != 1 || s.r.finished[0].Status != checklist.StepChanged {
		return nil
	}
	if s.w.busy != "" {
		return []string{style.faint.Render("  reading back what the server has now")}
	}
	out := []string{style.title.Render("Read back from the server")}
	for _, c := range s.w.s.plan[s.r.step].Changes {
		if c.Same {
			out = append(out, wrap(w, style.ok.Render("= ")+clean(c.Resource)+": ", clean(orDash(c.Now)))...)
		}
	}
	if len(out) == 1 {
		return nil
	}
	if len(out) > h {
		out = append(out[:h-1:h-1], style.faint.Render(fit(fmt.Sprintf("  %s %s more on the screen of the step (Esc)", glyph.more, plural(len(out)-h+1, "line")), w)))
	}
	return out
}
