package remote

import (
	"io/fs"
	"net/netip"
	"time"
)

// Absent stands for the hash of a file or setting that is not there.
const Absent = "absent"

// Transaction is everything that one step changes on a server. It is staged as
// a folder under TxRoot, run by a detached unit, and undone by the restore
// program over its manifest.
type Transaction struct {
	ID       string // unique and sortable: see NewID
	Step     string
	Title    string // for people: "set the host name"
	Script   string // POSIX sh, the body that runs; shown to the admin byte for byte
	Files    []FileChange
	Settings []SettingChange
	// After are shell lines that a restore runs once files and settings are
	// back, for example to let a service read its old configuration again.
	After   []string
	Guard   *Guard            // nil: the step cannot cut the admin off
	Limit   time.Duration     // how long the script may run
	AtBoot  bool              // only a reboot proves it
	Reboots bool              // the script ends in a reboot; the new boot id is the proof
	Secrets map[string]Secret // staged 0600 under /run for the script, deleted by it
}

// TxRoot is where transactions live on a server.
const TxRoot = "/var/lib/aslwiz/tx"

// FileChange replaces, creates or removes one file, atomically.
type FileChange struct {
	Path   string
	Before string // SHA-256 in hex of what the plan saw, or Absent: the precondition
	Remove bool   // the file is to be gone; After is then empty
	After  []byte
	Mode   fs.FileMode // permission bits
	Owner  string      // "root:root"
	// User is the one in whose home the file lies. Everything is then done with that
	// user's rights alone, and the file is theirs: Owner does not count. The user may be
	// one that the script makes.
	User string
}

// NewID names a transaction of a step: by microseconds, because a step may be run again
// within the second.
func NewID(now time.Time, step string) string {
	return now.UTC().Format("20060102T150405.000000Z") + "-" + step
}

// SettingChange is a value that lives outside files: it is read, saved before
// the script runs, and written back by a restore.
type SettingChange struct {
	Name   string
	Read   string // shell text that prints the value
	Write  string // shell text that takes the value on standard input; "": only a precondition
	Before string // SHA-256 in hex of the value the plan saw
	// Path is the file that the script's lines and Write write; the way there must be
	// root's alone, as with a FileChange. "": none.
	Path string
}

// Guard restores a transaction on the server by itself unless it is disarmed
// over fresh connections in time, also when the power fails in between.
type Guard struct {
	Seconds int // time to prove the way in, counted from the end of the script
	// ThroughBoot keeps the guard armed over a reboot: what takes effect only at
	// boot is proved after it, and taken back with it, by all guarded transactions
	// of the boot that it ends.
	ThroughBoot bool
	// Paths are the server's own addresses worth a baseline. Those that a fresh
	// connection from here reaches before the change must be reached after it;
	// the address dialled is always among them.
	Paths []netip.AddrPort
	// New is an address that takes the place of the one dialled: it has to be
	// reached, with the same host key, and then the connection moves there, before
	// the old one goes. The zero value: nothing moves.
	New netip.AddrPort
}

// TxState is where a transaction is.
type TxState string

// The states of a transaction, as its status file says them.
const (
	TxStaged   TxState = "staged"
	TxRunning  TxState = "running"
	TxProving  TxState = "proving" // script done; the guard waits to be disarmed
	TxDone     TxState = "done"
	TxFailed   TxState = "failed"   // the script ended with another status than 0
	TxStopped  TxState = "stopped"  // the admin, or the time limit, stopped it
	TxRefused  TxState = "refused"  // the server changed since the plan, or a file cannot be written; nothing was done
	TxRestored TxState = "restored" // what was there before is back
	TxBroken   TxState = "broken"   // a restore could not bring everything back
	TxUndone   TxState = "undone"   // taken back on the admin's word
	TxLost     TxState = "lost"     // the machine went down in the middle
)

// Ended says whether the state is final.
func (s TxState) Ended() bool {
	return s != TxStaged && s != TxRunning && s != TxProving
}

// Undoable says whether a transaction in this state may have left something that an
// undo takes back.
func (s TxState) Undoable() bool {
	return s == TxDone || s == TxFailed || s == TxStopped || s == TxBroken
}

// Status is what the server says about a transaction.
type Status struct {
	ID      string    `json:"id"`
	Step    string    `json:"step"`
	State   TxState   `json:"state"`
	Code    int       `json:"code"`    // exit status of the script
	Reason  string    `json:"reason"`  // one line: why it failed, what was restored and why
	Detail  []string  `json:"detail"`  // further lines: paths that changed, entries not restored
	Who     string    `json:"who"`     // who started it, from where
	Since   time.Time `json:"since"`   // by the server's clock
	BootID  string    `json:"boot_id"` // of the boot it ran in
	LogSize int64     `json:"log_size"`
}

// Progress is what following a transaction reports.
type Progress struct {
	Lines   []string      // whole new lines of the log, cleaned and masked
	Percent float64       // of apt's work, -1 when not known
	Doing   string        // apt's own word for it
	Silent  time.Duration // how long the log has been silent
	Holder  string        // who holds the dpkg lock, while it is waited for
	Note    string        // the connection was lost, is tried again, is back
	Elapsed time.Duration // since the script began
}
