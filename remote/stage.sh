# Stages a transaction's folder from standard input and starts it. $list names
# the files, "SIZE NAME" a line; $id, $tx (the root of all), $need (bytes).
umask 077
new=$tx/$id.tmp dir=$tx/$id mine='' units=/etc/systemd/system
# However this ends: what is staged is running, or gone. A limit ends it by TERM.
clean_up() {
  [ -z "$mine" ] || started || rm -rf "$new" "$dir" "/run/aslwiz/$id"
}
# Whether the job is there, whatever systemd-run said: its answer may have come too late.
started() { [ -e "$dir/log" ] || case $(systemctl show -p ExecStart aslwiz-job.service) in *"$dir/tx.sh"*) ;; *) return 1 ;; esac }
trap clean_up EXIT
trap 'exit 1' TERM HUP INT
say() { echo "$1"; exit 0; }
room() { df --output=avail -B1 "$tx" | tail -n 1; }
fail() {
  case $(cat "$ASLWIZ_DIR/why") in
    *'No space left'* | *'quota exceeded'*) say "full $need $(room)" ;;
    *'Read-only file system'*) say read-only ;;
  esac
  cat "$ASLWIZ_DIR/why" >&2
  exit 1
}
# Nothing was done yet where whoever staged was killed: the folder and the secrets
# go. Others may be staging just now.
sweep() {
  read -r boot </proc/sys/kernel/random/boot_id
  dead=
  for k in "$tx"/*; do
    [ ! -e "$k/log" ] && read -r p b 2>/dev/null <"$k/stager" || continue
    [ "$b" = "$boot" ] && [ -O "/proc/$p" ] && grep -qs aslwiz-session "/proc/$p/cmdline" || dead="$dead ${k##*/}"
  done
  # A job has its folder from one that was alive when it was started.
  [ -n "$dead" ] && ! busy || return 0
  for k in $dead; do
    [ -e "$tx/$k/log" ] || rm -rf "${tx:?}/$k" "/run/aslwiz/${k%.tmp}"
  done
}
stage() {
  mine=1
  mkdir -p "$tx" "/run/aslwiz" && rm -rf "$new" && mkdir "$new" && echo "$$ $boot" >"$new/stager" || return 1
  mkdir "$new/new" "$new/set" "$new/after" "/run/aslwiz/$id" || return 1
  while read -r size name; do
    case $name in secret/*) to=/run/aslwiz/$id/${name#secret/} ;; *) to=$new/$name ;; esac
    head -c "$size" >"$to" <&5 || return 1
    [ "$(stat -c %s "$to")" = "$size" ] || { echo 'No space left' >&2; return 1; }
  done <<LIST
$list
LIST
  sync "$new"/* "$new"/*/* "$new" 2>/dev/null
  # The order in which they came, whatever the clocks say.
  k=$(sed -n 's/^seq=//p' /dev/null "$tx"/*/meta | sort -n | tail -n 1)
  echo "seq=$((${k:-0} + 1))" >>"$new/meta" && sync "$new/meta" || return 1
  mv -T "$new" "$dir" && sync "$tx"
}
# A guard whose arming or disarming was cut off is set going, or cleared away.
settle_guard() {
  read -r k <$units/aslwiz-guard.service || return 0
  k=${k#'# '}
  if [ -e "$tx/$k/tx.sh" ]; then
    sh "$tx/$k/tx.sh" settle
  else # nothing that it could restore from
    rm -f $units/*.wants/aslwiz-guard.service $units/aslwiz-guard.service
    systemctl daemon-reload
    systemctl stop aslwiz-guard.service
  fi
} >/dev/null 2>&1
busy() {
  [ ! -e $units/aslwiz-guard.service ] || settle_guard
  [ ! -e $units/aslwiz-guard.service ] || return 0
  for k in job guard unproved; do
    case $(systemctl is-active aslwiz-$k.service) in active | *ating) return 0 ;; esac
  done
  return 1
}
[ ! -e "$dir" ] || say exists
turns=15
while busy; do # one that has just ended has to be cleared away
  [ $turns -gt 0 ] || say busy
  turns=$((turns - 1))
  sleep 0.2
done
mkdir -p "$tx" 2>"$ASLWIZ_DIR/why" || fail
sweep
k=$(room)
[ "$k" -gt "$need" ] || say "full $need $k"
exec 5<&0
if [ "$zip" = 1 ]; then
  command -v gzip >/dev/null || say unzipped
  gzip -dc >"$ASLWIZ_DIR/data" 2>"$ASLWIZ_DIR/why" || fail
  exec 5<"$ASLWIZ_DIR/data"
  rm -f "$ASLWIZ_DIR/data"
fi
stage 2>"$ASLWIZ_DIR/why" || fail
systemd-run --unit=aslwiz-job --collect --quiet --description="aslwiz: step $step" \
  --property=RuntimeMaxSec=$((limit + 900)) --property="ExecStopPost=/bin/rm -rf /run/aslwiz/$id" --setenv=HOME=/root /bin/sh "$dir/tx.sh" run 2>"$ASLWIZ_DIR/why" || started || {
  case $(cat "$ASLWIZ_DIR/why") in *'already exists'* | *'already loaded'* | *'was already'*) say busy ;; esac
  cat "$ASLWIZ_DIR/why" >&2
  exit 1
}
mine=
set -- "$tx"/*
say "started $#"
