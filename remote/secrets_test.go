//go:build linux

package remote

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// sudoWord is the password that the host's sudo wants.
const sudoWord = "s3same; open $me"

// sudoAsks behaves as sudo does: it asks by the prompt that it was given, and keeps
// nothing.
const sudoAsks = `case $1 in -n) exit 1 ;; esac
printf '%s' "${3%\%p:}anna:" >&2
read -r p || exit 1
[ "$p" = '` + sudoWord + `' ] || { echo 'Sorry, try again.' >&2; exit 1; }
shift 3
exec "$@"
`

// TestNoSecretIsSeenWhileItRuns looks, as often as it can while a step runs, at
// every command line and environment of the host and of this process, at every
// file there, and at all that aslwiz reports, for the secrets in any form.
func TestNoSecretIsSeenWhileItRuns(t *testing.T) {
	t.Parallel()
	h := newHost(t, true)
	h.stub("id", "echo 1000\n")
	h.stub("sudo", sudoAsks)
	h.stub("sync", syncStub+"\nsleep 0.03\n")
	h.options.SudoPassword = NewSecret(sudoWord)
	var m masks
	m.add(NewSecret(hostSecret))
	m.add(NewSecret(sudoWord))

	ctx, cancel := context.WithCancel(limited(t))
	var wg sync.WaitGroup
	looks := 0
	wg.Go(func() {
		for ctx.Err() == nil {
			looks++
			for _, where := range h.exposed(&m) {
				t.Errorf("a secret is in %s", where)
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	})
	s, err := Connect(ctx, h.target, h.options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	tx, _ := h.wanted()
	tx.Script += "echo it is " + "\"$(cat \"$ASLWIZ_SECRETS/psk\")\" | tee /dev/null | base64 -w0\necho\ncat \"$ASLWIZ_SECRETS/psk\"\n"
	if err := s.Start(ctx, tx); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	st, err := s.Follow(ctx, tx.ID, 0, func(p Progress) { fmt.Fprintf(&said, "%+v\n", p) })
	cancel()
	wg.Wait()
	if err != nil || st.State != TxDone || looks < 20 {
		t.Fatalf("%+v, %v, %d looks\n%s", st, err, looks, h.logs())
	}
	if strings.Count(said.String(), masked) < 2 || m.text(said.String()) != said.String() {
		t.Errorf("what aslwiz reports: %s", said.String())
	}
}

// exposed is where a secret can be seen that should not be: a process's command
// line or environment, or a file but the one that holds it on purpose, where it is
// staged for the script, and the log of the script that printed it.
func (h *host) exposed(m *masks) []string {
	var found []string
	show := func(where string, text []byte) {
		if m.text(string(text)) != string(text) {
			found = append(found, where)
		}
	}
	for pid := range h.processes() {
		for _, part := range []string{"cmdline", "environ"} {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, part))
			show(fmt.Sprintf("%s of %d", part, pid), b)
		}
	}
	_ = filepath.WalkDir(h.root, func(name string, d fs.DirEntry, err error) error {
		path := strings.TrimPrefix(name, h.root)
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(path, "/etc/secret") || strings.HasSuffix(path, "/log") {
			return nil
		}
		fi, err := d.Info()
		if err != nil {
			return nil
		}
		if strings.HasPrefix(path, "/run/") {
			if fi.Mode().Perm()&0o077 != 0 {
				found = append(found, path+" with mode "+fi.Mode().String())
			}
			return nil // memory, and root's alone
		}
		b, _ := os.ReadFile(name)
		show(path, b)
		return nil
	})
	return found
}
