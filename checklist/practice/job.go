package practice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"aslwiz/remote"
)

// exit is how a command ends that did not work.
type exit int

func (e exit) Error() string { return fmt.Sprintf("a command ended with status %d", int(e)) }

var errStopped = errors.New("stopped on request")

// job is a transaction's work on the machine, whether anybody follows it or not.
func (m *machine) job(r *record) {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	if drift := m.drift(r.tx); len(drift) > 0 {
		r.end(remote.TxRefused, "the server changed since the plan was made; nothing was done", drift...)
		return
	}
	m.backup(r)
	s := &shell{m: m, r: r}
	err := s.run(r.tx.Script)
	m.recordLeft(r)
	r.ended = m.w.clock.Now()
	var code exit
	switch {
	case m.w.ctx.Err() != nil:
	case err == nil && r.tx.Reboots:
		m.reboot(r)
	case err == nil && r.tx.Guard != nil:
		r.end(remote.TxProving, "")
	case err == nil:
		r.end(remote.TxDone, "")
	case r.tx.Guard != nil:
		m.restore(r, remote.TxRestored, err.Error())
	case errors.Is(err, errStopped):
		r.end(remote.TxStopped, err.Error())
	case errors.As(err, &code):
		r.status.Code = int(code)
		r.end(remote.TxFailed, cmp.Or(r.cause, fmt.Sprintf("the script ended with status %d", int(code))))
	default:
		r.status.Code = 1
		s.say(err.Error())
		r.end(remote.TxFailed, err.Error())
	}
}

// drift lists what is not as the plan saw it.
func (m *machine) drift(tx remote.Transaction) []string {
	var out []string
	for _, f := range tx.Files {
		if m.hashFile(f.Path) != f.Before {
			out = append(out, f.Path)
		}
	}
	for _, s := range tx.Settings {
		if hashOf(m.value(s)) != s.Before {
			out = append(out, s.Name)
		}
	}
	return out
}

func (m *machine) hashFile(path string) string {
	if f := m.files[path]; f != nil {
		return hashOf(f.text)
	}
	return remote.Absent
}

// value is what a setting's Read prints, without its last newlines. The value of
// a secret file stands between two salts, as its own Read prints it.
func (m *machine) value(s remote.SettingChange) string {
	if strings.HasSuffix(s.Name, ".secrets") && strings.HasPrefix(s.Name, "/etc/ipsec.d/") {
		if f := m.files[s.Name]; f != nil {
			salt := saltOf(s.Read)
			return strings.TrimRight(salt+f.text+salt, "\n")
		}
		return ""
	}
	return strings.TrimRight(string(m.answer(remote.ReadSetting(s.Name, s.Read)).Out), "\n")
}

// saltOf is the salt in a secret file's Read.
func saltOf(read string) string {
	_, rest, _ := strings.Cut(read, "printf %s ")
	salt, _, _ := strings.Cut(rest, ";")
	return strings.Trim(salt, "'")
}

func (m *machine) backup(r *record) {
	for _, f := range r.tx.Files {
		r.before[f.Path] = m.files[f.Path]
	}
	for _, s := range r.tx.Settings {
		r.values[s.Name] = m.value(s)
	}
}

func (m *machine) recordLeft(r *record) {
	for _, f := range r.tx.Files {
		r.left[f.Path] = m.hashFile(f.Path)
	}
	for _, s := range r.tx.Settings {
		if s.Write != "" {
			r.left[s.Name] = hashOf(m.value(s))
		}
	}
}

// hashNow and hashBefore compare a file or setting of a transaction.
func (m *machine) hashNow(r *record, name string) string {
	for _, s := range r.tx.Settings {
		if s.Name == name && r.before[name] == nil {
			return hashOf(m.value(s))
		}
	}
	return m.hashFile(name)
}

func (r *record) hashBefore(name string) string {
	if v, ok := r.values[name]; ok {
		return hashOf(v)
	}
	if f := r.before[name]; f != nil {
		return hashOf(f.text)
	}
	return remote.Absent
}

