package tui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// stepScreen is one step: what the page asks, why, what will change, and what
// became of it.
type stepScreen struct {
	w    *wizard
	id   string
	step checklist.Step
	doc  scroller
}

func newStepScreen(w *wizard, id string) *stepScreen {
	s := &stepScreen{w: w, id: id, step: stepOf(id)}
	s.doc.make = s.lines
	return s
}

func (s *stepScreen) title() string { return s.id }

func (s *stepScreen) stepID() string { return s.id }

func (s *stepScreen) refresh() { s.doc.invalidate() }

func (s *stepScreen) status() checklist.StepStatus { return s.w.s.status[s.id] }

func (s *stepScreen) plan() checklist.StepPlan { return s.w.s.plan[s.id] }

// runnable says whether the step can be carried out now, and else why not.
func (s *stepScreen) runnable() (bool, string) {
	p := s.plan()
	_, blocks := p.Short()
	switch {
	case s.w.busy != "":
		return false, ""
	case blocks:
		return false, "Fix this first, then press r to check again."
	case p.Status == checklist.StepPending && len(p.Waits()) > 0:
		return false, "This cannot be done yet: " + strings.Join(p.Waits(), "; ") + "."
	case p.Status == checklist.StepPending:
		return true, ""
	}
	open, _ := s.w.s.open(s.id)
	return p.Status == checklist.StepSame && open != "", ""
}

// bothEnds says whether the step can be carried out though this server needs
// nothing: for what the other end of a tunnel may need.
func (s *stepScreen) bothEnds() bool {
	ok, _ := s.runnable()
	return !ok && s.w.busy == "" && s.plan().Status == checklist.StepSame && s.w.s.twoEnds(s.id)
}

func (s *stepScreen) keys() []key.Binding {
	var out []key.Binding
	ok, _ := s.runnable()
	if s.hasLog() {
		out = append(out, as(keys.Log, "watch it run"))
		if r := s.run(); r.ended && !r.leaving {
			out[0] = as(keys.Log, "its log")
		}
	}
	switch {
	case s.isRunning():
	case ok:
		out = append(out, as(keys.Run, "run this step"))
	case s.mustAnswer():
		out = append(out, as(keys.Answers, "answer"))
	case s.bothEnds():
		out = append(out, as(keys.Enter, "next"), as(keys.Run, "look at both ends"))
	default:
		out = append(out, as(keys.Enter, "next"), as(keys.Reload, "look again"))
	}
	if !settled(s.status()) && !s.isRunning() {
		out = append(out, keys.Skip)
	}
	if s.hasFields() && !s.mustAnswer() {
		out = append(out, keys.Answers)
	}
	out = append(out, keys.Back, keys.LineUp)
	if !s.isRunning() {
		out = append(out, keys.RunAll)
	}
	out = append(out, keys.NextStep, keys.PrevStep, keys.Verify)
	if s.plan().Script != "" {
		out = append(out, keys.Copy)
	}
	return append(append(out, keys.Undo), paging...)
}

func (s *stepScreen) hasFields() bool { return len(fieldsOf(s.id, s.w.s.answers)) > 0 }

// run is the last run, where it has anything to show of this step on this server.
func (s *stepScreen) run() *run {
	r := s.w.run
	if r == nil || r.s != s.w.s {
		return nil
	}
	if r.step != s.id && !r.has(s.id) {
		return nil
	}
	return r
}

// isRunning says whether the step runs on the server now.
func (s *stepScreen) isRunning() bool {
	r := s.run()
	return r != nil && (!r.ended || r.leaving) && r.step == s.id && s.status() == checklist.StepRunning
}

func (s *stepScreen) hasLog() bool { return s.run() != nil }

// mustAnswer says whether the step cannot be judged for want of an answer.
func (s *stepScreen) mustAnswer() bool {
	return s.plan().Status == checklist.StepUnknown && s.hasFields()
}

