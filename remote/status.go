package remote

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// report is what the server's program says about a transaction: its status, and
// what only the one who follows it needs.
type report struct {
	Status
	since0  bool   // whether it has begun
	up      int64  // uptime when it began, in seconds
	upNow   int64  // uptime now
	ended   int64  // uptime when the script ended, 0 before
	bootNow string // the present boot
	armed   string // the boot in which the guard was armed
	guard   int64  // the guard's seconds, 0 without one
	through bool
	reboots bool
	holder  string
	limit   int64
	seq     int64 // the order in which they were staged, 0 of an older version
	told    bool  // whether anybody has read how it ended
}

func (r report) takenBack() bool { return r.State == TxRestored || r.State == TxBroken }

// count reads a number that cannot be negative; anything else is 0.
func count(v string) int64 {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// parseReport reads "key=value" lines. Unknown keys are another version's.
func parseReport(text []byte) report {
	r := report{Status: Status{State: TxStaged}}
	for line := range bytes.Lines(text) {
		k, v, _ := strings.Cut(CleanLine(string(line)), "=")
		switch k {
		case "id":
			r.ID = v
		case "step":
			r.Step = v
		case "who":
			r.Who = v
		case "state":
			r.State = knownState(v)
		case "code":
			r.Code = int(count(v))
		case "reason":
			r.Reason = v
		case "detail":
			r.Detail = append(r.Detail, v)
		case "since":
			if n := count(v); n > 0 {
				r.Since, r.since0 = time.Unix(n, 0).UTC(), true
			}
		case "boot":
			r.BootID = v
		case "size":
			r.LogSize = count(v)
		case "up":
			r.up = count(v)
		case "up_now":
			r.upNow = count(v)
		case "ended":
			r.ended = count(v)
		case "boot_now":
			r.bootNow = v
		case "armed":
			r.armed = v
		case "guard":
			r.guard = count(v)
		case "through":
			r.through = v != ""
		case "reboots":
			r.reboots = v != ""
		case "holder":
			r.holder = strings.TrimSpace(v)
		case "limit":
			r.limit = count(v)
		case "seq":
			r.seq = count(v)
		case "told":
			r.told = true
		}
	}
	return r
}

// knownState takes a state that another version may have written: one that is
// not known counts as lost, which is never mistaken for success.
func knownState(v string) TxState {
	switch s := TxState(v); s {
	case TxStaged, TxRunning, TxProving, TxDone, TxFailed, TxStopped, TxRefused, TxRestored, TxBroken, TxUndone, TxLost:
		return s
	}
	return TxLost
}

// listProgram prints the meta and status of every transaction; what may have
// been overtaken by events is asked of its own program.
const listProgram = `cd ` + TxRoot + ` 2>/dev/null || exit 0
set -- */meta
[ -e "$1" ] || exit 0
head -v -n 500 -- */meta
for d in */; do
  d=${d%/}
  case $d in *.tmp) continue ;; esac
  [ ! -e "$d/told" ] || { echo; echo "==> $d/told <=="; echo told=1; }
  if read -r l 2>/dev/null <"$d/status"; then
    case $l in state=running | state=staged | state=proving)
      echo; echo "==> $d/status <=="; sh "$d/tx.sh" status; continue ;;
    esac
  elif systemctl -q is-active aslwiz-job.service; then
    echo; echo "==> $d/status <=="; echo state=running
  fi
done
set -- */status
[ ! -e "$1" ] || { echo; head -v -n 500 -- "$@"; }
`

// parseList reads listProgram's output, oldest transaction first. What was asked
// of a transaction's own program comes first and counts.
func parseList(out []byte) []report {
	texts := map[string][]byte{}
	seen := map[string]bool{}
	var order []string
	var name string
	for line := range bytes.Lines(out) {
		if n, ok := bytes.CutPrefix(line, []byte("==> ")); ok {
			if n, ok := bytes.CutSuffix(bytes.TrimRight(n, "\n"), []byte(" <==")); ok {
				name = string(n)
				if seen[name] {
					name = ""
				}
				seen[name] = true
				continue
			}
		}
		id, _, ok := strings.Cut(name, "/")
		if !ok || strings.HasSuffix(id, ".tmp") {
			continue
		}
		if _, known := texts[id]; !known {
			order = append(order, id)
		}
		texts[id] = append(texts[id], line...)
	}
	list := make([]report, 0, len(order))
	for _, id := range order {
		r := parseReport(texts[id])
		r.ID = id // the folder is its name, whatever the file says
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b report) int {
		return cmp.Or(cmp.Compare(a.seq, b.seq), strings.Compare(a.ID, b.ID))
	})
	return list
}
