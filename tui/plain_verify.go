package tui

import (
	"strings"
	"time"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// verify measures all items, and then what the admin says.
func (p *plain) verify() error {
	if err := p.measure(page.items(), false); err != nil {
		return err
	}
	for {
		line, err := p.word("\nVerification (again, red, wait, try, an item's name for its details, fix and an item's name, report, told, back): ", func() {
			p.tell("", "again measures all items, red those that are not ok; wait measures what needs time until it is there; try sends a test mail to root and a marked line to the log, and measures both. The name of an item shows what was wanted, found and how to mend it. fix and its name goes to the step that mends it. report writes the hand-off for the monitoring team; told ticks that the admin list was asked to add the server to LibreNMS, and unticks it. "+everywhere)
		})
		if err != nil {
			return err
		}
		name, fix := strings.CutPrefix(line, "fix ")
		f, known := p.s.findings[name]
		switch {
		case line == "again":
			err = p.measure(page.items(), false)
		case line == "red":
			v := verifyScreen{w: &wizard{s: p.s}}
			err = p.measure(v.notOK(), false)
		case known && fix && p.s.mends(f) != "":
			err = p.step(p.s.mends(f))
		case known:
			p.finding(f)
		case line == "try":
			err = p.measure(tried(p.s.answers), true)
		case line == "wait":
			err = p.wait()
		case line == "told":
			p.tick()
		case line == "report":
			err = p.report()
		case line == "":
			return nil
		default:
			p.say("There is no item %q.", clean(line))
		}
		if err := p.tolerate(err); err != nil {
			return err
		}
	}
}

// measure measures items; with try, it first does what some need to be seen to
// work.
func (p *plain) measure(items []checklist.Item, try bool) error {
	if len(items) == 0 {
		p.say("Every item is ok.")
		return nil
	}
	p.say("Measuring %s.", plural(len(items), "item"))
	printer := &eventPrinter{p: p}
	write, done := p.journal()
	defer done()
	in := p.s.in()
	if try {
		if err := checklist.Act(p.ctx, p.s.host, in, items, write); err != nil {
			return err
		}
	}
	var err error
	if in.Far, err = p.far(in, items); err != nil {
		return err
	}
	_, err = checklist.Verify(p.ctx, p.s.host, in, items, func(ev checklist.Event) { write(ev); p.s.happened(ev); printer.print(ev) })
	if err != nil {
		return err
	}
	counts := sum(count(p.s.findings))
	p.say("%s", counts)
	p.remember(func(k *known) { k.Verified, k.Counts = p.now(), counts })
	return nil
}

// wait measures what needs time, each when its time has come, until nothing does.
func (p *plain) wait() error {
	for {
		var due []checklist.Item
		next := time.Duration(0)
		for _, it := range page.items() {
			if f, ok := p.s.findings[it.ID]; ok && f.Status == checklist.Waiting {
				due = append(due, it)
				next = max(next, again(f).Sub(p.now()))
			}
		}
		if len(due) == 0 {
			p.say("Nothing waits.")
			return nil
		}
		p.say("Waiting %s.", clock(next))
		select {
		case <-p.ctx.Done():
			return p.ctx.Err()
		case <-time.After(next):
		}
		if err := p.measure(due, false); err != nil {
			return err
		}
	}
}

// tick is the one thing that a person says was done: the list was told.
func (p *plain) tick() {
	text := "Ticked: the admin list was asked to add the server to LibreNMS."
	told := p.now()
	if !p.s.told.IsZero() {
		told, text = time.Time{}, "Unticked."
	}
	p.s.told = told
	p.remember(func(k *known) { k.Told = told })
	p.say("%s", text)
}

func (p *plain) finding(f checklist.Finding) {
	p.say("%s: %s. %s", f.Item, itemWord(f.Status), clean(f.Title))
	p.tell("want: ", clean(f.Want))
	p.tell("got: ", clean(f.Got))
	if f.Fix != nil {
		p.tell("fix: ", clean(f.Fix.Text))
	}
	for _, ev := range f.Evidence {
		for l := range strings.Lines(remote.CleanText(ev)) {
			p.say("  %s", clean(l))
		}
	}
	if f.Status == checklist.Waiting {
		p.say("It needs time: measure it again in %s.", clock(max(0, again(f).Sub(p.now()))))
	}
}

// report writes the hand-off: to a file, and here.
func (p *plain) report() error {
	p.say("Measuring every item once more for the report.")
	in := p.s.in()
	var err error
	if in.Far, err = p.far(in, checklist.Items()); err != nil {
		return err
	}
	r, err := checklist.MakeReport(p.ctx, p.s.host, in, func(ev checklist.Event) { p.s.happened(ev) })
	if err != nil {
		return err
	}
	text, _ := p.cfg.handed(r) // the message is at its end
	file := p.store.reportFile(p.s.name)
	if err := writeFile(file, []byte(text)); err != nil {
		return err
	}
	p.say("%s", remote.CleanText(text))
	p.say("Saved as %s. The message for the admin list is at its end; told ticks that it was sent.", file)
	return nil
}
