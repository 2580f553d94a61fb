# shellcheck shell=bash
# machine.sh - starting, stopping and travelling in time with the machines. Sourced by lab.sh.
#
# A server's disk is a qcow2 overlay on the built image. Snapshots hold disk and memory in that
# overlay, so that going back takes seconds, where a boot under emulation takes most of a minute.

# --- processes --------------------------------------------------------------------------------

# spawn NAME COMMAND starts a daemon and remembers it by pid and start time, so that a pid that
# the kernel has given to somebody else is never signalled.
spawn() {
	local name=$1
	setsid "${@:2}" </dev/null >"$RUN/$name.log" 2>&1 9>&- &
	echo "$! $(start_time $!)" >"$RUN/$name.pid"
	disown
}

start_time() { awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$1/stat" 2>/dev/null || true; }

pid_of() { cut -d' ' -f1 "$RUN/$1.pid" 2>/dev/null; }

alive() {
	local pid started
	read -r pid started 2>/dev/null <"$RUN/$1.pid" || return 1
	[[ -n $started && $started == "$(start_time "$pid")" ]] &&
		[[ $(awk '{ sub(/.*\) /, ""); print $1 }' "/proc/$pid/stat") != Z ]]
}

# end NAME [SIGNAL] ends a daemon and waits until it is gone.
end() {
	local pid
	if alive "$1"; then
		pid=$(pid_of "$1")
		kill -s "${2:-TERM}" "$pid"
		for _ in $(seq 200); do
			alive "$1" || break
			sleep 0.1
		done
		! alive "$1" || kill -s KILL -- "-$pid" # its own process group: see spawn
	fi
	rm -f "$RUN/$1.pid"
}

# descendants prints the pids below one, the nearest first.
descendants() {
	local pid
	for pid in $(pgrep -P "$1"); do
		echo "$pid"
		descendants "$pid"
	done
}

running() {
	local name
	for name in $SERVICES $EMULATED $CONTAINERS; do ! alive "$name" || echo "$name"; done
}

# --- facts of each machine --------------------------------------------------------------------

known_machine() { is_one_of "$EMULATED $CONTAINERS" "${1:-}"; }

virtual_machine() { is_one_of "$EMULATED" "${1:-}"; }

is_one_of() { [[ -n $2 && " $1 " == *" $2 "* ]] || die "no such machine here: ${2:-(none was named)}; there are: $1"; }

address() { case $1 in server) echo 198.51.100.11 ;; peer) echo 198.51.100.12 ;; third) echo 198.51.100.13 ;; busy) echo 198.51.100.15 ;; container) echo 198.51.100.21 ;; container2) echo 198.51.100.22 ;; esac; }
suite() { case $1 in peer) echo trixie ;; *) echo bookworm ;; esac; }
size() { case $1 in server) echo "-smp 2 -m 4096" ;; peer | third) echo "-smp 1 -m 1024" ;; busy) echo "-smp 2 -m 1536" ;; esac; }
mac() { case $1 in server) echo 52:54:00:51:00:11 ;; peer) echo 52:54:00:51:00:12 ;; third) echo 52:54:00:51:00:13 ;; busy) echo 52:54:00:51:00:15 ;; esac; }

# --- up and down --------------------------------------------------------------------------------

# machine_up leaves a running machine alone, and starts any other from its disk. One that cannot
# be reached, by what was done to it, goes back to the fresh machine.
machine_up() {
	if [[ $1 == container* ]]; then
		container_up "$1"
	elif ! alive "$1" && ! disk_is_current "$1"; then
		machine_reset "$1" --cold
	elif ! (still_answers "$1"); then
		say "$1 goes back to the fresh machine"
		machine_reset "$1"
	fi
}

still_answers() {
	if ! alive "$1"; then
		boot "$1"
		return
	fi
	disk_is_current "$1" || say "$1 was set up otherwise than it would be now: lab.sh reset $1 --cold"
	wait_ssh "$1" 120 # it may be starting
}

machine_down() {
	known_machine "$1"
	alive "$1" || return 0
	hang_up "$1"
	[[ $1 == container* ]] || timeout 15 "$LAB_SRC/lab.sh" ssh "$1" sync 2>/dev/null || true
	hang_up "$1"
	end "$1"
}

machine_start() {
	known_machine "${1:-}"
	network_is_up || die "the lab is down: lab.sh up"
	if [[ $1 == container* ]]; then
		container_up "$1"
	elif ! alive "$1"; then
		[[ -e $DISKS/$1.qcow2 ]] || die "$1 has no disk yet: lab.sh up $1"
		boot "$1"
	fi
}

