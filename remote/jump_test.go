package remote_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"aslwiz/remote"
	"aslwiz/remote/remotetest"
)

// behind is a server that only its jump host knows, as node.internal:22, with
// another key pair for each of the two.
type behind struct {
	*admin
	server, jump   *remotetest.Server
	serverKey, key remotetest.Key // host key, and the admin's key, of the server
}

func newBehind(t *testing.T) *behind {
	t.Helper()
	a := newAdmin(t)
	b := &behind{admin: a, serverKey: remotetest.NewKey(t), key: remotetest.NewKey(t)}
	jumpHost, jumpKey := remotetest.NewKey(t), remotetest.NewKey(t)
	b.server = remotetest.Start(t, remotetest.Config{HostKeys: []ssh.Signer{b.serverKey.Signer}, Keys: []ssh.PublicKey{b.key.Public}})
	b.jump = remotetest.Start(t, remotetest.Config{
		HostKeys: []ssh.Signer{jumpHost.Signer}, Keys: []ssh.PublicKey{jumpKey.Public}, Forward: true,
		Names: map[string]string{
			"node.internal:22":   b.server.Addr().String(),
			"192.0.2.77:22":      b.server.Addr().String(),
			"closed.internal:22": closedPort(t).String(),
		},
	})
	a.write(".ssh/known_hosts", fmt.Sprintf("[127.0.0.1]:%s %snode.internal %s", port(b.jump),
		ssh.MarshalAuthorizedKey(jumpHost.Public), ssh.MarshalAuthorizedKey(b.serverKey.Public)))
	a.write(".ssh/config", fmt.Sprintf(`
Match exec "true"
  User nobody
Host bastion
  HostName 127.0.0.1
  Port %s
  User hop
  IdentityFile %s
  IdentitiesOnly yes
Host node
  HostName node.internal
  User anna
  IdentityFile ~/.ssh/node.key
  ProxyJump bastion
Host *
  ProxyJump bastion
`, port(b.jump), jumpKey.Write(t, a.file("jump.key"))))
	b.key.Write(t, a.file(".ssh/node.key"))
	return b
}

func TestJump(t *testing.T) {
	b := newBehind(t)
	c := b.mustDial(remote.Target{Host: "node"})
	if says(t, c.SSH(), "echo deep") != "deep" || c.Address() != "node.internal:22" || c.User() != "anna" {
		t.Errorf("reached %s as %s", c.Address(), c.User())
	}
	if a := b.jump.Attempts(""); len(a) == 0 || a[0].User != "hop" || len(c.Jumps()) != 1 {
		t.Errorf("jump host saw %v", a)
	}
	if c.RemoteAddr() != (netip.AddrPort{}) || !c.LocalAddr().IsValid() {
		t.Errorf("addresses %v, %v", c.RemoteAddr(), c.LocalAddr())
	}
	checkReach(t, c, b.server)
	onlyFromThere := netip.MustParseAddrPort("192.0.2.77:22")
	if got := c.Reach(t.Context(), []netip.AddrPort{onlyFromThere}, time.Second); got[0].Outcome != remote.ReachOpen {
		t.Errorf("not from the jump host: %+v", got)
	}

	fresh, err := c.Fresh(t.Context(), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	if b.jump.Logins() != 2 || b.server.Logins() != 2 {
		t.Errorf("logins: %d at the jump host, %d at the server", b.jump.Logins(), b.server.Logins())
	}
	_ = fresh.Close()
	b.jump.WaitLive(1) // its connection to the jump host ends with it

	b.jump.Cut()
	<-c.Lost()
	if err := c.Redial(t.Context()); err != nil || says(t, c.SSH(), "echo again") != "again" {
		t.Fatal(err)
	}
	if asked := b.questions(); asked != "" {
		t.Errorf("asked %s", asked)
	}
}

func TestJumpNamesTheHop(t *testing.T) {
	b := newBehind(t)
	jump := b.jump.Addr().String()
	for _, tc := range []struct {
		name   string
		target remote.Target
		spoil  func()
		reason remote.Reason
		want   string
	}{
		{
			"closed port behind",
			remote.Target{Host: "closed.internal"},
			nil, remote.ReasonRefused,
			"closed.internal:22 (through " + jump + "): connection refused",
		},
		{
			"unknown name behind",
			remote.Target{Host: "other.internal"},
			nil, remote.ReasonNotFound,
			"other.internal:22 (through " + jump + "): name not found",
		},
		{"forwarding refused", remote.Target{Host: "node"}, func() {
			b.jump.Configure(func(c *remotetest.Config) { c.Forward = false })
		}, remote.ReasonForward, "node.internal:22 (through " + jump + "): the jump host does not allow forwarding"},
		{
			"jump host closed",
			remote.Target{Host: "node"},
			b.jump.Stop, remote.ReasonRefused,
			jump + " (jump host to node.internal:22): connection refused",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.spoil != nil {
				tc.spoil()
			}
			_, err := b.dial(tc.target)
			var failed *remote.ConnectError
			if !errors.As(err, &failed) || failed.Reason != tc.reason || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestJumpHostKeyIsChecked(t *testing.T) {
	b := newBehind(t)
	b.jump.Configure(func(c *remotetest.Config) { c.HostKeys = []ssh.Signer{remotetest.NewKey(t).Signer} })
	_, err := b.dial(remote.Target{Host: "node"})
	var changed *remote.ChangedHostKeyError
	if !errors.As(err, &changed) || !strings.Contains(err.Error(), "jump host to node.internal:22") || b.jump.Logins() != 0 {
		t.Errorf("got %v", err)
	}
}

func TestExplicitJumpWins(t *testing.T) {
	b := newBehind(t)
	config, err := os.ReadFile(b.file(".ssh/config"))
	if err != nil {
		t.Fatal(err)
	}
	b.write(".ssh/config", strings.Replace(string(config), "Host *\n  ProxyJump bastion", "Host 127.0.0.1\n  ProxyJump elsewhere", 1))
	target := at(b.server)
	target.Jump = []string{"bastion"}
	target.Identity = []string{b.file(".ssh/node.key")}
	b.opts.AcceptHostKey = accept(t, b.serverKey.Fingerprint())
	c := b.mustDial(target)
	if c.RemoteAddr() != b.server.Addr() || b.jump.Logins() != 1 {
		t.Errorf("at %v", c.RemoteAddr())
	}
}
