package tui

import (
	"errors"
	"maps"
	"path/filepath"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
)

// saveDraft keeps the answers: as the answers file once they are whole, and
// what was typed beside it, so that nothing has to be typed twice.
func (w *wizard) saveDraft() tea.Cmd { return w.saveDraftOf(w.s) }

func (w *wizard) saveDraftOf(s *session) tea.Cmd {
	st, now := w.store, w.now()
	answers, file, name := s.answers, s.file, s.name
	typed, asked, skipped, at := maps.Clone(s.typed), maps.Clone(s.asked), s.skipped(), s.at
	if name == "" {
		return func() tea.Msg {
			return complaint(st.remember(unnamed, func(k *known) { k.Typed, k.Draft = typed, &answers }))
		}
	}
	if file == "" {
		file = st.file(name)
	}
	whole := len(answers.Problems(nil)) == 0
	return func() tea.Msg {
		if whole {
			if err := st.save(file, answers); err != nil {
				return noticeMsg("the answers could not be saved: " + err.Error())
			}
		}
		err := st.remember(name, func(k *known) {
			if a, err := st.load(file); err == nil && k.Draft == nil {
				k.Base = &a
			}
			k.Used, k.Typed, k.Asked, k.Draft, k.At, k.Skipped = now, typed, asked, &answers, at, skipped
			if whole {
				k.Draft, k.Typed, k.Base = nil, nil, nil
			}
		})
		return complaint(errors.Join(err, st.forget(unnamed)))
	}
}

func complaint(err error) tea.Msg {
	if err != nil {
		return noticeMsg("what you typed could not be saved: " + err.Error())
	}
	return nil
}

// keepMsg is the moment to keep what was typed lately, and where one is.
type keepMsg struct{}

// keepSoon has everything kept within a second, so that a closed window loses
// next to nothing, and not every key is a write.
func (w *wizard) keepSoon() tea.Cmd {
	if w.keeping {
		return nil
	}
	w.keeping = true
	return w.soon
}

// skipped are the steps that were left out on the admin's word.
func (s *session) skipped() map[string]bool {
	out := map[string]bool{}
	for id, status := range s.status {
		if status == checklist.StepSkipped {
			out[id] = true
		}
	}
	return out
}

// saveRunning remembers which step runs on a server, for the next start; "" when
// none does.
func (w *wizard) saveRunning(s *session, step string) tea.Cmd {
	return w.saveState(s, func(k *known) { k.Running = step })
}

// saveVerified remembers how the verification ended.
func (w *wizard) saveVerified() tea.Cmd {
	when, counts := w.now(), sum(count(w.s.findings))
	return w.saveState(w.s, func(k *known) { k.Verified, k.Counts = when, counts })
}

func (w *wizard) saveState(s *session, change func(*known)) tea.Cmd {
	st, name := w.store, s.name
	return func() tea.Msg {
		if err := st.remember(name, change); err != nil {
			return noticeMsg("could not be remembered: " + err.Error())
		}
		return nil
	}
}

// saveLog writes a log to a file of its own.
func (w *wizard) saveLog(step, text string) tea.Cmd {
	file := w.store.logFile(w.s.name, step, w.now())
	return func() tea.Msg {
		if err := writeFile(file, []byte(text)); err != nil {
			return noticeMsg("the log could not be saved: " + err.Error())
		}
		return noticeMsg("saved as " + file)
	}
}

func (s store) logFile(name, step string, now time.Time) string {
	return filepath.Join(filepath.Dir(s.state), fileName(name)+"-"+step+"-"+now.UTC().Format("20060102T150405Z")+".log")
}
