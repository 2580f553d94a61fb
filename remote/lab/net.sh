# shellcheck shell=bash
# net.sh - the lab's network and the services on it. Sourced by lab.sh.
#
# One bridge in the namespace aslab: 198.51.100.0/24 and 2001:db8:51::/64. The gateway address
# is also resolver, package server, time server, mail relay and log host. Nothing leads out.

SERVICES="dns-auth dns time packages mail syslog"

in_lab() { nsenter --net="/run/netns/$NET" "$@"; }

# --- network --------------------------------------------------------------------------------

# A name may outlive its namespace, where /run is kept over a reboot: ask for the mount.
network_is_up() { mountpoint -q "/run/netns/$NET" && mountpoint -q "/run/netns/$ADMIN"; }

network_up() {
	local last ip="ip -n $NET" admin_ip="ip -n $ADMIN"
	if network_is_up; then
		cut_admin off # a test that failed may have left it so
		admin_far off
		add_taps
		return
	fi
	network_down
	ip netns add "$NET"
	ip netns add "$ADMIN"
	$ip link set lo up
	$ip link add br0 type bridge
	# Multicast snooping without a querier would lose neighbour discovery after a while.
	$ip link set br0 type bridge mcast_snooping 0
	$ip link set br0 up
	$ip addr add 198.51.100.1/24 dev br0
	$ip addr add 2001:db8:51::1/64 dev br0 nodad
	# .2 answers for the zones; .3 to .6 are four time servers, as ntpsec wants to see several.
	for last in 2 3 4 5 6; do $ip addr add 198.51.100.$last/24 dev br0; done
	add_taps

	$ip link add admin type veth peer name eth0 netns "$ADMIN"
	$ip link set admin master br0 up
	$admin_ip link set lo up
	$admin_ip link set eth0 up
	$admin_ip addr add 198.51.100.9/24 dev eth0
	$admin_ip addr add 2001:db8:51::9/64 dev eth0 nodad
	$admin_ip route add default via 198.51.100.1
	$admin_ip -6 route add default via 2001:db8:51::1
	# The admin may also be elsewhere, behind the servers' gateway: see admin_far.
	$ip link add wan type veth peer name wan netns "$ADMIN"
	$ip link set wan up
	$ip addr add 203.0.113.1/24 dev wan
	$ip addr add 2001:db8:7::1/64 dev wan nodad
	$admin_ip link set wan up
	$admin_ip addr add 203.0.113.9/24 dev wan
	$admin_ip addr add 2001:db8:7::9/64 dev wan nodad
	in_lab sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	mkdir -p "/etc/netns/$ADMIN" # `ip netns exec` shows this file as /etc/resolv.conf
	echo "nameserver 198.51.100.1" >"/etc/netns/$ADMIN/resolv.conf"
}

# add_taps gives each emulated machine a port of the bridge.
add_taps() {
	local tap ip="ip -n $NET"
	for tap in $EMULATED; do
		! $ip link show dev $tap >/dev/null 2>&1 || continue
		$ip tuntap add dev $tap mode tap
		$ip link set $tap master br0 up
	done
}

network_down() {
	local ns
	for ns in "$ADMIN" "$NET"; do
		[[ ! -e /run/netns/$ns ]] || ip netns del "$ns"
	done
	rm -rf "/etc/netns/$ADMIN"
}

# cut_link on|off [MACHINE] cuts the admin's link, or a machine's.
cut_link() {
	local port=${2:-}
	[[ -n $port ]] || { cut_admin "$@"; return; }
	known_machine "$port"
	[[ $port != container* ]] || port=vb-$port
	case ${1:-} in
	on) in_lab bridge link set dev "$port" state 0 ;;
	off) in_lab bridge link set dev "$port" state 3 ;;
	*) die "cut on|off [MACHINE]" ;;
	esac
}

# cut_admin stops frames at the bridge. The admin's computer sees no link go down, only
# silence, as when a cable is cut further away.
cut_admin() {
	case ${1:-} in
	on) in_lab bridge link set dev admin state 0 ;;
	off) in_lab bridge link set dev admin state 3 ;;
	*) die "cut on|off" ;;
	esac
}

admin_is_cut() { in_lab bridge link show dev admin | grep 'state disabled' >/dev/null; }

# admin_far sends what goes to the servers through their gateway: a server that has lost its
# gateway is then out of reach, as it is for most admins.
admin_far() {
	local last alone=0
	# On the servers' own network nobody answers for the address of elsewhere.
	[[ ${1:-} != on ]] || alone=1
	ip netns exec "$ADMIN" sysctl -qw net.ipv4.conf.all.arp_ignore=$alone
	for last in 11 14; do
		case ${1:-} in
		on)
			ip -n "$ADMIN" route replace 198.51.100.$last via 203.0.113.1 src 203.0.113.9
			ip -n "$ADMIN" -6 route replace 2001:db8:51::$last via 2001:db8:7::1 src 2001:db8:7::9
			;;
		off)
			ip -n "$ADMIN" route del 198.51.100.$last via 203.0.113.1 2>/dev/null || true
			ip -n "$ADMIN" -6 route del 2001:db8:51::$last via 2001:db8:7::1 2>/dev/null || true
			;;
		*) die "far on|off" ;;
		esac
	done
}

