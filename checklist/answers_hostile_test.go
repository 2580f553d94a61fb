package checklist

import (
	"fmt"
	"os/exec"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"aslwiz/templates"
)

// hostileTexts are what nobody should type, and what somebody will paste.
var hostileTexts = []string{
	"$(reboot)", "`reboot`", "a;reboot", "a&&b", "a|b", "a>b", "a b", " a", "a ", "a\tb", "a\nb", "a\r\nb", "\n", "a\x00b",
	"a'b", "'", `a"b`, `"`, `a\b`, `a\`, `\\`, `a\nb`, "a%sb", "%", "%n%n", "{{.}}", "${HOME}", "$IFS", "~", "*", "a[b]c", "?", "!x", "#x", "a#b",
	"-rf", "--", "../../etc/passwd", "/etc/passwd", "ä", "日本", "a\u202eb", "a\u0085b", "a\u2028b", "a\u200bb", "a\u00adb", "\ufeffa", "a\U000e0041b", "a\x1b[2Jb", "a\xffb", "a\nEOF\n",
	"fe80::1%$(reboot)", "fe80::1%a\nb", "::1%eth0;x", strings.Repeat("a", 64<<10), strings.Repeat("a.", 32<<10),
}

// free are the answers that may be any text of a kind: what is said of each hostile
// one is judged below. identity is a path on the admin's own computer.
var free = []string{"identity", "snmp.location", "snmp.contact", "admins.keys"}

// TestHostileAnswers: every answer that is a text refuses every hostile one at
// its own field, with a reason that is fit for a screen.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	var fields int
	for _, path := range answerPaths(reflect.TypeFor[Answers](), "") {
		for _, hostile := range hostileTexts {
			a := labAnswers()
			a.Peers = []Peer{{Name: "two", Addresses: []string{"198.51.100.12"}, SSH: "admin@two.example.net"}}
			a.SNMP.Version = "3"
			if !setAnswer(reflect.ValueOf(&a).Elem(), path, hostile) {
				break
			}
			fields++
			problem := problemAt(a, path)
			if problem == "" && !slices.Contains(free, path) {
				t.Errorf("%s takes %.60q", path, hostile)
			}
			if strings.ContainsAny(problem, "\x00\x1b\r\u202e\u0085") {
				t.Errorf("%s: the reason for %.60q is not fit for a screen: %q", path, hostile, problem)
			}
		}
	}
	if want := 25 * len(hostileTexts); fields < want {
		t.Errorf("only %d answers were tried, want %d", fields, want)
	}
}

// setAnswer sets the text at a path, as the first element of lists; false when
// it is no text.
func setAnswer(v reflect.Value, path, text string) bool {
	key, rest, more := strings.Cut(path, ".")
	f, _ := fieldByKey(v, key)
	if f.Kind() == reflect.Slice {
		if f.Len() == 0 {
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		}
		f = f.Index(0)
	}
	if more {
		return setAnswer(f, rest, text)
	}
	if f.Kind() != reflect.String {
		return false
	}
	f.SetString(text)
	return true
}

// problemAt is what is wrong at a path.
func problemAt(a Answers, path string) string {
	for _, p := range a.Problems(nil) {
		if listPosition.ReplaceAllString(p.Path, "") == path {
			return p.Text
		}
	}
	return ""
}

// TestFreeAnswersAreCarriedExactly: what a free answer takes stands in the
// server's file as it was typed, on one line.
func TestFreeAnswersAreCarriedExactly(t *testing.T) {
	t.Parallel()
	taken := 0
	for _, hostile := range hostileTexts {
		if checkLine(hostile) == nil {
			taken++
			conf, err := templates.Render("common", snmpAslwiz, map[string]any{"Listen": "udp:161", "Location": hostile, "Contact": hostile, "User": "monitor"})
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range []string{"sysLocation", "sysContact"} {
				if n := len(regexp.MustCompile(`(?m)^`+word+" "+regexp.QuoteMeta(hostile)+"$").FindAllString(conf, -1)); n != 1 {
					t.Errorf("%s %q stands %d times in:\n%s", word, hostile, n, conf)
				}
			}
		}
		line := labKey + " " + hostile
		k, err := ParseKey(line)
		if err == nil && k.Line != line && k.Line != strings.TrimSpace(line) || err == nil && strings.ContainsAny(k.Line, "\n\r\x00\x1b") {
			t.Errorf("%q became %q", line, k.Line)
		}
		if err == nil {
			if text, _ := addKeys("", []Key{k}); text != k.Line+"\n" {
				t.Errorf("%q is written as %q", k.Line, text)
			}
		}
	}
	if taken < 10 {
		t.Errorf("only %d texts are taken: the test is no good", taken)
	}
}

// TestQuoteInARealShell: whatever reaches a script goes through quote.
func TestQuoteInARealShell(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // scripts are for servers
	}
	for _, hostile := range hostileTexts {
		if strings.Contains(hostile, "\x00") {
			continue // no shell can be given one
		}
		cmd := exec.CommandContext(t.Context(), "sh")
		cmd.Stdin = strings.NewReader("printf %s " + quote(hostile) + "\n")
		out, err := cmd.Output()
		if err != nil || string(out) != hostile {
			t.Errorf("%.60q became %.60q, %v", hostile, out, err)
		}
	}
}

// TestHostileKeys: a pre-shared key is refused with a reason, or travels as base64
// of exactly its bytes.
func TestHostileKeys(t *testing.T) {
	t.Parallel()
	const long = "long enough to be a key: "
	for _, hostile := range hostileTexts {
		for _, typed := range []string{long + hostile, hostile + long + "x", `"` + long + hostile + `"`} {
			word, err := PSKWord(typed)
			if err != nil {
				if strings.Contains(err.Error(), long) {
					t.Errorf("the reason repeats the key: %v", err)
				}
				continue
			}
			want := strings.TrimRight(typed, "\r\n")
			if len(want) > 1 && strings.HasPrefix(want, `"`) && strings.HasSuffix(want, `"`) {
				want = want[1 : len(want)-1]
			}
			again, err := PSKWord(word)
			if err != nil || again != word || !regexp.MustCompile(`^0s[A-Za-z0-9+/]+=*$`).MatchString(word) {
				t.Errorf("%.60q: %q, %q, %v", typed, word, again, err)
			}
			if got, _ := PSKWord(fmt.Sprintf("0x%x", want)); got != word {
				t.Errorf("%.60q is not carried exactly: %q", typed, word)
			}
		}
	}
}
