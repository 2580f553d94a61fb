package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Start stages a transaction and lets it run, detached from this connection.
// Under a guard it first takes the baseline of what is reachable from here.
func (s *Server) Start(ctx context.Context, tx Transaction) error {
	if err := tx.Validate(); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	for _, secret := range tx.Secrets {
		s.masks.add(secret)
	}
	if len(tx.Secrets) > 0 {
		if shell, err := s.root(ctx); err != nil {
			return err
		} else if shell.recorded {
			return &RecordedError{Host: s.name, User: s.User()}
		}
	}
	var baseline []string
	if tx.Guard != nil {
		var err error
		if baseline, err = s.baseline(ctx, tx.Guard); err != nil {
			return err
		}
		s.plannedMove(tx.ID, tx.Guard.New)
	}
	r, word, rest, err := s.stage(ctx, tx, baseline, true)
	if word == "unzipped" {
		r, word, rest, err = s.stage(ctx, tx, baseline, false)
	}
	if err != nil {
		return err
	}
	switch {
	case r.code == 0 && word == "started":
		s.prune(ctx, rest)
		return nil
	case word == "busy":
		return s.busy(ctx)
	case word == "full":
		return noRoom(s.name, rest)
	case word == "read-only":
		return fmt.Errorf("%s: %s: %w; see on the server what dmesg says of its disk", s.name, TxRoot, ErrReadOnly)
	case word == "exists":
		return fmt.Errorf("%s: transaction %s is there already", s.name, tx.ID)
	}
	return fmt.Errorf("%s: transaction %s was not started: %s", s.name, tx.ID, s.masks.text(FirstLine(string(r.err))))
}

// noRoom says how much room staging needs: numbers is "NEED FREE", in bytes.
func noRoom(host, numbers string) error {
	var need, free float64
	if _, err := fmt.Sscan(numbers, &need, &free); err != nil {
		return fmt.Errorf("%s: %s: %w; make some room there (df -h, apt-get clean) and try again", host, TxRoot, ErrDiskFull)
	}
	const mb = 1e6
	return fmt.Errorf("%s: %w: this step needs %.1f MB in %s, and %.1f MB are free; make some room there (df -h, apt-get clean) and try again",
		host, ErrDiskFull, need/mb, TxRoot, free/mb)
}

// stage has a transaction staged and started, and returns the server's word on it.
func (s *Server) stage(ctx context.Context, tx Transaction, baseline []string, zip bool) (r reply, word, rest string, err error) {
	q, err := tx.stageRequest(s.who(), baseline, zip)
	if err != nil {
		return r, "", "", fmt.Errorf("%s: %w", s.name, err)
	}
	shell, err := s.root(ctx)
	if err != nil { // nothing was sent
		return r, "", "", fmt.Errorf("starting %s: %w", tx.ID, err)
	}
	switch r, err = shell.do(ctx, q); {
	case errors.Is(err, ErrDiskFull): // of the request itself
		return r, "", "", fmt.Errorf("starting %s: %w", tx.ID, err)
	case err != nil:
		return r, "", "", fmt.Errorf("starting %s: %w: %w", tx.ID, ErrUnsure, err)
	}
	word, rest, _ = strings.Cut(strings.TrimSpace(string(r.out)), " ")
	return r, word, rest, nil
}

// list is every transaction the server keeps, oldest first.
func (s *Server) list(ctx context.Context) ([]report, error) {
	r, err := s.ask(ctx, request{script: listProgram, limit: time.Minute, max: 8 << 20})
	if err != nil {
		return nil, err
	}
	list := parseList(r.out)
	return list, nil
}

// Current is the transaction that holds the server: one that runs, one whose
// guard waits, one that was lost and not yet followed by another. One that was
// restored, or broke in it, and a newest one that ended in whatever way, is given
// once, when nobody has been told of it yet. ok is false when there is none.
func (s *Server) Current(ctx context.Context) (st Status, ok bool, err error) {
	list, err := s.list(ctx)
	if err != nil {
		return Status{}, false, err
	}
	if st, ok := holding(list); ok {
		return s.maskStatus(st), true, nil
	}
	for i, r := range slices.Backward(list) {
		if !r.told && r.State.Ended() && (r.takenBack() || i == len(list)-1) {
			s.markTold(ctx, r.ID)
			return s.maskStatus(r.Status), true, nil
		}
	}
	return Status{}, false, nil
}

// holding is the transaction that holds the server.
func holding(list []report) (Status, bool) {
	for i, r := range slices.Backward(list) {
		if r.State == TxRunning || r.State == TxProving || r.State == TxLost && i == len(list)-1 {
			return r.Status, true
		}
	}
	return Status{}, false
}

// busy says who is at work where it is busy, as far as that can be known.
func (s *Server) busy(ctx context.Context) *BusyError {
	e := &BusyError{Host: s.name}
	list, err := s.list(ctx)
	if err != nil {
		return e
	}
	if st, ok := holding(list); ok {
		e.Status = s.maskStatus(st)
		return e
	}
	if r, err := s.do(ctx, request{script: undoing, limit: 10 * time.Second, max: 64 << 10}); err == nil && len(r.out) > 0 {
		e.Status, e.Undo = s.maskStatus(parseReport(r.out).Status), true
	}
	return e
}

// undoing prints of which step an undo is at work, and who began that.
const undoing = `cd ` + TxRoot + ` || exit 0
for d in */; do
  { read -r l <"${d}undo"; } 2>/dev/null || continue
  case $l in state=running | state=proving) grep -qx "boot=$(cat /proc/sys/kernel/random/boot_id)" "${d}undo" && cat "${d}meta" "${d}undo.who" && echo "$l" && exit ;; esac
done
`

