//go:build lab

package lab

import (
	"strings"
	"testing"
	"time"

	"aslwiz/remote/ptytest"
)

// byHand has a person set up the other end of a tunnel, where aslwiz is not let in:
// what apply shows is pasted into a root shell there, and the key is typed.
func byHand(t *testing.T) {
	provisioned(t)
	must(t, Reset(t.Context(), Peer))
	w := newWizard(t, strings.Replace(serverAnswers(t), "ssh: ops@"+Peer.IPv4(), "far: debian13", 1))
	out := w.must(0, "apply", "--yes", "--plain", "--only", "ipsec")
	_, text, ok := strings.Cut(out, "# The other end of the tunnel two")
	text, _, ended := strings.Cut(text, "\ntunnel\n")
	_, show, told := strings.Cut(text, "show it with\n#   ")
	show, _, _ = strings.Cut(show, "\n")
	if !ok || !ended || !told {
		t.Fatalf("what belongs at the other end is not told:\n%s", out)
	}
	key := sh(t, show)

	x := ptytest.Start(t, Admin(t.Context(), "ssh", "-tt", "-F", "none", "-i", Key("root"), "-o", "UserKnownHostsFile="+KnownHosts(), "root@"+Peer.IPv4()), 120, 40)
	x.Patience = 5 * time.Minute
	x.Until("root@debian")
	// As a terminal pastes: marked, and with Enter between the lines.
	x.Type("\x1b[200~" + strings.ReplaceAll("#"+text+"\ntunnel", "\n", "\r") + "\x1b[201~\r")
	x.Until("key of the tunnel:")
	x.Type(key + "\r")
	if red := w.red("--watch", "--only", "ipsec"); len(red) > 0 {
		t.Errorf("red: %v\n%s", red, x.Screen())
	}
	if strings.Contains(x.Output(), key) {
		t.Error("the key was shown while it was typed")
	}
	x.Kill()
}
