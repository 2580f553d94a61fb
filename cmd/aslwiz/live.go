package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// live prints events as they come: whole lines, and on a terminal below them one
// status line that is redrawn.
type live struct {
	server  server
	host    string // the server's name in events; another one is the other end of a tunnel
	out     io.Writer
	paint   painter
	redraw  bool
	width   func() int
	journal *journal
	total   int // steps of the run

	mu      sync.Mutex
	n       int       // steps begun
	running string    // the step that runs on the server, "" between steps
	status  string    // the status line as it stands on the screen
	began   time.Time // when it began to
	doing   checklist.Event
	since   time.Time // when doing came
	tenth   int       // last 10 % printed where nothing is redrawn
	stalled time.Duration
	held    []checklist.Event // events while a question is open
	holding bool
	ticker  *time.Ticker
	done    chan struct{}
}

func (a *app) newLive(s server, total int, j *journal) *live {
	l := &live{
		server: s, out: a.err, paint: a.painter(a.errTTY), redraw: a.errTTY && !a.plain,
		width: a.width, journal: j, total: total, done: make(chan struct{}),
	}
	if l.redraw {
		l.ticker = time.NewTicker(time.Second)
		go l.tick()
	}
	return l
}

// tick keeps the elapsed time moving while the server is silent.
func (l *live) tick() {
	for {
		select {
		case <-l.done:
			return
		case <-l.ticker.C:
			l.mu.Lock()
			if l.running != "" && !l.holding {
				l.draw()
			}
			l.mu.Unlock()
		}
	}
}

func (l *live) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ticker != nil {
		l.ticker.Stop()
		close(l.done)
		l.ticker = nil
	}
	l.erase()
	for _, e := range l.held {
		l.print(e)
	}
	l.held = nil
	if err := l.journal.close(); err != nil {
		fmt.Fprintf(l.out, "note: the journal of this run is not complete: %v\n", err)
	}
}

// emit takes an event. It never waits for a person: what comes while a question
// is open is printed after it.
func (l *live) emit(e checklist.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.journal.write(e)
	picked := e.Kind == checklist.EventNote && e.Tx != nil && e.Tx.State.Ended() // what another run had left
	if e.Kind == checklist.EventStep || picked {
		l.running = ""
		if e.Status == checklist.StepRunning {
			l.running, l.tenth, l.stalled, l.doing = e.Step, 0, 0, checklist.Event{Percent: -1}
			l.since, l.began = time.Now(), e.At
		}
	}
	if l.holding {
		if e.Kind != checklist.EventProgress {
			l.held = append(l.held, e)
		}
		return
	}
	l.print(e)
}

// hold keeps the screen still for a question until release.
func (l *live) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holding = true
	l.erase()
}

func (l *live) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holding = false
	for _, e := range l.held {
		l.print(e)
	}
	l.held = nil
}

// runs is the step that runs on the server now.
func (l *live) runs() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.running
}

func (l *live) print(e checklist.Event) {
	l.erase()
	switch e.Kind {
	case checklist.EventPlanned:
		l.planned(e)
	case checklist.EventStep:
		l.printStatus(e)
	case checklist.EventOutput:
		for _, line := range e.Lines {
			fmt.Fprintln(l.out, "  | "+remote.CleanLine(line))
		}
		l.stalled = 0
	case checklist.EventProgress:
		l.doing, l.since = e, time.Now()
		l.progress(e)
	case checklist.EventStall:
		l.doing.Elapsed, l.since = e.Elapsed, time.Now()
		l.stall(e)
	case checklist.EventNote, checklist.EventConnected:
		fmt.Fprintln(l.out, wrap("  note: ", remote.CleanLine(e.Text)))
		for _, d := range e.Detail { // as it is: it may be there to be copied
			fmt.Fprintln(l.out, remote.CleanLine(d))
		}
	}
	if l.running != "" {
		l.draw()
	}
}

