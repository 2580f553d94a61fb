# shellcheck shell=bash
# build.sh - the images. Sourced by lab.sh.
#
# A stage is a function that fills an empty directory. Its output is $BUILT/NAME-HASH, where
# HASH covers the text of the stage, its arguments and the hashes of the stages it builds on,
# so that only what changed is made again. A stage works in NAME.tmp, which becomes the output
# by one rename, inside a mount namespace of its own: an interrupted build leaves no mount and
# nothing that could be taken for a finished one.

SERVER_DISK_MIB=$((41 * 1024)) # the page asks for 40 GiB; the file is sparse

# The hosting company's minimal server, without kernel options or cloud-init.
BASE_PACKAGES="systemd-sysv dbus udev libpam-systemd systemd-timesyncd openssh-server sudo
	ifupdown iproute2 iputils-ping netbase ca-certificates kmod procps less nano vim-tiny
	apt-utils cron logrotate e2fsprogs tzdata apparmor initramfs-tools linux-image-cloud-amd64"

# What the page installs, and what the steps and tests may add. Names that a release does not
# have are left out there.
REPO_PACKAGES="ntp ntpdate ntpsec ntpsec-ntpdate python3 python-is-python3 vim screen
	strongswan strongswan-starter strongswan-charon strongswan-swanctl charon-systemd
	libcharon-extra-plugins fail2ban python3-systemd snmp snmpd haveged libacl1-dev python3-dev
	libssl-dev gcc g++ fio pbzip2 ncdu iptables net-tools bash-completion postfix mailutils
	bsd-mailx rsyslog bind9-dnsutils tcpdump netcat-openbsd ufw tcsh fish"

# Baked into the fresh servers, because unpacking compilers under emulation takes many minutes.
BAKED_PACKAGES="gcc g++ libacl1-dev python3-dev libssl-dev"

# What a monitoring system has already.
NMS_PACKAGES="snmp strongswan-starter strongswan-charon libstrongswan-standard-plugins"

# In a repository of their own, so that the images of the machines that do not use it stay as
# they are. Beside them build_more puts lab-canary, of which it holds an upgrade.
MORE_PACKAGES="unattended-upgrades docker.io"

# What the machine with neighbours has before aslwiz comes.
BUSY_PACKAGES="docker.io fail2ban python3-systemd iptables"

# Of these only what they depend on is baked.
LEANS_ON_BAKED="fio mailutils mailutils-common"

# Must not be there before aslwiz: a test that installs them would prove nothing.
ABSENT_PACKAGES="fio mailutils ntp ntpsec ntpdate vim screen strongswan strongswan-starter fail2ban snmp
	snmpd haveged pbzip2 ncdu iptables bash-completion postfix rsyslog cloud-init"

# --- the stages and their order ------------------------------------------------------------

# build_all MACHINE... makes what changed; the images of the container and of the busy machine
# only when they are among them.
build_all() {
	local chain chains=()
	make_keys
	# Two chains, two cores.
	(
		stage base-bookworm build_base bookworm
		stage kernel-bookworm build_kernel bookworm
		(
			stage svc build_services
			stage repo-more build_more
		) &
		stage repo-bookworm build_repo bookworm
		stage server build_disk bookworm server $SERVER_DISK_MIB
		stage third build_third
		wait $!
		[[ "$*" != *container* ]] || stage container build_container
		[[ "$*" != *busy* ]] || stage busy build_busy
	) &
	chains+=($!)
	(
		stage base-trixie build_base trixie
		stage kernel-trixie build_kernel trixie
		stage repo-trixie build_repo trixie
		stage peer build_disk trixie peer 8192
	) &
	chains+=($!)
	for chain in "${chains[@]}"; do
		wait "$chain" || die "the build failed: see $RUN/build-*.log"
	done
	drop_old_builds
}