func (s *stepScreen) update(msg tea.Msg) tea.Cmd {
	m, isKey := msg.(tea.KeyMsg)
	if !isKey || s.w.busy != "" {
		return nil
	}
	ok, _ := s.runnable()
	switch {
	case key.Matches(m, keys.Log) && s.hasLog():
		return s.w.watch(s.id)
	case s.isRunning() && key.Matches(m, keys.Run, keys.Skip, keys.Enter, keys.Undo):
		s.w.notice = "this step is running now; l shows its log"
	case key.Matches(m, keys.Run) && (ok || s.bothEnds()):
		return s.w.runStep(s.id)
	case key.Matches(m, keys.Reload) && !ok:
		return s.w.lookAgain()
	case key.Matches(m, keys.Enter):
		return s.enter(ok)
	case key.Matches(m, keys.Skip) && !settled(s.status()):
		s.w.s.skip(s.id)
		return tea.Batch(s.w.saveDraft(), s.w.goToNext(s.id))
	case key.Matches(m, keys.Answers) && s.hasFields():
		s.w.push(newAnswersScreen(s.w, s.id, s.w.popThen(nil)))
	case key.Matches(m, keys.RunAll):
		return s.w.runAll()
	case key.Matches(m, keys.NextStep):
		return s.w.goToStep(neighbour(s.id, 1))
	case key.Matches(m, keys.PrevStep):
		return s.w.goToStep(neighbour(s.id, -1))
	case key.Matches(m, keys.Verify):
		return s.w.goToVerify()
	case key.Matches(m, keys.Copy) && s.plan().Script != "":
		return s.w.copy(s.plan().Script, "the script")
	case key.Matches(m, keys.Undo):
		s.w.open(s.w.undoDialog(s.id))
	default:
		s.doc.update(m)
	}
	return nil
}

// enter does the next thing that makes sense; a step is run by its own key only.
func (s *stepScreen) enter(runnable bool) tea.Cmd {
	switch {
	case runnable:
		s.w.notice = "r runs this step; nothing has been changed yet"
		return nil
	case s.mustAnswer():
		s.w.push(newAnswersScreen(s.w, s.id, s.w.popThen(nil)))
		return nil
	}
	return s.w.goToNext(s.id)
}

func (s *stepScreen) view(w, h int) []string { return s.doc.view(w, h) }

func (s *stepScreen) lines(w int) []string {
	p, status := s.plan(), s.status()
	out := heading(w, upper(clean(s.step.Title)))
	out = append(out, wrap(w, stepMark(status)+" ", s.statusWords())...)
	for _, d := range s.w.s.detail[s.id] {
		out = append(out, wrap(w, "    ", clean(d))...)
	}
	out = append(out, "")
	if s.step.Why != "" {
		out = append(out, wrap(w, "Why: ", clean(s.step.Why)+".")...)
	}
	out = append(out, s.risks(w)...)
	if page := pageLines(s.id, w-2); page != nil {
		out = append(out, "", style.title.Render("The page says"))
		for _, l := range page {
			out = append(out, "  "+l)
		}
	}
	out = append(out, "", style.title.Render(s.planTitle()))
	out = append(out, planLines(p, w, screenMarks)...)
	if p.Script != "" {
		out = append(append(out, ""), heading(w, "The script, run as root, word for word (c copies it)")...)
		out = append(out, scriptLines(p.Script, w)...)
	}
	return append(out, s.foot(w)...)
}

func (s *stepScreen) planTitle() string {
	switch s.plan().Status {
	case checklist.StepPending:
		return "What will change"
	case checklist.StepSame:
		return "What the server has"
	}
	return "What was found"
}

