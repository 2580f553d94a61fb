#!/bin/sh
# The server's half of a transaction. It lives in the transaction's own folder,
# so that a guard keeps the version it was armed with:
#
#   meta manifest script stager after/N set/N.read set/N.write new/N   staged
#   before/N index reserve spare                                what was there
#   status undo log left decision why hurry stop cause chain aside/N told   while and after it ran
#   undo undo.who undo.baseline undo.proved undo.hurry redo/N   while it is undone
#
# unproved, beside all folders: id, boot, and atboot or live, of guarded steps in their
# order, until a restart has proved them.
# manifest: kind, number, path or name, hash before, hash after, mode, owner.
# index: kind, number, hash before, hash after, mode, owner, real path, name.
# dirs: owner and path of each folder that was made.
# The owner ~NAME stands for a file in that user's home: see in_home. A setting's is the file
# that its lines write, or -.
# For tests: ASLWIZ_ROOT puts everything below another root, ASLWIZ_PATIENCE is how
# many seconds settings get to take effect, ASLWIZ_APT_PATIENCE how many a step waits for
# apt's locks.
# shellcheck disable=SC1007,SC1010,SC2015 # reviewed: empty values, the word done, A && B || C
set -u
umask 077
# shellcheck disable=SC3045 # where a shell does not know it, there is none
ulimit -c 0 2>/dev/null # a core would hold what is secret
R=${ASLWIZ_ROOT:-}
[ -n "$R" ] || PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=${HOME:-/root} LC_ALL=C
export PATH HOME LC_ALL
T=$(cd "${0%/*}" && pwd) || exit 1
S=$T/status
tab=$(printf '\t')
units=$R/etc/systemd/system
guard_unit=aslwiz-guard.service
watch_unit=aslwiz-unproved.service
U=$T/../../unproved
L=$T/log # see log_to
id= step= limit=3600 guard= through= reboots= atboot= chain= undecided=0
state=staged code=0 reason= since=0 boot= up=0 ended= pid= start= detail=
apt_patience=${ASLWIZ_APT_PATIENCE:-600} unfetched= removable= keep=
nl='
'

# --- state ---------------------------------------------------------------

load() {
  while IFS='=' read -r k v; do
    case $k in
      id) id=$v ;; step) step=$v ;; limit) limit=$v ;; guard) guard=$v ;;
      through) through=$v ;; reboots) reboots=$v ;; atboot) atboot=$v ;;
    esac
  done <"$T/meta"
  [ ! -e "$T/chain" ] || chain=$(cat "$T/chain")
  secrets=$R/run/aslwiz/$id
  ASLWIZ_SECRETS=$secrets
  export ASLWIZ_SECRETS
  load_status
}

# log_to finds where what is done can be written down: it must not depend on that, and on a
# disk that cannot be written any more it is nowhere.
log_to() {
  L=$T/log
  true 2>/dev/null >>"$L" || L=/dev/null
}

load_status() {
  [ -e "$S" ] || return 0
  detail=
  while IFS='=' read -r k v; do
    case $k in
      state) state=$v ;; code) code=$v ;; reason) reason=$v ;; since) since=$v ;;
      boot) boot=$v ;; up) up=$v ;; ended) ended=$v ;; pid) pid=$v ;; start) start=$v ;;
      detail) detail=${detail:+$detail
}$v ;; # it was bounded when it was written
    esac
  done <"$S"
}

