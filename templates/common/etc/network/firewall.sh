#!/bin/sh
# Written by aslwiz, step firewall; the next run replaces what is changed here.
#
#   firewall.sh        loads the rules below, IPv4 and IPv6, all or nothing
#   firewall.sh test   only checks them
#
# The rules are in the form that iptables-save prints, so that what is loaded can
# be laid beside them. Only the filter table is replaced.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C

die() {
  echo "firewall.sh: $*" >&2
  exit 1
}

rules4() {
  cat <<'RULES'
{{.Rules4}}RULES
}

rules6() {
  cat <<'RULES'
{{.Rules6}}RULES
}

command -v iptables-restore >/dev/null && command -v ip6tables-restore >/dev/null ||
  die "iptables is not installed: apt-get install iptables"
rules4 | iptables-restore -w 10 --test || die "the IPv4 rules are not valid; nothing was changed"
rules6 | ip6tables-restore -w 10 --test || die "the IPv6 rules are not valid; nothing was changed"
case ${1-} in
  '') ;;
  test) exit 0 ;;
  *) die "unknown word '$1'; say nothing, or test" ;;
esac

# IPv6 first: when it fails, nothing was changed; when IPv4 fails after it, the
# IPv6 rules go back.
old6=$(ip6tables-save -t filter)
rules6 | ip6tables-restore -w 10 || die "the IPv6 rules were not loaded; nothing was changed"
rules4 | iptables-restore -w 10 || {
  printf '%s\n' "$old6" | ip6tables-restore -w 10 || die "the IPv4 rules were not loaded, and the old IPv6 rules did not go back"
  die "the IPv4 rules were not loaded; nothing was changed"
}

# A reply may leave by another way than its question came. The kernel takes the
# larger of all's value and the interface's; default is for interfaces to come.
for f in /proc/sys/net/ipv4/conf/*/rp_filter; do
  echo 2 2>/dev/null >"$f" || echo "firewall.sh: $f: not set to 2" >&2
done
exit 0
