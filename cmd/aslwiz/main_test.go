package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"

	"aslwiz/remote/remotetest"
)

// TestMain lets the scripts run aslwiz as a command of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"aslwiz":            func() { detach(); main() },
		"aslwiz-in-the-tty": main,
		"aslwiz-that-hangs": hang,
	})
}

// hang is a program that does not end when it is told to.
func hang() {
	ctx, _ := newApp(os.Stdin, os.Stdout, os.Stderr).interrupts.listen(context.Background())
	fmt.Println("waits")
	<-ctx.Done()
	fmt.Println("cancelled")
	select {}
}

// TestScripts runs the program through its own command line. No script sees the
// keys, the agent or the configuration of whoever runs the tests.
func TestScripts(t *testing.T) {
	t.Parallel()
	key := remotetest.NewKey(t)
	sshd := remotetest.Start(t, remotetest.Config{HostKeys: []ssh.Signer{key.Signer}, Password: "let-me-in"})
	spoofer := remotetest.Start(t, remotetest.Config{HostKeys: []ssh.Signer{key.Signer}, Interactive: []remotetest.Prompt{
		{Text: "passphrase of key /home/anna/.ssh/id_ed25519: ", Answer: "none"},
	}})
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			if err := os.MkdirAll(filepath.Join(home, ".ssh"), 0o700); err != nil {
				return err
			}
			for key, value := range map[string]string{
				"HOME": home, "USERPROFILE": home, "XDG_CONFIG_HOME": filepath.Join(home, ".config"), "XDG_STATE_HOME": filepath.Join(home, ".state"),
				"AppData": filepath.Join(home, "AppData"), "LocalAppData": filepath.Join(home, "LocalAppData"),
				"SSH_AUTH_SOCK": "", "NO_COLOR": "", "TERM": "dumb", "CLOSED_PORT": closedPort(env),
				"SSHD_PORT": strconv.Itoa(sshd.Port()), "SPOOFER_PORT": strconv.Itoa(spoofer.Port()), "SSHD_KEY": ssh.FingerprintSHA256(key.Signer.PublicKey()),
			} {
				env.Setenv(key, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode": exitCode,
			"expand":   expand,
		},
	})
}

// closedPort is a port of this computer on which nobody listens.
func closedPort(env *testscript.Env) string {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		env.T().Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		env.T().Fatal(err)
	}
	if err := l.Close(); err != nil {
		env.T().Fatal(err)
	}
	return port
}

// expand FILE... replaces $VARIABLES in files.
func expand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: expand FILE...")
	}
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}
