package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aslwiz/checklist"
	"aslwiz/checklist/practice"
	"aslwiz/remote"
)

// refusing is a server on which no step can start.
type refusing struct {
	checklist.Host
	err error
}

func (r refusing) Start(context.Context, remote.Transaction) error { return r.err }

// What never began is neither running nor unknown: not in what apply prints, not in
// its result, not in the journal. Where the answer was lost with the link, nobody
// knows, and that is said.
func TestStepThatNeverBegan(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err            error
		status, result string
	}{
		{fmt.Errorf("practice: /var/lib/aslwiz: %w; make some room there", remote.ErrDiskFull), "not-started", "  not started  packages        practice: /var/lib/aslwiz: disk full;"},
		{fmt.Errorf("practice: %w: too many connections", remote.ErrConnect), "not-started", "  not started  packages        practice: cannot connect: too many connections"},
		{&remote.BusyError{Host: "practice"}, "not-started", "  not started  packages        practice: another change is being made there"},
		{fmt.Errorf("starting it: %w: %w", remote.ErrUnsure, remote.ErrLost), "unknown", "  unknown      packages        it may be running on the server:"},
	} {
		world, err := practice.New(practice.NewClock(1000))
		if err != nil {
			t.Fatal(err)
		}
		defer world.Close()
		var out, said strings.Builder
		a := &app{out: &out, err: &said, color: "never", plain: true}
		var steps []checklist.Step
		for _, id := range []string{"packages", "hostname"} {
			st, _ := checklist.StepByID(id)
			steps = append(steps, st)
		}
		s := server{name: "practice", arg: "practice", answers: world.Answers()}
		path := filepath.Join(t.TempDir(), "j.jsonl")
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		l := a.newLive(s, len(steps), &journal{file: file, path: path, most: maxJournal})
		result, err := checklist.Apply(t.Context(), refusing{world.Host(), c.err}, s.answers, checklist.ApplyOptions{Steps: steps, Emit: l.emit})
		running := l.runs()
		l.close()
		if !errors.Is(err, c.err) || running != "" {
			t.Errorf("%v: %v, %q runs", c.err, err, running)
		}
		a.result(s, steps, result, running)
		if !strings.Contains(out.String(), c.result) || !strings.Contains(out.String(), "  not started  "+"hostname") {
			t.Errorf("%v:\n%s", c.err, out.String())
		}
		log, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(log), `"step":"packages","status":"`+c.status+`"`) {
			t.Errorf("journal: %v\n%s", err, log)
		}
		for what, text := range map[string]string{"result": out.String(), "conversation": said.String(), "journal": string(log)} {
			if strings.Contains(text, "running on the server") && c.status == "not-started" || strings.Contains(text, `"running"`) {
				t.Errorf("the %s says that it runs:\n%s", what, text)
			}
		}
	}
}
