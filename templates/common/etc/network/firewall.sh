#!/bin/sh
# Written by aslwiz, step firewall; the next run replaces what is changed here.
#
#   firewall.sh        loads the rules below, IPv4 and IPv6, all or nothing
#   firewall.sh test   only checks them
#   firewall.sh local  only checks your own rules
#
# Your own rules belong in /etc/network/firewall.local, one a line, as in
#
#   -A aslwiz-local -p tcp -m tcp --dport 8088 -s 198.51.100.0/24 -4 -j ACCEPT
#   -A aslwiz-local -i wg0 -j ACCEPT
#
# with -4 or -6 where a line is for one family alone. They come after SSH, so that
# they cannot shut it, and before everything that the rules below open. When a line
# is not valid, the whole file is left out, and the item "firewall" is red.
#
# The rules are in the form that iptables-save prints, so that what is loaded can be
# laid beside them. Only the chains named aslwiz-... and the jumps to them are
# touched: what Docker, libvirt, fail2ban or you put beside them stays.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C
mine=/etc/network/firewall.local

rules4() {
  cat <<'RULES'
{{.Rules4}}RULES
}

rules6() {
  cat <<'RULES'
{{.Rules6}}RULES
}

# What is loaded where the rules above cannot be: enough to log in and to fix them.
least4() {
  cat <<'RULES'
{{.Least4}}RULES
}

least6() {
  cat <<'RULES'
{{.Least6}}RULES
}

{{.Own}}
say() {
  echo "firewall.sh: $*" >&2
}

# local_rules prints the rules of firewall.local.
local_rules() {
  [ ! -e "$mine" ] || sed -n '/^-A aslwiz-local /p' "$mine"
}

# try COMMAND checks rules of aslwiz-local, from standard input, and prints what is
# wrong with them.
try() {
  { printf '*filter\n:aslwiz-local -\n' && cat && echo COMMIT; } | "$1-restore" -w 10 --noflush --test 2>&1
}

# wrong_local says what is wrong with firewall.local, by line. No line of it is ever
# run by this shell.
wrong_local() {
  [ -e "$mine" ] || return 0
  if [ -z "$(find "$mine" -prune -type f -user root ! -perm /022)" ]; then
    echo "$mine: it must be a file of root's that nobody else may write to"
    return
  fi
  whole=
  if local_rules | try iptables >/dev/null && local_rules | try ip6tables >/dev/null; then whole=right; fi
  n=0
  while IFS= read -r line || [ -n "$line" ]; do
    n=$((n + 1))
    case $line in
      '' | '#'*) ;;
      '-A aslwiz-local '*)
        [ -z "$whole" ] || continue
        for c in iptables ip6tables; do
          why=$(printf '%s\n' "$line" | try "$c") ||
            echo "$mine, line $n: $c: $(printf '%s\n' "$why" | sed -n '1s/^[^ ]* v[^:]*: *//p')"
        done
        ;;
      *) echo "$mine, line $n: only lines that begin with '-A aslwiz-local ' are read" ;;
    esac
  done <"$mine"
}

# want FAMILY prints what is to be in force.
want() {
  "rules$1"
  [ -z "$use_local" ] || local_rules
}

# load puts both families in force, or changes nothing. IPv6 comes first; when IPv4
# fails after it, the old IPv6 rules go back.
load() {
  want 6 | set_own ip6tables --test && want 4 | set_own iptables --test || return
  old6=$(own ip6tables) && want 6 | set_own ip6tables || return
  want 4 | set_own iptables && return
  printf '%s\n' "$old6" | set_own ip6tables || say "the old IPv6 rules did not go back"
  return 1
}

# keep_shut FAMILY COMMAND loads what it can where nothing of ours is in force: the
# rules of this family alone, else the least of them, else that without connection
# tracking, which a kernel without its modules lacks.
keep_shut() {
  case $(own "$2") in
    *'-A INPUT -j aslwiz-in'*'-A aslwiz-in -j aslwiz-log'*) return ;;
    *'-A INPUT -j aslwiz-in'*'-A aslwiz-in -j DROP'*) return ;;
  esac
  "rules$1" | set_own "$2" && return
  "least$1" | set_own "$2" || "least$1" | sed '/conntrack/d' | set_own "$2" && say "$2: only SSH and what a network cannot do without are let in now"
}

if ! command -v iptables-restore >/dev/null || ! command -v ip6tables-restore >/dev/null; then
  say "iptables is not installed: apt-get install iptables"
  exit 1
fi
use_local=
case ${1-} in
  '') ;;
  test)
    want 4 | set_own iptables --test && want 6 | set_own ip6tables --test && exit
    say "the rules are not valid"
    exit 1
    ;;
  local)
    wrong=$(wrong_local)
    [ -n "$wrong" ] || exit 0
    printf '%s\n' "$wrong"
    exit 1
    ;;
  *)
    say "unknown word '$1'; say nothing, test or local"
    exit 1
    ;;
esac

code=0
wrong=$(wrong_local)
if [ -n "$wrong" ]; then
  say "$mine is left out:"
  printf '%s\n' "$wrong" >&2
elif [ -n "$(local_rules)" ]; then
  use_local=yes
fi
if ! load; then
  if [ -n "$use_local" ] && use_local= && load; then
    say "$mine is left out: its rules are valid, but the kernel refused them"
  else
    say "the rules could not be loaded; what was in force stays"
    code=1
    keep_shut 6 ip6tables
    keep_shut 4 iptables
  fi
fi

# A reply may leave by another way than its question came. The kernel takes the
# larger of all's value and the interface's; default is for interfaces to come.
for f in /proc/sys/net/ipv4/conf/*/rp_filter; do
  echo 2 2>/dev/null >"$f" || say "$f: not set to 2"
done
exit $code