add_detail() { # never more than the spare has room for
  [ ${#detail} -lt 12000 ] || return 0
  detail=${detail:+$detail
}$(printf '%s\n' "$1" | head -c 8000)
}

say_status() {
  printf 'state=%s\ncode=%s\nreason=%s\nsince=%s\nboot=%s\nup=%s\nended=%s\npid=%s\nstart=%s\n' \
    "$state" "$code" "$reason" "$since" "$boot" "$up" "$ended" "$pid" "$start"
  [ -z "$detail" ] || printf '%s\n' "$detail" | while IFS= read -r k; do printf 'detail=%s\n' "$k"; done
}

set_state() { # STATE REASON
  state=$1 reason=$2
  if say_status >"$S.$$" && sync "$S.$$" && mv -f "$S.$$" "$S"; then
    sync "$T"
  else
    rm -f "$S.$$"
    set_state_full
  fi
}

# On a full disk: blocks that were kept for this, and the old status is there
# until the new one is whole.
set_state_full() {
  if [ -e "$T/spare" ] && say_status | dd of="$T/spare" conv=notrunc,fsync 2>/dev/null &&
    truncate -s "$(say_status | wc -c)" "$T/spare" && mv -f "$T/spare" "$S"; then
    keep_spare || rm -f "$T/spare"
    sync "$T"
  else
    say_status >"$S" # the old file's block can still be had
  fi
}

# Not zeros: a file system that compresses would keep no room for them.
keep_spare() { head -c 16384 /dev/urandom >"$T/spare" && sync "$T/spare"; }

boot_id() { read -r k <"$R/proc/sys/kernel/random/boot_id" && echo "$k"; }
uptime_s() { read -r k _ <"$R/proc/uptime" && echo "${k%.*}"; }

# Prints when a process was started, in ticks since the boot. Its name, in parentheses
# before that, may hold anything.
start_of() { # PID
  k=
  { read -r k <"/proc/$1/stat"; } 2>/dev/null
  # shellcheck disable=SC2086 # words
  set -- ${k##*)}
  echo "${20:-}"
}

alive() { # whether the job's process still is what it was: no user can fake that
  [ -n "$pid" ] && [ "$boot" = "$(boot_id)" ] && [ -O "/proc/$pid" ] && [ "$(start_of "$pid")" = "$start" ]
}

# --- files and settings --------------------------------------------------

# at_home runs as the user whose home it is, with an operation, a path and a word. What is
# a link, or not that user's, is "other", and left alone.
# shellcheck disable=SC2016 # that user's shell expands it
at_home='umask 077
p=$2 d=${2%/*}
ours() { [ ! -L "$d" ] && [ ! -L "$p" ] && [ -f "$p" ] && [ -O "$p" ] && [ "$(stat -c %s "$p")" -le 1048576 ]; }
free() { [ ! -L "$d" ] && [ ! -L "$p" ] && [ ! -e "$p" ]; }
case $1 in
  hash) if ours; then sha256sum <"$p"; elif free; then echo absent; else echo other; fi ;;
  mode) ours && stat -c %a "$p" ;;
  read) ours && cat "$p" ;;
  stuck) ! lsattr -d "$p" "$d" 2>/dev/null | grep -q "^[^ ]*[ai]" || echo stuck ;;
  folder) [ -d "$d" ] ;;
  write)
    ours || free && mkdir -p "$d" && tmp=$(mktemp "$d/.aslwiz.XXXXXXXX") || exit
    cat >"$tmp" && chmod "$3" "$tmp" && sync "$tmp" && mv -fT "$tmp" "$p" && sync "$d" || { rm -f "$tmp"; exit 1; }
    ;;
  rewrite) ours && cat >"$p" && chmod "$3" "$p" && sync "$p" ;;
  chmod) ours && chmod "$3" "$p" ;;
  drop) free || { ours && rm -f "$p" && sync "$d"; } ;;
  rmdir) rmdir "$p" ;;
  sweep) [ -L "$d" ] || rm -f "$d"/.aslwiz.????????
esac'

# In a home, root does nothing itself: it would follow what the user plants there. The
# content comes and goes by pipe. said is the first word of what was printed. Whoever runs as
# that user, and so perhaps the user, decides what it says: of letters and digits it must be.
in_home() { # ~USER OPERATION PATH [WORD]: sets said
  told_by "${1#?}" sh -c "$at_home" sh "$2" "$3" "${4:-}" || {
    [ -z "$said" ] || printf '%s\n' "$said" >&2
    return 1
  }
  said=${said%% *}
  case $said in *[!0-9a-z]*) said= && return 1 ;; esac
}

gone() { # OWNER: whether it is a user that is not there, yet or any more
  case $1 in "~"*) ! id -u "${1#?}" >/dev/null 2>&1 ;; *) false ;; esac
}

hash_of() { # PATH [OWNER]
  case ${2:-} in
    "~"*)
      if gone "$2"; then
        echo absent
      else
        in_home "$2" hash "$1" && [ -n "$said" ] || said=other
        echo "$said"
      fi
      return
      ;;
  esac
  if [ -f "$1" ]; then
    k=$(sha256sum <"$1") && echo "${k%% *}"
  elif [ -e "$1" ]; then
    echo other
  else
    echo absent
  fi
}

value_hash() { # N: of a setting's value, without its last newlines
  v=$(timeout 30 sh "$T/set/$1.read" </dev/null 2>/dev/null)
  k=$(printf '%s' "$v" | sha256sum) && echo "${k%% *}"
}

hash_entry() { # KIND N PATH OWNER
  if [ "$1" = file ]; then hash_of "$3" "$4"; else value_hash "$2"; fi
}

mode_of() { # PATH OWNER: its mode and owner; an owner need not have a name
  case $2 in
    "~"*)
      in_home "$2" mode "$1" || return
      case $said in '' | *[!0-7]*) return 1 ;; esac
      echo "$said $2"
      ;;
    *) stat -c '%a %u:%g' -- "$1" ;;
  esac
}

save_copy() { # PATH OWNER TO [-p]: in root's own folder
  case $2 in
    "~"*)
      rights_of "${2#?}" sh -c "$at_home" sh read "$1" 2>/dev/null | timeout 40 head -c 1048577 >"$3"
      [ "$(hash_of "$3")" = "$(hash_of "$1" "$2")" ]
      ;;
    *) cp ${4:-} -- "$1" "$3" ;;
  esac
}

# Puts a copy of SRC at PATH in one step; nobody sees half of it.
install_file() { # SRC PATH MODE OWNER N
  case $4 in
    "~"*)
      in_home "$4" write "$2" "$3" <"$1" && return 0
      in_home "$4" sweep "$2" # it may have been killed
      return 1
      ;;
  esac
  tmp=${2%/*}/.aslwiz-$id.$5
  if cp --remove-destination -- "$1" "$tmp" && chown -h -- "$4" "$tmp" && chmod -- "$3" "$tmp" && sync "$tmp" && mv -fT -- "$tmp" "$2"; then
    sync "${2%/*}"
  else
    rm -f -- "$tmp"
    return 1
  fi
}

remove_file() { # PATH OWNER
  case $2 in
    "~"*) in_home "$2" drop "$1" ;;
    *) rm -f -- "$1" && { [ ! -d "${1%/*}" ] || sync "${1%/*}"; } ;;
  esac
}

make_folder() { # PATH OWNER: the one above it, noted for the way back
  case $2 in
    "~"*) in_home "$2" folder "$1" || printf '%s %s\n' "$2" "${1%/*}" >>"$T/dirs" ;;
    *)
      _k=${1%/*}
      while [ ! -d "$_k" ]; do
        printf -- '- %s\n' "$_k" >>"$T/dirs"
        _k=${_k%/*}
      done
      (umask 022 && mkdir -p -- "${1%/*}")
      ;;
  esac
}

# Who may write to a folder can lead whoever writes below it elsewhere. _why is set to what
# keeps root out: on the way to PATH, links followed, each folder must be root's alone.
open_way() { # PATH, below $R
  _why= _at= _rest=${1#/}/ _hops=0
  while [ -d "$R$_at/" ]; do
    case $ways in
      *" $_at "*) ;;
      *)
        _k=$(stat -c '%u %g %a' -- "$R$_at/")
        case $_k in
          *[2367]) _why="everybody may write to ${_at:-/}" ;;
          "$top "*[2367]?) case $(ls -ld -- "$R$_at/") in ??????????+*) _why="others than root may write to ${_at:-/} (getfacl ${_at:-/})" ;; esac ;;
          *[2367]?) _why="group $(stat -c %G -- "$R$_at/") may write to ${_at:-/}" ;;
        esac
        case $_k in "${top% *} "*) ;; *) _why="${_at:-/} belongs to $(stat -c %U -- "$R$_at/")" ;; esac
        [ -z "$_why" ] || return 0
        ways="$ways$_at "
        ;;
    esac
    [ -n "$_rest" ] || return 0
    _k=${_rest%%/*} _rest=${_rest#*/}
    case $_k in '' | .) continue ;; ..) _at=${_at%/*} && continue ;; esac
    _at=$_at/$_k
    [ -L "$R$_at" ] || continue
    _hops=$((_hops + 1))
    [ $_hops -lt 40 ] || { _why='its links lead in a circle' && return 0; }
    _k=$(readlink -- "$R$_at") _at=${_at%/*}
    case $_k in /*) _k=${_k#"$R"} _at= ;; esac
    _rest=$_k/$_rest
  done
}
ways=' ' top='0 0'
[ -z "$R" ] || top=$(stat -c '%u %g' "$R/") # who stands in for root

stuck() { # PATH OWNER: what of it and its folder nobody may change, not even root
  case $2 in
    "~"*) gone "$2" || ! in_home "$2" stuck "$1" || [ -z "$said" ] || printf '%s\n' "$1" ;;
    *)
      _k=${1%/*}
      until [ -d "$_k/" ]; do _k=${_k%/*}; done
      lsattr -d -- "$1" "$_k/" 2>/dev/null | sed -n 's/^[^ ]*[ai][^ ]* //p'
      ;;
  esac
}

# Lists what cannot be written, or not safely, before anything of it is read.
unwritable() {
  while IFS=$tab read -r kind _ name _ _ _ owner <&9; do
    _why=
    case $kind:$owner in
      setting:/*) open_way "$owner" ;;
      file:"~"* | setting:*) ;;
      *) open_way "$name" ;;
    esac
    [ -z "$_why" ] || {
      printf '%s\n' "$name: $_why: root does not write below a folder that somebody else may write to"
      continue
    }
    [ "$kind" = file ] || continue
    real=$R$name
    case $owner in "~"*) ;; *) real=$(readlink -m -- "$real") ;; esac
    stuck "$real" "$owner" | while IFS= read -r k; do
      k=${k#"$R"}
      printf '%s\n' "$name: ${k%/} is immutable or append-only; chattr -ia ${k%/} lets it be changed"
    done
  done 9<"$T/manifest"
}

# Lists what is not as the plan saw it.
drift() {
  while IFS=$tab read -r kind n name before _ _ owner <&9; do
    now=$(hash_entry "$kind" "$n" "$R$name" "$owner")
    [ "$now" = "$before" ] || printf '%s\n' "$name"
  done 9<"$T/manifest"
}

backup() {
  mkdir -p "$T/before" && : >"$T/index.new" || return 1
  while IFS=$tab read -r kind n name before after mode owner <&9; do
    real=-
    if [ "$kind" = setting ]; then
      timeout 30 sh "$T/set/$n.read" </dev/null >"$T/before/$n" 2>/dev/null
      k=$(printf '%s' "$(cat "$T/before/$n")" | sha256sum)
      [ "${k%% *}" = "$before" ] || return 1
    else
      mode=-
      case $owner in
        "~"*) real=$R$name ;;
        *)
          owner=-
          real=$(readlink -m -- "$R$name") && [ -n "$real" ] || return 1
          ;;
      esac
      if [ "$before" != absent ]; then
        save_copy "$real" "$owner" "$T/before/$n" || return 1
        [ "$(hash_of "$T/before/$n")" = "$before" ] || return 1
        k=$(mode_of "$real" "$owner") || return 1
        mode=${k% *} owner=${k#* }
      fi
    fi
    printf '%s\t' "$kind" "$n" "$before" "$after" "$mode" "$owner" "$real" >>"$T/index.new" || return 1
    printf '%s\n' "$name" >>"$T/index.new" || return 1
  done 9<"$T/manifest"
  # Room for the way back, even when the disk is full by then.
  size=$(cat "$T"/before/* 2>/dev/null | wc -c)
  head -c $((size + 262144)) /dev/urandom >"$T/reserve" && keep_spare || return 1
  for k in "$T"/before/*; do [ ! -e "$k" ] || sync "$k" || return 1; done
  sync "$T/index.new" && mv "$T/index.new" "$T/index" && sync "$T/before" "$T"
}

# What the step left behind: an undo must find exactly this.
record_left() {
  while IFS=$tab read -r kind n _ _ _ owner real _ <&9; do
    printf '%s %s\n' "$n" "$(hash_entry "$kind" "$n" "$real" "$owner")"
  done 9<"$T/index" >"$T/left.new" && sync "$T/left.new" && mv "$T/left.new" "$T/left"
}

is_ours() { # N HASH AFTER: whether the step itself left that
  [ "$2" != "$3" ] || return 0
  [ -e "$T/left" ] || return 1
  while read -r k v; do [ "$k $v" != "$1 $2" ] || return 0; done <"$T/left"
  return 1
}

# --- for the step's script -----------------------------------------------

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

quoted() { # prints its words so that they can be pasted
  for _w; do
    case $_w in
      '' | *[!A-Za-z0-9_./:=@%+,-]*)
        _r=$_w _w=
        while :; do
          case $_r in *\'*) ;; *) break ;; esac
          _w=$_w${_r%%\'*}"'\\''" _r=${_r#*\'}
        done
        printf " '%s'" "$_w$_r"
        ;;
      *) printf ' %s' "$_w" ;;
    esac
  done
  echo
}

find_entry() { # PATH: sets n, before, after, real, and home, the user's whose it is
  while IFS=$tab read -r kind n before after _ home real name <&9; do
    [ "$kind $name" != "file $1" ] || break
  done 9<"$T/index"
  [ "$kind $name" = "file $1" ] || die "$1: not among the files of this step"
  case $home in "~"*) ;; *)
    home=
    open_way "$1"
    [ -z "$_why" ] || die "$1: $_why: root does not write there"
    ;;
  esac
}

# What somebody saved while this step ran is not lost.
keep_meanwhile() { # PATH, with its entry found
  now=$(hash_of "$real" "$home")
  case $now in
    absent | "$before" | "$after") return 0 ;;
    other) die "$1: is not a regular file any more" ;;
  esac
  mkdir -p "$T/aside" && save_copy "$real" "$home" "$T/aside/$n.meanwhile" -p && sync "$T/aside/$n.meanwhile" ||
    die "$1: changed while this step ran, and that version could not be kept"
  echo "$1: changed while this step ran; that version is kept as $T/aside/$n.meanwhile"
}

put() { # PATH: installs its new content
  echo "+ write $1"
  find_entry "$1"
  while IFS=$tab read -r _ k _ _ _ mode owner <&9; do [ "$k" != "$n" ] || break; done 9<"$T/manifest"
  [ "$after" != absent ] || die "$1: is to be removed, not written"
  keep_meanwhile "$1"
  make_folder "$real" "$home"
  install_file "$T/new/$n" "$real" "$mode" "$owner" "$n"
}

drop() { # PATH: removes the file
  echo "+ remove $1"
  find_entry "$1"
  keep_meanwhile "$1"
  remove_file "$real" "$home"
}

run() { # CMD...
  printf +
  quoted "$@"
  "$@"
}

# as_user runs a command as another user, for half a minute at most. Below a folder that
# somebody other than root may write to, root would follow the links that are planted there;
# as_user follows them with that user's rights. In a script: as_user Debian-snmp sed -i ...
as_user() { # NAME CMD...
  _t=0
  told_by "$@" || _t=1
  [ -z "$said" ] || printf '%s\n' "$said"
  return $_t
}

# What it prints comes by a pipe: with the log itself it could empty or fill that.
told_by() { # NAME CMD...: sets said
  said=$({ rights_of "$@" 2>&1 && echo 0 || echo 1; } | timeout 40 head -c 2000)
  set -- "${said##*"$nl"}"
  said=${said%"$1"} said=${said%"$nl"}
  [ "$1" = 0 ]
}

# For told_by and pipes alone. Nothing that is open here is handed on but the three streams.
rights_of() { # NAME CMD...
  _w=$1
  shift
  timeout -k 5 30 runuser -u "$_w" -- "$@" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
}

# --- packages --------------------------------------------------------------

because() { # TEXT: the cause of a failure, for the reason that people read
  printf '%s\n' "$1" | head -c 1000 >"$T/cause"
  printf '%s\n' "$1"
}

# Installs packages; apt removes only what the plan named, in REMOVABLE. What would go is
# asked once the lists are fresh, which on a new server is later than the plan.
apt_install() { # 'REMOVABLE...' NAME...
  _may=" $1 "
  shift
  _names=$(offered "$@")
  _no=
  for _n; do
    case "
$_names
" in *"
$_n
"*) ;; *) _no="$_no, $_n" ;; esac
  done
  [ -z "$_no" ] || echo "apt offers no ${_no#, }: left out"
  if [ -z "$_names" ]; then
    because "${unfetched:-apt offers no ${_no#, }: check /etc/apt/sources.list and /etc/apt/sources.list.d on the server}"
    return 100
  fi
  # shellcheck disable=SC2086 # one word a package
  set -- $_names
  removable=$_may _installed=0
  apt_get install -y -- "$@" || _installed=$?
  removable=
  return $_installed
}

# Asked each time before apt-get begins: what it would do may change while a lock is waited
# for. Sets keep to the option that holds apt-get to what was asked.
only_agreed() { # ARGS...
  _no= _gone=
  for _n in $(would_remove "$@"); do
    _gone="$_gone $_n"
    case $removable in *" $_n "*) ;; *) _no="$_no, $_n" ;; esac
  done
  if [ -n "$_no" ]; then
    because "apt would remove ${_no#, }, which the plan does not name; nothing was installed. If that may go, add it to packages.remove in the answers"
    return 1
  fi
  keep=
  if [ -z "$_gone" ]; then keep=--no-remove; else echo "apt removes$_gone, as the plan says"; fi
}

offered() { # NAME...: prints those that apt could install, one a line
  apt-cache policy "$@" | while IFS= read -r _w; do
    case $_w in
      '  Candidate: (none)') ;;
      '  Candidate: '*) echo "$_n" ;;
      ' '*) ;;
      *:) _n=${_w%:} ;;
    esac
  done
}

# A simulation needs no lock and changes nothing. Where it fails, apt-get itself will say why.
would_remove() { # ARGS...: prints what apt-get would remove
  apt-get -s -q "$@" 2>/dev/null </dev/null | sed -n 's/^\(Remv\|Purg\) \([^ ]*\).*/\2/p'
}

# apt-get, without a question and without a terminal. Its progress goes to the
# log behind a control character. A stop reaches apt-get alone, once: dpkg must
# not be cut off in the middle.
#
# Where dpkg was cut off earlier, apt-get refuses to begin until that is finished.
apt_get() { # ARGS...
  _c=0
  try_apt "$@" || _c=$?
  if [ $_c = 0 ] || ! dpkg_was_cut_off; then return $_c; fi
  dpkg_configure || :
  _c=0
  { try_apt -y --no-remove --fix-broken install && try_apt "$@"; } || _c=$? # what was unpacked may lack what it needs
  return $_c
}

# What dpkg was writing is left in numbered files, packages half installed. Somebody
# else's dpkg that is at work now would be locked, and apt-get have waited for it.
dpkg_was_cut_off() {
  for _w in "$R"/var/lib/dpkg/updates/[0-9]*; do [ ! -e "$_w" ] || return 0; done
  [ -n "$(dpkg --audit 2>/dev/null)" ]
}

dpkg_configure() {
  wait_for_apt
  run env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a \
    dpkg --force-confdef --force-confold --configure -a </dev/null
}

# Runs apt-get again where somebody took a lock just before it.
try_apt() { # ARGS...
  while :; do
    rm -f "$T/cause"
    wait_for_apt
    keep=
    if [ -n "$removable" ]; then only_agreed "$@" || return 100; fi
    _at=$(stat -c %s "$T/log" 2>/dev/null) || _at=0
    _a=0
    run_apt $keep "$@" || _a=$?
    _w=$(complaints "$_at")
    case $_a:$_w in
      0:*'ailed to fetch '*) unfetched=$(printf '%s\n' "$_w" | why_apt) ;; # apt-get makes do with old lists, or none
      0:*) ;;
      *'Could not get lock'*)
        [ "$apt_patience" -gt 0 ] || break
        sleep 5
        apt_patience=$((apt_patience - 5))
        continue
        ;;
      *) because "${unfetched:-$(printf '%s\n' "$_w" | why_apt)}" ;;
    esac
    return $_a
  done
  _w=${_w#*Could not get lock }
  because "apt could not begin: it could not get lock ${_w%%
*}. Wait until that program has ended, then run the step again"
  return $_a
}

