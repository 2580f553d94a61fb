package remote

import (
	"bytes"
	"cmp"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io/fs"
	slash "path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"
)

//go:embed tx.sh
var txProgram string

//go:embed stage.sh
var stageProgram string

const (
	defaultLimit = time.Hour
	maxStage     = 32 << 20 // bytes of one transaction
	// stageRoom is asked for beside the transaction itself: its log, and the
	// copies of what was there before.
	stageRoom = 8 << 20
)

var (
	txID       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	secretName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	ownerName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*:[A-Za-z_][A-Za-z0-9_.-]*$`) // Debian-snmp has a capital
	userName   = regexp.MustCompile(`^[a-z_][a-z0-9_.-]*$`)
	hashText   = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// Validate refuses what the server's program could not carry out as meant.
func (tx *Transaction) Validate() error {
	if !txID.MatchString(tx.ID) || strings.HasSuffix(tx.ID, ".tmp") {
		return fmt.Errorf("transaction %q: not a usable name", tx.ID)
	}
	if g := tx.Guard; g != nil {
		if g.Seconds <= 0 {
			return fmt.Errorf("transaction %s: a guard of %d seconds", tx.ID, g.Seconds)
		}
		if tx.Reboots && !g.ThroughBoot {
			return fmt.Errorf("transaction %s: its guard would take the reboot for a failure: it needs ThroughBoot", tx.ID)
		}
	}
	seen := map[string]bool{}
	for _, f := range tx.Files {
		if err := f.validate(); err != nil {
			return fmt.Errorf("transaction %s: %w", tx.ID, err)
		}
		if seen[f.Path] {
			return fmt.Errorf("transaction %s: %s: named twice", tx.ID, f.Path)
		}
		seen[f.Path] = true
	}
	for _, s := range tx.Settings {
		if s.Name == "" || strings.ContainsAny(s.Name, "\t\n\x00") || s.Read == "" || !hashText.MatchString(s.Before) {
			return fmt.Errorf("transaction %s: setting %q: needs a name on one line, how it is read, and its hash", tx.ID, s.Name)
		}
		if s.Path != "" && !isCleanPath(s.Path) {
			return fmt.Errorf("transaction %s: setting %q: file %q: not a clean absolute path", tx.ID, s.Name, s.Path)
		}
	}
	for name := range tx.Secrets {
		if !secretName.MatchString(name) {
			return fmt.Errorf("transaction %s: secret %q: not a usable name", tx.ID, name)
		}
	}
	return nil
}

func isCleanPath(p string) bool {
	return strings.HasPrefix(p, "/") && slash.Clean(p) == p && !strings.ContainsAny(p, "\t\n\\\x00")
}

func (f FileChange) validate() error {
	switch {
	case !isCleanPath(f.Path):
		return fmt.Errorf("file %q: not a clean absolute path", f.Path)
	case f.Before != Absent && !hashText.MatchString(f.Before):
		return fmt.Errorf("file %s: no hash of what the plan saw", f.Path)
	case f.User != "" && !userName.MatchString(f.User):
		return fmt.Errorf("file %s: user %q", f.Path, f.User)
	case f.Remove:
		return nil
	case f.User == "" && (!ownerName.MatchString(f.Owner) || strings.Contains(f.Owner, "UNKNOWN")): // stat's word for a number without a name
		return fmt.Errorf("file %s: owner %q", f.Path, f.Owner)
	case f.Mode&^fs.ModePerm != 0:
		return fmt.Errorf("file %s: mode %s: only permission bits", f.Path, f.Mode)
	}
	return nil
}

func (tx *Transaction) limit() time.Duration {
	if tx.Limit > 0 {
		return tx.Limit
	}
	return defaultLimit
}

// staged is one file of a transaction's folder; its name begins with "secret/"
// when it belongs under /run instead.
type staged struct {
	name string
	data []byte
}

// folder lists the files of a transaction's folder on the server.
func (tx *Transaction) folder(who string, baseline []string) []staged {
	var meta, manifest strings.Builder
	put := func(k, v string) {
		if v = CleanLine(strings.ReplaceAll(v, "\n", " ")); v != "" {
			fmt.Fprintf(&meta, "%s=%s\n", k, v)
		}
	}
	flag := map[bool]string{true: "1"}
	put("id", tx.ID)
	put("step", tx.Step)
	put("title", tx.Title)
	put("who", who)
	put("limit", strconv.Itoa(seconds(tx.limit())))
	put("reboots", flag[tx.Reboots])
	put("atboot", flag[tx.AtBoot])
	list := []staged{{"tx.sh", []byte(txProgram)}, {"script", []byte(tx.Script)}}
	if tx.Guard != nil {
		put("guard", strconv.Itoa(tx.Guard.Seconds))
		put("through", flag[tx.Guard.ThroughBoot])
		list = append(list, staged{"baseline", []byte(strings.Join(baseline, "\n") + "\n")})
	}
	n := 0
	for _, f := range tx.Files {
		after, mode, owner := Absent, "-", "-"
		if !f.Remove {
			after, mode, owner = hashOf(f.After), strconv.FormatUint(uint64(f.Mode.Perm()), 8), f.Owner
			list = append(list, staged{fmt.Sprintf("new/%d", n), f.After})
		}
		if f.User != "" {
			owner = "~" + f.User
		}
		fmt.Fprintf(&manifest, "file\t%d\t%s\t%s\t%s\t%s\t%s\n", n, f.Path, f.Before, after, mode, owner)
		n++
	}
	for _, s := range tx.Settings {
		fmt.Fprintf(&manifest, "setting\t%d\t%s\t%s\t-\t-\t%s\n", n, s.Name, s.Before, cmp.Or(s.Path, "-"))
		list = append(list, staged{fmt.Sprintf("set/%d.read", n), []byte(s.Read)})
		if s.Write != "" {
			list = append(list, staged{fmt.Sprintf("set/%d.write", n), []byte(s.Write)})
		}
		n++
	}
	for i, line := range tx.After {
		list = append(list, staged{fmt.Sprintf("after/%03d", i), []byte(line + "\n")})
	}
	for name, secret := range tx.Secrets {
		list = append(list, staged{"secret/" + name, []byte(secret.Reveal())})
	}
	list = append(list, staged{"meta", []byte(meta.String())}, staged{"manifest", []byte(manifest.String())})
	slices.SortFunc(list, func(a, b staged) int { return strings.Compare(a.name, b.name) })
	return list
}

// stageRequest stages a transaction and starts it, in one exchange.
func (tx *Transaction) stageRequest(who string, baseline []string, zip bool) (request, error) {
	var list strings.Builder
	var data bytes.Buffer
	for _, f := range tx.folder(who, baseline) {
		fmt.Fprintf(&list, "%d %s\n", len(f.data), f.name)
		data.Write(f.data)
	}
	if data.Len() > maxStage {
		return request{}, fmt.Errorf("transaction %s: %d bytes are more than the %d a step may have", tx.ID, data.Len(), maxStage)
	}
	size, flag := data.Len(), 0
	if zip {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write(data.Bytes()) // to memory: never fails
		_ = z.Close()
		data, flag = packed, 1
	}
	script := fmt.Sprintf("id=%s tx=%s need=%d zip=%d step=%s limit=%d list=%s\n%s",
		tx.ID, TxRoot, size+stageRoom, flag, shellescape.Quote(CleanLine(tx.Step)), seconds(tx.limit()),
		shellescape.Quote(strings.TrimSuffix(list.String(), "\n")), stageProgram)
	return request{script: script, data: data.Bytes(), limit: 2 * time.Minute, max: 4 << 10}, nil
}

// txCall is a request that runs a sub-command of a transaction's own program.
func txCall(id string, limit time.Duration, limitOut int, args ...string) request {
	return request{
		script: fmt.Sprintf("t=%s/%s/tx.sh; [ -e \"$t\" ] || exit 66; exec sh \"$t\" %s\n", TxRoot, id, shellescape.QuoteCommand(args)),
		limit:  limit, max: limitOut,
	}
}

// noTransaction is txCall's exit status for a folder that is not there.
const noTransaction = 66