machine_power_cut() {
	known_machine "${1:-}"
	hang_up "$1"
	if [[ $1 == container* ]] && alive "$1"; then
		# What it had written is in this host's memory and stays. Its own init would outlive
		# systemd-nspawn.
		# shellcheck disable=SC2046 # pids
		kill -s KILL $(descendants "$(pid_of "$1")") 2>/dev/null || true
	fi
	end "$1" KILL
}

# machine_reset goes back to the snapshot that was taken when the fresh machine had booted.
machine_reset() {
	known_machine "${1:-}"
	network_is_up || die "the lab is down: lab.sh up"
	if [[ $1 == container* ]]; then
		machine_down "$1"
		rm -rf "${DISKS:?}/$1" "$DISKS/$1.base" "$DISKS/$1".snapshot-*
		container_up "$1"
	elif [[ ${2:-} != --cold ]] && disk_is_current "$1" && has_snapshot "$1" fresh; then
		machine_restore "$1" fresh
	else
		machine_down "$1"
		new_disk "$1"
		boot "$1"
		machine_snapshot "$1" fresh
	fi
}

# --- disks ----------------------------------------------------------------------------------------

new_disk() {
	rm -f "$DISKS/$1".*
	qemu-img create -q -f qcow2 -F raw -b "$(built "$1")/disk.raw" "$DISKS/$1.qcow2"
	setup_of "$1" >"$DISKS/$1.base"
}

# setup_of prints what a disk and its snapshots depend on: the image, the kernel that has its
# modules, and the emulated machine.
setup_of() {
	built "$1"
	built "kernel-$(suite "$1")"
	{ declare -f launch && size "$1" && mac "$1" && accel && echo "${LAB_APPARMOR:-1}"; } | sha256sum
}

disk_is_current() { [[ -e $DISKS/$1.qcow2 && $(cat "$DISKS/$1.base" 2>/dev/null) == "$(setup_of "$1")" ]]; }

# --- emulation --------------------------------------------------------------------------------------

# boot MACHINE [QEMU OPTIONS] starts a machine and waits until it is all up.
boot() {
	local t0=$SECONDS
	launch "$@"
	wait_ssh "$1"
	lab_ssh "$1" 'systemctl is-system-running --wait' >/dev/null || true
	say "$1 booted in $((SECONDS - t0)) s"
}

launch() {
	local name=$1 kernel append accel
	kernel=$(sed -n 2p "$DISKS/$name.base")
	accel=$(accel)
	append="root=/dev/vda1 ro console=ttyS0 quiet mitigations=off 8250.nr_uarts=1 fsck.mode=skip
		audit=0 nowatchdog tsc=reliable random.trust_cpu=on"
	[[ ${LAB_APPARMOR:-1} == 1 ]] || append+=" apparmor=0"
	# The emulator translates a program anew for each place in memory that it begins at: with
	# random places that is three quarters of its work, and a process starts three times slower.
	[[ $accel != *tcg* ]] || append+=" norandmaps"
	rm -f "$RUN/$name.qmp"
	# The card sits in slot 3, so that it is ens3. cache=unsafe ignores only fsync of this host:
	# what the guest flushed survives a kill of the emulator.
	# shellcheck disable=SC2046,SC2086 # lists of words
	spawn "$name" nsenter --net="/run/netns/$NET" qemu-system-x86_64 -name "$name" \
		-nodefaults -no-user-config -display none -M pc $accel $(size "$name") \
		-kernel "$kernel/vmlinux" -initrd "$kernel/initrd.cpio" -append "${append//[$'\n\t']/ }" \
		-drive "file=$DISKS/$name.qcow2,format=qcow2,if=none,id=disk,cache=unsafe,discard=unmap" \
		-device virtio-blk-pci,drive=disk,addr=2 \
		-netdev "tap,id=net,ifname=$name,script=no,downscript=no" \
		-device "virtio-net-pci,netdev=net,mac=$(mac "$name"),romfile=,addr=3" \
		-device virtio-rng-pci,addr=4 \
		-chardev "file,id=console,path=$RUN/$name.console" -serial chardev:console \
		-qmp "unix:$RUN/$name.qmp,server,nowait" "${@:2}"
}

# accel prints the emulator's options. /dev/kvm may exist and yet be unable to run a kernel in
# useful time, so it is believed only when a kernel has started on it, in bounded time.
accel() {
	local verdict=$RUN/accel boot
	boot=$(</proc/sys/kernel/random/boot_id)
	if [[ -z ${LAB_ACCEL:-} && $(head -n 1 "$verdict" 2>/dev/null) != "$boot" ]]; then
		printf '%s\n%s\n' "$boot" "$(probe_kvm && echo kvm || echo tcg)" >"$verdict"
	fi
	case ${LAB_ACCEL:-$(tail -n 1 "$verdict")} in
	kvm) echo "-accel kvm -cpu host" ;;
	# cx16 and svm: Debian 13's kernel faults on this emulator's versions of them. erms: a kernel
	# that believes in it copies and clears pages byte by byte, a turn of the emulator each.
	# smap and smep: two more views of the memory to keep.
	*) echo "-accel tcg,thread=multi,tb-size=512 -cpu max,-svm,-cx16,-erms,-smap,-smep" ;;
	esac
}

