//go:build unix

package remote

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"aslwiz/remote/remotetest"
)

func mustAccept(words ...string) *AcceptedKeys {
	a, err := AcceptKeys(words...)
	if err != nil {
		panic(err)
	}
	return a
}

// mover is a server that says it is moving to an address, and what known_hosts has.
func mover(t *testing.T, to, knownHosts string) (s *Server, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(knownHosts), 0o600); err != nil {
		t.Fatal(err)
	}
	polls := 0
	s = hostile(t, func(script string) (int, []byte) {
		switch {
		case strings.Contains(script, "/baseline"):
			return 0, []byte("moving-to=" + to + "\n")
		case strings.Contains(script, " poll "):
			state := "proving"
			if polls++; polls > 2 {
				state = "restored"
			}
			return 0, []byte("id=x\nstate=" + state + "\nsize=0\nguard=60\nended=10\nup=1\nup_now=11\n\n")
		}
		return 0, nil
	})
	h := s.client.server()
	h.pinned, h.Address, h.port, h.keyName = remotetest.NewKey(t).Public, "198.51.100.11:22", 22, "198.51.100.11:22"
	s.client.path.known = newHostKeys(Options{KnownHosts: []string{file}})
	s.client.path.timeout = time.Second
	return s, file
}

// The baseline lies on the server: its word alone has no key written down for
// another address, and nobody dialled there.
func TestAServerCannotMoveWhereItLikes(t *testing.T) {
	for _, to := range []string{"192.0.2.7:22", "198.51.100.14:2222", "nonsense"} {
		s, file := mover(t, to, "")
		s.opt.Moves = []netip.Addr{netip.MustParseAddr("198.51.100.14")}
		var notes []string
		st, err := s.Follow(limited(t), "x", 0, func(p Progress) { notes = append(notes, p.Note) })
		said := strings.Join(notes, "\n")
		if err != nil || st.State != TxRestored || !strings.Contains(said+st.Reason, "the server says that it moves to") {
			t.Errorf("%s: %+v, %v:\n%s", to, st, err, said)
		}
		if strings.Contains(said, "proving") || s.client.Address() != "198.51.100.11:22" {
			t.Errorf("%s was dialled:\n%s", to, said)
		}
		if text, _ := os.ReadFile(file); len(text) != 0 {
			t.Errorf("known_hosts has %s", text)
		}
	}
}

func TestWhereAServerMayMove(t *testing.T) {
	to := netip.MustParseAddrPort("198.51.100.14:22")
	s, _ := mover(t, to.String(), "")
	if s.mayMove("x", to) == nil {
		t.Error("moves where nobody planned it")
	}
	s.plannedMove("x", to)
	if err := s.mayMove("x", to); err != nil {
		t.Error(err)
	}
	s.plannedMove("y", netip.AddrPort{})
	s.opt.Moves = []netip.Addr{to.Addr()}
	if s.mayMove("y", to) == nil {
		t.Error("a step of this run that moves nothing moves")
	}
	if err := s.mayMove("z", to); err != nil { // begun by another aslwiz, and in the answers
		t.Error(err)
	}
}

// An address that known_hosts has with another key is another machine's.
func TestNoMoveToAnotherMachine(t *testing.T) {
	to := netip.MustParseAddrPort("198.51.100.14:22")
	other := remotetest.NewKey(t)
	line := "198.51.100.14 " + string(ssh.MarshalAuthorizedKey(other.Public))
	for _, text := range []string{line, "@revoked * "} {
		s, file := mover(t, to.String(), "")
		if text != line {
			text += string(ssh.MarshalAuthorizedKey(s.client.HostKey()))
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.plannedMove("x", to)
		var changed *ChangedHostKeyError
		if err := s.mayMove("x", to); !errors.As(err, &changed) {
			t.Errorf("moves there: %v", err)
		}
		if _, err := s.baseline(t.Context(), &Guard{New: to}); !errors.As(err, &changed) || !strings.Contains(err.Error(), "nothing was done") {
			t.Errorf("the step begins: %v", err)
		}
		if err := s.client.TrustAt(to); !errors.As(err, &changed) {
			t.Errorf("trusted there: %v", err)
		}
		if after, _ := os.ReadFile(file); string(after) != text {
			t.Errorf("known_hosts is now\n%s", after)
		}
	}
}