// restore brings back what a transaction's files and settings were before it.
func (m *machine) restore(r *record, state remote.TxState, reason string) {
	now := m.w.clock.Now()
	for _, f := range r.tx.Files {
		if before := r.before[f.Path]; before != nil {
			m.writeAs(f.Path, before.text, before.mode, before.owner)
		} else {
			m.remove(f.Path)
		}
		r.add(now, remote.Progress{Lines: []string{"restoring " + f.Path}})
	}
	var missing []string
	for _, s := range r.tx.Settings {
		if s.Write == "" || m.value(s) == r.values[s.Name] {
			continue
		}
		r.add(now, remote.Progress{Lines: []string{"restoring " + s.Name}})
		if err := m.set(s.Name, r.values[s.Name]); err != nil || m.value(s) != r.values[s.Name] {
			missing = append(missing, s.Name+": not restored")
		}
	}
	s := &shell{m: m, r: r, quiet: true}
	for _, line := range r.tx.After {
		if err := s.run(line + "\n"); err != nil {
			missing = append(missing, "after the restore: failed: "+strings.SplitN(line, "\n", 2)[0])
		}
	}
	m.shut = false
	if len(missing) > 0 {
		state = remote.TxBroken
	}
	r.end(state, reason, missing...)
}

// provable says whether a fresh connection would prove the way in now.
func (r *record) provable(m *machine) bool {
	return r.status.State == remote.TxProving && m.down == nil
}

// prove demands what could be reached before, over fresh connections.
func (m *machine) prove(ctx context.Context, r *record) error {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	r.note(m.w.clock.Now(), "proving the way in over fresh connections: %s", r.addresses())
	failed := ""
	for range 3 {
		if err := m.w.pass(ctx, 500*time.Millisecond); err != nil {
			return err
		}
		if failed = m.unreached(r); failed == "" {
			r.note(m.w.clock.Now(), "the way in is proved, so the change stays: the guard is disarmed")
			r.end(remote.TxDone, "")
			return nil
		}
		r.note(m.w.clock.Now(), "not reached yet: %s", failed)
		if err := m.w.pass(ctx, 2*time.Second); err != nil {
			return err
		}
	}
	why := "not reached over a fresh connection: " + failed
	r.note(m.w.clock.Now(), "%s; what was there before is being restored", why)
	m.takeBack(r, why)
	return nil
}

func (m *machine) unreached(r *record) string {
	var out []string
	for _, a := range r.baseline {
		if got := m.reach(a); got.Outcome != remote.ReachOpen {
			out = append(out, fmt.Sprintf("%s (%s)", a, got.Err))
		}
	}
	return strings.Join(out, ", ")
}

// takeBack restores a transaction and those that its reboot was to prove.
func (m *machine) takeBack(r *record, why string) {
	m.restore(r, remote.TxRestored, why)
	if !r.tx.Guard.ThroughBoot {
		return
	}
	for _, c := range slices.Backward(m.records) {
		if c.tx.Guard != nil && c.status.State == remote.TxDone && c.boot == r.boot {
			m.restore(c, remote.TxRestored, why)
			c.told = true
		}
	}
	m.start()
}

// settle takes back what nobody has proved in time.
func (m *machine) settle() {
	r := m.current()
	if r == nil || r.status.State != remote.TxProving {
		return
	}
	limit := time.Duration(r.tx.Guard.Seconds) * time.Second
	if m.w.clock.Now().Sub(r.ended) > limit {
		m.takeBack(r, fmt.Sprintf("the way in was not proved within %d s", r.tx.Guard.Seconds))
	}
}

// rebootTime is how long the machine is away.
const rebootTime = 5 * time.Second

// reboot drops the connection, and lets the machine come back.
func (m *machine) reboot(r *record) {
	m.down = make(chan struct{})
	r.note(m.w.clock.Now(), "the connection was lost, trying again; the step goes on by itself on the server")
	m.settleTunnels()
	err := m.w.pass(m.w.ctx, rebootTime)
	if err == nil {
		m.start()
	}
	close(m.down)
	m.down = nil
	m.settleTunnels()
	r.ended = m.w.clock.Now()
	r.note(r.ended, "the server answers again; the boot id is another one")
	r.status.BootID = m.boot
	if r.tx.Guard != nil {
		r.end(remote.TxProving, "")
		return
	}
	r.end(remote.TxDone, "")
}

// shell carries out the lines of a script.
type shell struct {
	m     *machine
	r     *record
	quiet bool // what is printed is of no interest
}

func (s *shell) say(lines ...string) {
	if !s.quiet {
		s.r.add(s.m.w.clock.Now(), remote.Progress{Lines: slices.Clone(lines)})
	}
}

func (s *shell) progress(percent float64, doing string) {
	s.r.percent, s.r.doing = percent, doing
	s.r.add(s.m.w.clock.Now(), remote.Progress{})
}

// wait lets the machine work for a while.
func (s *shell) wait(d time.Duration) error {
	if err := s.m.w.pass(s.m.w.ctx, d); err != nil {
		return err
	}
	if s.r.stop {
		return errStopped
	}
	return nil
}
