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
:aslwiz-in -
:aslwiz-forward -
:aslwiz-local -
:aslwiz-log -
-A INPUT -j aslwiz-in
-A FORWARD -j aslwiz-forward
# the server talks to itself
-A aslwiz-in -i lo -j ACCEPT
# no honest packet has all TCP flags, or none
-A aslwiz-in -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG FIN,SYN,RST,PSH,ACK,URG -j aslwiz-log
-A aslwiz-in -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE -j aslwiz-log
# replies to what the server asked, and errors about it
-A aslwiz-in -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
# packets that belong to no connection and begin none
-A aslwiz-in -m conntrack --ctstate INVALID -j DROP
# SSH, on the port in use
-A aslwiz-in -p tcp -m tcp --dport 22 -j ACCEPT
# addresses from DHCP
-A aslwiz-in -p udp -m udp --sport 67 --dport 68 -j ACCEPT
# your own rules, from /etc/network/firewall.local
-A aslwiz-in -j aslwiz-local
# http: web pages, and the proof that a certificate authority asks for
-A aslwiz-in -p tcp -m tcp --dport 80 -j ACCEPT
# echolink: EchoLink stations
-A aslwiz-in -p udp -m udp --dport 5198:5199 -j ACCEPT
# dns: a name server for others; not needed to look names up
-A aslwiz-in -p tcp -m tcp --dport 53 -j ACCEPT
-A aslwiz-in -p udp -m udp --dport 53 -j ACCEPT
# snmp: monitoring, asked by anybody: rather reach it through a tunnel
-A aslwiz-in -p udp -m udp --dport 161 -j ACCEPT
# asked for by port
-A aslwiz-in -p tcp -m tcp --dport 8080 -j ACCEPT
# ping, 4 a second
-A aslwiz-in -p icmp -m icmp --icmp-type 8 -m limit --limit 4/sec --limit-burst 3 -j ACCEPT
-A aslwiz-in -p icmp -m icmp --icmp-type 8 -j aslwiz-log
# everything else, on every interface
-A aslwiz-in -j aslwiz-log
# what passes through
-A aslwiz-forward -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG FIN,SYN,RST,PSH,ACK,URG -j aslwiz-log
-A aslwiz-forward -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE -j aslwiz-log
# log some of it, off the console, and drop all of it
-A aslwiz-log -m limit --limit 10/min --limit-burst 20 -j LOG --log-prefix "[IPTables] Drop " --log-level 7
-A aslwiz-log -j DROP
RULES
}

rules6() {
  cat <<'RULES'
:aslwiz-in -
:aslwiz-forward -
:aslwiz-local -
:aslwiz-log -
-A INPUT -j aslwiz-in
-A FORWARD -j aslwiz-forward
# the server talks to itself
-A aslwiz-in -i lo -j ACCEPT
# no honest packet has all TCP flags, or none
-A aslwiz-in -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG FIN,SYN,RST,PSH,ACK,URG -j aslwiz-log
-A aslwiz-in -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE -j aslwiz-log
# replies to what the server asked, and errors about it
-A aslwiz-in -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
# what IPv6 cannot do without (RFC 4890): errors
-A aslwiz-in -p ipv6-icmp -m icmp6 --icmpv6-type 1 -j ACCEPT
-A aslwiz-in -p ipv6-icmp -m icmp6 --icmpv6-type 2 -j ACCEPT
-A aslwiz-in -p ipv6-icmp -m icmp6 --icmpv6-type 3 -j ACCEPT
-A aslwiz-in -p ipv6-icmp -m icmp6 --icmpv6-type 4 -j ACCEPT
# neighbours and routers, from this link only
-A aslwiz-in -p ipv6-icmp -m icmp6 --icmpv6-type 133 -m hl --hl-eq 255 -j ACCEPT
-A aslwiz-in -p ipv6-icmp -m icmp6 --icmpv6-type 134 -m hl --hl-eq 255 -j ACCEPT
-A aslwiz-in -p ipv6-icmp -m icmp6 --icmpv6-type 135 -m hl --hl-eq 255 -j ACCEPT
-A aslwiz-in -p ipv6-icmp -m icmp6 --icmpv6-type 136 -m hl --hl-eq 255 -j ACCEPT
# multicast listeners
-A aslwiz-in -s fe80::/10 -p ipv6-icmp -m icmp6 --icmpv6-type 130 -j ACCEPT
-A aslwiz-in -s fe80::/10 -p ipv6-icmp -m icmp6 --icmpv6-type 131 -j ACCEPT
-A aslwiz-in -s fe80::/10 -p ipv6-icmp -m icmp6 --icmpv6-type 132 -j ACCEPT
-A aslwiz-in -s fe80::/10 -p ipv6-icmp -m icmp6 --icmpv6-type 143 -j ACCEPT
# packets that belong to no connection and begin none
-A aslwiz-in -m conntrack --ctstate INVALID -j DROP
# SSH, on the port in use
-A aslwiz-in -p tcp -m tcp --dport 22 -j ACCEPT
# addresses from DHCP
-A aslwiz-in -s fe80::/10 -d fe80::/10 -p udp -m udp --dport 546 -j ACCEPT
# your own rules, from /etc/network/firewall.local
-A aslwiz-in -j aslwiz-local
# http: web pages, and the proof that a certificate authority asks for
-A aslwiz-in -p tcp -m tcp --dport 80 -j ACCEPT
# echolink: EchoLink stations
-A aslwiz-in -p udp -m udp --dport 5198:5199 -j ACCEPT
# dns: a name server for others; not needed to look names up
-A aslwiz-in -p tcp -m tcp --dport 53 -j ACCEPT
-A aslwiz-in -p udp -m udp --dport 53 -j ACCEPT
# snmp: monitoring, asked by anybody: rather reach it through a tunnel
-A aslwiz-in -p udp -m udp --dport 161 -j ACCEPT
# asked for by port
-A aslwiz-in -p tcp -m tcp --dport 8080 -j ACCEPT
# ping, 4 a second
-A aslwiz-in -p ipv6-icmp -m icmp6 --icmpv6-type 128 -m limit --limit 4/sec --limit-burst 3 -j ACCEPT
-A aslwiz-in -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j aslwiz-log
# everything else, on every interface
-A aslwiz-in -j aslwiz-log
# what passes through
-A aslwiz-forward -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG FIN,SYN,RST,PSH,ACK,URG -j aslwiz-log
-A aslwiz-forward -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE -j aslwiz-log
# log some of it, off the console, and drop all of it
-A aslwiz-log -m limit --limit 10/min --limit-burst 20 -j LOG --log-prefix "[IPTables] Drop " --log-level 7
-A aslwiz-log -j DROP
RULES
}

