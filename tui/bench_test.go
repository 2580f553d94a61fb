//go:build unix

package tui

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"aslwiz/checklist"
)

// BenchmarkFirstFrameInATerminal is the time from the start of the program to
// its first screen, on a terminal that answers no question. The goal is 60 ms.
func BenchmarkFirstFrameInATerminal(b *testing.B) {
	for b.Loop() {
		x := runInTerminal(b, "wizard")
		x.Next("which server?")
		x.Kill()
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/frame")
}

// flood is a wizard that watches a step which says 10,000 lines a second.
func flood() int {
	smallPage(&testing.B{})
	w := newWizard(Config{}, store{}, nil, time.Now)
	w.run = newRun(w.s, page.steps()[1:2], nil, false)
	w.push(newRunScreen(w, w.run))
	prog := tea.NewProgram(w, tea.WithAltScreen())
	p := &pump{send: func(m tea.Msg) { prog.Send(runMsg{w.run, m.(eventsMsg)}) }}
	go func() {
		lines := make([]string, 100)
		n := 0
		for range time.Tick(10 * time.Millisecond) {
			for i := range lines {
				n++
				lines[i] = fmt.Sprintf("Setting up libsomething-with-a-long-name%d:amd64 (1.2.3-4), and a few words more to wrap it ...", n)
			}
			p.emit(checklist.Event{Kind: checklist.EventOutput, Step: "packages", Lines: append([]string(nil), lines...)})
		}
	}()
	if _, err := prog.Run(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// BenchmarkKeysWhileTheLogRuns presses keys while 10,000 lines a second come:
// each must show within 100 ms, for at most 15 % of a core and in bounded memory.
func BenchmarkKeysWhileTheLogRuns(b *testing.B) {
	x := runInTerminal(b, "flood")
	x.Next("libsomething")
	began := time.Now()
	var worst time.Duration
	for b.Loop() {
		for _, turn := range [][2]string{{"?", "Keys on this screen"}, {"\x1b", "libsomething"}} {
			x.Forget()
			pressed := time.Now()
			x.Type(turn[0])
			x.Next(turn[1])
			worst = max(worst, time.Since(pressed))
		}
	}
	ran := time.Since(began)
	x.Kill()
	use := x.Used()
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(2*b.N)/1000, "ms/key")
	b.ReportMetric(float64(worst.Microseconds())/1000, "ms-worst")
	b.ReportMetric(100*float64(use.UserTime()+use.SystemTime())/float64(ran), "%core")
	if u, ok := use.SysUsage().(*syscall.Rusage); ok {
		b.ReportMetric(float64(u.Maxrss)/1024, "MB")
	}
}