complaints() { # OFFSET: what apt-get and dpkg complained of since then
  tail -c "+$(($1 + 1))" "$T/log" 2>/dev/null |
    grep -e '^E: ' -e '^W: Failed to fetch ' -e 'No space left on device' -e '^dpkg: error processing ' |
    sed 's|://[^/@ ]*@|://|g' | head -c 8000 # a source may name a password
}

why_apt() { # reads what was complained of; prints the cause in one line
  _e= _k=
  while IFS= read -r _w; do
    case $_w in
      *'enough free space in '*)
        _w=${_w##*enough free space in } _w=${_w%.}
        _k="the disk is full: apt has no room in $_w ($(df -hP "$R$_w" 2>/dev/null | sed -n '2s/.* \([^ ]*\) *[0-9]*% .*/\1/p') free)"
        ;;
      *'No space left on device'*) _k='the disk is full: no space left on the device' ;;
      'E: Unable to locate package '*) _e="${_e:-apt offers no ${_w##* }: check /etc/apt/sources.list and /etc/apt/sources.list.d on the server}" ;;
      'E: Package '*' has no installation candidate')
        _w=${_w#*\'}
        _e="${_e:-apt offers no ${_w%%\'*}: check /etc/apt/sources.list and /etc/apt/sources.list.d on the server}"
        ;;
      ?': Failed to fetch '*)
        _w=${_w#*fetch }
        _e="${_e:-apt could not fetch ${_w%% *}: ${_w#*  }}"
        ;;
      'dpkg: error processing '*)
        _w=${_w#*processing } _w=${_w#package } _w=${_w#archive }
        _e="${_e:-dpkg failed on ${_w%% *}: see what it says in the log}"
        ;;
      'E: '*) _e="${_e:-apt-get failed: ${_w#E: }}" ;;
    esac
  done
  echo "${_k:-${_e:-apt-get failed and did not say why}}"
}