# --- services -------------------------------------------------------------------------------

services_up() {
	local bases
	mkdir -p "$RUN/svc/mail" "$RUN/svc/state"
	bases=$(built svc && built repo-bookworm && built repo-trixie && built repo-more)
	if [[ $bases != "$(cat "$RUN/services.base" 2>/dev/null)" ]]; then
		services_down # they serve from outputs of an older build
		printf '%s\n' "$bases" >"$RUN/services.base"
	fi
	write_zones
	write_service_configs
	! alive dns-auth || kill -s HUP "$(pid_of dns-auth)" # the zones may have changed
	service dns-auth nsd -d -c /lab/nsd.conf
	service dns unbound -d -c /lab/unbound.conf
	service time chronyd -d -x -u root -f /lab/chrony.conf
	service packages lighttpd -D -f /lab/lighttpd.conf
	service mail /usr/sbin/smtp-sink -u root -d "/lab/mail/%Y%m%d-%H%M%S." "inet:198.51.100.1:25" 100
	service syslog rsyslogd -n -f /lab/rsyslog.conf -i /lab/rsyslog.pid
}

# change_zone edits what the name server says, with sed.
change_zone() {
	sed -i "$2" "$RUN/svc/$1.zone"
	kill -s HUP "$(pid_of dns-auth)"
}

switch_service() {
	[[ " $SERVICES " == *" ${1:-} "* ]] || die "no service ${1:-}: $SERVICES"
	case ${2:-} in
	on) services_up ;; # starts those that do not run; a zone that was edited is written anew
	off) end "$1" ;;
	*) die "service NAME on|off" ;;
	esac
}

services_down() {
	local name
	for name in $SERVICES; do end "$name"; done
	rm -f "$RUN/services.base"
}

# service NAME COMMAND starts a daemon in the lab's namespace and the services' chroot, with
# mounts of its own, and without the right to set this host's clock.
service() {
	local name=$1
	alive "$name" && return
	# shellcheck disable=SC2016 # for the inner shell
	spawn "$name" nsenter --net="/run/netns/$NET" unshare --mount --propagation private \
		bash -c 'set -e
			root=$1 lab=$2 bookworm=$3 trixie=$4 more=$5
			shift 5
			mount --bind "$lab" "$root/lab"
			mount --bind "$bookworm" "$root/srv/bookworm"
			mount --bind "$trixie" "$root/srv/trixie"
			mount --bind "$more" "$root/srv/more"
			mount --rbind /dev "$root/dev"
			exec setpriv --inh-caps=-sys_time --bounding-set=-sys_time chroot "$root" "$@"' service \
		"$(built svc)/root" "$RUN/svc" "$(built repo-bookworm)/debs" "$(built repo-trixie)/debs" \
		"$(built repo-more)/debs" "${@:2}"
}

# write_zones: example.net forward, and both reverse trees by a CNAME into the zone, which is
# how the wiki page asks providers to delegate them. The root zone answers "no such name" at
# once, where an unreachable internet would make every wrong name a time-out.
write_zones() {
	local soa
	# shellcheck disable=SC2016 # $TTL is the zone's own word
	soa='$TTL 1
@ SOA ns.example.net. hostmaster.example.net. 1 3600 600 86400 1
@ NS ns.example.net.'
	cat >"$RUN/svc/root.zone" <<-ZONE
		$soa
		*.debian.pool.ntp.org. A 198.51.100.3
		*.debian.pool.ntp.org. A 198.51.100.4
		*.debian.pool.ntp.org. A 198.51.100.5
		*.debian.pool.ntp.org. A 198.51.100.6
	ZONE
	cat >"$RUN/svc/example.net.zone" <<-ZONE
		$soa
		@     MX 10 mail
		ns    A 198.51.100.2
		mail  A 198.51.100.1
		log   A 198.51.100.1
		ntp   A 198.51.100.1
		ntp   AAAA 2001:db8:51::1
		admin A 198.51.100.9
		admin AAAA 2001:db8:51::9
		stats A 198.51.100.11
		stats AAAA 2001:db8:51::11
		two   A 198.51.100.12
		two   AAAA 2001:db8:51::12
		third A 198.51.100.13
		nms   CNAME third
		third AAAA 2001:db8:51::13
		stats.PTR PTR stats
		two.PTR   PTR two
		third.PTR PTR third
	ZONE
	cat >"$RUN/svc/reverse4.zone" <<-ZONE
		$soa
		11 CNAME stats.PTR.example.net.
		12 CNAME two.PTR.example.net.
		13 CNAME third.PTR.example.net.
	ZONE
	cat >"$RUN/svc/reverse6.zone" <<-ZONE
		$soa
		1.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 CNAME stats.PTR.example.net.
		2.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 CNAME two.PTR.example.net.
		3.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 CNAME third.PTR.example.net.
	ZONE
}

