#!/usr/bin/env bash
# lab.sh - real test machines for aslwiz, on one Linux host, without touching that host.
#
# Emulated machines (a Debian 12 to provision, a Debian 13 as its peer, a Debian 12 as the
# monitoring system, a Debian 12 on which much runs already), a quick container, and the services that the wiki page
# needs around them (DNS, NTP, packages, mail, syslog) live in a network namespace of their own.
# `lab.sh help` lists the commands.
#
# The files beside this one: build.sh makes the images, net.sh the network and its services,
# machine.sh starts and stops machines.
# shellcheck disable=SC2317 # commands are called by name
set -euo pipefail

LAB_SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${ASLWIZ_LAB:-/var/cache/aslwiz-lab}
BUILT=$CACHE/build     # outputs of build stages, one directory each, named by content
KEYS=$CACHE/keys       # key pairs of the users and fixed SSH host keys of the machines
DISKS=$CACHE/disks     # qcow2 overlays: what the machines wrote
RUN=$CACHE/run         # pid files, sockets, consoles, logs, what the services received
ANSWERS=$CACHE/answers # answers file and known_hosts, ready for aslwiz

NET=aslab              # namespace with the bridge, the services and the machines' taps
ADMIN=aslab-admin      # namespace that is the admin's own computer

EMULATED="server peer third busy"
CONTAINERS="container container2"

# A caller's open files, such as a lock, must not live on in the daemons that are started here.
for fd in "/proc/$$/fd"/*; do
	fd=${fd##*/}
	((fd <= 2 || fd == 255)) || exec {fd}>&- # 255 is this file, in bash
done

say() { printf 'lab: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# shellcheck source-path=SCRIPTDIR source=build.sh
source "$LAB_SRC/build.sh"
# shellcheck source-path=SCRIPTDIR source=net.sh
source "$LAB_SRC/net.sh"
# shellcheck source-path=SCRIPTDIR source=machine.sh
source "$LAB_SRC/machine.sh"

usage() {
	cat <<'USAGE'
usage: lab.sh COMMAND

  deps                      install the host's packages
  build                     make the images that changed
  up [--fresh] [MACHINE...] all of the above, network, services, machines (default:
                            server, peer, third); --fresh: as they were installed
  down [MACHINE]            stop everything (or one machine); disks stay
  status                    what runs
  clean                     forget every image, disk and key (the lab must be down)

  ssh MACHINE [CMD...]      as root, by key
  admin CMD...              run CMD on the admin's computer (namespace aslab-admin)
  cut on|off [MACHINE]      cut the admin's link, silently, or mend it; or a machine's alone
  far on|off                have the admin come in through the gateway, as from elsewhere
  zone FILE SED             change a zone until the next service ... on: example.net reverse4 reverse6
  service NAME on|off       start or stop a service: dns-auth dns time packages mail syslog
  capture FILTER            print the packets on the lab's wire: tcpdump(8)
  console MACHINE           follow the serial console

  start MACHINE             boot from the disk as it is
  power-cut MACHINE         pull the plug; the disk stays as it is
  reset MACHINE [--cold]    back to the fresh, booted machine (--cold: new disk, real boot)
  snapshot MACHINE NAME     keep the running machine's disk and memory
  restore MACHINE NAME      go back to it, running
  snapshots MACHINE         list them

MACHINE is server (Debian 12), peer (Debian 13), third (Debian 12, small, the
monitoring system), busy (Debian 12 with Docker and a container that serves port 8080,
fail2ban and an admin's own firewall rules), container or container2 (the same image at
another address; a snapshot holds its disk alone, a power cut loses nothing that was written).
environment: ASLWIZ_LAB=dir of everything cached or running (/var/cache/aslwiz-lab),
LAB_APPARMOR=0 boots without AppArmor, LAB_ACCEL=tcg|kvm skips the probe for KVM.
USAGE
}

# alone makes commands that change the lab wait for each other; a container is changed on its
# own. Daemons must not inherit
# descriptor 9, or the lock would outlive the command: see spawn.
alone() {
	mkdir -p "$CACHE" "$BUILT" "$KEYS" "$DISKS" "$RUN" "$ANSWERS"
	local lock=$CACHE/lock
	[[ ${1:-} != container* ]] || lock=$CACHE/lock-$1
	exec 9>"$lock"
	flock -w 900 9 || die "another lab command has held $lock for 15 minutes"
}

cmd_deps() {
	local missing
	missing=$(missing_packages)
	[[ -z $missing ]] && return
	say "installing on this host: $missing"
	apt-get -qq update
	# shellcheck disable=SC2086 # a list of words
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $missing >/dev/null
}

missing_packages() {
	local want have
	want="qemu-system-x86 qemu-utils mmdebstrap debian-archive-keyring systemd-container apt-utils
		tcpdump snmp busybox-static cpio xz-utils zstd lz4 e2fsprogs fdisk iproute2 socat iputils-ping
		netcat-openbsd openssh-client util-linux"
	for p in $want; do
		have=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) || true
		[[ $have == installed ]] || printf '%s ' "$p"
	done
}

