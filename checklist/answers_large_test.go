package checklist_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"aslwiz/checklist"
)

// TestNoFileOfAnswersTakesLong: whatever somebody names as an answers file, there is
// an answer at once, and one that a person can read. Brackets took 62 s, and lines
// with an unknown key 43 s and 9 GB.
func TestNoFileOfAnswersTakesLong(t *testing.T) {
	repeat := func(s string) string { return strings.Repeat(s, checklist.MaxAnswers/len(s)) }
	var deep strings.Builder
	for i := 0; deep.Len()+i+3 < checklist.MaxAnswers; i++ {
		deep.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	for name, text := range map[string]string{
		"brackets": repeat("["), "braces": repeat("{"), "both": repeat("[{a: "), "one key": repeat("x: 1\n"), "some keys": strings.Repeat("x: 1\n", 5000), "indented": deep.String(),
		"list in list": repeat("- "), "key of a key": repeat("? "), "anchors": repeat("&a "), "tags": repeat("!!x "), "documents": repeat("---\n"),
		"ports": "firewall:\n  ports:\n" + strings.Repeat("    - 80/tcp\n", 5000), "admins": "admins:\n" + strings.Repeat("  - name: x\n", 5000), "long": "host: " + strings.Repeat("x", 65000),
		"quotes": repeat(`"a" `), "words": repeat("a: b: "), "empty elements": "admins:\n" + strings.Repeat("- \n", 10000), "too large": strings.Repeat("#", checklist.MaxAnswers+1),
	} {
		begun := time.Now()
		_, err := checklist.ParseAnswers("x.yaml", []byte(text), nil)
		var wrong *checklist.AnswersError
		if !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		said := wrong.Error()
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
		if len(wrong.Mistakes) > 20 || wrong.More > 0 && !strings.HasSuffix(said, fmt.Sprintf("\nand %d more", wrong.More)) {
			t.Errorf("%s: %d mistakes are told, and %d more:\n%s", name, len(wrong.Mistakes), wrong.More, said[max(0, len(said)-200):])
		}
	}
}

// What is nested as the answers are, and lists with empty elements, is not too deep.
func TestNestingThatIsNotTooDeep(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"admins:\n" + strings.Repeat("  -\n", 50),
		`{host: h, hostname: s, domain: example.net, firewall: {ports: [80/tcp]}, snmp: {location: "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}}`,
		"host: h # [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n",
	} {
		if _, err := checklist.ParseAnswers("x.yaml", []byte(text), nil); err != nil && strings.Contains(err.Error(), "levels deep") {
			t.Errorf("%.60q: %v", text, err)
		}
	}
}

// Notepad begins a file with a mark that nobody sees.
func TestAnswersWithAByteOrderMark(t *testing.T) {
	t.Parallel()
	a, err := checklist.ParseAnswers("x.yaml", []byte("\ufeffhost: h\r\nhostname: stats\r\ndomain: example.net\r\n"), nil)
	if err != nil || a.Host != "h" {
		t.Errorf("%q, %v", a.Host, err)
	}
}