# needs names the stages that a stage builds on, for its hash.
needs() {
	case $1 in
	kernel-*) echo "base-${1#*-}" ;;
	svc | repo-more) echo base-bookworm ;;
	repo-*) echo "base-${1#*-}" ;;
	server | third) echo "base-bookworm repo-bookworm" ;;
	container | busy) echo "base-bookworm repo-bookworm repo-more" ;;
	peer) echo "base-trixie repo-trixie" ;;
	esac
}

# stage NAME FUNCTION [ARGS] builds unless the output is there.
stage() {
	local name=$1 hash out t0=$SECONDS
	hash=$(stage_hash "$@")
	out=$BUILT/$name-$hash
	printf '%s\n' "$hash" >"$BUILT/$name.hash"
	[[ -d $out ]] && return
	say "building $name"
	rm -rf "$BUILT/$name.tmp"
	mkdir "$BUILT/$name.tmp"
	if ! unshare --mount --propagation private "$LAB_SRC/lab.sh" _stage "${@:2:1}" "$BUILT/$name.tmp" "${@:3}" \
		>"$RUN/build-$name.log" 2>&1; then
		tail -n 5 "$RUN/build-$name.log" >&2
		return 1
	fi
	mv "$BUILT/$name.tmp" "$out"
	say "built $name in $((SECONDS - t0)) s"
}

# run_stage FUNCTION OUT [ARGS] is the other side of stage, in its own mount namespace.
run_stage() {
	cd "$2" || exit
	"$1" "${@:3}"
}

stage_hash() {
	local dep
	{
		printf '%s\n' "$@" "$BASE_PACKAGES" "$REPO_PACKAGES" "$BAKED_PACKAGES" "$LEANS_ON_BAKED" "$ABSENT_PACKAGES"
		case $1 in
		third) echo "$NMS_PACKAGES" ;;
		repo-more) echo "$MORE_PACKAGES" ;;
		busy) echo "$BUSY_PACKAGES" ;;
		esac
		# shellcheck disable=SC2046 # function names
		declare -f "$2" $(helpers "$2")
		for dep in $(needs "$1"); do cat "$BUILT/$dep.hash"; done
	} | sha256sum | cut -c1-12
}

# helpers names the functions whose text is part of a stage.
helpers() {
	case $1 in
	build_kernel) echo unpack_kernel unpack_with is_elf tiny_init ;;
	build_disk) echo bake_packages configure_server configure_access add_user authorize chroot_open chroot_run ;;
	build_third) echo build_disk "$(helpers build_disk)" ;;
	build_busy) echo build_disk "$(helpers build_disk)" bake_busy busy_docker busy_fail2ban busy_rules busy_unit ;;
	build_more) echo build_repo canary chroot_open chroot_run ;;
	build_container) echo configure_access configure_container add_user authorize chroot_open chroot_run ;;
	*) echo chroot_open chroot_run ;;
	esac
}

# built NAME is the directory of a stage's current output.
built() { echo "$BUILT/$1-$(<"$BUILT/$1.hash")"; }

# drop_old_builds removes outputs that nothing uses: machines and services that were started
# from an older one say so in a .base file.
drop_old_builds() {
	local dir name used
	used=$(cat "$DISKS"/*.base "$RUN"/*.base 2>/dev/null || true)
	for dir in "$BUILT"/*-????????????/; do
		dir=${dir%/} name=${dir##*/}
		name=${name%-*}
		[[ $dir == "$(built "$name")" ]] && continue
		grep -qxF "$dir" <<<"$used" && continue
		rm -rf "$dir"
	done
}

# --- keys ----------------------------------------------------------------------------------

# make_keys keeps users' and host keys outside the images, so that a reset changes neither.
make_keys() {
	local user machine type
	for user in root admin ops; do
		[[ -e $KEYS/$user ]] || ssh-keygen -q -t ed25519 -N '' -C "$user@lab" -f "$KEYS/$user"
	done
	for machine in $EMULATED container; do
		mkdir -p "$KEYS/host-$machine"
		for type in ed25519 ecdsa rsa; do
			[[ -e $KEYS/host-$machine/ssh_host_${type}_key ]] ||
				ssh-keygen -q -t $type -N '' -C "$machine" -f "$KEYS/host-$machine/ssh_host_${type}_key"
		done
	done
}