# What is loaded where the rules above cannot be: enough to log in and to fix them.
least4() {
  cat <<'RULES'
:aslwiz-in -
-A INPUT -j aslwiz-in
# the server talks to itself
-A aslwiz-in -i lo -j ACCEPT
# replies to what the server asked, and errors about it
-A aslwiz-in -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
# SSH, on the port in use
-A aslwiz-in -p tcp -m tcp --dport 22 -j ACCEPT
# addresses from DHCP
-A aslwiz-in -p udp -m udp --sport 67 --dport 68 -j ACCEPT
# everything else
-A aslwiz-in -j DROP
RULES
}

least6() {
  cat <<'RULES'
:aslwiz-in -
-A INPUT -j aslwiz-in
# the server talks to itself
-A aslwiz-in -i lo -j ACCEPT
# replies to what the server asked, and errors about it
-A aslwiz-in -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
# what IPv6 cannot do without
-A aslwiz-in -p ipv6-icmp -j ACCEPT
# SSH, on the port in use
-A aslwiz-in -p tcp -m tcp --dport 22 -j ACCEPT
# addresses from DHCP
-A aslwiz-in -s fe80::/10 -d fe80::/10 -p udp -m udp --dport 546 -j ACCEPT
# everything else
-A aslwiz-in -j DROP
RULES
}

# own COMMAND prints what is aslwiz's of a family's filter table: its chains, the jumps
# to them, their rules. COMMAND is iptables or ip6tables.
own() {
  command -v "$1-save" >/dev/null || return 127
  own_saved=$("$1-save" -t filter) || return
  case $own_saved in
    *"is incompatible, use 'nft' tool"*)
      echo "$1 cannot read its filter table, because nft has put rules there" >&2
      return 1
      ;;
  esac
  printf '%s\n' "$own_saved" | awk '
    BEGIN {
      n = split("aslwiz-in aslwiz-forward aslwiz-local aslwiz-log", name)
      for (i = 1; i <= n; i++) ours[name[i]] = 1
    }
    /^:/ { if (substr($1, 2) in ours) there[substr($1, 2)] = 1; next }
    /^-A / && $2 in ours { rules[$2] = rules[$2] $0 "\n"; next }
    /^-A .* -[jg] aslwiz-(in|forward|local|log)$/ { jumps = jumps $0 "\n" }
    END {
      for (i = 1; i <= n; i++) if (name[i] in there) print ":" name[i] " -"
      printf "%s", jumps
      for (i = 1; i <= n; i++) printf "%s", rules[name[i]]
    }'
}

# set_own COMMAND [--test] takes on standard input what own prints, and makes it so in
# one COMMIT. Nothing on standard input removes all that is aslwiz's.
set_own() {
  own_want=$(cat)
  own_now=$(own "$1") || return
  own_text=$(printf '%s\n=\n%s\n' "$own_now" "$own_want" | awk '
    $0 == "=" { want = 1; next }
    /^:/ {
      if (!($1 in seen)) chain[++n] = $1
      seen[$1] = 1
      if (want) keep[$1] = 1
      next
    }
    !/^-A / { next }
    (":" $2) in seen { if (want) rules = rules $0 "\n"; next }
    want { wanted[$0]++; jump[++m] = $0; next }
    { had[$0]++ }
    END {
      print "*filter"
      for (i = 1; i <= n; i++) print chain[i] " -"
      printf "%s", rules
      for (j in had) for (k = had[j] - wanted[j]; k > 0; k--) print "-D" substr(j, 3)
      for (i = 1; i <= m; i++) if (had[jump[i]]-- <= 0) print jump[i]
      for (i = 1; i <= n; i++) if (!(chain[i] in keep)) print "-X " substr(chain[i], 2)
      print "COMMIT"
    }') || return
  printf '%s\n' "$own_text" | "$1-restore" -w 10 --noflush ${2:+"$2"}
}

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
