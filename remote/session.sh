# The root end of a session. Reads "NONCE scriptlen datalen seconds maxout" and
# that many bytes, runs the script with the data as its input, and answers
# "NONCE status outlen errlen" and that many bytes. $1 is the nonce.
umask 077
HOME=/root LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME LC_ALL PATH
cd /
ulimit -f 262144 # 128 MiB: a program that prints for ever must not fill /run
# shellcheck disable=SC3045 # where a shell does not know it, there is none
ulimit -c 0 # a core would hold what is secret
D=
# Memory first: a session must work on a server whose disk is full or read-only.
for d in /run /dev/shm /tmp /var/tmp; do
  for k in "$d"/aslwiz-session.*.*; do # left by one that was killed
    p=${k%.*} p=${p##*.}
    [ -O "$k" ] && [ ! -L "$k" ] || continue # anybody may name a folder so, or a process
    { [ -O "/proc/$p" ] && grep -qs aslwiz "/proc/$p/cmdline"; } || rm -rf "$k"
  done
  D=$(mktemp -d "$d/aslwiz-session.$$.XXXXXXXX") && echo x >"$D/s" && break
  D=
done
[ -n "$D" ] || { echo "$1 nowhere"; exit 1; }
ASLWIZ_DIR=$D
export ASLWIZ_DIR
trap 'rm -rf "$D"' EXIT
trap 'exit 1' HUP INT TERM PIPE
while read -r tag script data seconds max; do
  [ "$tag" = "$1" ] || exit 1
  # A link that dies in the middle of it leaves nothing secret here for long.
  timeout --foreground 600 head -c "$script" >"$D/s" || exit 1
  timeout --foreground 600 head -c "$data" >"$D/d" || exit 1
  # Half of a script, from a link that was cut, must never run.
  [ "$(stat -c %s "$D/s" "$D/d")" = "$script
$data" ] || exit 1
  # The data may be secret: nothing but the script itself can open it.
  {
    rm -f "$D/d"
    timeout -k 5 "$seconds" sh "$D/s"
  } <"$D/d" >"$D/o" 2>"$D/e"
  rc=$?
  sizes=$(stat -c %s "$D/o" "$D/e")
  o=${sizes%%[!0-9]*} e=${sizes##*[!0-9]}
  [ "$o" -le "$max" ] || o=$max
  [ "$e" -le 65536 ] || e=65536
  echo "$1 $rc $o $e"
  [ "$o" = 0 ] || head -c "$o" "$D/o" || exit 1
  [ "$e" = 0 ] || head -c "$e" "$D/e" || exit 1
done
