package tui

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

var update = flag.Bool("update-screens", false, "write the golden screens anew")

var clockTime = regexp.MustCompile(`\d\d:\d\d:\d\d UTC`)

// golden compares the screen with testdata/NAME.txt, without its colours.
func golden(t *testing.T, name, screen string) {
	t.Helper()
	got := clockTime.ReplaceAllString(ansi.Strip(screen), "12:34:56 UTC") + "\n"
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: the screen is\n%s\nand was\n%s\ngo test ./tui -update-screens takes it as it is", name, got, want)
	}
}

// contains fails when the screen does not say something.
func (b *bench) contains(texts ...string) {
	b.t.Helper()
	screen := flat(ansi.Strip(b.w.View()))
	for _, text := range texts {
		if !strings.Contains(screen, flat(text)) {
			b.t.Errorf("the screen does not say %q:\n%s", text, ansi.Strip(b.w.View()))
		}
	}
}

func (b *bench) lacks(texts ...string) {
	b.t.Helper()
	screen := ansi.Strip(b.w.View())
	for _, text := range texts {
		if strings.Contains(screen, text) {
			b.t.Errorf("the screen says %q:\n%s", text, screen)
		}
	}
}

// flat joins what was broken into lines, without the list at the left.
func flat(s string) string {
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		if i := strings.Index(line, "│"); i >= 0 {
			line = line[i+len("│"):]
		}
		out = append(out, strings.Fields(line)...)
	}
	return strings.Join(out, " ")
}