probe_kvm() {
	local kernel
	kernel=$(built kernel-bookworm)
	[[ -w /dev/kvm ]] && timeout -s KILL 10 qemu-system-x86_64 -nodefaults -no-user-config -display none \
		-M pc -accel kvm -cpu host -m 256 -kernel "$kernel/vmlinux" -initrd "$kernel/initrd.cpio" \
		-append "console=ttyS0 lab.probe" -no-reboot -serial stdio </dev/null 2>/dev/null | grep -q LAB-PROBE-OK
}

# monitor MACHINE COMMAND asks the emulator, waits for the answer and fails on an error.
monitor() {
	local line answers=0 QMP QMP_PID
	coproc QMP { exec socat - "UNIX-CONNECT:$RUN/$1.qmp" 9>&-; }
	printf '{"execute":"qmp_capabilities"}\n{"execute":"human-monitor-command","arguments":{"command-line":"%s"}}\n' \
		"$2" >&"${QMP[1]}"
	while ((answers < 2)) && read -r -t 300 line <&"${QMP[0]}"; do
		[[ $line != *'"return"'* && $line != *'"error"'* ]] || answers=$((answers + 1))
	done
	kill "$QMP_PID"
	wait "$QMP_PID" 2>/dev/null || true
	[[ $line == *'"return": ""'* ]] || die "$1: $2: $line"
}

# --- snapshots ---------------------------------------------------------------------------------------

machine_snapshot() {
	known_machine "${1:-}"
	[[ ${2:-} =~ ^[a-z][a-z0-9-]*$ ]] || die "snapshot MACHINE NAME (lower case letters, digits, -)"
	if [[ $1 == container* ]]; then
		container_snapshot "$@"
		return
	fi
	alive "$1" || die "$1 is down"
	monitor "$1" "savevm $2"
	set_clock "$1" # it stood still for seconds: ntpd would step over them minutes later, and be without a clock until then
}

machine_restore() {
	known_machine "${1:-}"
	network_is_up || die "the lab is down: lab.sh up"
	if [[ $1 == container* ]]; then
		container_restore "$@"
		return
	fi
	has_snapshot "$1" "${2:-}" || die "$1 has no snapshot ${2:-}"
	hang_up "$1"
	if alive "$1"; then
		monitor "$1" "loadvm $2"
	else
		launch "$1" -loadvm "$2"
	fi
	wait_ssh "$1"
	set_clock "$1" # the guest believes it is still the moment of the snapshot
}

# set_clock MACHINE: the moment is sent when the machine listens for it. ntpd steps over more
# than an eighth of a second.
set_clock() {
	{ sleep 1 && date +%s.%N; } | lab_ssh "$1" 'read -r now && date -s "@$now"' >/dev/null || say "$1: could not set its clock"
}

machine_snapshots() {
	virtual_machine "${1:-}"
	[[ -e $DISKS/$1.qcow2 ]] || return 0
	qemu-img snapshot -U -l "$DISKS/$1.qcow2"
}

has_snapshot() { machine_snapshots "$1" | awk -v name="$2" '$2 == name { found = 1 } END { exit !found }'; }

# --- container ---------------------------------------------------------------------------------------

# container_up keeps what the container wrote in a layer over the image it was made from, and
# over the snapshot it was restored to.
container_up() {
	local name=$1 base
	alive "$name" && return
	base=$(built container)
	[[ $(head -n 1 "$DISKS/$name.base" 2>/dev/null) == "$base" ]] || rm -rf "${DISKS:?}/$name" "$DISKS/$name".{base,snapshot-*}
	mkdir -p "$DISKS/$name"/{upper,work,root}
	[[ -e $DISKS/$name.base ]] || echo "$base" >"$DISKS/$name.base"
	if [[ $name == container2 && ! -e $DISKS/$name/upper/etc/network/interfaces ]]; then
		mkdir -p "$DISKS/$name/upper/etc/network" # the same image, at an address of its own
		sed 's/198\.51\.100\.21/198.51.100.22/; s/:51::21/:51::22/' "$base/root/etc/network/interfaces" \
			>"$DISKS/$name/upper/etc/network/interfaces"
	fi
	spawn "$name" unshare --mount --propagation private "$LAB_SRC/lab.sh" _container "$name"
	wait_ssh "$name"
}

