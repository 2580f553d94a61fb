package tui

import (
	"context"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"aslwiz/checklist"
)

// TestRowsTickOneByOne: an item that is measured says so before the last one is.
func TestRowsTickOneByOne(t *testing.T) {
	b := newBench(t, 100, 30)
	b.connect()
	b.keys("v")
	_, _ = b.w.Update(press("a")) // and it takes its time
	b.contains("measuring name", "measuring rules", "measuring time")
	b.do(foundMsg{b.w.s, eventsMsg{{Kind: checklist.EventFinding, Finding: &checklist.Finding{Item: "rules", Status: checklist.Passed}}}})
	b.contains("measuring name", "ok rules", "measuring time")
}

// TestAMeasurementThatIsGivenUpIsNotShownAsOne, neither when it is left nor when
// word of its end comes.
func TestAMeasurementThatIsGivenUpIsNotShownAsOne(t *testing.T) {
	b := newBench(t, 100, 30)
	b.connect()
	b.keys("v")
	_, _ = b.w.Update(press("a"))
	b.keys("enter")
	b.contains("measuring name")
	b.keys("esc")
	b.lacks("measuring")
	b.do(verifiedMsg{session: b.w.s, items: []string{"name"}, err: context.Canceled})
	if s := ansi.Strip(b.w.View()); strings.Contains(s, "measuring") || !strings.Contains(s, "1 ok") {
		t.Errorf("the screen is:\n%s", s)
	}
}