run_apt() { # ARGS...
  [ ! -e "$T/stop" ] || exit 130
  printf '+ apt-get'
  quoted "$@"
  rm -f "$T/apt.fifo"
  mkfifo "$T/apt.fifo"
  while IFS= read -r _w; do printf '\036apt %s\n' "$_w"; done <"$T/apt.fifo" &
  _r=$!
  env --default-signal=INT DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a \
    apt-get -q -o DPkg::Lock::Timeout=5 -o Dpkg::Use-Pty=0 -o APT::Status-Fd=8 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" 8>"$T/apt.fifo" </dev/null &
  echo $! >"$T/apt.pid"
  _s=0
  wait $! || _s=$?
  rm -f "$T/apt.pid"
  wait $_r || :
  [ ! -e "$T/stop" ] || exit 130
  return $_s
}

# Waits until nobody holds one of apt's locks; apt-get itself waits for dpkg's alone. It is
# bounded for the whole step.
wait_for_apt() {
  _n=0
  while apt_holder; do
    if [ "$apt_patience" -le 0 ]; then
      because "apt could not begin: $who has held $what for $_n s. Wait until it has ended, then run the step again"
      exit 100
    fi
    [ $((_n % 60)) != 0 ] || echo "waiting for $who, which holds $what$([ $_n = 0 ] || echo ", $_n s")"
    [ $((_n % 2)) != 0 ] || printf '\036apt wait::-1:waiting for %s, which holds %s, %s s\n' "$who" "$what" "$_n"
    sleep 1
    [ ! -e "$T/stop" ] || exit 130
    _n=$((_n + 1)) apt_patience=$((apt_patience - 1))
  done
  [ $_n = 0 ] || printf '\036apt wait::-1:\n'
}

apt_holder() { # sets who holds one of apt's locks, and what it is to people
  for _w in "dpkg's lock:lib/dpkg/lock-frontend" "dpkg's lock:lib/dpkg/lock" "apt's lists:lib/apt/lists/lock" \
    "apt's downloads:cache/apt/archives/lock"; do
    what=${_w%%:*}
    held_by "$R/var/${_w#*:}" || continue
    who="$(program_of "$_p") (pid $_p)"
    return 0
  done
  return 1
}

held_by() { # PATH: sets _p to the process that has it locked
  _i=$(stat -c %i "$1" 2>/dev/null) || return 1
  while read -r _ _ _ _ _p _v _; do
    case $_v in *:"$_i") ;; *) continue ;; esac
    # The same number on another file system is another file.
    ! stat -L -c %d:%i "/proc/$_p/fd"/* 2>/dev/null | grep -qxF "$(stat -c %d:%i "$1")" || return 0
  done </proc/locks
  return 1
}

program_of() { # PID: "unattended-upgrade", not the Python that runs it
  {
    _x=
    tr '\000' '\n' <"/proc/$1/cmdline" | head -c 4000 | while IFS= read -r _w; do
      case $_w in
        -[cem]) _w=$_x ;; # its program is text
        -* | '') continue ;;
      esac
      _w=${_w##*/}
      case $_x:$_w in :python[0-9]* | :perl* | :sh | :bash | :dash) _x=$_w && continue ;; esac
      printf '%s' "$_w" | tr -cd 'A-Za-z0-9._+-' | head -c 60
      break
    done
  } 2>/dev/null
}

# --- the job --------------------------------------------------------------

job() {
  exec >>"$T/log" 2>&1 </dev/null
  trap 'rm -rf "$secrets"' EXIT
  stopping= killer= child= clock=
  trap 'stop_script "stopped on request"' USR1
  trap 'stop_script "stopped: it ran longer than its limit of $limit s"' USR2
  trap 'on_term' TERM
  boot=$(boot_id) since=$(date +%s) up=$(uptime_s) pid=$$ start=$(start_of $$)
  if guard_stays; then
    set_state refused 'the guard of another step is armed'
    exit 0
  fi
  sweep
  set_state running ''
  detail=$(unwritable)
  if [ -n "$detail" ]; then
    set_state refused 'some files cannot be changed safely; nothing was done'
    exit 0
  fi
  detail=$(drift)
  if [ -n "$detail" ]; then
    set_state refused 'the server changed since the plan was made; nothing was done'
    exit 0
  fi
  if ! backup; then
    rm -f "$T/reserve" "$T/spare"
    set_state refused 'what is there now could not be saved; nothing was done'
    exit 0
  fi
  if [ -n "$guard" ] && ! arm; then
    decide disarm >/dev/null 2>&1
    systemctl stop $guard_unit 2>/dev/null
    remove_guard
    drop_watch
    rm -f "$T/reserve"
    set_state refused 'the guard could not be armed; nothing was done'
    rm -f "$T/spare"
    exit 0
  fi
  run_script
  rm -rf "$secrets"
  record_left
  ended=$(uptime_s)
  finish
}