// markTold notes on the server that somebody knows how a transaction ended.
// When it cannot, the next one is told once more.
func (s *Server) markTold(ctx context.Context, id string) {
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, _ = s.do(limited, txCall(id, 10*time.Second, 4<<10, "told"))
}

// Last is the newest transaction of a step that left something to undo.
func (s *Server) Last(ctx context.Context, step string) (st Status, ok bool, err error) {
	list, err := s.list(ctx)
	if err != nil {
		return Status{}, false, err
	}
	for _, r := range slices.Backward(list) {
		if r.Step == step && r.State.Undoable() {
			return s.maskStatus(r.Status), true, nil
		}
	}
	return Status{}, false, nil
}

// Stop asks a running transaction to end: apt is interrupted once and left to
// finish what it is at; any other script is terminated. Asked a second time, it
// terminates apt as well. One that waits for its proof is restored.
func (s *Server) Stop(ctx context.Context, id string) error {
	if !txID.MatchString(id) {
		return fmt.Errorf("%s: %q: %w", s.name, id, ErrNoTransaction)
	}
	r, err := s.do(ctx, txCall(id, 20*time.Second, 4<<10, "stop"))
	if err != nil {
		return fmt.Errorf("stopping %s: %w", id, err)
	}
	return s.callError(id, r)
}

func (s *Server) callError(id string, r reply) error {
	switch r.code {
	case 0:
		return nil
	case noTransaction:
		return fmt.Errorf("%s: %s: %w", s.name, id, ErrNoTransaction)
	}
	return fmt.Errorf("%s: transaction %s: %s", s.name, id, s.masks.text(FirstLine(string(r.err)+"\n"+fmt.Sprintf("status %d", r.code))))
}

// Undo brings back what a transaction's files and settings were before it. What
// somebody changed since is never overwritten: the state is then TxRefused, with
// the differences as details. After an undo of a guarded transaction the way in has
// to be proved as after the step itself; else the server puts back what the step had
// left, and the state is TxRestored.
func (s *Server) Undo(ctx context.Context, id string) (Status, error) {
	if !txID.MatchString(id) {
		return Status{}, fmt.Errorf("%s: %q: %w", s.name, id, ErrNoTransaction)
	}
	baseline, err := s.undoBaseline(ctx, id)
	if err != nil {
		return Status{}, err
	}
	script := fmt.Sprintf(`d=%s/%s
[ -e "$d/tx.sh" ] || exit 66
i=15
while case " $(echo $(systemctl is-active aslwiz-job.service aslwiz-guard.service aslwiz-unproved.service)) " in *' active '* | *'ating '*) ;; *) false ;; esac do
  [ $i -gt 0 ] || { echo busy; exit 0; }
  i=$((i - 1))
  sleep 0.2 # one that has just ended has to be cleared away
done
rm -f "$d/undo" "$d/told"
{ read -r who; printf 'who=%%s\nsince=%%s\n' "$who" "$(date +%%s)"; } >"$d/undo.who" && cat >"$d/undo.baseline" || exit 1
systemd-run --unit=aslwiz-job --collect --quiet --description='aslwiz: undo' --setenv=HOME=/root /bin/sh "$d/tx.sh" undo && exit 0
systemctl -q is-active aslwiz-job.service && { echo busy; exit 0; }
exit 1
`, TxRoot, id)
	r, err := s.do(ctx, request{script: script, data: []byte(strings.Join(append([]string{s.who()}, baseline...), "\n") + "\n"), limit: time.Minute, max: 4 << 10})
	if err != nil {
		return Status{}, fmt.Errorf("undoing %s: %w", id, err)
	}
	if strings.TrimSpace(string(r.out)) == "busy" {
		return Status{}, s.busy(ctx)
	}
	if err := s.callError(id, r); err != nil {
		return Status{}, err
	}
	f := s.newFollower(id, noLog, nil)
	f.undo = "undo-"
	return f.run(ctx)
}

const (
	keepFolders  = 50 // transactions kept on a server
	pruneFolders = keepFolders + 10
)

// prune removes the oldest transactions once there are too many, but never what
// an undo or a guard may need, nor what somebody else's version of a file was kept in. Failing to is no failure.
func (s *Server) prune(ctx context.Context, count string) {
	var n int
	if _, err := fmt.Sscan(count, &n); err != nil || n < pruneFolders {
		return
	}
	list, err := s.list(ctx)
	if err != nil {
		return
	}
	if ids := prunable(list); len(ids) > 0 {
		script := "cd " + TxRoot + " || exit; for i in " + strings.Join(ids, " ") +
			`; do [ -e "$i/aside" ] || grep -qs "^$i " ../unproved || rm -rf -- "$i"; done`
		_, _ = s.do(ctx, request{script: script, limit: time.Minute, max: 1 << 10})
	}
}

func prunable(list []report) []string {
	needed := map[string]bool{} // "step state": the newest of each kind stays
	var ids []string
	for i, r := range slices.Backward(list) {
		kind := r.Step + " " + string(r.State)
		keep := false
		switch r.State {
		case TxDone, TxFailed, TxStopped, TxLost:
			keep = !needed[kind]
			needed[kind] = true
		case TxBroken: // its copies may be the only ones
			keep = true
		}
		if len(list)-i > keepFolders && r.State.Ended() && !keep && txID.MatchString(r.ID) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

func (s *Server) maskStatus(st Status) Status {
	st.Reason = s.masks.text(st.Reason)
	st.Detail = slices.Clone(st.Detail)
	for i, d := range st.Detail {
		st.Detail[i] = s.masks.text(d)
	}
	return st
}
