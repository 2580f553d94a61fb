//go:build lab

package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sampler notes every command line and environment that it gets to see, each once,
// in /dev/shm/seen. It looks some thirty times a second, less often on an emulated machine.
const sampler = `rm -f /dev/shm/seen; systemd-run -q --collect --unit=lab-sampler perl -e '
open my $out, ">>", "/dev/shm/seen"; $out->autoflush(1); my %seen;
for (;;) {
  for my $f (glob "/proc/[0-9]*/{cmdline,environ}") {
    open my $in, "<", $f or next; local $/; my $text = <$in>;
    next if !defined $text || $seen{$text}++;
    $text =~ tr/\0/\n/; print $out "$text\n";
  }
  select undef, undef, undef, 0.03;
}'`

// TestFaultsSecrets watches a whole provisioning of the twin: the sudo password and
// the passwords of SNMP are in no command line, no environment, no log, no
// transaction and nothing that aslwiz keeps or prints, in no form.
func TestFaultsSecrets(t *testing.T) {
	f := newFaults(t, seedOf(t))
	f.inside(sampler)
	out := f.must(0, append([]string{"apply", "--yes", "--plain"}, onlyThese(faultSteps)...)...)
	_, report, errs := f.run("report")
	f.inside("systemctl stop lab-sampler")
	words, err := SSH(t.Context(), Twin, `awk '$1 == "authentication" || $1 == "privacy" { print $3 }' /etc/snmp/aslwiz-nms.credentials`)
	must(t, err)
	secrets := append(strings.Fields(words), SudoPassword)
	if len(secrets) != 3 {
		t.Fatalf("%d secrets are known, want 3", len(secrets))
	}
	seen, err := SSH(t.Context(), Twin, "cat /dev/shm/seen; journalctl -o cat --no-pager; find /var/lib/aslwiz /var/log /run /tmp /etc/rsyslog.d -type f -exec cat {} + 2>/dev/null")
	must(t, err)
	if !strings.Contains(seen, "tx.sh") || !strings.Contains(seen, "ASLWIZ_SECRETS=") {
		t.Error("the sampler saw no job: the test is no good")
	}
	where := map[string][]byte{"the twin": []byte(seen), "what apply printed": []byte(out), "the report": []byte(report + errs)}
	must(t, filepath.WalkDir(f.home, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			where[path], err = os.ReadFile(path)
		}
		return err
	}))
	for name, text := range where {
		for i, s := range secrets {
			for _, form := range forms([]byte(s)) {
				if at := bytes.Index(text, form); at >= 0 {
					t.Errorf("secret %d is on %s: ...%q", i, name, bytes.ReplaceAll(text[max(0, at-60):at], form, []byte("(secret)")))
				}
			}
		}
	}
	modes, err := SSH(t.Context(), Twin, "find /var/lib/aslwiz -perm /077; stat -c '%a %n' /etc/snmp/aslwiz-nms.credentials; cat /proc/sys/kernel/core_pattern; find /var/lib/systemd/coredump /core* -type f 2>/dev/null; true")
	must(t, err)
	// One line of the file's mode, one of where cores would go, and no core.
	if !strings.HasPrefix(modes, "600 ") || strings.Count(strings.TrimSpace(modes), "\n") != 1 {
		t.Errorf("modes, and cores: %s", modes)
	}
}
