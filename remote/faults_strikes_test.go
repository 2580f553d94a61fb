//go:build linux

package remote

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aslwiz/remote/remotetest"
)

// attempt is the aslwiz that is disturbed; how it ends is its own affair.
func (h *host) attempt() context.CancelFunc {
	ctx, cancel := context.WithTimeout(h.t.Context(), 60*time.Second)
	go func() {
		defer cancel()
		_, _ = h.apply(ctx)
	}()
	h.running = ctx
	return cancel
}

func cutSent(h *host, f fault) error {
	h.cutIn = int64(f.at)
	h.attempt()
	<-h.running.Done()
	return h.converge()
}

func cutReceived(h *host, f fault) error {
	h.cutOut = int64(f.at)
	h.attempt()
	<-h.running.Done()
	return h.converge()
}

// atEvent stops the host at the sync and does something to it.
func atEvent(do func(h *host, kill context.CancelFunc)) strike {
	return func(h *host, f fault) error {
		h.stopAt(f.at, func(kill context.CancelFunc) { do(h, kill) })
		return h.converge()
	}
}

func jobKilled(h *host, f fault) error {
	h.writeFile(h.bin+"/strike", fmt.Sprintf("%d kill\n", f.at))
	h.attempt()
	<-h.running.Done()
	return h.converge()
}

func clock(shift int) strike {
	return func(h *host, f fault) error {
		h.writeFile(h.bin+"/strike", fmt.Sprintf("%d clock %d\n", f.at, shift))
		h.attempt()
		<-h.running.Done()
		return h.converge()
	}
}

// stopAt stops the host at a sync, does something to it, and waits for the end of
// the aslwiz that was there.
func (h *host) stopAt(at int, do func(kill context.CancelFunc)) {
	h.writeFile(h.bin+"/strike", fmt.Sprintf("%d event\n", at))
	kill := h.attempt()
	defer kill()
	event := h.bin + "/event"
	for h.running.Err() == nil {
		if _, err := os.Stat(event); err == nil {
			do(kill)
			_ = os.Remove(event)
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	<-h.running.Done()
}

// lockedOut lets nobody in any more: what was there comes back within the guard's
// time, and the next aslwiz is told so.
func lockedOut(cut bool) strike {
	return func(h *host, f fault) error {
		h.stopAt(f.at, func(context.CancelFunc) {
			h.srv.Configure(func(c *remotetest.Config) { c.Keys = nil })
			if cut {
				h.srv.Cut()
			}
		})
		if err := h.cameBack(); err != nil {
			return err
		}
		h.srv.Configure(func(c *remotetest.Config) { c.Keys = h.keys })
		return h.converge()
	}
}

// cameBack waits for the guard's time, and a little for the restore itself.
func (h *host) cameBack() error {
	var status string
	for deadline := time.Now().Add((guardSeconds/pace + 12) * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		status = h.read(TxRoot + "/20260101T000001Z-example/status")
		switch {
		case strings.Contains(status, "state=restored") && h.read(guardUnit) == Absent:
			if got := h.contents(); !slices.Equal(got, exampleOld) || h.read("/etc/secret") != Absent {
				return fmt.Errorf("restored, it says, and the files are %q", got)
			}
			return nil
		case strings.Contains(status, "state=done"):
			return nil // it was proved before
		case strings.Contains(status, "state=broken"):
			return fmt.Errorf("not all of it came back: %s", status)
		}
	}
	return fmt.Errorf("nothing came back within the guard's time: %s", status)
}

// cannotRestore puts a directory where a file was: the restore says in so many
// words what is not back, and the guard is gone all the same.
func cannotRestore(h *host, f fault) error {
	const tx = TxRoot + "/20260101T000001Z-example"
	ends, early := "state=broken", false
	h.stopAt(f.at, func(context.CancelFunc) {
		if strings.Contains(h.read(tx+"/decision"), "disarm") {
			ends = "state=done" // it was proved before
		}
		early = h.read(tx+"/guard.boot") == Absent // it may see what was done, and refuse
		h.srv.Configure(func(c *remotetest.Config) { c.Keys = nil })
		h.srv.Cut()
		_ = os.Remove(h.root + "/etc/plain")
		_ = os.MkdirAll(h.root+"/etc/plain/x", 0o755)
	})
	var status string
	for deadline := time.Now().Add((guardSeconds/pace + 15) * time.Second); ; time.Sleep(50 * time.Millisecond) {
		status = h.read(tx + "/status")
		if strings.Contains(status, "state=broken") || strings.Contains(status, "state=done") || strings.Contains(status, "state=refused") {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no end: %s", status)
		}
	}
	if !strings.Contains(status, ends) && (!early || !strings.Contains(status, "state=refused")) {
		return fmt.Errorf("it did not end as %s: %s", ends, status)
	}
	if strings.Contains(status, "state=broken") && !strings.Contains(status, "/etc/plain: not restored") {
		return fmt.Errorf("does not say what is not back: %s", status)
	}
	_ = os.RemoveAll(h.root + "/etc/plain")
	h.srv.Configure(func(c *remotetest.Config) { c.Keys = h.keys })
	return h.converge()
}

// fullAt has the disk full until the admin makes room, once the step has ended.
func fullAt(h *host, f fault) error {
	h.writeFile(h.bin+"/fullat", fmt.Sprintf("%d\n", f.at))
	h.attempt()
	<-h.running.Done()
	if got := h.contents(); !slices.Equal(got, exampleNew) && h.guarded && !slices.Equal(got, exampleOld) {
		return fmt.Errorf("on the full disk the guarded step is half done: %q", got)
	}
	_ = os.Remove(h.bin + "/fullat")
	return h.converge()
}

// powerCut pulls the plug, and boots again: what lives in memory is gone.
func (h *host) powerCut() {
	h.srv.Cut()
	h.killAll()
	for _, dir := range []string{h.root + "/run", h.bin + "/units"} {
		_ = os.RemoveAll(dir)
		_ = os.MkdirAll(dir, 0o755)
	}
	h.boots++
	h.write("/proc/sys/kernel/random/boot_id", fmt.Sprintf("boot-%d\n", h.boots))
	h.began = time.Now()
	h.tick()
	units := h.root + "/etc/systemd/system/"
	for _, f := range []string{"aslwiz-guard.service", "sysinit.target.wants/aslwiz-guard.service"} {
		if _, err := os.Stat(units + f); err != nil {
			return
		}
	}
	cmd := h.command("none")
	cmd.Path, cmd.Args = filepath.Join(h.bin, "systemctl"), []string{"systemctl", "restart", "aslwiz-guard.service"}
	_ = cmd.Run()
}
