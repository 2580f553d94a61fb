package tui

import (
	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
)

// tried are the items that can do something to be seen to work.
func tried(a checklist.Answers) []checklist.Item {
	var out []checklist.Item
	for _, it := range page.items() {
		if it.Act != nil && len(it.Act(checklist.In{Answers: a})) > 0 {
			out = append(out, it)
		}
	}
	return out
}

// tryDialog asks before something is sent that people will see.
func (v *verifyScreen) tryDialog() *dialog {
	return &dialog{
		asked: true, head: "Send a test?",
		body: []string{"A test mail goes to root, which whoever reads root's mail will find, and a marked line goes to the log. Then it is measured what became of them."},
		options: []option{
			{bind("y", "yes, send them", "y"), func() tea.Cmd { return v.look(tried(v.w.s.answers), true) }},
			{bind("esc", "no", "esc", "n"), func() tea.Cmd { return nil }},
		},
	}
}
