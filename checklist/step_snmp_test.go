package checklist

import (
	"strings"
	"testing"

	"aslwiz/remote"
)

// What an older snmpd.conf kept secret is in no plan, journal or report.
func TestSNMPDiffShowsNoSecret(t *testing.T) {
	t.Parallel()
	old := "# ours\nrocommunity hunter2 198.51.100.40\n  rwcommunity6 hunter2\ncreateUser joe SHA hunter2 AES hunter2\ncom2sec readonly default hunter2\n" +
		"trapcommunity hunter2\ntrap2sink 198.51.100.40 hunter2\nsysLocation Tampa\n"
	st := remote.FileState{Path: snmpConf, Exists: true, Regular: true, Mode: 0o600, Owner: "root:root", Content: []byte(old), SHA256: hashOf([]byte(old))}
	f := snmpFile{File{Path: snmpConf, Content: "# Written by aslwiz\nrouser monitor\n"}}
	c, err := f.Compare([]remote.Answer{st.Answer(remote.ReadFile(snmpConf))})
	if err != nil || c.Same {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, want := range []string{"-rocommunity [not shown]\n", "-  rwcommunity6 [not shown]\n", "-createUser [not shown]\n", "-sysLocation Tampa\n", "+rouser monitor\n"} {
		if !strings.Contains(c.Diff, want) {
			t.Errorf("no %q in\n%s", want, c.Diff)
		}
	}
	if strings.Contains(c.Diff, "hunter2") {
		t.Errorf("a secret is shown:\n%s", c.Diff)
	}
	if got := string(c.Files[0].After); got != f.Content {
		t.Errorf("what will be written changed: %q", got)
	}
}
