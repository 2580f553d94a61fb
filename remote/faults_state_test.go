//go:build linux

package remote

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// wanted is the transaction that brings the host from what it is now to what the
// example wants; ok is false when it is there.
func (h *host) wanted() (tx Transaction, ok bool) {
	own, value, secret := owner(h.t), h.root+"/etc/value", h.root+"/etc/secret"
	tx = Transaction{
		Step: "example", Title: "an example", Limit: 30 * time.Second,
		ID:      fmt.Sprintf("20260101T%06dZ-example", h.next.Add(1)),
		Secrets: map[string]Secret{"psk": NewSecret(hostSecret)},
		After:   []string{"rm -f " + value + ".new " + secret + ".new"},
	}
	var script strings.Builder
	for i, path := range []string{"/etc/plain", "/srv/target", "/etc/gone", "/etc/new.d/deep/file"} {
		now := h.read(path)
		name := strings.Replace(path, "/srv/target", "/etc/link", 1)
		change := FileChange{Path: name, Before: Absent, After: []byte(exampleNew[i] + "\n"), Mode: 0o600, Owner: own, Remove: exampleNew[i] == Absent}
		if now != Absent {
			change.Before = hashOf([]byte(now))
		}
		switch {
		case change.Remove && now == Absent, now == string(change.After):
			continue
		case change.Remove:
			change.After = nil
			script.WriteString("drop " + name + "\n")
		default:
			script.WriteString("put " + name + "\n")
		}
		tx.Files = append(tx.Files, change)
	}
	if now := strings.TrimSpace(h.read("/etc/value")); now != "new value" {
		fmt.Fprintf(&script, "echo new value >%[1]s.new\nsync %[1]s.new\nmv -f %[1]s.new %[1]s\n", value)
		tx.Settings = append(tx.Settings, SettingChange{
			Name: "a value", Read: "cat " + value,
			Write: fmt.Sprintf("rm -f %[1]s.new; cat >%[1]s.new && mv -f %[1]s.new %[1]s", value), Before: hashOf([]byte(now)),
		})
	}
	if now := h.read("/etc/secret"); now != hostSecret {
		before := hashOf(nil) // of a secret only between two salts, as it is done for real
		if now != Absent {
			before = hashOf([]byte("salt" + now + "salt"))
		}
		tx.Settings = append(tx.Settings, SettingChange{
			Name: "a secret", Read: fmt.Sprintf("[ ! -f %[1]s ] || { printf salt; cat %[1]s; printf salt; }", secret), Before: before,
			Write: fmt.Sprintf(`rm -f %[1]s.new; k=$(cat); if [ -z "$k" ]; then rm -f %[1]s; else k=${k#salt}; printf %%s "${k%%salt}" >%[1]s.new && mv -f %[1]s.new %[1]s; fi`, secret),
		})
		fmt.Fprintf(&script, "cat \"$ASLWIZ_SECRETS/psk\" >%[1]s.new\nsync %[1]s.new\nmv -f %[1]s.new %[1]s\n", secret)
	}
	tx.Script = script.String() + "run echo done\n"
	if h.guarded {
		tx.Guard = &Guard{Seconds: guardSeconds}
	}
	return tx, script.Len() > 0
}

// excluded is what is not compared with an undisturbed run, and why.
var excluded = map[string]string{
	"/proc/":     "stands in for the kernel: the boot id and the uptime differ",
	TxRoot + "/": "the history of the runs; what may stay in it is judged file by file",
	"/.ended":    "the test's own",

	"/var/lib/aslwiz/unproved": "names the runs and the boot",
}

// fingerprint is the mode, and the hash or the target, of every file there.
func (h *host) fingerprint() map[string]string {
	prints := map[string]string{}
	_ = filepath.WalkDir(h.root, func(name string, d fs.DirEntry, err error) error {
		path := strings.TrimPrefix(name, h.root)
		for prefix := range excluded {
			if strings.HasPrefix(path+"/", prefix) || strings.HasPrefix(path, prefix) {
				return nil
			}
		}
		if err != nil || d.IsDir() {
			return err
		}
		fi, err := os.Lstat(name)
		if err != nil {
			return err
		}
		content := "no regular file"
		if link, err := os.Readlink(name); err == nil {
			content = link
		} else if fi.Mode().IsRegular() {
			content = hashOf([]byte(h.read(path)))
		}
		prints[path] = fi.Mode().String() + " " + content
		return nil
	})
	return prints
}

// quiet waits until nothing runs on the host any more.
func (h *host) quiet() error {
	for deadline := time.Now().Add(8 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		left := h.processes()
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes left: %v", left)
		}
	}
}

// faultsLeft compares the host with what an undisturbed run leaves, and lists
// everything that should not be there.
func (h *host) faultsLeft(calm map[string]string) error {
	wrong := []error{h.quiet()}
	now := h.fingerprint()
	for path := range now {
		if calm[path] != now[path] {
			wrong = append(wrong, fmt.Errorf("%s: %q, in an undisturbed run %q", path, now[path], calm[path]))
		}
	}
	for path := range calm {
		if _, ok := now[path]; !ok {
			wrong = append(wrong, fmt.Errorf("%s: is not there", path))
		}
	}
	_ = filepath.WalkDir(h.root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			wrong = append(wrong, h.judge(strings.TrimPrefix(name, h.root), name))
		}
		return nil
	})
	return errors.Join(wrong...)
}

// judge says what is wrong with a file on the host that is not compared, and
// whether a secret is where it should not be.
func (h *host) judge(path, name string) error {
	base := filepath.Base(path)
	history, below := strings.CutPrefix(path, TxRoot+"/")
	// A spare of 16 KB may outlive a kill in the last moment: the next job sweeps it.
	if below && (strings.Contains(history, ".tmp/") || base == "reserve" && h.ended(history)) {
		return fmt.Errorf("%s is left", path)
	}
	fi, err := os.Lstat(name)
	if err != nil || !fi.Mode().IsRegular() || path == "/etc/secret" {
		return nil
	}
	b, _ := os.ReadFile(name)
	sum := sha256.Sum256([]byte(hostSecret))
	for _, form := range []string{hostSecret, base64.StdEncoding.EncodeToString([]byte(hostSecret)), hex.EncodeToString([]byte(hostSecret)), hex.EncodeToString(sum[:])} {
		if strings.Contains(string(b), form) {
			return fmt.Errorf("%s holds the secret", path)
		}
	}
	if below && fi.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s has mode %s", path, fi.Mode())
	}
	return nil
}

// killGuard ends the processes of a guard as kill -9 does: systemd starts it again.
func (h *host) killGuard() {
	for pid, line := range h.processes() {
		if strings.Contains(line, "tx.sh guard") {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// ended says whether a transaction came to an end of its own; one that was cut
// off keeps its reserve until the next job sweeps it.
func (h *host) ended(history string) bool {
	id, _, _ := strings.Cut(history, "/")
	return strings.Contains(h.read(TxRoot+"/"+id+"/status"), "state=done")
}
