package tui

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
)

// startScreen offers the known servers and a new one.
type startScreen struct {
	w       *wizard
	servers []known
	cur     int
}

func newStartScreen(w *wizard, servers []known) *startScreen {
	s := &startScreen{w: w, servers: servers}
	for i, k := range servers {
		if k.Running != "" {
			s.cur = i // a run that was cut off comes first
			break
		}
	}
	return s
}

// listedMsg brings the servers anew.
type listedMsg struct {
	servers []known
	err     error
}

func (s *startScreen) title() string { return "which server?" }

func (s *startScreen) refresh() {}

func (s *startScreen) keys() []key.Binding {
	return []key.Binding{as(keys.Enter, "choose"), keys.Up, keys.Down, keys.Quit, as(keys.Back, "quit")}
}

func (s *startScreen) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case listedMsg:
		if s.servers = msg.servers; msg.err != nil {
			s.w.notice = clean(msg.err.Error())
		}
		s.cur = min(s.cur, s.last())
	case tea.KeyMsg:
		switch {
		case key.Matches(msg, keys.Up):
			s.cur = max(0, s.cur-1)
		case key.Matches(msg, keys.Down):
			s.cur = min(s.last(), s.cur+1)
		case key.Matches(msg, keys.Enter):
			return s.choose()
		}
	}
	return nil
}

// openedMsg brings the answers of a server that was chosen.
type openedMsg struct {
	session *session
	answers checklist.Answers
	draft   bool // they are those that were left; else what stands in the file
	err     error
}

// last is the last entry: a new server, and practice where it is offered.
func (s *startScreen) last() int {
	if s.w.engine.cfg.Rehearse != nil {
		return len(s.servers) + 1
	}
	return len(s.servers)
}

func (s *startScreen) choose() tea.Cmd {
	if s.cur > len(s.servers) {
		s.w.rehearse = true
		return tea.Quit
	}
	s.w.giveUp() // it was about the server that was left
	if s.cur == len(s.servers) {
		if s.w.s.name != "" { // else it is the new one that was left by Back
			s.w.s = newSession()
		}
		s.w.push(newConnectScreen(s.w))
		return nil
	}
	k := s.servers[s.cur]
	if s.w.running() && s.w.run.s.name == k.Name {
		s.rejoin(s.w.run)
		return nil
	}
	s.w.s = openSession(k)
	c := newConnectScreen(s.w)
	s.w.push(c)
	if k.Wrong != "" {
		c.wrong = []string{"The answers file " + clean(k.File) + " has a mistake, so it was not read: " + clean(k.Wrong), "Correct it with an editor; aslwiz answers --check " + clean(k.File) + " shows every mistake with its line."}
		c.form = nil
		return nil
	}
	st, file, session := s.w.store, k.File, s.w.s
	if file == "" {
		return c.resume()
	}
	return func() tea.Msg {
		a, err := st.load(file)
		if err == nil && k.draftStands(a) {
			return openedMsg{session, *k.Draft, true, nil}
		}
		return openedMsg{session, a, false, err}
	}
}

// rejoin goes back to a server whose run goes on: it is connected already.
func (s *startScreen) rejoin(r *run) {
	s.w.s = r.s
	s.w.push(newLookScreen(s.w))
	s.w.push(newRunScreen(s.w, r))
}

// openSession is what is remembered of a server.
func openSession(k known) *session {
	s := newSession()
	s.name, s.file, s.told = k.Name, k.File, k.Told
	s.answers.Host = k.Host
	if k.Draft != nil {
		s.answers = *k.Draft
	}
	for path, text := range k.Typed {
		s.typed[path] = text
	}
	for step := range k.Asked {
		s.asked[step] = true
	}
	for step := range k.Skipped {
		s.status[step] = checklist.StepSkipped
	}
	s.at = k.At
	return s
}

func (s *startScreen) view(w, h int) []string {
	list, at := s.list(w)
	out := s.introduction(w, h-len(list))
	at += len(out)
	out = append(out, list...)
	if from := min(at-h/3, len(out)-h); from > 0 { // the choice stays in sight
		out = out[from:]
	}
	return out
}

// introduction is what fits of it into h lines; what practice means goes before
// what aslwiz is.
func (s *startScreen) introduction(w, h int) []string {
	var out []string
	for _, words := range []string{
		s.w.engine.cfg.practiceWords(),
		"aslwiz takes a fresh server through the AllStarLink wiki's page \"Server Provisioning\": " +
			"it shows each step, what it would change and why, changes it over SSH when you say so, and measures the result.",
	} {
		paragraph := append(wrap(w, " ", words), "")
		if words != "" && len(paragraph)+len(out) <= h {
			out = append(paragraph, out...)
		}
	}
	return out
}

// list is the servers and what else there is to choose, with what the choice means,
// and the row that is chosen.
func (s *startScreen) list(w int) (out []string, at int) {
	for i, k := range s.servers {
		if i == s.cur {
			at = len(out)
		}
		out = append(out, s.row(i, k.Name, k.Host))
		for _, l := range wrap(w, "      ", clean(s.past(k))) {
			out = append(out, style.faint.Render(l))
		}
	}
	if s.cur == len(s.servers) {
		at = len(out)
	}
	out = append(out, s.row(len(s.servers), "a new server", ""))
	if s.last() > len(s.servers) {
		if s.cur == s.last() {
			at = len(out)
		}
		out = append(out, s.row(s.last(), "practice", "on a server in memory"))
	}
	out = append(out, "")
	switch {
	case s.cur > len(s.servers):
		out = append(out, wrap(w, " ", "The whole page on a server that is simulated in this computer's memory: no network, and nothing that could break.")...)
	case s.cur < len(s.servers) && s.servers[s.cur].Running != "":
		out = append(out, wrap(w, " ", "Enter resumes: aslwiz connects, and follows what still runs there.")...)
	case s.cur < len(s.servers) && s.servers[s.cur].At != "":
		out = append(out, wrap(w, " ", "Enter connects, and goes on where you were: "+clean(s.servers[s.cur].At)+".")...)
	case s.cur < len(s.servers):
		out = append(out, wrap(w, " ", "Enter connects and looks at the server; nothing is changed by that.")...)
	default:
		out = append(out, wrap(w, " ", "You need its address and a way to log in over SSH: a key, or the password from your provider's mail.")...)
	}
	return out, at
}

func (s *startScreen) row(i int, name, host string) string {
	text := clean(name)
	if host == name {
		host = ""
	}
	cursor := "   "
	if i == s.cur {
		cursor = " " + style.accent.Render(glyph.here) + " "
		text = style.title.Render(text)
	}
	return cursor + text + "  " + style.faint.Render(clean(host))
}

// past is one line on what is known of a server.
func (s *startScreen) past(k known) string {
	var parts []string
	if k.Wrong != "" {
		return "its answers file has a mistake"
	}
	if k.Running != "" {
		parts = append(parts, "step "+k.Running+" was running when aslwiz was left")
	}
	switch {
	case !k.Verified.IsZero():
		parts = append(parts, "verified "+ago(s.w.now(), k.Verified)+": "+k.Counts)
	case k.Draft != nil:
		parts = append(parts, "begun; its answers are not complete yet")
	default:
		parts = append(parts, "not verified from here yet")
	}
	return strings.Join(parts, "; ")
}

// list reads the servers anew.
func (w *wizard) list() tea.Cmd {
	st := w.store
	return func() tea.Msg {
		servers, err := st.list()
		return listedMsg{servers, err}
	}
}