write_service_configs() {
	cat >"$RUN/svc/nsd.conf" <<-CONF
		server:
		  ip-address: 198.51.100.2
		  username: ""
		  chroot: ""
		  zonesdir: /lab
		  database: ""
		  pidfile: /lab/state/nsd.pid
		  xfrdfile: /lab/state/xfrd
		  zonelistfile: /lab/state/zones
		  cookie-secret-file: /lab/state/cookie
		remote-control:
		  control-enable: no
		zone:
		  name: "."
		  zonefile: root.zone
		zone:
		  name: example.net
		  zonefile: example.net.zone
		zone:
		  name: 100.51.198.in-addr.arpa
		  zonefile: reverse4.zone
		zone:
		  name: 1.5.0.0.8.b.d.0.1.0.0.2.ip6.arpa
		  zonefile: reverse6.zone
	CONF
	cat >"$RUN/svc/unbound.conf" <<-CONF
		server:
		  interface: 198.51.100.1
		  interface: 2001:db8:51::1
		  access-control: 0.0.0.0/0 allow
		  access-control: ::/0 allow
		  username: ""
		  chroot: ""
		  directory: /lab
		  pidfile: /lab/state/unbound.pid
		  use-syslog: no
		  module-config: iterator
		  # Both reverse trees lie in ranges that unbound answers itself unless told otherwise.
		  local-zone: "100.51.198.in-addr.arpa." nodefault
		  local-zone: "8.b.d.0.1.0.0.2.ip6.arpa." nodefault
		remote-control:
		  control-enable: no
		$(for zone in . example.net 100.51.198.in-addr.arpa 1.5.0.0.8.b.d.0.1.0.0.2.ip6.arpa; do
			printf 'stub-zone:\n  name: "%s"\n  stub-addr: 198.51.100.2\n' $zone
		done)
	CONF
	cat >"$RUN/svc/chrony.conf" <<-CONF
		local stratum 5
		allow all
		cmdport 0
		bindcmdaddress /lab/state/chrony.sock
		pidfile /lab/state/chrony.pid
	CONF
	cat >"$RUN/svc/lighttpd.conf" <<-CONF
		server.document-root = "/srv"
		server.bind = "198.51.100.1"
		server.port = 80
		server.max-keep-alive-requests = 10000
		\$SERVER["socket"] == "[2001:db8:51::1]:80" { }
	CONF
	cat >"$RUN/svc/rsyslog.conf" <<-CONF
		module(load="imudp")
		module(load="imtcp")
		input(type="imudp" port="514")
		input(type="imtcp" port="514")
		template(name="lab" type="string" string="%fromhost-ip% %rawmsg%\n")
		action(type="omfile" file="/lab/syslog.log" template="lab")
	CONF
}

# --- what aslwiz is given ---------------------------------------------------------------------

write_answers() {
	cat >"$ANSWERS/stats.yaml.tmp" <<-YAML
		# the lab's server, and everything that the page asks about it
		host: 198.51.100.11
		user: admin
		identity: $KEYS/admin
		hostname: stats
		domain: example.net
		network:
		  mac: $(mac server)
		  ipv4: 198.51.100.11/24
		  gateway4: 198.51.100.1
		  ipv6: 2001:db8:51::11/64
		  gateway6: 2001:db8:51::1
		  dns: [198.51.100.1, 2001:db8:51::1]
		  search: [example.net]
		admins:
		  - name: anna
		    keys: [$(cut -d ' ' -f 1,2 "$KEYS/admin.pub") anna@laptop]
		mail:
		  relay: mail.example.net
		  root: noc@example.net
		snmp:
		  nms: [198.51.100.13, 2001:db8:51::13]
		  user: monitor
		  location: lab
		  contact: noc@example.net
		logging:
		  host: log.example.net
		  protocol: tcp
		resolver: 198.51.100.1
		peers:
		  - name: two
		    addresses: [198.51.100.12, 2001:db8:51::12]
		    ssh: ops@198.51.100.12
		  - name: nms
		    addresses: [198.51.100.13, 2001:db8:51::13]
		    ssh: ops@198.51.100.13
	YAML
	mv "$ANSWERS/stats.yaml.tmp" "$ANSWERS/stats.yaml"
	# The other ends of the tunnels are logged in to as ssh would.
	printf 'Host 198.51.100.12 198.51.100.13\n  IdentityFile %s\n' "$KEYS/ops" >"$ANSWERS/ssh_config"
	{
		known_host server "server,198.51.100.11,2001:db8:51::11,stats.example.net"
		known_host peer "peer,198.51.100.12,2001:db8:51::12,two.example.net"
		known_host third "third,198.51.100.13,2001:db8:51::13,third.example.net"
		known_host busy "busy,198.51.100.15,2001:db8:51::15"
		known_host container "container2,198.51.100.22,2001:db8:51::22"
		known_host container "container,198.51.100.21,2001:db8:51::21,[198.51.100.21]:2222"
	} >"$ANSWERS/known_hosts.tmp"
	mv "$ANSWERS/known_hosts.tmp" "$ANSWERS/known_hosts"
}

known_host() { awk -v names="$2" '{ print names, $1, $2 }' "$KEYS/host-$1"/ssh_host_*_key.pub; }