# What jobs that were cut off left: half of a file beside the real one, and room
# for a restore that nobody wants any more.
sweep() {
  rm -f "$U.new" "$units/.$guard_unit.new" "$units/.$watch_unit.new"
  for k in "$T"/../*/index; do
    [ -e "$k" ] || continue
    o=${k%/index} cut=
    ! grep -qs -e '^state=running$' -e '^state=proving$' "$o/status" "$o/undo" || cut=1
    o=${o##*/}
    while IFS=$tab read -r kind n _ _ _ owner real name <&9; do
      [ "$kind" = file ] || continue
      case $owner in
        "~"*) [ -z "$cut" ] || gone "$owner" || in_home "$owner" sweep "$real" ;;
        *)
          tmp=${real%/*}/.aslwiz-$o.$n
          [ ! -e "$tmp" ] || { open_way "$name" && [ -z "$_why" ] && rm -f -- "$tmp"; }
          ;;
      esac
    done 9<"$k"
  done
  for k in "$T"/../*/reserve "$T"/../*/spare; do
    [ ! -e "$k" ] || rm -f -- "$k"
  done
}

finish() {
  case $stopping:$code in
    :0) how=done why= ;;
    :*)
      how=failed why="the script ended with status $code"
      { read -r k; } 2>/dev/null <"$T/cause" && why=${k:-$why}
      ;;
    *) how=stopped why=$stopping ;;
  esac
  if [ -n "$guard" ]; then
    # In this order: from then on the status is the guard's.
    set_state proving "$why"
    [ $how = done ] || printf '%s\n' "$why" >"$T/hurry"
  elif [ $how = done ] && [ -n "$reboots" ]; then
    set_state running '' # until another boot proves it
  else
    rm -f "$T/reserve"
    set_state $how "$why"
    rm -f "$T/spare"
  fi
}

# alarm sends a signal in so many seconds, unless it or this job is ended before. A TERM
# that comes before a new process has done with its parent's traps is lost, so only KILL
# ends it for certain; its sleep ends by itself.
alarm() { # SECONDS SIGNAL WHOM
  sh -c 'while [ "$1" -gt 0 ]; do
    sleep 1
    kill -0 "$4" || exit
    set -- $(($1 - 1)) "$2" "$3" "$4"
  done
  kill -s "$2" -- "$3"' sh "$@" $$ </dev/null >/dev/null 2>&1 &
}

run_script() {
  code=130
  [ -z "$stopping" ] || return 0
  setsid sh "$T/tx.sh" script &
  child=$!
  [ -z "$stopping" ] || stop_script "$stopping"
  alarm "$limit" USR2 $$
  clock=$!
  while :; do
    wait $child
    code=$?
    kill -0 $child 2>/dev/null || break
  done
  trap '' USR1 USR2 TERM
  # shellcheck disable=SC2086 # may be empty
  kill -KILL $clock $killer 2>/dev/null
}

stop_script() { # WHY
  : >"$T/stop"
  if [ -z "$child" ]; then
    stopping=$1
    return
  fi
  if [ -z "$stopping" ] && read -r k 2>/dev/null <"$T/apt.pid" && kill -0 "$k" 2>/dev/null; then
    stopping=$1
    kill -INT "$k"
    return
  fi
  stopping=${stopping:-$1}
  kill -TERM -- "-$child" 2>/dev/null || kill -TERM "$child" 2>/dev/null
  alarm 20 KILL "-$child"
  killer=$!
}

on_term() { # the machine goes down, or systemd's own limit
  if [ -n "$reboots" ] && [ "$(systemctl is-system-running 2>/dev/null)" = stopping ]; then
    record_left
    ended=$(uptime_s) code=0
    set_state "$([ -n "$guard" ] && echo proving || echo running)" ''
    exit 0
  fi
  stop_script 'stopped by systemd'
}

# --- the guard --------------------------------------------------------------

arm() {
  systemctl stop $guard_unit 2>/dev/null # the one before may still be on its way out
  printf 'restore\n' >"$T/decide.restore" && printf 'disarm\n' >"$T/decide.disarm" &&
    printf '%s\n' "$boot" >"$T/guard.boot" || return 1
  if [ -n "$through" ]; then
    unproved here >"$T/chain" && sync "$T/chain" || return 1
  else
    note_unproved || return 1
  fi
  sync "$T/decide.restore" && sync "$T/decide.disarm" && sync "$T/guard.boot" || return 1
  install_unit $guard_unit "guard: takes step $step back unless the way in is proved" 'guard boot' 'guard wait' || return 1
  sync "$T" || return 1
  systemctl daemon-reload && systemctl restart $guard_unit && systemctl -q is-active $guard_unit
}

# Two commands at every boot: one ahead of all that reads the files, one beside the rest.
install_unit() { # NAME DESCRIPTION FIRST SECOND [LINE]
  mkdir -p "$units/sysinit.target.wants" "$units/multi-user.target.wants" || return 1
  cat >"$units/.$1.new" <<UNIT || return 1
# $id
[Unit]
Description=aslwiz $2
DefaultDependencies=no
StartLimitIntervalSec=0
RequiresMountsFor=$T /etc
After=local-fs.target systemd-remount-fs.service
Wants=network-pre.target
Before=network-pre.target networking.service systemd-networkd.service NetworkManager.service
Before=aslwiz-firewall.service nftables.service netfilter-persistent.service ssh.service ssh.socket
${5:-}
[Service]
ExecStartPre=-/bin/sh $T/tx.sh $3
ExecStart=/bin/sh $T/tx.sh $4
TimeoutStartSec=300
Restart=on-failure
RestartSec=5
[Install]
WantedBy=sysinit.target multi-user.target
UNIT
  # The links first: a unit that is there is one that also comes at boot.
  for k in sysinit multi-user; do
    ln -sf "../$1" "$units/$k.target.wants/$1" && sync "$units/$k.target.wants" || return 1
  done
  chmod 644 "$units/.$1.new" && sync "$units/.$1.new" && mv -f "$units/.$1.new" "$units/$1" && sync "$units"
}

remove_unit() { # NAME
  rm -f "$units/sysinit.target.wants/$1" "$units/multi-user.target.wants/$1"
  rm -f "$units/$1" # last: once it is gone, another may be armed
  sync "$units"
  systemctl daemon-reload
}

# --- what a restart has yet to prove -----------------------------------------

# What takes effect only at boot is proved by the guard of the step reboot alone. Any
# other restart takes it back, before the network reads it.
note_unproved() {
  k=live
  [ -z "$atboot" ] || k=atboot
  { [ ! -e "$U" ] || grep -e " $boot " -e ' atboot$' "$U"; printf '%s %s %s\n' "$id" "$boot" "$k"; } >"$U.new" &&
    sync "$U.new" && mv -f "$U.new" "$U" && sync "${U%/*}" || return 1
  [ -n "$atboot" ] || return 0
  install_unit $watch_unit 'watch: takes back what no restart has proved' 'unproved files' 'unproved settings' "After=$guard_unit"
}

unproved() { # here|atboot|before: what stands of this boot, all or atboot; atboot of others; newest first
  now=$(boot_id) list=
  [ ! -e "$U" ] || while read -r i b k; do
    w=before
    [ "$b" != "$now" ] || w=here
    case $1:$w:$k in here:here:* | atboot:here:atboot | before:before:atboot) ;; *) continue ;; esac
    ! grep -qs '^state=done$' "$T/../$i/status" || list="$i $list"
  done <"$U"
  printf '%s\n' "$list"
}

forget_unproved() {
  rm -f "$U"
  sync "${U%/*}"
  [ ! -e "$units/$watch_unit" ] || remove_unit $watch_unit
}

drop_watch() { # unless there is something to watch
  [ ! -e "$units/$watch_unit" ] || [ -n "$(unproved atboot)$(unproved before)" ] || remove_unit $watch_unit
}

# The guard of the step reboot sees to all of them.
left_to_guard() {
  k=
  { read -r k <"$units/$guard_unit"; } 2>/dev/null
  [ -n "$k" ] && grep -qs '^through=1$' "$T/../${k#'# '}/meta"
}

take_back_unproved() { # files|settings
  # Somebody started the unit by hand: nothing was restarted.
  ! grep -qs " $(boot_id) " "$U" || return 0
  ! left_to_guard || return 0
  list=$(unproved before)
  if [ "$1" = files ]; then
    for i in $list; do sh "$T/../$i/tx.sh" files; done
    return 0
  fi
  ASLWIZ_BOOT=1
  export ASLWIZ_BOOT
  timeout 120 systemctl is-system-running --wait >/dev/null 2>&1
  for i in $list; do
    rm -f "$T/../$i/told" # that it was done; how it ended is news
    sh "$T/../$i/tx.sh" restore 'the machine was restarted, and not by the step reboot, which would have proved it'
  done
  forget_unproved
  # The card has its name, and the network what it was started with, until the next boot.
  [ -z "$list" ] || [ -e "$U" ] || systemctl --no-block reboot
}

armed() { # whether the guard's unit is this transaction's
  k=
  { read -r k <"$units/$guard_unit"; } 2>/dev/null
  [ "$k" = "# $id" ]
}

# A kill in the middle of arming or disarming leaves a guard that nobody runs:
# set going again it restores, unless the transaction has ended.
settle() {
  armed || return 0
  case $(systemctl is-active $guard_unit 2>/dev/null) in active | activating | reloading | deactivating) return 0 ;; esac
  load_status # it may have ended this moment
  case $state in
    running | proving | staged)
      ! alive || return 0
      systemctl daemon-reload
      systemctl --no-block restart $guard_unit
      ;;
    *) remove_guard ;;
  esac
}

guard_stays() { # whether one is armed, after one that nobody runs was settled
  [ -e "$units/$guard_unit" ] || return 1
  read -r k <"$units/$guard_unit"
  sh "$T/../${k#'# '}/tx.sh" settle >/dev/null 2>&1
  [ -e "$units/$guard_unit" ]
}

remove_guard() { ! armed || remove_unit $guard_unit; }

# Of two that decide at once, the first wins; prints the winner. Whatever else may be
# read there, only disarm disarms.
decide() { # restore|disarm
  ln -T "$T/decide.$1" "$T/decision" 2>/dev/null && sync "$T"
  cat "$T/decision"
}

want_restore() { # WHY
  rm -f "$T/reserve" # a full disk has no room for the reason
  [ -s "$T/why" ] || printf '%s\n' "$1" >"$T/why"
  [ "$(decide restore)" != disarm ] || return 1
  [ -e "$T/decision" ] || undecided=$((undecided + 1))
}

guard_boot() {
  now=$(boot_id) last=
  while read -r k; do last=$k; done <"$T/guard.boot"
  if [ -e "$T/decision" ]; then
    [ "$(cat "$T/decision")" != disarm ] || return 0
  elif [ "$now" = "$last" ]; then
    return 0
  else
    read -r k <"$T/guard.boot"
    if [ -n "$through" ] && [ "$last" = "$k" ] && [ -n "$ended" ] && [ ! -e "$T/hurry" ]; then
      printf '%s\n' "$now" >>"$T/guard.boot"
      sync "$T/guard.boot"
      boot=$now ended=$(uptime_s)
      set_state proving ''
      return 0
    fi
    want_restore 'the machine was restarted before the way in was proved' || return 0
  fi
  # Before the network comes up: the files, which is what it reads.
  rm -f "$T/reserve"
  restore_files
  [ -z "$detail" ] || set_state "$state" "$reason"
  for k in $chain; do sh "$T/../$k/tx.sh" files; done
}

guard_wait() {
  # On a disk that cannot be written any more nothing is decided, and what needs no disk
  # comes back all the same.
  while [ ! -e "$T/decision" ] && [ "$undecided" -lt 20 ]; do
    load_status
    now=$(uptime_s)
    if [ -e "$T/hurry" ]; then
      k=
      read -r k <"$T/hurry"
      want_restore "${k:-asked for}"
    elif [ -n "$ended" ]; then
      [ "$now" -lt $((ended + guard)) ] || want_restore "the way in was not proved within $guard s"
    elif [ "$state" = refused ]; then
      return 0
    elif [ "$state" = running ] && ! alive; then
      load_status # it may have ended this moment
      [ "$state" != running ] || want_restore 'the script was cut off'
    elif [ "$now" -ge $((up + limit + guard + 60)) ]; then
      want_restore "the script did not end within its limit of $limit s"
    fi
    [ -e "$T/decision" ] || sleep 1
  done
  [ "$(cat "$T/decision")" != disarm ] || return 0
  load_status
  read -r first <"$T/guard.boot"
  rebooted=
  if [ "$first" != "$(boot_id)" ]; then
    rebooted=1
    ASLWIZ_BOOT=1
    export ASLWIZ_BOOT
    # Settings need services that this unit was started ahead of.
    timeout 120 systemctl is-system-running --wait >/dev/null 2>&1
  fi
  why=
  read -r why <"$T/why"
  for c in $chain; do sh "$T/../$c/tx.sh" files; done
  bring_back
  for c in $chain; do
    sh "$T/../$c/tx.sh" restore "$why" || missing="${missing:+$missing
}$c: not all of it is back"
    touch "$T/../$c/told" # whoever reads of this one reads of all
  done
  say_restored restored "$why"
  if [ -n "$through" ]; then forget_unproved; else drop_watch; fi
  remove_guard
  # Where the guard is still there, it would come to this at every boot.
  [ -z "$through$atboot" ] || [ -z "$rebooted" ] || armed || systemctl --no-block reboot
}

disarm() {
  # asked again, because the answer was lost
  [ "$state:$(cat "$T/decision" 2>/dev/null)" != done:disarm ] || return 0
  [ "$state" = proving ] || die "state is $state"
  [ "$(decide disarm)" = disarm ] || die 'already restoring'
  settle_disarmed
}

settle_disarmed() {
  rm -f "$T/reserve"
  load_status
  [ "$state" != proving ] || set_state done '' # it may be undone by now
  [ -z "$through" ] || [ "$state" != done ] || ! armed || forget_unproved
  rm -f "$T/spare"
  remove_guard
}

# --- the way back -----------------------------------------------------------

keep_aside() { # N PATH OWNER: neither what was there nor what the step left
  mkdir -p "$T/aside"
  k=$T/aside/$1
  while [ -e "$k" ]; do k=$k+; done # an earlier version
  if save_copy "$2" "$3" "$k" -p && sync "$k"; then
    add_detail "$2: changed by somebody else; that version is kept as $k"
  elif [ "${3#"~"}" != "$3" ]; then
    rm -f "$k"
    add_detail "$2: changed by its user, and that version could not be kept: left as it is"
    return 1
  else
    k=${2%/*}/.aslwiz-kept-$id.$1
    while [ -e "$k" ]; do k=$k+; done
    mv -f -- "$2" "$k" && add_detail "$2: changed by somebody else; that version is kept as $k"
    return 0
  fi
}

# What cannot be put back, or not safely, is left alone, and said once.
left_alone() { # NAME OWNER
  _why=
  if gone "$2"; then
    _why="there is no user ${2#?} any more"
  else
    case $2 in "~"*) ;; /*) open_way "$2" ;; *) open_way "$1" ;; esac
  fi
  [ -n "$_why" ] || return 1
  case $detail in *"$1: $_why"*) ;; *) add_detail "$1: $_why: left as it is" ;; esac
}

restore_files() {
  [ -e "$T/index" ] || return 0
  while IFS=$tab read -r kind n before after mode owner real name <&9; do
    [ "$kind" = file ] || continue
    ! left_alone "$name" "$owner" || continue
    case $owner in "~"*) in_home "$owner" sweep "$real" ;; *) rm -f -- "${real%/*}/.aslwiz-$id.$n" ;; esac
    now=$(hash_of "$real" "$owner")
    if [ "$now" = "$before" ]; then
      [ "$now" = absent ] || set_mode "$real" "$mode" "$owner"
      continue
    fi
    echo "restoring ${real#"$R"}"
    case $now:$owner in "other:~"*) continue ;; esac # what it is, its user alone knows
    case $now in
      absent | other) ;;
      *) is_ours "$n" "$now" "$after" || keep_aside "$n" "$real" "$owner" || continue ;;
    esac
    if [ "$before" = absent ]; then
      remove_file "$real" "$owner"
      continue
    fi
    case $owner in "~"*) ;; *) (umask 022 && mkdir -p -- "${real%/*}") ;; esac
    install_file "$T/before/$n" "$real" "$mode" "$owner" "$n" || {
      write_over "$T/before/$n" "$real" "$mode" "$owner" &&
        add_detail "$real: written in place, there was no room for a second copy"
    }
  done 9<"$T/index"
  [ ! -e "$T/dirs" ] || while read -r owner k; do
    case $owner in "~"*) gone "$owner" || in_home "$owner" rmdir "$k" </dev/null ;; *) rmdir -- "$k" ;; esac 2>/dev/null
  done <"$T/dirs"
}

set_mode() { # PATH MODE OWNER
  case $3 in
    "~"*) in_home "$3" chmod "$1" "$2" ;;
    *) chown -- "$3" "$1" && chmod -- "$2" "$1" ;;
  esac
}

write_over() { # SRC PATH MODE OWNER
  case $4 in
    "~"*) in_home "$4" rewrite "$2" "$3" <"$1" ;;
    *) cat "$1" >"$2" && set_mode "$2" "$3" "$4" && sync "$2" ;;
  esac
}

restore_settings() {
  [ -e "$T/index" ] || return 0
  while IFS=$tab read -r kind n before _ _ owner _ name <&9; do
    [ "$kind" = setting ] && [ -e "$T/set/$n.write" ] || continue
    [ "$(value_hash "$n")" != "$before" ] || continue
    [ "$owner" = - ] || ! left_alone "$name" "$owner" || continue
    echo "restoring $name"
    timeout 60 sh "$T/tx.sh" line "$T/set/$n.write" <"$T/before/$n"
  done 9<"$T/index"
}

# Lists what is not back. A service that is being restarted gets some time.
not_back() {
  patience=${ASLWIZ_PATIENCE:-15}
  while IFS=$tab read -r kind n before _ mode owner real name <&9; do
    if [ "$kind" = file ]; then
      if left_alone "$name" "$owner"; then
        gone "$owner" || printf '%s\n' "$name: not restored"
        continue
      fi
      now=$(hash_of "$real" "$owner")
      [ "$now" = absent ] || [ "$(mode_of "$real" "$owner")" = "$mode $owner" ] || now=other
      [ "$now" = "$before" ] || printf '%s\n' "$name: not restored"
    elif [ -e "$T/set/$n.write" ]; then
      while :; do
        [ "$(value_hash "$n")" != "$before" ] || continue 2
        [ "$patience" -gt 0 ] || break
        patience=$((patience - 1))
        sleep 1
      done
      printf '%s\n' "$name: not restored"
    fi
  done 9<"$T/index"
}

# Sets missing: what did not come back.
bring_back() {
  rm -f "$T/reserve"
  log_to
  restore_files >>"$L" 2>&1
  restore_settings >>"$L" 2>&1
  missing=
  for line in "$T"/after/*; do
    [ -e "$line" ] || continue
    timeout 90 sh "$T/tx.sh" line "$line" </dev/null >>"$L" 2>&1 && continue
    k=$(head -n 1 "$line")
    if [ -n "${ASLWIZ_BOOT:-}" ]; then
      add_detail "after the restore: failed: $k"
    else
      missing=${missing:+$missing
}"after the restore: failed: $k"
    fi
  done
  k=
  [ ! -e "$T/index" ] || k=$(not_back)
  missing=${missing:+$missing${k:+
}}$k
}

say_restored() { # STATE REASON
  if [ -n "$missing" ]; then
    add_detail "$missing"
    set_state broken "$2"
    rm -f "$T/spare"
    return 1
  fi
  set_state "$1" "$2"
  rm -f "$T/spare"
}

# Takes the step back on the admin's word, unless somebody changed what it left. Of a
# guarded step, what it had left comes back unless the way in is proved; of one that
# takes effect at boot there is nothing yet to prove.
undo() {
  exec >>"$T/log" 2>&1 </dev/null
  was=$state
  S=$T/undo boot=$(boot_id) pid=$$ start=$(start_of $$) detail=
  case $was in
    done | failed | stopped | running | broken) ;;
    *)
      set_state refused "there is nothing to undo: it is $was"
      exit 0
      ;;
  esac
  if guard_stays; then
    set_state refused 'the guard of another step is armed'
    exit 0
  fi
  set_state running ''
  # shellcheck disable=SC2094 # the index is only read
  while [ -e "$T/index" ] && IFS=$tab read -r kind n before after _ owner real name <&9; do
    [ "$kind" = file ] || [ -e "$T/set/$n.write" ] || continue
    ! gone "$owner" || continue
    _why=
    case $kind:$owner in setting:* | "file:~"*) ;; *) open_way "$name" ;; esac
    [ -z "$_why" ] || { add_detail "$name: $_why: root does not write there" && continue; }
    now=$(hash_entry "$kind" "$n" "$real" "$owner")
    [ "$now" != "$before" ] && ! is_ours "$n" "$now" "$after" || continue
    add_detail "$name: changed since this step"
    [ "$kind" = setting ] || show_change "$n" "$real" "$owner"
  done 9<"$T/index"
  if [ -n "$detail" ]; then
    set_state refused 'somebody changed what this step left; nothing was undone'
    exit 0
  fi
  [ -z "$atboot$reboots" ] || guard=
  if [ -n "$guard" ] && ! keep_redo; then
    set_state refused 'what is there now could not be saved; nothing was undone'
    exit 0
  fi
  S=$T/status
  bring_back
  say_restored undone 'taken back on request'
  if [ -n "$atboot" ]; then
    boot_id >"$T/../../changed" # the step reboot proves this too
    drop_watch
  fi
  S=$T/undo
  [ -z "$guard" ] || prove_undo
  set_state "$state" "$reason"
  [ "$state" != undone ] || rm -rf "$T/redo"
}

keep_redo() {
  rm -rf "$T/redo" "$T/undo.proved" "$T/undo.hurry"
  mkdir -p "$T/redo" || return 1
  while IFS=$tab read -r kind n _ _ _ owner real _ <&9; do
    if [ "$kind" = setting ]; then
      [ ! -e "$T/set/$n.write" ] || timeout 30 sh "$T/set/$n.read" </dev/null >"$T/redo/$n" 2>/dev/null || return 1
    elif [ "$(hash_of "$real" "$owner")" != absent ]; then
      save_copy "$real" "$owner" "$T/redo/$n" || return 1
      mode_of "$real" "$owner" >"$T/redo/$n.mode" || return 1
    fi
  done 9<"$T/index"
}

prove_undo() { # sets state and reason
  ended=$(uptime_s) left=$state leftwhy=$reason
  set_state proving ''
  why=
  until [ -e "$T/undo.proved" ]; do
    if [ -e "$T/undo.hurry" ]; then
      why=unproved
      read -r why <"$T/undo.hurry"
    elif [ "$(uptime_s)" -ge $((ended + guard)) ]; then
      why="the way in was not proved within $guard s"
    else
      sleep 1
      continue
    fi
    partly=
    redo
    state=restored reason="$why; what the step had left is back"
    [ -z "$partly" ] || state=broken reason="$why; not all of what the step had left is back"
    return
  done
  state=$left reason=$leftwhy
}

not_redone() { # WHAT
  add_detail "$1"
  partly=1
}

redo() {
  S=$T/status
  set_state "$was" '' # first: whatever becomes of this, it is not undone
  while IFS=$tab read -r kind n before _ _ owner real name <&9; do
    if [ "$kind" = setting ]; then
      [ -e "$T/redo/$n" ] || continue
      [ "$owner" = - ] || ! left_alone "$name" "$owner" || continue
      timeout 60 sh "$T/tx.sh" line "$T/set/$n.write" <"$T/redo/$n"
      continue
    fi
    ! left_alone "$name" "$owner" || continue
    now=$(hash_of "$real" "$owner")
    case $now:$owner in "other:~"*) not_redone "$name: not put back" && continue ;; esac
    case $now in "$before" | absent | other) ;; *) keep_aside "$n" "$real" "$owner" || continue ;; esac
    if [ ! -e "$T/redo/$n" ]; then
      remove_file "$real" "$owner"
    else
      read -r mode k <"$T/redo/$n.mode" && make_folder "$real" "$k" && install_file "$T/redo/$n" "$real" "$mode" "$k" "$n"
    fi || not_redone "$name: not put back"
  done 9<"$T/index"
  for line in "$T"/after/*; do
    [ ! -e "$line" ] || timeout 90 sh "$T/tx.sh" line "$line" </dev/null || not_redone "failed: $(head -n 1 "$line")"
  done
  while IFS=$tab read -r kind n _ _ _ owner real name <&9; do
    [ -e "$T/redo/$n" ] || continue
    if [ "$kind" = setting ]; then
      [ "$(value_hash "$n")" = "$(printf '%s' "$(cat "$T/redo/$n")" | sha256sum | cut -d ' ' -f 1)" ]
    else
      [ "$(hash_of "$real" "$owner")" = "$(hash_of "$T/redo/$n")" ]
    fi || not_redone "$name: is not what the step had left"
  done 9<"$T/index"
  S=$T/undo
}

show_change() { # N PATH OWNER
  case $3 in "~"*) return 0 ;; esac # nobody else's to read
  [ -f "$2" ] && [ -f "$T/new/$1" ] || return 0
  while IFS=$tab read -r _ k _ _ _ mode _ <&8; do [ "$k" != "$1" ] || break; done 8<"$T/manifest"
  # neither what is there now nor what the step left may be a secret
  case $mode:$(stat -c %a -- "$2") in
    *[4-7]:*[4-7]) ;;
    *)
      add_detail '(not shown: not everybody may read it)'
      return
      ;;
  esac
  add_detail "$(diff -u --label 'as this step left it' --label now -- "$T/new/$1" "$2" | head -n 200 | head -c 8000)"
}

# --- what the other end asks ---------------------------------------------

resolve() { # a state that the machine's going down has overtaken
  if [ "$S" != "$T/status" ]; then
    alive || load_status # it may have ended this moment
    case $state in running | proving) alive || { state=lost reason='the undo was cut off'; } ;; esac
    return 0
  fi
  if [ "$state" = proving ] && ! armed; then
    load_status # it may have ended this moment
    [ "$state" != proving ] || { state=lost reason='its guard is gone: somebody removed the unit'; }
  fi
  [ "$state" != proving ] || [ -z "$ended" ] || [ -z "$guard" ] || [ "$(uptime_s)" -lt $((ended + guard + 5)) ] || settle
  [ "$state" = running ] || return 0
  if [ -n "$reboots" ] && [ -n "$ended" ]; then
    [ "$boot" != "$(boot_id)" ] || return 0
    boot=$(boot_id)
    set_state done ''
  elif ! alive && armed; then
    settle
  elif ! alive; then
    load_status # it may have ended this moment
    [ "$state" = running ] || return 0
    state=lost reason='the machine went down in the middle of it'
    [ "$boot" != "$(boot_id)" ] || reason='it was killed'
  fi
}

lock_holder() { # for whoever follows a log that is silent
  apt_holder || return 0
  case $(cat "/proc/$_p/cgroup" 2>/dev/null) in *aslwiz-job*) ;; *) echo "$who" ;; esac
}

poll() { # OFFSET TENTHS-OF-A-SECOND [holder]
  i=0
  while :; do
    load_status
    size=$(stat -c %s "$T/log" 2>/dev/null) || size=0
    [ "$size" -le "$1" ] && [ $i -lt "$2" ] || break
    case $state in staged) ;; running) alive || break ;; *) break ;; esac
    sleep 0.2
    i=$((i + 2))
  done
  was=$state
  resolve
  # what was written between the look at the log and the end is still to come
  [ "$was" = "$state" ] || size=$(stat -c %s "$T/log" 2>/dev/null) || size=0
  cat "$T/meta"
  say_status
  printf 'size=%s\nboot_now=%s\nup_now=%s\n' "$size" "$(boot_id)" "$(uptime_s)"
  [ ! -e "$T/guard.boot" ] || { read -r k <"$T/guard.boot" && printf 'armed=%s\n' "$k"; }
  [ -z "${3:-}" ] || printf 'holder=%s\n' "$(lock_holder)"
  echo
  [ "$size" -le "$1" ] || tail -c "+$(($1 + 1))" "$T/log" | head -c 65536
}

# Whoever follows has read how it ended, with all of its log.
tell() { # OFFSET
  case $state in staged | running | proving) ;; *) [ "$size" -gt $(($1 + 65536)) ] || touch "$T/told" 2>/dev/null ;; esac
}

case ${1:-} in
  script)
    load
    set -e
    cd /
    # shellcheck disable=SC1091 # staged beside this file
    . "$T/script"
    exit
    ;;
  line)
    # At boot a start must not wait for what waits for this.
    if [ -n "${ASLWIZ_BOOT:-}" ]; then
      systemctl() { command systemctl --no-block "$@"; }
    fi
    cd /
    # shellcheck disable=SC1090 # staged
    . "$2"
    exit
    ;;
esac
load
case ${1:-} in
  run) job ;;
  restore)
    bring_back
    say_restored restored "${2:-asked for}"
    ;;
  files)
    rm -f "$T/reserve"
    log_to
    restore_files >>"$L" 2>&1
    [ -z "$detail" ] || set_state "$state" "$reason" # what was kept aside
    ;;
  undo) undo ;;
  guard)
    log_to
    exec >>"$L" 2>&1 </dev/null
    if [ "$2" = boot ]; then guard_boot; else guard_wait; fi
    [ ! -e "$T/decision" ] || [ "$(cat "$T/decision")" != disarm ] || settle_disarmed
    exit 0
    ;;
  disarm) disarm ;;
  settle) settle ;;
  told) : >"$T/told" ;;
  hurry) printf '%s\n' "$2" >"$T/hurry" ;;
  stop)
    if [ "$state" = proving ]; then
      printf 'stopped on request\n' >"$T/hurry"
    elif alive; then
      kill -USR1 "$pid"
    fi
    ;;
  status) poll 0 0 | sed '/^$/q' ;;
  unproved)
    log_to
    exec >>"$L" 2>&1 </dev/null
    take_back_unproved "$2"
    ;;
  poll)
    poll "$2" "$3" "${4:-}"
    tell "$2"
    ;;
  undo-disarm)
    touch "$T/undo.proved"
    k=50
    while grep -qs '^state=proving$' "$T/undo" && [ $k -gt 0 ]; do
      sleep 0.1
      k=$((k - 1))
    done
    ;;
  undo-hurry) printf '%s\n' "$2" >"$T/undo.hurry" ;;
  undo-poll)
    S=$T/undo state=staged
    poll "$2" "$3"
    tell "$2"
    ;;
  *) die "usage: tx.sh run|restore|undo|guard|unproved|disarm|told|stop|status|poll" ;;
esac
