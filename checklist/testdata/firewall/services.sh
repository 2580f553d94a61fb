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
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:log-and-drop -
# the server talks to itself
-A INPUT -i lo -j ACCEPT
# no honest packet has all TCP flags, or none
-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG FIN,SYN,RST,PSH,ACK,URG -j log-and-drop
-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE -j log-and-drop
# replies to what the server asked, and errors about it
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
# SSH, on the port in use
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
# http: web pages, and the proof that a certificate authority asks for
-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT
# echolink: EchoLink stations
-A INPUT -p udp -m udp --dport 5198:5199 -j ACCEPT
# dns: a name server for others; not needed to look names up
-A INPUT -p tcp -m tcp --dport 53 -j ACCEPT
-A INPUT -p udp -m udp --dport 53 -j ACCEPT
# snmp: monitoring, asked by anybody: rather reach it through a tunnel
-A INPUT -p udp -m udp --dport 161 -j ACCEPT
# asked for by port
-A INPUT -p tcp -m tcp --dport 8080 -j ACCEPT
# addresses from DHCP
-A INPUT -p udp -m udp --sport 67 --dport 68 -j ACCEPT
# ping, 4 a second
-A INPUT -p icmp -m icmp --icmp-type 8 -m limit --limit 4/sec --limit-burst 3 -j ACCEPT
-A INPUT -p icmp -m icmp --icmp-type 8 -j log-and-drop
# everything else, on every interface
-A INPUT -j log-and-drop
# what passes through
-A FORWARD -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG FIN,SYN,RST,PSH,ACK,URG -j log-and-drop
-A FORWARD -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE -j log-and-drop
# log some of it, drop all of it
-A log-and-drop -m limit --limit 10/min --limit-burst 20 -j LOG --log-prefix "[IPTables] Drop "
-A log-and-drop -j DROP
COMMIT
RULES
}

rules6() {
  cat <<'RULES'
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:log-and-drop -
# the server talks to itself
-A INPUT -i lo -j ACCEPT
# no honest packet has all TCP flags, or none
-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG FIN,SYN,RST,PSH,ACK,URG -j log-and-drop
-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE -j log-and-drop
# replies to what the server asked, and errors about it
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
# SSH, on the port in use
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
# http: web pages, and the proof that a certificate authority asks for
-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT
# echolink: EchoLink stations
-A INPUT -p udp -m udp --dport 5198:5199 -j ACCEPT
# dns: a name server for others; not needed to look names up
-A INPUT -p tcp -m tcp --dport 53 -j ACCEPT
-A INPUT -p udp -m udp --dport 53 -j ACCEPT
# snmp: monitoring, asked by anybody: rather reach it through a tunnel
-A INPUT -p udp -m udp --dport 161 -j ACCEPT
# asked for by port
-A INPUT -p tcp -m tcp --dport 8080 -j ACCEPT
# addresses from DHCP
-A INPUT -s fe80::/10 -d fe80::/10 -p udp -m udp --sport 547 --dport 546 -j ACCEPT
# what IPv6 cannot do without (RFC 4890): errors
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 1 -j ACCEPT
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 2 -j ACCEPT
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 3 -j ACCEPT
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 4 -j ACCEPT
# neighbours and routers, from this link only
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 133 -m hl --hl-eq 255 -j ACCEPT
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 134 -m hl --hl-eq 255 -j ACCEPT
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -m hl --hl-eq 255 -j ACCEPT
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 136 -m hl --hl-eq 255 -j ACCEPT
# multicast listeners
-A INPUT -s fe80::/10 -p ipv6-icmp -m icmp6 --icmpv6-type 130 -j ACCEPT
-A INPUT -s fe80::/10 -p ipv6-icmp -m icmp6 --icmpv6-type 131 -j ACCEPT
-A INPUT -s fe80::/10 -p ipv6-icmp -m icmp6 --icmpv6-type 132 -j ACCEPT
-A INPUT -s fe80::/10 -p ipv6-icmp -m icmp6 --icmpv6-type 143 -j ACCEPT
# ping, 4 a second
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 128 -m limit --limit 4/sec --limit-burst 3 -j ACCEPT
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j log-and-drop
# everything else, on every interface
-A INPUT -j log-and-drop
# what passes through
-A FORWARD -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG FIN,SYN,RST,PSH,ACK,URG -j log-and-drop
-A FORWARD -p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE -j log-and-drop
# log some of it, drop all of it
-A log-and-drop -m limit --limit 10/min --limit-burst 20 -j LOG --log-prefix "[IPTables] Drop "
-A log-and-drop -j DROP
COMMIT
RULES
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
