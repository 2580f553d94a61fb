package checklist_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aslwiz/checklist"
)

var update = flag.Bool("update-answers", false, "write the golden texts of wrong answers files")

func TestExampleIsRight(t *testing.T) {
	t.Parallel()
	a, err := checklist.ParseAnswers("example.yaml", []byte(checklist.Example()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := a.FQDN(); got != "stats.example.net" {
		t.Errorf("FQDN %q", got)
	}
	if len(a.Firewall.Services) > 0 || len(a.Fail2ban.Ignore) > 0 {
		t.Error("who leaves the example as it is gets something opened that nobody asked for")
	}
}

// Every comment of the example that holds an answer is right once its # is gone.
func TestExampleWithoutCommentMarks(t *testing.T) {
	t.Parallel()
	text := strings.ReplaceAll(checklist.Example(), "\n#: ", "\n")
	text = strings.ReplaceAll(text, "\n  #: ", "\n  ")
	a, err := checklist.ParseAnswers("example.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Firewall.Services) == 0 || len(a.Fail2ban.Ignore) == 0 {
		t.Error("the example does not show every answer")
	}
}

func TestParseAnswers(t *testing.T) {
	t.Parallel()
	got, err := checklist.ParseAnswers("x.yaml", []byte("host: stats-new\nport: 2222\njump: [anna@gate:22]\nhostname: stats\ndomain: example.net\n"+
		"firewall:\n  services: []\n  ports: [8080/tcp]\n  take_over: true\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := checklist.Answers{
		Host: "stats-new", Port: 2222, Jump: []string{"anna@gate:22"}, Hostname: "stats", Domain: "example.net",
		Firewall: checklist.Firewall{Ports: []string{"8080/tcp"}, TakeOver: true},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Each testdata/answers/*.yaml is wrong; beside it lies what is said about it.
func TestWrongAnswers(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/answers/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			_, err = checklist.ParseAnswers(filepath.Base(f), data, func(path string) error { return fmt.Errorf("%s: is not there", path) })
			var ae *checklist.AnswersError
			if !errors.As(err, &ae) {
				t.Fatalf("got %v, want an AnswersError", err)
			}
			golden := strings.TrimSuffix(f, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, _ := os.ReadFile(golden)
			if d := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), err.Error()+"\n"); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestChecksOfSingleAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		check        func(string) error
		right, wrong []string
	}{
		{
			"host", checklist.CheckHost,
			[]string{"198.51.100.11", "2001:db8::1", "fe80::1%eth0", "stats", "stats.example.net", "my_alias"},
			[]string{"", "-oProxyCommand=x", "root@h", "h:22", "[2001:db8::1]", "198.51.100.300", "a b", "h/24", "2001:db8::zz"},
		},
		{
			"user", checklist.CheckUser,
			[]string{"root", "anna", "anna.b", "anna@corp.example"},
			[]string{"-l", "anna b", "a;b", strings.Repeat("a", 65)},
		},
		{
			"jump", checklist.CheckJump,
			[]string{"gate", "anna@gate", "anna@gate:2222", "[2001:db8::1]:22", "2001:db8::1", "a@[2001:db8::1]:22"},
			[]string{"", "@gate", "gate:0", "gate:x", "gate:22:22", "a,b", "gate:", ":22", "-x"},
		},
		{
			"hostname", checklist.CheckHostname,
			[]string{"stats", "s", "stats-2", "44net"},
			[]string{"", "1234", "stats.example.net", "Stats", "st_ats", "-a", "a-", "localhost", strings.Repeat("a", 64), "stäts", "a b"},
		},
		{
			"domain", checklist.CheckDomain,
			[]string{"allstarlink.org", "lan", "x.y.z"},
			[]string{"", ".org", "org.", "a..b", "198.51.100.1", "Example.net", "a_b.org"},
		},
		{
			"port", checklist.CheckPort,
			[]string{"80/tcp", "4569/udp"},
			[]string{"", "80", "0/tcp", "65536/tcp", "080/tcp", "+1/tcp", "80/sctp", "http/tcp", "80/tcp/"},
		},
		{
			"prefix", checklist.CheckPrefix,
			[]string{"203.0.113.7", "203.0.113.0/24", "2001:db8::/32", "0.0.0.0/0"},
			[]string{"", "203.0.113.7/24", "203.0.113.0/255.255.255.0", "203.0.113.0/33", "fe80::1%eth0", "::ffff:1.2.3.4", "x"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, s := range c.right {
				if err := c.check(s); err != nil {
					t.Errorf("%q is right: %v", s, err)
				}
			}
			for _, s := range c.wrong {
				if c.check(s) == nil {
					t.Errorf("%q is wrong", s)
				}
			}
		})
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	_, err := checklist.ParseAnswers("x.yaml", []byte("host: h\nhostname: s\ndomain: d\nsudo_password: hunter2\npsk: [hunter2]\n"), nil)
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("want an error without the secret, got %v", err)
	}
}

func FuzzParseAnswers(f *testing.F) {
	f.Add([]byte(checklist.Example()))
	files, _ := filepath.Glob("testdata/answers/*.yaml")
	for _, name := range files {
		if data, err := os.ReadFile(name); err == nil {
			f.Add(data)
		}
	}
	for _, s := range []string{"", "\x00", "&a [*a]", "? [a]\n: b", "<<: *x", "{a: {a: {a", "host: !!binary x", "- ", "%YAML 1.2\n---\n", "host: |\n  a\n b", "\ufeffhost: x", "a: 'b", "? : ?", "host: \"\\x\"", "hostname: s\x03\x00pain:\x0e.e"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := checklist.ParseAnswers("fuzz.yaml", data, nil)
		if err != nil {
			var ae *checklist.AnswersError
			if !errors.As(err, &ae) || len(ae.Mistakes) == 0 {
				t.Fatalf("an error without a mistake: %v", err)
			}
			if strings.ContainsAny(err.Error(), "\x1b\x07\x00\r") {
				t.Fatalf("control characters reach the screen: %q", err.Error())
			}
			return
		}
		if p := a.Problems(nil); len(p) > 0 {
			t.Fatalf("accepted with problems: %v", p)
		}
	})
}