fingerprint() { ssh-keygen -lf "$KEYS/host-$1/ssh_host_ed25519_key.pub" | awk '{print $2}'; }

# --- chroots -------------------------------------------------------------------------------

# chroot_open prepares ROOT for chroot_run: mounts, a resolver, and no daemons started.
chroot_open() {
	mount -t proc proc "$1/proc"
	mount --rbind /dev "$1/dev"
	rm -f "$1/etc/resolv.conf"
	cp /etc/resolv.conf "$1/etc/resolv.conf"
	printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
	chmod +x "$1/usr/sbin/policy-rc.d"
}

chroot_close() {
	umount -l "$1/proc" "$1/dev"
	rm -f "$1/usr/sbin/policy-rc.d"
}

chroot_run() {
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
		chroot "$@"
}

# --- base: a minimal system of one release --------------------------------------------------

build_base() {
	local include
	# shellcheck disable=SC2086 # a list of words
	include=$(echo $BASE_PACKAGES | tr ' ' ,)
	mmdebstrap --mode=root --variant=minbase --include="$include" \
		--aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' --dpkgopt=force-unsafe-io \
		"$1" root http://deb.debian.org/debian
	rm -f root/etc/apt/apt.conf.d/99mmdebstrap root/etc/dpkg/dpkg.cfg.d/99mmdebstrap
}

# --- kernel: what makes booting under emulation bearable ------------------------------------