// planned begins a step.
func (l *live) planned(e checklist.Event) {
	switch far := l.host != "" && e.Server != "" && e.Server != l.host; {
	case far:
		fmt.Fprintf(l.out, "\n%s", l.paint.faint("the other end, on "+remote.CleanLine(e.Server)))
	case l.total > 1:
		l.n++
		fmt.Fprintf(l.out, "\n%s", l.paint.faint(fmt.Sprintf("%d of %d", min(l.n, l.total), l.total)))
	}
	if e.Plan != nil && e.Status != checklist.StepSame {
		planPrinter{out: l.out, paint: l.paint}.step(*e.Plan)
		return
	}
	fmt.Fprintf(l.out, "\n%s\n", l.paint.bold(e.Step))
}

func (l *live) printStatus(e checklist.Event) {
	word := e.Status.Words()
	switch e.Status {
	case checklist.StepRunning:
		fmt.Fprintf(l.out, "  %s on the server\n", l.paint.status(word))
		return
	case checklist.StepSame:
		fmt.Fprintf(l.out, "  %s: nothing to do\n", l.paint.status(word))
	case checklist.StepChanged:
		fmt.Fprintf(l.out, "  %s: done%s, and read back as wanted\n", l.paint.status(word), l.took(e))
	default:
		fmt.Fprintln(l.out, wrap("  "+l.paint.status(word)+l.took(e)+": ", remote.CleanLine(orDash(e.Text))))
	}
	printDetail(l.out, l.paint, e.Detail)
}

// took is how long a step that ran took, its reading back included.
func (l *live) took(e checklist.Event) string {
	if e.Tx == nil || l.began.IsZero() {
		return ""
	}
	return " after " + clock(e.At.Sub(l.began))
}

// printDetail prints what belongs to a verdict. Running text is wrapped; in a
// diff every blank counts, so from its head on lines stay as they are.
func printDetail(out io.Writer, paint painter, detail []string) {
	inDiff := false
	for _, d := range detail {
		d = remote.CleanLine(d)
		inDiff = inDiff && !strings.HasSuffix(d, "changed since this step") || strings.HasPrefix(d, "--- ")
		if inDiff {
			fmt.Fprintln(out, "    "+paint.diff(d))
			continue
		}
		fmt.Fprintln(out, wrap("    ", d))
	}
}

// progress without redrawing: a line at every 10 %.
func (l *live) progress(e checklist.Event) {
	if tenth := int(e.Percent / 10); !l.redraw && e.Percent > 0 && tenth > l.tenth {
		l.tenth = tenth
		fmt.Fprintf(l.out, "  %d %% after %s: %s\n", tenth*10, clock(e.Elapsed), remote.CleanLine(e.Doing))
	}
}

// stall says that the server is silent, each time twice as rarely.
func (l *live) stall(e checklist.Event) {
	if l.stalled > 0 && e.Silent < 2*l.stalled {
		return
	}
	l.stalled = e.Silent
	text := "nothing heard for " + clock(e.Silent)
	if e.Holder != "" {
		text += "; the package system's lock is held by " + remote.CleanLine(e.Holder) + ", which is waited for"
	}
	fmt.Fprintln(l.out, wrap("  note: ", text))
}

// draw puts the status line below everything.
func (l *live) draw() {
	if !l.redraw || l.running == "" {
		return
	}
	text := "  " + l.running + "  " + clock(l.doing.Elapsed+time.Since(l.since))
	if l.doing.Percent > 0 {
		text += fmt.Sprintf("  %3.0f %%", l.doing.Percent)
	}
	if l.doing.Doing != "" {
		text += "  " + remote.CleanLine(l.doing.Doing)
	}
	if hint := "  (Ctrl-C: leave or stop)"; l.total > 0 && ansi.StringWidth(text+hint) < l.width() { // an undo is not asked about
		text += hint
	}
	text = ansi.Truncate(text, l.width()-1, "…")
	if text != l.status {
		l.erase()
		l.status = text
		fmt.Fprint(l.out, l.paint.faint(text))
	}
}

func (l *live) erase() {
	if l.status != "" {
		fmt.Fprint(l.out, "\r\x1b[K")
		l.status = ""
	}
}

// clock is a duration as minutes and seconds.
func clock(d time.Duration) string {
	d = d.Round(time.Second)
	if d < time.Minute {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return fmt.Sprintf("%d:%02d min", d/time.Minute, d%time.Minute/time.Second)
}
