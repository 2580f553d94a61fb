# Answers probes, eight at a time; read-only. After this text come "look SECONDS
# NUMBERS PATH..." of all files, one line a probe, "probe N SECONDS MAX KIND
# ARG...", and "finish SECONDS". Every probe
# leaves N.rc, N.out and N.err; the answer is a list of these with their sizes,
# an empty line, and then their bytes.
# shellcheck disable=SC2015,SC2181 # reviewed
W=$(mktemp -d "${ASLWIZ_DIR:-/tmp}/survey.XXXXXXXX") || exit 1
trap 'rm -rf "$W"' EXIT
cd "$W" || exit 1
mkfifo turns ready || exit 1
exec 3<>turns 4<>ready
printf '\n\n\n\n\n\n\n\n' >&3
asked=0
nl='
'

# Within its time and size. The reader has a time limit as well: a child that
# left the process group may hold the pipe open.
bounded() { # SECONDS MAX CMD...
  s=$1 m=$2
  shift 2
  {
    timeout -k 2 "$s" "$@" 2>"$i.err0" 3>&- 4>&- # root's list of who is ready is nobody else's
    echo $? >"$i.rc"
  } | timeout -k 1 $((s + 4)) head -c $((m + 1)) >"$i.out"
  # Cut off, the reader has lost part of the output: nothing is known then.
  [ $? != 124 ] && [ -s "$i.rc" ] || echo 124 >"$i.rc"
  [ ! -s "$i.err0" ] || head -c 2048 "$i.err0" >"$i.err"
}

# Where all files really are and what they are, in two programs instead of four a
# file: N.seen, for the probe. Where that fails, every probe looks for itself.
look() { # SECONDS NUMBERS PATH...
  s=$1 numbers=$2
  shift 2
  timeout -k 1 "$s" readlink -m -- "$@" >reals 2>/dev/null || return
  [ "$(wc -l <reals)" = $# ] || return
  set --
  while IFS= read -r real; do set -- "$@" "$real"; done <reals
  fixed "$@" >fixed
  timeout -k 1 "$s" stat -c '%n|%F|%a %U:%G|%s' -- "$@" >stats 2>errs
  [ $? -le 1 ] || return
  ! grep -q -v -e ': No such file or directory$' -e ': Not a directory$' errs || return
  {
    IFS= read -r line
    for i in $numbers; do
      case $line in
        "$1|"*)
          printf '%s\n' "$1" "${line#"$1|"}" >"$i.seen"
          IFS= read -r line
          ;;
        *) printf '%s\n' "$1" absent >"$i.seen" ;;
      esac
      shift
    done
  } <stats
}

# Of files and their folders, those that not even root may change: immutable, or to be
# appended to alone. Where lsattr or the file system does not know, it is none.
fixed() { # PATH...
  for real; do set -- "$@" "${real%/*}/"; done
  timeout -k 1 "$s" lsattr -d -- "$@" 2>/dev/null | sed -n 's/^[^ ]*[ai][^ ]* //p'
}

# "KIND MODE OWNER SHA256 PATH", then the content. Nothing but a regular file is
# opened. The hash is left to the reader when it gets the whole content. KIND ends in !i
# where the file is fixed, in !d where its folder is.
read_file() { # SECONDS MAX PATH
  echo 0 >"$i.rc"
  rc=0 meta=
  if [ -e "$i.seen" ]; then
    { IFS= read -r real && IFS= read -r meta; } <"$i.seen"
  else
    real=$(timeout "$1" readlink -f -- "$3") || real=$3
    case $real in *"$nl"*) real=$3 ;; esac
    meta=$(timeout "$1" stat -c '%F|%a %U:%G|%s' -- "$real" 2>"$i.err0")
    rc=$?
  fi
  own=${meta#*|} own=${own%|*} flag=
  if [ -s fixed ]; then
    ! grep -qxF -e "${real%/*}/" fixed || flag='!d'
    ! grep -qxF -e "$real" fixed || flag='!i'
  fi
  case $rc:$meta in
    0:regular*)
      sum=-
      if [ "${meta##*|}" -gt "$2" ]; then
        sum=$(timeout "$1" sha256sum <"$real") || echo 124 >"$i.rc"
        sum=${sum%% *}
      fi
      printf '%s\n' "file$flag $own $sum $real" >"$i.out"
      timeout "$1" head -c $(($2 + 1)) -- "$real" >>"$i.out" 2>"$i.err" || echo $? >"$i.rc"
      ;;
    0:absent) printf '%s\n' "absent$flag 0 - - $real" >"$i.out" ;;
    0:*) printf '%s\n' "other $own - $real" >"$i.out" ;;
    124:*) echo 124 >"$i.rc" ;;
    *)
      read -r why <"$i.err0"
      case $why in
        *'No such file'* | *'Not a directory'*) printf '%s\n' "absent 0 - - $real" >"$i.out" ;;
        *)
          printf '%s\n' "other 0 - - $real" >"$i.out"
          printf '%s\n' "$why" >"$i.err"
          echo 1 >"$i.rc"
          ;;
      esac
      ;;
  esac
}

probe() { # N SECONDS MAX KIND ARG...
  read -r _ <&3
  asked=$((asked + 1))
  (
    i=$1 s=$2 m=$3 kind=$4
    shift 4
    case $kind in
      file) read_file "$s" "$m" "$1" ;;
      packages)
        # shellcheck disable=SC2016 # dpkg-query expands it
        bounded "$s" "$m" sh -c 'dpkg-query -W -f "\${Package}\t\${db:Status-Status}\t\${Version}\n" "$@" 2>/dev/null
          echo = && apt-cache policy "$@"' sh "$@"
        ;;
      units) bounded "$s" "$m" systemctl show -p Id,LoadState,ActiveState,SubState,UnitFileState,Result -- "$@" ;;
      command) bounded "$s" "$m" "$@" ;;
      setting) bounded "$s" "$m" sh -c "$2" ;;
      # printf is the shell's own: the salt is in no argument list.
      secret) printf '%s\n' "$2" | bounded "$s" "$m" sh -c "$3" sh "$1" ;;
    esac
    echo "$i" >&4
    echo >&3
  ) </dev/null >/dev/null 2>&1 &
}

# Collects whoever is ready in time; one that cannot even be killed is left out.
finish() { # SECONDS
  (
    trap 'kill $alarm; exit' TERM
    sleep "$1" &
    alarm=$!
    wait
    echo late >&4
  ) </dev/null >/dev/null 2>&1 &
  clock=$!
  set --
  while [ $asked -gt 0 ] && read -r i <&4 && [ "$i" != late ]; do
    asked=$((asked - 1))
    set -- "$@" "$i.rc" "$i.out"
    [ ! -s "$i.err" ] || set -- "$@" "$i.err"
  done
  kill $clock 2>/dev/null
  for f; do [ -e "$f" ] || : >"$f"; done
  [ $# = 0 ] || stat -c '%s %n' -- "$@"
  echo
  [ $# = 0 ] || cat -- "$@"
}
