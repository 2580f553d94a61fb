//go:build lab

package lab

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"aslwiz/remote/ptytest"
)

// screenWizard is aslwiz without arguments, in a terminal on the admin's computer.
type screenWizard struct {
	t         *testing.T
	bin, home string
}

func newScreenWizard(t *testing.T) *screenWizard {
	t.Helper()
	w := &screenWizard{t: t, bin: filepath.Join(t.TempDir(), "aslwiz"), home: t.TempDir()}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", w.bin, "aslwiz/cmd/aslwiz")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return w
}

// start begins the wizard, with what it remembers of the time before and nothing
// else: no host key is known, no password is in a file.
func (w *screenWizard) start(arg ...string) *ptytest.Terminal {
	w.t.Helper()
	cmd := Admin(w.t.Context(), "env", append([]string{
		"HOME=" + w.home, "XDG_CONFIG_HOME=" + filepath.Join(w.home, "config"), "XDG_STATE_HOME=" + filepath.Join(w.home, "state"),
		"SSH_AUTH_SOCK=", "TERM=xterm-256color", "LANG=C.UTF-8", w.bin, "--known-hosts", filepath.Join(w.home, "known_hosts"), "--ssh-config", SSHConfig(),
	}, arg...)...)
	x := ptytest.Start(w.t, cmd, 120, 40)
	x.Patience = 5 * time.Minute
	return x
}

// fingerprints are what the machine's console shows of its host keys.
func fingerprints(t *testing.T, m Machine) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(Cache(), "keys", "host-"+string(m), "*.pub"))
	must(t, err)
	var out []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		must(t, err)
		key, _, _, _, err := ssh.ParseAuthorizedKey(data)
		must(t, err)
		out = append(out, ssh.FingerprintSHA256(key))
	}
	if len(out) == 0 {
		t.Fatalf("no host key of %s", m)
	}
	return strings.Join(out, " ")
}

// person is somebody who knows the answers about a machine and types them.
func (w *screenWizard) person(x *ptytest.Terminal, m Machine, answers map[string][]string, replies ...ptytest.Reply) *ptytest.Person {
	w.t.Helper()
	return &ptytest.Person{Terminal: x, Quiet: 700 * time.Millisecond, Answers: answers, Replies: append(replies,
		ptytest.Reply{To: m.IPv4() + ":22 has not been met before", Type: fingerprints(w.t, m)},
		ptytest.Reply{To: Peer.IPv4() + ":22 has not been met before", Type: fingerprints(w.t, Peer)},
		ptytest.Reply{To: Third.IPv4() + ":22 has not been met before", Type: fingerprints(w.t, Third)},
		ptytest.Reply{To: "Password for sudo", Type: SudoPassword},
		ptytest.Reply{To: "Key of the tunnel", Type: "enter"}, // it is generated
		ptytest.Reply{To: "This changes the other server", Type: "y"},
		ptytest.Reply{To: "the server restarts", Type: "y"},
		ptytest.Reply{To: "Go on all the same?", Type: "y"},
	)}
}

// connect goes from Start to the first look, and makes a mistake on the way that
// the screen has to explain.
func (w *screenWizard) connect(p *ptytest.Person, m Machine) {
	w.t.Helper()
	p.Until("which server?", "a new server")
	p.Press("enter")
	p.Until("How do you reach the server?")
	p.Type(m.IPv4())
	p.Press("enter")
	p.Type("admin")
	p.Press("enter", "enter")
	p.Type("/nowhere/key")
	p.Press("ctrl+d")
	p.Until("Not connected", "/nowhere/key", "there is no such file")
	for p.Field() != "Key file" {
		p.Press("up")
		p.Settle()
	}
	p.Press("end", "ctrl+u")
	p.Type(Key("admin"))
	p.Press("ctrl+d")
	p.GoOn("first look")
	p.Until("This is the server")
}

// wrongHostname types a name that cannot be, sees why, goes Back with it, and
// corrects it.
func wrongHostname(p *ptytest.Person) {
	p.GoOn("hostname, answers")
	p.Press("end", "ctrl+u")
	p.Type("stats_1")
	p.Until("so far")
	p.Press("enter")
	p.Until("not yet right")
	p.Press("esc")
	p.Until("e answer")
	p.Press("e")
	p.Until("stats_1")
}

// accidents cuts the link in the middle of the step packages, mends it, and then
// kills the wizard; what it returns is the one that was started after that.
func (w *screenWizard) accidents(p *ptytest.Person, m Machine, again func(x *ptytest.Terminal) *ptytest.Person) *ptytest.Person {
	w.t.Helper()
	p.GoOn("packages")
	p.Press("r")
	p.Until("packages, running")
	p.Any("Unpacking", "Get:")
	must(w.t, CutLinkOf(w.t.Context(), m))
	mended := false
	defer func() {
		if !mended {
			_ = RestoreLinkOf(context.WithoutCancel(w.t.Context()), m)
		}
	}()
	p.Until("the connection was lost")
	must(w.t, RestoreLinkOf(w.t.Context(), m))
	mended = true
	if p.Any("the server answers again", "packages, ended") == "the server answers again" {
		w.t.Log("the wizard is killed while packages are installed, and started again")
		p.Kill()
		next := again(w.start())
		next.Until("step packages was running", "Enter resumes")
		next.Press("enter")
		p = next
	}
	return p
}