// risks are what has to be known before the step is run: they stand above what
// may go on for hundreds of lines.
func (s *stepScreen) risks(w int) []string {
	var out []string
	ok, why := s.runnable()
	if why != "" {
		out = append(out, "")
		out = append(out, wrap(w, style.warn.Render("! "), clean(why))...)
	}
	if ok && s.plan().Guarded {
		out = append(out, "")
		out = append(out, wrap(w, style.warn.Render("! "), "This step could cut you off. The server takes it back by itself unless aslwiz reaches it again over new connections within two minutes.")...)
	}
	if ok && s.step.Reboots {
		out = append(out, "")
		out = append(out, wrap(w, style.warn.Render("! "), "The server restarts. aslwiz waits until it is back, sees by its new boot number that it really restarted, and tries every way in.")...)
	}
	return out
}

// foot says what can be done now.
func (s *stepScreen) foot(w int) []string {
	var out []string
	ok, _ := s.runnable()
	switch {
	case ok:
		out = append(out, "")
		out = append(out, wrap(w, "", "Press r to run this, s to leave it out.")...)
	case s.mustAnswer():
		out = append(out, "")
		out = append(out, wrap(w, "", "Press e to answer what is missing.")...)
	case s.bothEnds():
		out = append(out, "")
		out = append(out, wrap(w, "", "Press r to look at both ends of the tunnels. What the other one needs is asked first, or shown to be pasted there.")...)
	}
	return out
}

// statusWords is the state of the step as a sentence.
func (s *stepScreen) statusWords() string {
	status := s.status()
	text := status.Words()
	for _, sw := range stepWords {
		if sw.status == status {
			text += ": " + sw.means
		}
	}
	if r := s.w.s.reason[s.id]; r != "" {
		text = status.Words() + ": " + r
	}
	if status == checklist.StepSkipped {
		text += "; r runs it all the same"
	}
	return text
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// undoDialog asks before a step is taken back.
func (w *wizard) undoDialog(id string) *dialog {
	return &dialog{
		asked: true, head: "Undo step " + id + "?",
		body: []string{
			"The files and settings that this step changed last are brought back from the copies it made on the server. " +
				"Nothing that somebody changed since is overwritten. Installed packages stay.",
			"Where that could cut you off, aslwiz logs in anew afterwards; if it cannot, the server puts back what the step had left.",
		},
		options: []option{
			{bind("y", "yes, undo it", "y"), func() tea.Cmd {
				ctx := w.wait("undoing " + id)
				w.undoing = id
				return tea.Batch(w.engine.undo(ctx, w.s, id), w.tick())
			}},
			{bind("esc", "no", "esc", "n"), func() tea.Cmd { return nil }},
		},
	}
}

// undoLeaveDialog asks before an undo is left alone.
func (w *wizard) undoLeaveDialog() *dialog {
	return &dialog{
		asked: true, undo: true, head: "The undo of " + w.undoing + " is not over",
		body: []string{
			"It goes on on the server when you leave. But if it could cut you off, nobody is then there to prove that the way in is open, and the server puts back what the step had left.",
		},
		options: []option{
			{bind("esc", "stay", "esc", "s"), func() tea.Cmd { return nil }},
			{bind("l", "leave aslwiz", "l"), w.leave},
		},
	}
}

func (w *wizard) undone(msg undoneMsg) tea.Cmd {
	if msg.session != w.s || errors.Is(msg.err, context.Canceled) {
		return nil
	}
	w.busy, w.undoing = "", ""
	w.dialogs = slices.DeleteFunc(w.dialogs, func(d *dialog) bool { return d.undo })
	switch {
	case msg.err != nil:
		w.notice = clean(msg.err.Error())
		return nil
	case msg.status.State == remote.TxUndone:
		w.notice = "step " + msg.step + " is undone"
	default:
		w.notice = fmt.Sprintf("step %s: %s: %s", msg.step, msg.status.State, clean(msg.status.Reason))
		if len(msg.status.Detail) > 0 {
			w.open(toldDialog(fmt.Sprintf("The undo of %s: %s", msg.step, msg.status.State), msg.status.Reason, msg.status))
		}
	}
	w.s.status[msg.step] = checklist.StepPending
	return w.lookAgain()
}
