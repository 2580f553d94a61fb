//go:build unix

package ptytest

import (
	"slices"
	"strings"
	"time"
)

// Person goes through the wizard as somebody would who reads the screen and
// knows the answers: by what it says alone.
type Person struct {
	*Terminal
	// Answers are what is typed into the fields, by their labels; of several for
	// one label, each is given once. "" and a label that is not here keep what is
	// filled in; "space" ticks the first choice, and "down" takes the next one.
	Answers map[string][]string
	// Replies are what is typed to a question that says the text; "enter", "y" and
	// the like are keys.
	Replies []Reply
	// Quiet is how long nothing must be printed before the screen is read.
	Quiet time.Duration
	// Skip are the steps to leave out.
	Skip []string
	// Running is called when a step is seen running; Ended when it has ended.
	Running, Ended func(step string)
}

// Reply is an answer to a question over the screen.
type Reply struct{ To, Type string }

// Title is what the screen is called.
func (p *Person) Title() string {
	first, _, _ := strings.Cut(p.Screen(), "\n")
	_, title, ok := strings.Cut(first, "› ")
	if !ok {
		return ""
	}
	title, _, _ = strings.Cut(title, "  ")
	return strings.TrimSpace(title)
}

// Foot is the last line: the keys, or that an answer is waited for.
func (p *Person) Foot() string {
	lines := strings.Split(p.Screen(), "\n")
	return lines[len(lines)-1]
}

// Field is the label of the field that is being filled in.
func (p *Person) Field() string {
	for line := range strings.SplitSeq(p.Screen(), "\n") {
		if _, right, ok := strings.Cut(line, "│ "); ok {
			if label, ok := strings.CutPrefix(right, "› "); ok {
				return strings.TrimSpace(label)
			}
		}
	}
	return ""
}

// GoOn does what the screen proposes until it is called one of the titles.
func (p *Person) GoOn(titles ...string) {
	p.t.Helper()
	for {
		p.Calm()
		title := p.Title()
		step, state, _ := strings.Cut(title, ", ")
		switch {
		case p.asked():
			p.reply()
		case slices.Contains(titles, title):
			return
		case state == "answers":
			p.fill()
		case state == "running":
			if p.Running != nil {
				p.Running(step)
			}
			p.changes("the step runs", func() bool { return p.Title() != title || p.asked() })
		case state == "ended":
			if p.Ended != nil {
				p.Ended(step)
			}
			p.press("enter")
		case slices.Contains(p.Skip, title) && strings.Contains(p.Foot(), "s skip"):
			p.press("s")
		case strings.Contains(p.Foot(), "r run this step"):
			p.press("r")
		default:
			p.press("enter")
		}
	}
}

// Calm waits until nothing is being waited for on the screen.
func (p *Person) Calm() {
	p.t.Helper()
	p.settle(p.Quiet)
	p.changes("something is waited for", func() bool {
		lines := strings.Split(p.Screen(), "\n")
		return len(lines) < 2 || p.asked() || !busy(lines[len(lines)-2])
	})
}

// busy says whether the line above the foot tells that something is waited for.
func busy(rule string) bool {
	text := strings.Trim(rule, "─ ")
	return slices.ContainsFunc([]string{"reading", "measuring", "connecting", "undoing"}, func(word string) bool { return strings.HasPrefix(text, word) })
}

// press presses a key and waits for what comes of it.
func (p *Person) press(key string) {
	p.t.Helper()
	before := p.Screen()
	p.Press(key)
	p.changes("after "+key, func() bool { return p.Screen() != before })
}

func (p *Person) changes(what string, is func() bool) {
	p.t.Helper()
	if !p.wait(is) {
		p.t.Fatalf("%s, and nothing comes of it:\n%s", what, p.Screen())
	}
}

func (p *Person) asked() bool { return strings.Contains(p.Foot(), "waits for your answer") }

// reply answers a question that has appeared.
func (p *Person) reply() {
	p.t.Helper()
	p.Settle() // read it first
	for _, r := range p.Replies {
		if !p.Says(r.To) {
			continue
		}
		if _, isKey := named[r.Type]; isKey || len(r.Type) == 1 {
			p.press(r.Type)
			return
		}
		p.Type(r.Type)
		p.press("enter")
		return
	}
	p.t.Fatalf("a question that nobody expected:\n%s", p.Screen())
}

// fill answers the field that is being filled in.
func (p *Person) fill() {
	p.t.Helper()
	label := p.Field()
	if given := p.Answers[label]; len(given) > 0 {
		p.Answers[label] = given[1:]
		switch given[0] {
		case "":
		case "space", "down":
			p.Press(given[0])
		default:
			p.Press("end", "ctrl+u")
			p.Type(given[0])
			p.changes("typed for "+label, func() bool { return !p.Says("not yet right") })
		}
	}
	before := p.Title() + p.Field()
	p.Press("enter")
	p.changes("after "+label, func() bool { return p.Title()+p.Field() != before || p.asked() || p.Says("not yet right") })
	if p.Says("not yet right") && p.Title()+p.Field() == before {
		p.t.Fatalf("%s is not taken:\n%s", label, p.Screen())
	}
}