# container_snapshot keeps the layer as it is when the container is down; the container goes on
# in a new layer over it.
container_snapshot() {
	local name=$1 kept=$DISKS/$1.snapshot-$2
	[[ -z $(sed -n 2p "$DISKS/$name.base") ]] || die "$name runs from a snapshot already: lab.sh reset $name"
	machine_down "$name"
	rm -rf "$kept"
	mv "$DISKS/$name/upper" "$kept"
	container_restore "$@"
}

# container_restore boots the container with a new layer over a snapshot.
container_restore() {
	local name=$1 kept=$DISKS/$1.snapshot-$2
	[[ -d $kept ]] || die "$name has no snapshot $2"
	machine_power_cut "$name"
	until rm -rf "${DISKS:?}/$name" 2>/dev/null; do sleep 0.1; done
	printf '%s\n%s\n' "$(built container)" "$kept" >"$DISKS/$name.base"
	container_up "$name"
}

# container_loop runs the container again after each reboot of its own, which systemd-nspawn
# tells by exit code 133. It must not be able to set the clock: it shares it with this host.
container_loop() {
	local name=$1 rc=133 pid='' stopping='' lower snapshot
	trap 'stopping=1; kill "$pid"' TERM
	snapshot=$(sed -n 2p "$DISKS/$name.base")
	lower=${snapshot:+$snapshot:}$(built container)/root
	mount -t overlay overlay -o "lowerdir=$lower,upperdir=$DISKS/$name/upper,workdir=$DISKS/$name/work" "$DISKS/$name/root"
	own_cgroup "$name"
	while ((rc == 133)) && [[ -z $stopping ]]; do
		in_lab ip link del "vb-$name" 2>/dev/null || true # left behind by a killed container
		# Not by in_lab: a function in the background is one more process, and the wrong one to end.
		nsenter --net="/run/netns/$NET" systemd-nspawn --quiet --boot --directory="$DISKS/$name/root" \
			--machine="$name" --register=no --keep-unit --network-bridge=br0 \
			--capability=CAP_NET_ADMIN --drop-capability=CAP_SYS_TIME,CAP_SYS_MODULE \
			--console=pipe --resolv-conf=off --timezone=off --link-journal=no &
		pid=$! rc=0
		wait $pid || rc=$?
		[[ -z $stopping ]] || wait $pid || true # the signal ended only the first wait
	done
}

# own_cgroup keeps the units of two containers apart: both would be in the same cgroup.
own_cgroup() {
	local root
	root=$(findmnt -n -o TARGET -t cgroup2 | tail -n 1)
	[[ -n $root ]] || return 0
	mkdir -p "$root/aslab-$1" && echo $$ >"$root/aslab-$1/cgroup.procs" || say "$1 has no cgroup of its own"
}

# --- ssh ----------------------------------------------------------------------------------------------

# lab_ssh keeps one connection per machine for a while: a login costs seconds under emulation.
lab_ssh() {
	local machine=$1
	# shellcheck disable=SC2153 # ANSWERS is lab.sh's
	in_lab ssh -F none -i "$KEYS/root" -o BatchMode=yes -o IdentitiesOnly=yes -o LogLevel=ERROR \
		-o UserKnownHostsFile="$ANSWERS/known_hosts" -o HostKeyAlias="${machine%2}" \
		-o ConnectTimeout=60 -o ServerAliveInterval=10 -o ServerAliveCountMax=6 \
		-o ControlMaster=auto -o ControlPersist=300 -o ControlPath="$RUN/ssh-$machine" \
		"root@$(address "$machine")" "${@:2}" 9>&-
}

# hang_up drops the kept connection, which does not survive what happens to the machine next.
hang_up() {
	ssh -F none -O exit -o ControlPath="$RUN/ssh-$1" "root@$(address "$1")" 2>/dev/null || true
	rm -f "$RUN/ssh-$1"
}

# wait_ssh MACHINE [SECONDS] looks for sshd's greeting first, which costs the machine next to nothing.
wait_ssh() {
	local deadline=$((SECONDS + ${2:-300}))
	# shellcheck disable=SC2016 # for the inner shell
	until in_lab timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/22" && read -r line <&3 && [[ $line == SSH-* ]]' \
		"$(address "$1")" 2>/dev/null; do
		alive "$1" || die "$1 died: $(tail -n 3 "$RUN/$1.log")"
		((SECONDS < deadline)) || die "$1 does not answer ssh: see $RUN/$1.console"
		sleep 0.3
	done
	until lab_ssh "$1" true; do
		((SECONDS < deadline)) || die "$1 refuses root's key"
		sleep 1
	done
}