// red breaks something, measures all items, and mends what is red from there.
func (w *screenWizard) red(p *ptytest.Person, m Machine, script, item, step string) {
	w.t.Helper()
	if _, err := SSH(w.t.Context(), m, script); err != nil {
		w.t.Fatal(err)
	}
	p.Press("a")
	p.Calm()
	p.Press(slices.Repeat([]string{"up"}, 20)...)
	for range 20 {
		if p.Says("f goes to the step " + step) {
			break
		}
		p.Press("down")
		p.Settle()
	}
	p.Until("RED "+item, "f goes to the step "+step)
	p.Press("f")
	p.GoOn(step)
	p.Press("r")
	p.Until("back to the verification")
	p.Press("enter")
	p.Calm()
	p.Until("ok " + item)
}

// handOff goes from the verification to the saved report, and leaves.
func (w *screenWizard) handOff(p *ptytest.Person, verdict string) {
	w.t.Helper()
	p.Press("h")
	p.Until(verdict, "The message for the admin list")
	p.Press("t")
	p.Until("[x] the admin list was asked")
	p.Press("w")
	p.Until("saved as")
	p.Press("q")
	_ = p.End()
	reports, err := filepath.Glob(filepath.Join(w.home, "config", "aslwiz", "*-handoff.md"))
	must(w.t, err)
	if len(reports) != 1 {
		w.t.Errorf("reports: %v", reports)
	}
}

// secret fails when a password was printed.
func (w *screenWizard) secret(p *ptytest.Person) {
	w.t.Helper()
	if strings.Contains(p.Output(), SudoPassword) {
		w.t.Error("the sudo password was printed")
	}
}

// wizardOnTheServer goes with the fresh server from Start to an all-green
// hand-off, on the screen, every answer typed: with a mistake in connecting, a cut
// link, a killed wizard, a wrong answer and a red item. It returns the answers file
// that the wizard leaves.
func wizardOnTheServer(t *testing.T) string {
	w := newScreenWizard(t)
	know := func(x *ptytest.Terminal) *ptytest.Person {
		p := w.person(x, Server, map[string][]string{
			"Admin": {"anna"}, "Public key": {annasKey(t)},
			"Host name": {"stats"}, "Domain": {"example.net"},
			"Network card": {"down"}, "Name servers": {"198.51.100.1 2001:db8:51::1"}, "Search domains": {"example.net"},
			"Resolver to check with": {"198.51.100.1"},
			"Tunnel to":              {"two"}, "Tunnel 2 to": {"nms"},
			"Its addresses": {"198.51.100.12 2001:db8:51::12", "198.51.100.13 2001:db8:51::13"},
			"Its SSH login": {"ops@198.51.100.12", "ops@198.51.100.13"},
			"Mail relay":    {"mail.example.net"}, "Who reads root's mail": {"noc@example.net"},
			"Monitoring system": {"198.51.100.13 2001:db8:51::13"}, "SNMP user": {"monitor"}, "Where the server is": {"lab"}, "Who looks after it": {"noc@example.net"},
			"Log host": {"log.example.net"},
		})
		p.Patience = 30 * time.Minute // emulated
		return p
	}
	p := know(w.start())
	w.connect(p, Server)
	p = w.accidents(p, Server, know)
	wrongHostname(p)
	hadAnHour(t)
	p.GoOn("verification")
	w.secret(p)
	p.Patience = 10 * time.Minute
	p.Calm()
	p.Press("t") // nobody has written to root yet
	p.Until("Send a test?")
	p.Settle()
	p.Press("y")
	p.Until("as the page wants it") // what needs time is measured again by itself
	w.red(p, Server, "sed -i '/ti@:te@/d' /etc/screenrc", "screen", "screen")
	p.Until("as the page wants it")
	w.handOff(p, "Ready for production")
	w.secret(p)
	nothingSecret(t, "the screen", []byte(p.Output()))
	scanFolder(t, w.home)
	files, err := filepath.Glob(filepath.Join(w.home, "config", "aslwiz", "*.yaml"))
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("answers files: %v, want one", files)
	}
	answers, err := os.ReadFile(files[0])
	must(t, err)
	return string(answers)
}

// hadAnHour leaves what ntpd writes after its first hour: how fast the clock runs.
// Without it each start of ntpd takes five minutes to measure that (ntpq's freq_mode),
// before it calls the clock synchronised.
func hadAnHour(t *testing.T) {
	t.Helper()
	sh(t, "f=/var/lib/ntpsec/ntp.drift; [ -e $f ] || { echo 0.000 >$f && chown ntpsec: $f; }")
}

// wizardOnTheContainer is the same as far as a container can: no ESP, no
// other name for its card, no clock of its own.
func wizardOnTheContainer(t *testing.T) {
	must(t, Up(t.Context(), Container))
	must(t, Reset(t.Context(), Container))
	w := newScreenWizard(t)
	know := func(x *ptytest.Terminal) *ptytest.Person {
		p := w.person(x, Container, map[string][]string{
			"Admin": {"anna"}, "Public key": {annasKey(t)},
			"Host name": {"stats"}, "Domain": {"example.net"},
			"Mail relay": {"mail.example.net"}, "Who reads root's mail": {"noc@example.net"},
			"Log host": {"log.example.net"},
		})
		p.Patience = 5 * time.Minute
		p.Skip = []string{"network", "nic-name", "time", "ipsec", "dns"}
		return p
	}
	p := know(w.start())
	w.connect(p, Container)
	p = w.accidents(p, Container, know)
	wrongHostname(p)
	p.GoOn("verification")
	w.red(p, Container, "sed -i '/ti@:te@/d' /etc/screenrc", "screen", "screen")
	w.handOff(p, "Not ready for production")
	w.secret(p)
}

// annasKey is the public key of the answers file.
func annasKey(t *testing.T) string {
	t.Helper()
	_, rest, ok := strings.Cut(serverAnswers(t), "keys: [")
	key, _, ok2 := strings.Cut(rest, "]")
	if !ok || !ok2 {
		t.Fatal("no key of an admin in the answers file")
	}
	return key
}