cmd_build() {
	alone
	cmd_deps
	build_all container
}

cmd_up() {
	local t0=$SECONDS machine jobs=() start=machine_up
	if [[ ${1:-} == --fresh ]]; then
		start=machine_reset
		shift
	fi
	(($#)) || set -- server peer third
	for machine in "$@"; do known_machine "$machine"; done
	alone
	cmd_deps
	build_all "$@"
	network_up
	services_up
	write_answers
	# All at once: each boot is mostly one busy core.
	for machine in "$@"; do
		"$start" "$machine" &
		jobs+=($!)
	done
	for machine in "${jobs[@]}"; do wait "$machine"; done
	say "up after $((SECONDS - t0)) s"
	how_to_log_in
}

cmd_down() {
	local machine
	alone
	if (($#)); then
		for machine in "$@"; do machine_down "$machine"; done
		return
	fi
	for machine in $EMULATED $CONTAINERS; do machine_down "$machine"; done
	services_down
	network_down
}

cmd_clean() {
	alone
	[[ -z $(running) ]] || die "the lab is up: lab.sh down first"
	rm -rf "${CACHE:?}"/{build,keys,disks,run,answers}
}

cmd_ssh() {
	(($#)) || die "ssh: which machine?"
	known_machine "$1"
	network_is_up || die "the lab is down: lab.sh up"
	lab_ssh "$@"
}

cmd_admin() {
	(($#)) || die "admin: which command?"
	network_is_up || die "the lab is down: lab.sh up"
	exec ip netns exec "$ADMIN" "$@"
}

cmd_status() {
	local machine
	network_is_up && echo "network    up ($NET, $ADMIN)" || echo "network    down"
	for machine in $SERVICES $EMULATED $CONTAINERS; do
		if alive "$machine"; then
			printf '%-10s up, pid %s\n' "$machine" "$(pid_of "$machine")"
		else
			printf '%-10s down\n' "$machine"
		fi
	done
	if network_is_up && admin_is_cut; then echo "the admin's link is cut"; fi
}

# how_to_log_in tells a person (and a script, by the SHA256 line) what to use.
how_to_log_in() {
	local lab=$LAB_SRC/lab.sh
	cat <<INFO
server       198.51.100.11  2001:db8:51::11  Debian 12
  host key   $(fingerprint server)
peer         198.51.100.12  2001:db8:51::12  Debian 13
  host key   $(fingerprint peer)
third        198.51.100.13  2001:db8:51::13  Debian 12, the monitoring system
  host key   $(fingerprint third)
busy         198.51.100.15  2001:db8:51::15  Debian 12 with Docker and fail2ban, with: up busy
  host key   $(fingerprint busy)
container    198.51.100.21  2001:db8:51::21  Debian 12 (ports 22 and 2222), with: up container
log in       $lab admin ssh -i $KEYS/admin -o UserKnownHostsFile=$ANSWERS/known_hosts admin@198.51.100.11
users        admin (sudo asks for: lab-admin-7), ops (sudo without a password, key $KEYS/ops), root by $KEYS/root
answers      $ANSWERS/stats.yaml
aslwiz       $lab admin aslwiz plan --known-hosts $ANSWERS/known_hosts --ssh-config $ANSWERS/ssh_config $ANSWERS/stats.yaml
INFO
}

main() {
	local cmd=${1:-help}
	(($#)) && shift
	case $cmd in
	deps | build | up | down | status | clean | ssh | admin) "cmd_$cmd" "$@" ;;
	cut) cut_link "$@" ;;
	far) admin_far "$@" ;;
	zone) alone && change_zone "$@" ;;
	service) alone && switch_service "$@" ;;
	capture) in_lab tcpdump -n -l -i br0 "$@" 2>/dev/null ;;
	start | reset | snapshot | restore | power-cut)
		alone "${1:-}"
		"machine_${cmd//-/_}" "$@"
		;;
	snapshots) machine_snapshots "$@" ;;
	console) tail -n +1 -F "$RUN/${1:?which machine?}.console" ;;
	_stage) run_stage "$@" ;; # build.sh calls itself in a mount namespace of its own
	_container) container_loop "$@" ;;
	help | -h | --help) usage ;;
	*) usage >&2 && exit 1 ;;
	esac
}

main "$@"; exit # on one line: this file may be edited while it runs
