//go:build linux

package remote

// The programs that stand in for systemd on a host of the fault suite: enough of
// it to run a job and a guard as it does, each in a process group of its own, and
// to take along what a killed job leaves. $B/units has a folder for each unit.
var systemdPrograms = map[string]string{
	"systemd-run": `unset ASLWIZ_UNIT
U=${0%/*}/units unit= post=
while :; do
  case $1 in
    --unit=*) unit=${1#--unit=}.service ;;
    --property=ExecStopPost=*) post=${1#--property=ExecStopPost=} ;;
    --*) ;;
    *) break ;;
  esac
  shift
done
/bin/mkdir "$U/$unit" 2>/dev/null || { echo "Failed to start transient service unit: Unit $unit was already loaded or has a fragment file." >&2; exit 1; }
echo "$*" >"$U/$unit/exec"
setsid "${0%/*}/run-unit" "$U/$unit" "$post" "$@" </dev/null >/dev/null 2>&1 &
until [ -s "$U/$unit/pid" ] || [ ! -e "$U/$unit" ]; do sleep 0.01; done
`,
	"run-unit": `u=$1 post=$2
shift 2
ASLWIZ_UNIT=$u setsid "$@" &
echo $! >"$u/pid"
wait $!
# However it ended, all that it had started goes with it.
for p in $(grep -las "ASLWIZ_UNIT=$u" /proc/[0-9]*/environ); do
  p=${p#/proc/}
  kill -9 "${p%/environ}" 2>/dev/null
done
sh -c "$post"
rm -rf "$u"
`,
	"run-guard": `u=$1 f=$2
echo $$ >"$u/pid"
while [ -e "$f" ]; do
  pre=$(sed -n 's/^ExecStartPre=-//p' "$f") main=$(sed -n 's/^ExecStart=//p' "$f")
  setsid sh -c "exec $pre" &
  wait $!
  setsid sh -c "exec $main" &
  wait $! && break
  sleep 0.1 # Restart=on-failure
done
rm -rf "$u"
`,
	"systemctl": `unset ASLWIZ_UNIT # what it starts is not its caller's child
B=${0%/*} U=$B/units
while :; do case $1 in -q) exec >/dev/null && shift ;; --no-block) shift ;; *) break ;; esac done
case $1 in
  is-active)
    k=
    read -r k 2>/dev/null <"$U/$2/pid"
    if [ -n "$k" ] && kill -0 "$k" 2>/dev/null; then echo active; exit 0; fi
    if [ -e "$U/$2" ]; then echo deactivating; else echo inactive; fi
    exit 3
    ;;
  stop | restart)
    if [ "$2" = aslwiz-guard.service ] && read -r k 2>/dev/null <"$U/$2/pid"; then
      kill -9 "$k" 2>/dev/null
      for p in $(grep -las "tx.sh.guard" /proc/[0-9]*/cmdline); do
        p=${p%/cmdline}
        ! grep -qas "ASLWIZ_ROOT=$ASLWIZ_ROOT" "$p/environ" || kill -9 "${p#/proc/}" 2>/dev/null
      done
      rm -rf "$U/$2"
    fi
    [ "$1" = restart ] || exit 0
    /bin/mkdir -p "$U/$2"
    setsid "$B/run-guard" "$U/$2" "$ASLWIZ_ROOT/etc/systemd/system/$2" </dev/null >/dev/null 2>&1 &
    until [ -s "$U/$2/pid" ] || [ ! -e "$U/$2" ]; do sleep 0.01; done
    ;;
  show) [ ! -e "$U/$4/exec" ] || echo "ExecStart={ argv[]=$(cat "$U/$4/exec") }" ;;
  is-system-running) echo running ;;
esac
`,
	// A day's jump of the clock on the wall.
	"date": `k=0
read -r k 2>/dev/null <"${0%/*}/shift"
exec /bin/date -d "@$(($(/bin/date +%s) + ${k:-0}))" "$@"
`,
	"id": `echo 0
`,
	// Whether it reached the disk, no test can tell; the moments in between are
	// where faults strike: "kill", "event" (the test does something, then lets it
	// go on), "clock SECONDS".
	"sync": `B=${0%/*}
printf x >>"$B/count"
n=$(($(stat -c %s "$B/count") - 1))
if read -r at what arg 2>/dev/null <"$B/strike" && [ "$n" -ge "$at" ]; then
  rm -f "$B/strike"
  case $what in
    kill) kill -9 0 ;;
    clock) echo "$arg" >"$B/shift" ;;
    event)
      : >"$B/event"
      i=0
      while [ -e "$B/event" ] && [ $i -lt 500 ]; do sleep 0.01; i=$((i + 1)); done
      ;;
  esac
fi
` + syncStub,
}

// writers are programs that find the disk full from the n-th call of any of them
// on: $B/fullat says which.
var writers = []string{"cp", "head", "mkdir", "mkfifo", "dd"}

const fullDisk = `B=${0%/*}
case "$(readlink /proc/$$/fd/1) $*" in
  *" $ASLWIZ_ROOT/run"* | "$ASLWIZ_ROOT/run/"*) memory=1 ;;
  "$ASLWIZ_ROOT/"*) memory= ;;
  *) case ${0##*/} in head) memory=1 ;; *) memory= ;; esac ;;
esac
if [ -z "$memory" ] && read -r at 2>/dev/null <"$B/fullat"; then
  printf x >>"$B/writes"
  n=$(($(stat -c %s "$B/writes") - 1))
  [ "$n" -lt "$at" ] || : >"$B/full"
  [ ! -e "$B/full" ] || { echo "${0##*/}: No space left on device" >&2; exit 1; }
fi
PATH=${PATH#"$B:"}
exec "${0##*/}" "$@"
`