# build_kernel makes an uncompressed kernel (unpacking costs seconds under emulation) and an
# initrd that only mounts the disk. virtio_net stays out of it, so that the server's own udev
# names the network card, as it would behind a real initramfs with the same rules.
build_kernel() {
	local base version module
	base=$(built "base-$1")/root
	version=$(basename "$base"/lib/modules/*)
	unpack_kernel "$base/boot/vmlinuz-$version" vmlinux
	mkdir -p initrd/{dev,proc,root,bin}
	cp /bin/busybox initrd/bin/busybox
	tiny_init >initrd/init
	chmod +x initrd/init
	for module in $(chroot "$base" modprobe -S "$version" --show-depends -a virtio_pci virtio_blk ext4 crc32c |
		awk '$1 == "insmod" && !seen[$2]++ { print $2 }'); do
		case $module in
		*.xz) xz -dc "$base$module" >"initrd/$(basename "$module" .xz)" ;;
		*) cp "$base$module" initrd/ ;;
		esac
		basename "$module" .xz >>initrd/modules
	done
	(cd initrd && find . | cpio --quiet -o -H newc) >initrd.cpio
	rm -rf initrd
}

# unpack_kernel finds the compressed ELF image inside a bzImage.
unpack_kernel() {
	unpack_with "$1" "$2" '\xfd7zXZ\x00' xz -dc --single-stream ||
		unpack_with "$1" "$2" '\x28\xb5\x2f\xfd' zstd -dcq ||
		unpack_with "$1" "$2" '\x02\x21\x4c\x18' lz4 -dc ||
		die "no kernel image found in $1"
}

# unpack_with FROM TO MAGIC COMMAND tries COMMAND at each place that begins with MAGIC. What
# follows the image makes the unpackers complain, so the result is judged, not their exit code.
unpack_with() {
	local offset
	while read -r offset; do
		tail -c +$((offset + 1)) "$1" | "${@:4}" >"$2" 2>/dev/null || true
		is_elf "$2" && return
	done < <(LC_ALL=C grep -aboP "$3" "$1" | cut -d: -f1)
	return 1
}

is_elf() { [[ $(head -c 4 "$1" | tail -c 3) == ELF ]]; }

# The word lab.probe asks only whether this accelerator can run the kernel: see accel.
tiny_init() {
	cat <<'INIT'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
if $b grep -q lab.probe /proc/cmdline; then
	echo LAB-PROBE-OK >/dev/console
	$b poweroff -f
fi
while read -r m; do $b insmod "/$m"; done </modules
i=0
until [ -e /dev/vda1 ] || [ $i -ge 500 ]; do $b usleep 10000; i=$((i + 1)); done
$b mount -t ext4 -o ro /dev/vda1 /root
$b mount --move /dev /root/dev
$b umount /proc
exec $b switch_root /root /sbin/init
INIT
}

# --- repo: the packages, as apt would choose them -------------------------------------------

# build_repo downloads into a flat repository all that apt would install for each package on
# the minimal system, one by one and all together: the union serves every order of installing.
build_repo() {
	local suite=$1 packages=() p apt release
	mkdir root upper work
	mount -t overlay overlay -o "lowerdir=$(built "base-$suite")/root,upperdir=$PWD/upper,workdir=$PWD/work" root
	chroot_open root
	apt="chroot_run root apt-get -q -y -o APT::Sandbox::User=root -o Acquire::Retries=3"
	$apt update
	for p in $REPO_PACKAGES; do
		case $(chroot_run root apt-cache policy "$p") in
		*'Candidate: '[^\(]*) packages+=("$p") ;;
		*) echo "$suite does not have $p" ;;
		esac
	done
	for p in "${packages[@]}"; do
		$apt --download-only install "$p" || die "$suite: cannot resolve $p"
	done
	mkdir debs
	for p in root/var/cache/apt/archives/*.deb; do
		mv "$p" "debs/$(basename "$p" | sed 's/_[0-9]*%3a/_/')" # no epoch in a URL
	done
	chroot_close root
	umount root
	rm -rf root upper work
	cd debs || exit
	apt-ftparchive packages . >Packages
	gzip -k1 Packages
	release=$(apt-ftparchive -o APT::FTPArchive::Release::Suite="$suite" \
		-o APT::FTPArchive::Release::Codename="$suite" release .)
	printf '%s\n' "$release" >Release
}

# build_more makes a second repository: MORE_PACKAGES, and an upgrade. The container has
# lab-canary 1.0, and this repository offers 1.1, whose installation takes 20 seconds. The
# repository says that it is Debian's security archive, so unattended-upgrades installs the
# upgrade with its default configuration. To have it hold dpkg's locks for those 20 seconds, run
# on the container:
#   apt-get update && apt-get -y install unattended-upgrades
#   systemd-run --unit=nightly unattended-upgrade -v
# To have apt hold the lock of the package lists for 20 seconds:
#   systemd-run --unit=lists apt-get -o APT::Update::Pre-Invoke::='sleep 20' update
# lab.sh reset container brings version 1.0 back.
build_more() {
	REPO_PACKAGES=$MORE_PACKAGES
	build_repo bookworm # and is in its folder then
	canary 1.0
	canary 1.1 'sleep 20'
	rm Packages.gz Release
	apt-ftparchive packages . >Packages
	gzip -k1 Packages
	apt-ftparchive -o APT::FTPArchive::Release::Origin=Debian -o APT::FTPArchive::Release::Label=Debian-Security \
		-o APT::FTPArchive::Release::Suite=stable-security -o APT::FTPArchive::Release::Codename=bookworm release . >../Release
	mv ../Release .
}

# canary VERSION [COMMAND] packs a version of lab-canary that runs COMMAND when it is configured.
canary() {
	mkdir -p canary/DEBIAN canary/usr/share/lab-canary
	echo "$1" >canary/usr/share/lab-canary/version
	printf '%s\n' 'Package: lab-canary' "Version: $1" 'Architecture: all' 'Section: misc' 'Priority: optional' \
		'Maintainer: aslwiz <root@localhost>' 'Description: a package of the lab that has an upgrade' >canary/DEBIAN/control
	printf '#!/bin/sh\n%s\n' "${2:-:}" >canary/DEBIAN/postinst
	chmod 755 canary/DEBIAN/postinst
	dpkg-deb --root-owner-group --build canary "lab-canary_$1_all.deb"
	rm -r canary
}

# --- disks of the server and its peer --------------------------------------------------------

# build_disk SUITE MACHINE MIB makes a partitioned disk whose only partition is /.
build_disk() {
	local suite=$1 machine=$2 mib=$3 p
	cp -a "$(built "base-$suite")/root" root
	chroot_open root
	bake_packages "$suite"
	for p in $ABSENT_PACKAGES; do
		[[ ! -e root/var/lib/dpkg/info/$p.list ]] || die "$p is installed already"
	done
	(configure_server "$machine" "$suite")
	configure_access root "$machine"
	chroot_close root
	truncate -s "${mib}M" disk.raw
	sfdisk -q disk.raw <<<'start=1MiB, type=83, bootable'
	# Few inodes and no lazy initialisation: the guest would spend its first minutes on it.
	mkfs.ext4 -q -F -L root -N 400000 -J size=64 -d root \
		-E offset=1048576,lazy_itable_init=1,lazy_journal_init=1 disk.raw "$((mib - 1))M"
	tune2fs -E mount_opts=noinit_itable 'disk.raw?offset=1048576'
	rm -rf root
}

# build_third is build_disk for the monitoring system, which has its own tools and whose end
# of a tunnel was there before. It is told apart here and not in configure_server, whose text
# names the images of the others: they would be built again.
build_third() {
	eval "$(declare -f configure_server | sed 's/server)$/third)/; s/last=11/last=13/')"
	BAKED_PACKAGES=$NMS_PACKAGES ABSENT_PACKAGES=''
	build_disk bookworm third 8192
}

# bake_packages installs the compilers and what LEANS_ON_BAKED depends on, from the lab's own
# repository, so that versions agree with what the server is offered later.
bake_packages() {
	local apt="chroot_run root apt-get -q -y -o Dpkg::Options::=--force-unsafe-io"
	mkdir root/repo
	mount --bind "$(built "repo-$1")/debs" root/repo
	echo "deb [trusted=yes] file:/repo ./" >root/etc/apt/sources.list
	$apt update
	# shellcheck disable=SC2086 # a list of words
	$apt install $BAKED_PACKAGES
	# shellcheck disable=SC2086 # a list of words
	$apt --no-install-recommends install $LEANS_ON_BAKED
	# shellcheck disable=SC2086 # a list of words
	$apt purge $LEANS_ON_BAKED
	umount root/repo
	rmdir root/repo
}

# configure_server leaves what a provider leaves, in part wrong on purpose: the host name, the
# zone, and a network card that is not eth0.
configure_server() {
	local machine=$1 suite=$2 last unit
	case $machine in server) last=11 ;; peer) last=12 ;; esac
	cd root || exit
	echo debian >etc/hostname
	cat >etc/hosts <<-HOSTS
		127.0.0.1	localhost
		127.0.1.1	debian
		::1		localhost ip6-localhost ip6-loopback
		ff02::1		ip6-allnodes
		ff02::2		ip6-allrouters
	HOSTS
	cat >etc/network/interfaces <<-INTERFACES
		# This file describes the network interfaces available on your system
		# and how to activate them. For more information, see interfaces(5).

		source /etc/network/interfaces.d/*

		auto lo
		iface lo inet loopback

		allow-hotplug ens3
		iface ens3 inet static
			address 198.51.100.$last/24
			gateway 198.51.100.1
		iface ens3 inet6 static
			address 2001:db8:51::$last/64
			gateway 2001:db8:51::1
	INTERFACES
	rm -f etc/resolv.conf
	echo "nameserver 198.51.100.1" >etc/resolv.conf
	echo "deb [trusted=yes] http://198.51.100.1/$suite ./" >etc/apt/sources.list
	echo "LABEL=root / ext4 errors=remount-ro 0 1" >etc/fstab
	echo "aslwiz lab $machine" | md5sum | cut -c1-32 >etc/machine-id
	# A boot under emulation beside other work may take longer than systemd waits.
	mkdir -p etc/systemd/system.conf.d
	printf '[Manager]\nDefaultTimeoutStartSec=300s\n' >etc/systemd/system.conf.d/lab.conf
	# update-initramfs would take minutes under emulation.
	printf 'MODULES=dep\nCOMPRESS=gzip\nCOMPRESSLEVEL=1\n' >etc/initramfs-tools/conf.d/lab
	ln -sf /usr/share/zoneinfo/Europe/Berlin etc/localtime
	echo Europe/Berlin >etc/timezone
	# Slow or pointless under emulation, and none of them part of the page.
	for unit in e2scrub_reap.service e2scrub_all.timer apt-daily.timer apt-daily-upgrade.timer \
		dpkg-db-backup.timer fstrim.timer systemd-pstore.service modprobe@configfs.service \
		modprobe@drm.service modprobe@fuse.service modprobe@dm_mod.service modprobe@loop.service \
		modprobe@efi_pstore.service sys-kernel-debug.mount sys-kernel-tracing.mount \
		sys-kernel-config.mount sys-fs-fuse-connections.mount dev-hugepages.mount \
		dev-mqueue.mount serial-getty@ttyS0.service getty@tty1.service; do
		ln -sf /dev/null "etc/systemd/system/$unit"
	done
	touch etc/.updated var/.updated # no first-boot rebuilds of caches
	rm -rf var/lib/apt/lists/*_* var/cache/apt/*.bin var/cache/apt/archives/*.deb
	find var/log -type f -delete
}

# configure_access ROOT MACHINE sets up users, keys and host keys.
configure_access() {
	local root=$1 machine=$2
	rm -f "$root"/etc/ssh/ssh_host_*
	cp "$KEYS/host-$machine"/ssh_host_* "$root/etc/ssh/"
	add_user "$root" admin /bin/bash
	add_user "$root" ops /bin/bash
	echo "ops ALL=(ALL:ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/ops"
	chmod 440 "$root/etc/sudoers.d/ops"
	authorize "$root/root" root 0
	authorize "$root/home/ops" ops "$(chroot_run "$root" id -u ops)"
}

# add_user makes a user who may become root with the lab's password.
add_user() {
	chroot_run "$1" useradd --create-home --shell "$3" --groups sudo "$2"
	chroot_run "$1" chpasswd <<<"$2:lab-admin-7"
	authorize "$1/home/$2" admin "$(chroot_run "$1" id -u "$2")"
}

# authorize HOME KEY UID lets KEY log in to HOME.
authorize() {
	install -d -m 700 -o "$3" -g "$3" "$1/.ssh"
	install -m 600 -o "$3" -g "$3" "$KEYS/$2.pub" "$1/.ssh/authorized_keys"
}

# --- container: the shells and sshd settings that break naive programs ------------------------

build_container() {
	cp -a "$(built base-bookworm)/root" root
	chroot_open root
	mkdir root/{repo,more}
	mount --bind "$(built repo-bookworm)/debs" root/repo
	mount --bind "$(built repo-more)/debs" root/more
	printf 'deb [trusted=yes] file:/%s ./\n' repo more >root/etc/apt/sources.list
	chroot_run root apt-get -q update
	chroot_run root apt-get -q -y install tcsh fish iptables lab-canary=1.0
	umount root/repo root/more
	rmdir root/repo root/more
	configure_access root container
	configure_container
	chroot_close root
	rm -rf root/boot/* root/usr/lib/modules root/var/lib/apt/lists/*_* root/var/cache/apt/*.bin
}

configure_container() {
	local unit
	echo container >root/etc/hostname
	echo "aslwiz lab container" | md5sum | cut -c1-32 >root/etc/machine-id
	: >root/etc/fstab
	rm -f root/etc/resolv.conf
	echo "nameserver 198.51.100.1" >root/etc/resolv.conf
	printf 'deb [trusted=yes] http://198.51.100.1/%s ./\n' bookworm more >root/etc/apt/sources.list
	printf '127.0.0.1\tlocalhost\n127.0.1.1\tcontainer\n::1\tlocalhost ip6-localhost ip6-loopback\n' \
		>root/etc/hosts
	cat >root/etc/network/interfaces <<-INTERFACES
		auto lo
		iface lo inet loopback
		auto host0
		iface host0 inet static
			address 198.51.100.21/24
			gateway 198.51.100.1
		iface host0 inet6 static
			address 2001:db8:51::21/64
			gateway 2001:db8:51::1
			dad-attempts 0
	INTERFACES
	add_user root csh /bin/tcsh
	add_user root fish /usr/bin/fish
	add_user root chatty /bin/bash
	add_user root nologin /usr/sbin/nologin
	# Not behind an "is this interactive?" test: printed at every login, also of a command.
	sed -i '1i echo "Welcome to the chatty host"; echo "chatty: this goes to stderr" >&2' \
		root/home/chatty/.bashrc
	echo "Authorised users only. All activity is logged." >root/etc/ssh/banner
	cat >root/etc/ssh/sshd_config.d/lab.conf <<-SSHD
		Port 22
		Port 2222
		Match LocalPort 2222
			MaxSessions 1
			Banner /etc/ssh/banner
	SSHD
	for unit in systemd-timesyncd.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \
		e2scrub_reap.service fstrim.timer console-getty.service; do
		ln -sf /dev/null "root/etc/systemd/system/$unit"
	done
}

# --- busy: a server on which others have rules in the packet filter ---------------------------

# build_busy is build_disk for a Debian 12 with Docker, fail2ban and an admin's own rules. It is
# made from the text of configure_server for the same reason as build_third.
build_busy() {
	eval "$(declare -f configure_server | sed 's/server)$/busy)/; s/last=11/last=15/')"
	bake_packages() {
		bake_busy
		busy_docker
		busy_fail2ban
		busy_rules
	}
	ABSENT_PACKAGES=''
	build_disk bookworm busy 8192
}

bake_busy() {
	local apt="chroot_run root apt-get -q -y -o Dpkg::Options::=--force-unsafe-io"
	mkdir root/{repo,more}
	mount --bind "$(built repo-bookworm)/debs" root/repo
	mount --bind "$(built repo-more)/debs" root/more
	printf 'deb [trusted=yes] file:/%s ./\n' repo more >root/etc/apt/sources.list
	$apt update
	# shellcheck disable=SC2086 # a list of words
	$apt --no-install-recommends install $BUSY_PACKAGES
	umount root/repo root/more
	rmdir root/repo root/more
}

# busy_docker leaves a container that serves a published port: busybox, imported at the first
# boot, as no registry can be reached. Docker starts it again at every other.
busy_docker() {
	mkdir -p web/bin web/www root/usr/local/share/lab
	cp /bin/busybox web/bin/
	echo 'a container answers' >web/www/index.html
	tar -C web -cf root/usr/local/share/lab/web.tar .
	rm -r web
	cat >root/usr/local/sbin/lab-first-boot <<-'SH'
		#!/bin/sh
		set -eu
		docker import -c 'CMD ["/bin/busybox", "httpd", "-f", "-p", "80", "-h", "/www"]' \
			/usr/local/share/lab/web.tar web
		docker run -d --name web --restart always -p 8080:80 web
		until fail2ban-client ping >/dev/null; do sleep 1; done
		fail2ban-client set sshd banip 203.0.113.77 2001:db8:7::77
		systemctl disable lab-first-boot
	SH
	chmod 755 root/usr/local/sbin/lab-first-boot
	busy_unit lab-first-boot.service multi-user.target <<-'UNIT'
		[Unit]
		Description=Container that serves port 8080, and two banned addresses
		Requires=docker.service fail2ban.service
		After=docker.service fail2ban.service
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=/usr/local/sbin/lab-first-boot
	UNIT
}

# busy_fail2ban spares the lab's own network, whose logins fail on purpose in some tests.
busy_fail2ban() {
	cat >root/etc/fail2ban/jail.local <<-'INI'
		[DEFAULT]
		bantime = 10w
		ignoreip = 127.0.0.1/8 ::1 198.51.100.0/24 2001:db8:51::/64
		[sshd]
		backend = systemd
	INI
}

# busy_rules are an admin's own rules and what libvirt would leave, loaded at boot beside those
# that are there, in every table that IPv4 has.
busy_rules() {
	cat >root/etc/admin.rules4 <<-'RULES'
		*raw
		-A PREROUTING -p udp -m udp --dport 1900 -j DROP
		COMMIT
		*mangle
		:LIBVIRT_PRT - [0:0]
		-A POSTROUTING -j LIBVIRT_PRT
		-A LIBVIRT_PRT -o virbr0 -p udp -m udp --dport 68 -j CHECKSUM --checksum-fill
		-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
		COMMIT
		*nat
		:LIBVIRT_PRT - [0:0]
		-A POSTROUTING -j LIBVIRT_PRT
		-A LIBVIRT_PRT -s 192.168.122.0/24 ! -d 192.168.122.0/24 -j MASQUERADE
		COMMIT
		*filter
		:admin-in - [0:0]
		:LIBVIRT_INP - [0:0]
		:LIBVIRT_FWO - [0:0]
		-A admin-in -s 203.0.113.66/32 -j DROP
		-A LIBVIRT_INP -i virbr0 -p udp -m udp --dport 53 -j ACCEPT
		-A LIBVIRT_INP -i virbr0 -p udp -m udp --dport 67 -j ACCEPT
		-A LIBVIRT_FWO -s 192.168.122.0/24 -i virbr0 -j ACCEPT
		-I INPUT -j LIBVIRT_INP
		-I INPUT -j admin-in
		-I FORWARD -j LIBVIRT_FWO
		-A OUTPUT -d 203.0.113.66/32 -j REJECT
		COMMIT
	RULES
	cat >root/etc/admin.rules6 <<-'RULES'
		*filter
		:FORWARD DROP [0:0]
		:admin-in - [0:0]
		:LIBVIRT_INP - [0:0]
		-A admin-in -s 2001:db8:7::66/128 -j DROP
		-A LIBVIRT_INP -i virbr0 -p udp -m udp --dport 53 -j ACCEPT
		-I INPUT -j LIBVIRT_INP
		-I INPUT -j admin-in
		COMMIT
	RULES
	busy_unit admin-rules.service sysinit.target <<-'UNIT'
		[Unit]
		Description=The admin's own packet filter rules
		DefaultDependencies=no
		Before=network-pre.target
		Wants=network-pre.target
		After=local-fs.target systemd-modules-load.service
		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=/usr/sbin/iptables-restore --noflush /etc/admin.rules4
		ExecStart=/usr/sbin/ip6tables-restore --noflush /etc/admin.rules6
	UNIT
}

# busy_unit NAME TARGET installs a unit, from standard input, that TARGET wants.
busy_unit() {
	cat >"root/etc/systemd/system/$1"
	mkdir -p "root/etc/systemd/system/$2.wants"
	ln -s "../$1" "root/etc/systemd/system/$2.wants/$1"
	printf '[Install]\nWantedBy=%s\n' "$2" >>"root/etc/systemd/system/$1"
}

# --- svc: the programs behind the lab's services ----------------------------------------------

build_services() {
	local apt="chroot_run root apt-get -q -y -o APT::Sandbox::User=root -o Acquire::Retries=3"
	cp -a "$(built base-bookworm)/root" root
	chroot_open root
	echo "postfix postfix/main_mailer_type select No configuration" | chroot_run root debconf-set-selections
	$apt update
	$apt install --no-install-recommends -o Dpkg::Options::=--force-unsafe-io \
		chrony nsd unbound lighttpd postfix rsyslog
	chroot_close root
	mkdir -p root/lab root/srv/{bookworm,trixie,more}
	rm -rf root/boot/* root/usr/lib/modules root/var/lib/apt/lists/*_* root/var/cache/apt
}
