#!/usr/bin/env bash
# shellcheck disable=SC2317 # the items' functions are called by name
# check.sh [--host server|peer|third|container] [ITEM...]
#
# A second opinion on a provisioned machine of the lab: the "Items to check" of the page
# "Server Provisioning", measured with the tools the page names and sharing nothing with the
# program that did the provisioning. One line per item, "ITEM ok|bad|unknown: evidence".
# Exit 0: all ok. 1: any bad. 2: any unknown, none bad. 64: wrong usage.
# Environment: WANT_HOSTNAME (stats), WANT_DOMAIN (example.net), SSH_PORT (22),
# CLOSED_PORTS ("9 3306"), TUNNELS ("peer third"), WANT_MAIL (noc@example.net), NMS (third),
# SNMP_CREDENTIALS (/etc/snmp/aslwiz-nms.credentials), ASLWIZ_LAB (as lab.sh has it).
# Names of packages and services are those of Debian 12. The machine is left as found, but
# for counters, log lines, neighbour caches and one mail to root, queued where it cannot leave.
set -uo pipefail
export LC_ALL=C
LAB=$(cd "$(dirname "$0")" && pwd)/lab.sh
HOST=server bad=0 unknown=0 SSH_PORT=${SSH_PORT:-22} CLOSED_PORTS=${CLOSED_PORTS:-9 3306}
SINKS=${ASLWIZ_LAB:-/var/cache/aslwiz-lab}/run/svc # what the lab's relay and log host received
ITEMS=(services address hostname dns firewall ipsec screen time fail2ban mail monitoring) # each is a function item_NAME
declare -A NUMBER=([server]=11 [peer]=12 [third]=13 [container]=21) # last part of its addresses

usage() { sed -n '3,13s/^# \{0,1\}//p' "$0"; exit 64; }
is() { if [ "$2" = "$3" ]; then echo "ok $1 $2"; else echo "bad $1 is ${2:-nothing}, not $3"; fi; } # on the machine
addresses() { echo "198.51.100.${NUMBER[$1]}" "2001:db8:51::${NUMBER[$1]}"; } # of a machine
within() { for _ in {1..60}; do "$@" && return; sleep 0.5; done; return 1; } # half a minute
admin() { timeout 20 "$LAB" admin "$@"; } # a command on the admin's computer
# A finding: note ok|bad|unknown TEXT
note() { case $1 in ok) OKS+=("$2") ;; bad) BADS+=("$2") ;; *) UNKNOWNS+=("$2") ;; esac; }

# remote NAME=VALUE... <script: runs it as root on the machine with these variables. The
# script is a function's body, so that nothing in it can eat the rest; "end" proves it ended.
remote() {
	local v
	{
		printf 'export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin\n'
		declare -f is knock
		for v in "$@"; do printf '%s=%q\n' "${v%%=*}" "${v#*=}"; done
		printf 'main() {\n%s\n}\nmain </dev/null\necho end\n' "$(cat)"
	} | timeout 150 "$LAB" ssh "$HOST" bash -s 2>/dev/null
}

# measure NAME=VALUE... <script: the same; each line it prints is "ok|bad|unknown TEXT".
measure() {
	local out verdict text
	out=$(remote "$@")
	while read -r verdict text; do
		[[ $verdict =~ ^(ok|bad|unknown)$ ]] && note "$verdict" "$text"
	done <<<"$out"
	[[ $out == *end ]] || note unknown "the measurement on $HOST broke off"
}

# "reboot the server/vm, do all services start properly?"
item_services() {
	measure <<'EOF'
	old=$(head -n 1 /var/lib/aslwiz/rebooted 2>/dev/null | tr -d '[:space:]')
	now=$(cat /proc/sys/kernel/random/boot_id)
	if [[ ! $old =~ ^[0-9a-f-]{36}$ ]]; then echo "unknown no record of the boot before a reboot"
	elif [ "$old" = "$now" ]; then echo "bad not rebooted since: still boot $now"
	else echo "ok rebooted, boot ${old%%-*} to ${now%%-*}"; fi
	state=$(systemctl is-system-running)
	failed=$(systemctl list-units --state=failed --no-legend --plain | awk '{print $1}' | xargs)
	if [ "$state" = running ]; then echo "ok no failed units"
	elif [[ $state == initializing || $state == starting ]]; then echo "unknown the system is still $state"
	else echo "bad system $state, failed units: ${failed:-none}"; fi
	# "All servers require this software: ntp ... strongswan fail2ban ... haveged"; ssh; and
	# of "Configure Postfix", where it was done, the unit that is not /bin/true; so with
	# "ensure SNMP is configured" and "Logging will be sucked up"
	for u in ntpsec strongswan-starter fail2ban haveged ssh $([ -e /usr/sbin/postfix ] && echo postfix@-) \
		$([ -e /usr/sbin/snmpd ] && echo snmpd) $([ -e /usr/sbin/rsyslogd ] && echo rsyslog); do
		active=$(systemctl is-active "$u.service") enabled=$(systemctl is-enabled "$u.service" 2>/dev/null)
		if [[ $active/$enabled == active/enabled* ]]; then echo "ok $u"
		elif [[ $active/$enabled == activating/enabled* ]]; then echo "unknown $u is activating"
		else echo "bad $u is $active, ${enabled:-not installed}"; fi
	done
	# the starter can run alone when the daemon itself is not installed
	grep -qsx charon /proc/[0-9]*/comm || echo "bad no charon process behind strongswan-starter"
	# "/etc/network/interfaces, and add DNS and the firewall to it": an up line; "chmod +x it".
	# An enabled unit that loads it does as well. Which one is it?
	loads='iptables|ip6tables|netfilter|firewall|/nft( |$)|/ufw' found=
	runs() { # WHERE COMMAND: the first path in COMMAND is there to be executed
		local f
		f=$(grep -oE '/[^ ;"]+' <<<"$2" | head -n 1)
		if [ -z "$f" ] || [ -x "$f" ]; then found="$found, $1 ($2)"; else echo "bad $1: $f is no executable file"; fi
	}
	for i in $( (ifquery --list; ifquery --list --allow hotplug) 2>/dev/null | sort -u); do
		while read -r line; do runs "interfaces, $i" "$line"
		done < <(ifquery "$i" 2>/dev/null | grep -E '^(pre-up|up|post-up): ' | grep -E "$loads")
	done
	for f in $(grep -lsE "$loads" /etc/network/if-pre-up.d/* /etc/network/if-up.d/*); do [ -x "$f" ] && found="$found, $f"; done
	for u in $(systemctl list-unit-files --type=service --state=enabled,enabled-runtime --no-legend | awk '$1 !~ /@\.service$/ {print $1}'); do
		line=$(systemctl show -p ExecStart --value "$u" | grep -oP 'argv\[\]=\K[^;]*' | xargs -r)
		if grep -qE "$loads" <<<"$line" || { [ "$(head -c 2 "${line%% *}" 2>/dev/null)" = '#!' ] && grep -qE 'ip6?tables|\bnft\b' "${line%% *}"; }; then
			[ "$(systemctl show -p Result --value "$u")" = success ] || echo "bad $u did not end well"
			runs "$u" "$line"
		fi
	done
	if [ -n "$found" ]; then echo "ok firewall loaded at boot by ${found#, }"; else echo "bad nothing loads a firewall at boot"; fi
EOF
}

# "Is the IP address configured on the server on eth0?", the card by its "HWaddr"; in both
# families, each reached by a new connection from outside.
item_address() {
	local a r
	measure mac="52:54:00:51:00:${NUMBER[$HOST]}" addresses="$(addresses "$HOST")" <<'EOF'
	[ -e /sys/class/net/eth0 ] || { echo "bad no eth0, only $(ip -br link | awk '{print $1}' | xargs)"; return; }
	is "MAC of eth0" "$(cat /sys/class/net/eth0/address)" "$mac"
	for a in $addresses; do
		n=4 length=24 gateway=198.51.100.1; [[ $a == *:* ]] && n=6 length=64 gateway=2001:db8:51::1
		line=$(ip -o -$n addr show dev eth0 to "$a")
		case $line in
		'') echo "bad eth0 does not have $a" ;;
		*dadfailed*) echo "bad $a is a second machine's too (dadfailed)" ;;
		*tentative*) echo "unknown $a is still tentative" ;;
		*" $a/$length "*) echo "ok $a/$length" ;;
		*) echo "bad $(awk '{print $4}' <<<"$line"), not /$length" ;;
		esac
		if ip -$n route show default | grep -qE "via $gateway dev eth0( |$)"; then echo "ok default via $gateway"
		else echo "bad IPv$n default route: $(ip -$n route show default | head -n 1 | xargs | grep . || echo none)"; fi
	done
EOF
	for a in $(addresses "$HOST"); do
		r=$(probe "$a" "$SSH_PORT")
		if [ "$r" = open ]; then note ok "$a opens from outside"
		elif [[ $r == unclear* ]]; then note unknown "$a $r"
		elif admin ping -n -q -c 1 -W 3 "${a%"${NUMBER[$HOST]}"}1" >/dev/null 2>&1; then note bad "$a port $SSH_PORT from outside: $r"
		else note unknown "the admin's computer reaches not even ${a%"${NUMBER[$HOST]}"}1"; fi
	done
}

# "Is the hostname set?", "set the host name: echo ... >/etc/hostname", and of the network
# "search in the domain": the name, its domain, and both from the machine's own hosts file.
item_hostname() {
	measure name="${WANT_HOSTNAME:-stats}" fqdn="${WANT_HOSTNAME:-stats}.${WANT_DOMAIN:-example.net}" <<'EOF'
	is /etc/hostname "$(grep -v '^#' /etc/hostname | xargs)" "$name"
	is "kernel name" "$(uname -n)" "$name"
	is "hostname -f" "$(hostname -f 2>&1)" "$fqdn"
	own=" $(ip -o addr show | awk '{sub("/.*", "", $4); print $4}' | xargs) " lines=0
	while read -r address names; do
		[[ " $names " == *" $fqdn "* || " $names " == *" $name "* ]] || continue
		lines=$((lines + 1))
		[[ $address == 127.* || $own == *" $address "* ]] || echo "bad hosts: the name is at $address, not here"
		[ "${names%% *}" = "$fqdn" ] || echo "bad hosts: '$address $names' does not begin with $fqdn"
	done < <(sed 's/#.*//' /etc/hosts | awk 'NF {$1 = $1; print}')
	if [ $lines -eq 0 ]; then echo "bad hosts does not know $name"; else echo "ok hosts knows it"; fi
	[ "$(grep -cE '^127\.0\.1\.1[[:space:]]' /etc/hosts)" -le 1 ] || echo "bad hosts has 127.0.1.1 more than once"
	grep -qE '^127\.0\.0\.1[[:space:]].*\blocalhost\b' /etc/hosts || echo "bad hosts has lost 127.0.0.1 localhost"
EOF
}

# ask TYPE NAME: all that the lab's resolver tells the admin's computer, in one line. busybox
# comes with `lab.sh deps`, dig does not.
ask() {
	local out
	out=$(admin busybox nslookup "-type=$1" "$2" 198.51.100.1 2>&1)
	case $out in
	Server:*'timed out'* | Server:*refused*) echo '(no answer)' ;;
	Server:*) sed -nE 's/^(Address: |.*name = )//p' <<<"$out" | tr '[:upper:]' '[:lower:]' | sort | xargs ;;
	*) echo '(no answer)' ;;
	esac
}

# "Is it configured in DNS both forward and reverse?": A and AAAA, and "for reverse have the
# provider do a CNAME in their reverse file pointing to" the name in PTR.domain, which "has a
# PTR record pointing to" the server. Asked outside, and at the server's own resolver.
item_dns() {
	local a type reverse n=${NUMBER[$HOST]} name=${WANT_HOSTNAME:-stats} domain=${WANT_DOMAIN:-example.net} fqdn hop
	fqdn=$name.$domain hop=$name.PTR.$domain
	told() { # TYPE NAME WANT
		local got
		got=$(ask "$1" "$2")
		case $got in
		"${3,,}") note ok "$2 $1 $3" ;;
		'(no answer)') note unknown "no answer about $2 $1" ;;
		*) note bad "$2 $1 is ${got:-nothing}, not $3" ;;
		esac
	}
	for a in $(addresses "$HOST"); do
		type=A reverse=$n.100.51.198.in-addr.arpa
		[[ $a == *:* ]] && type=AAAA reverse=${n#?}.${n%?}.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.5.0.0.8.b.d.0.1.0.0.2.ip6.arpa
		told "$type" "$fqdn" "$a"
		told CNAME "$reverse" "$hop"
	done
	told PTR "$hop" "$fqdn"
	measure fqdn="$fqdn" addresses="$(addresses "$HOST")" <<'EOF'
	# not from the hosts file
	for a in $addresses; do
		n=4; [[ $a == *:* ]] && n=6
		is "here $fqdn" "$(timeout 30 getent -s dns ahostsv$n "$fqdn" | awk '{print $1}' | sort -u | xargs)" "$a"
		is "here $a" "$(timeout 30 getent -s dns hosts "$a" | awk '{print $2}')" "$fqdn"
	done
EOF
}

# probe ADDRESS PORT [-u]: a new connection from the admin's computer ("try netcat")
probe() {
	local out
	out=$(admin nc -n -v "${3:--z}" -w 3 "$1" "$2" 2>&1)
	case $out in
	*succeeded*) echo open ;; *refused*) echo refused ;; *'timed out'*) echo 'timed out' ;;
	*'No route'* | *nreachable*) echo unreachable ;; '') echo refused ;; *) echo "unclear ($out)" ;;
	esac
}

# "Is the firewall active (try netcat on a non-permitted port)"; "All new servers shall
# support IPv6", so all of it in both families.
item_firewall() {
	local a f p r admin6 counts since before
	# what rules with DROP have met so far, IPv4 and IPv6, and the machine's time
	counts=$'for t in iptables ip6tables; do $t -S -v 2>/dev/null | awk \'/^-A .*-j DROP/ {for (i = 1; i < NF; i++) if ($i == "-c") n += $(i + 1)} END {printf "%d ", n}\'; done'
	read -r before since _ < <(remote <<<"$counts | tr ' ' ,; echo; date +%s" | xargs)
	for a in $(addresses "$HOST"); do
		f=IPv4; [[ $a == *:* ]] && f=IPv6
		# "allow all ssh in": a new connection, and sshd speaks
		r=$(probe "$a" "$SSH_PORT")
		case $r in
		open) r=$(admin bash -c "exec 3<>/dev/tcp/$a/$SSH_PORT && IFS=\$'\\r' read -r -t 15 line <&3 && echo \"\$line\"" 2>/dev/null)
			if [[ $r == SSH-* ]]; then note ok "$f ssh opens"; else note bad "$f port $SSH_PORT opens but says '$r'"; fi ;;
		unreachable | unclear*) note unknown "$f ssh port $r"; continue ;;
		*) note bad "$f ssh port $r" ;;
		esac
		# "setup a default deny rule for outside traffic", by log-and-drop: silence
		for p in $CLOSED_PORTS; do
			r=$(probe "$a" "$p")
			case $r in 'timed out') note ok "$f tcp $p timed out" ;; unclear*) note unknown "$f tcp $p $r" ;; *) note bad "$f tcp $p $r" ;; esac
		done
		[ "$(probe "$a" 9 -zu)" = open ] || note bad "$f udp 9 was refused, not dropped" # netcat calls silence success
		# "allow ping" (up to 4 per second); IPv6 after forgetting who the neighbour is
		[ "$f" = IPv6 ] && admin ip -6 neigh flush to "$a" 2>/dev/null
		r=$(admin ping -n -c 3 -i 0.7 -W 2 "$a" 2>/dev/null | sed -n 's/.*, \([0-9]*\) received.*/\1/p')
		if [ "${r:-0}" -gt 0 ]; then note ok "$f ping $r of 3"; else note bad "$f ping not answered"; fi
	done
	admin6=$(admin ip -6 -o addr show scope global | awk '{sub("/.*", "", $4); print $4; exit}')
	measure before="$before" since="$since" counts="$counts" ports="${CLOSED_PORTS// /|}" admin6="$admin6" <<'EOF'
	# deny TABLES CHAIN DEV DEPTH: CHAIN ends in a rule without a condition (but the outside
	# interface) that drops or leads to a chain which does; nothing before it takes everything.
	deny() {
		local rules last target
		rules=$($1 -S "$2" | grep "^-A $2 " | sed -E 's/ -m comment --comment ("[^"]*"|[^ ]+)//; s/^-A [^ ]+//; s/ ! -i lo( |$)/\1/; s/ -i '"$3"'( |$)/\1/; s/^ //')
		last=$(tail -n 1 <<<"$rules") target=${last#-[jg] }
		if head -n -1 <<<"$rules" | grep -qE '^-[jg] (ACCEPT|RETURN)$'; then echo "bad $1: a rule of $2 takes everything before its end"
		elif [ "$target" = DROP ]; then
			echo "ok $1 ends in DROP ($2)"
			# -A log-and-drop -j LOG --log-prefix "[IPTables] Drop "
			grep -qF -- '-j LOG --log-prefix "[IPTables] Drop "' <<<"$rules" || echo "bad $1: $2 does not log with '[IPTables] Drop ' before its DROP"
		elif [[ -n $last && $last != "$target" && $target != *' '* ]] && [ "$4" -lt 5 ] && $1 -S "$target" >/dev/null 2>&1; then deny "$1" "$target" "$3" $(($4 + 1))
		else echo "bad $1: $2 ends in '${last:-nothing}', $($1 -S INPUT | head -n 1)"; fi
	}
	for t in iptables ip6tables; do
		command -v $t >/dev/null || { echo "bad no $t command"; continue; }
		n=4 i=1 from='[0-9.]*'; [ $t = ip6tables ] && n=6 i=2 from='[0-9a-f]*:[0-9a-f:]*'
		dev=$(ip -$n route show default | grep -oP 'dev \K\S+' | head -n 1)
		[ -n "$dev" ] || { echo "unknown no default route for IPv$n"; continue; }
		deny $t INPUT "$dev" 1
		met=$(($(eval "$counts" | cut -d ' ' -f $i) - $(cut -d , -f $i <<<"$before")))
		if [ $met -gt 0 ]; then echo "ok $t dropped $met packets"; else echo "bad $t: no DROP rule counted the probes"; fi
		# a container has no kernel log of its own
		systemd-detect-virt -qc && continue
		if journalctl -k -q -o cat --since "@$since" | grep -qE "\[IPTables\] Drop .*SRC=$from .*DPT=($ports) "; then echo "ok IPv$n drops in the kernel log"
		else echo "unknown IPv$n drops not in the kernel log"; fi
	done
	# IPv6 lives by neighbour discovery: find the admin's computer again, as the ping found this one
	ip -6 neigh flush to "$admin6" 2>/dev/null
	timeout 4 bash -c "</dev/tcp/$admin6/9" 2>/dev/null
	for _ in {1..20}; do # where it asked first, this one makes sure only after five seconds
		r=$(ip -6 neigh show to "$admin6")
		[[ $r != *lladdr*REACHABLE* ]] || break
		sleep 0.5
	done
	if [[ $r == *lladdr*REACHABLE* ]]; then echo "ok IPv6 neighbours found"; else echo "bad IPv6 neighbour $admin6 not found: $r"; fi
EOF
}

# "IPSEC is active ipsec status?": "ESTABLISHED" and "INSTALLED, TRANSPORT", host to host, with
# each address of the others, to stay ("check /var/log/syslog"): two ends that restart what the
# other closes may replace each other's tunnel without end. A ping goes through it, both ways.
item_ipsec() {
	local other here there pairs=
	read -r -a here < <(addresses "$HOST")
	for other in $TUNNELS; do
		read -r -a there < <(addresses "$other")
		pairs+="$other,${here[0]},${there[0]} $other,${here[1]},${there[1]} "
	done
	measure pairs="$pairs" <<'EOF'
	command -v ipsec >/dev/null || { echo "bad no ipsec command"; return; }
	# SOURCE>DESTINATION SPI PACKETS of each security association
	sas() { ip -s xfrm state | awk '/^src/ {p = $2 ">" $4} $1 == "proto" {spi = $4} /lifetime current/ {getline; sub(".*, ", ""); print p, spi, $1 + 0}'; }
	# by how much the packets of the associations from $1 to $2 rose: rekeying begins at 0
	rise() { awk -v p="$1>$2" 'NR == FNR {b[$2] = $3; next} $1 == p && $3 > b[$2] {n += $3 - b[$2]} END {print n + 0}' <(echo "$before") <(echo "$after"); }
	status=$(timeout 20 ipsec statusall 2>&1)
	log=$(journalctl -q -t charon --since=-2min -o cat | grep -E 'IKE_SA [^ ]+ established between')
	for pair in $pairs; do
		IFS=, read -r other a b <<<"$pair"
		length=32; [[ $a == *:* ]] && length=128
		case $(grep -F " $a[" <<<"$status" | grep -F "...$b[") in
		*ESTABLISHED*) ;;
		*CONNECTING*) echo "unknown $other $b: waiting, CONNECTING"; continue ;;
		*) echo "bad $other $b: not ESTABLISHED"; continue ;;
		esac
		# "name{4}:  INSTALLED, TRANSPORT, ..." and then "name{4}:   here/32 === there/32"
		if ! awk -v a="$a/$length" -v b="$b/$length" '/INSTALLED, TRANSPORT/ {k[$1]} $1 in k && $2 == a && $3 == "===" && $4 == b {f = 1} END {exit !f}' <<<"$status"; then
			echo "bad $other $b: ESTABLISHED, but not INSTALLED, TRANSPORT"; continue
		fi
		again=$(grep -F " $a[" <<<"$log" | grep -F "...$b[" | grep -oE 'IKE_SA [^ ]+' | sort -u | wc -l)
		[ "$again" -le 5 ] || { echo "bad $other $b: established $again times in two minutes"; continue; }
		before=$(sas) pings=$(ping -n -q -c 3 -i 0.5 -W 5 "$b" 2>/dev/null | sed -n 's/.*, \([0-9]*\) received.*/\1/p') after=$(sas)
		out=$(rise "$a" "$b") in=$(rise "$b" "$a")
		if [ "$out" -gt 0 ] && [ "$in" -gt 0 ]; then echo "ok $other $b: ESTABLISHED, INSTALLED, TRANSPORT, $out packets out, $in in"
		else echo "bad $other $b: ${pings:-0} of 3 pings answered, but $out packets through the tunnel, $in back"; fi
	done
EOF
}

# "configure screen to use the scroll back buffer"; "Does Screen work in an xterm with
# scroll back?": no switch to the alternate screen; without the system's screenrc there is one.
item_screen() {
	measure <<'EOF'
	command -v screen >/dev/null || { echo "bad screen is not installed"; return; }
	d=$(mktemp -d) alternate=$'\e[?1049h'; mkdir -m 700 "$d/s"
	show() { HOME=$d SCREENDIR=$d/s TERM=$1 timeout 20 script -qec "screen sh -c 'echo READY; sleep 1'" /dev/null; }
	for t in xterm xterm-256color; do
		seen=$(show $t) without=$(SYSSCREENRC=/dev/null show $t)
		if [[ $seen != *READY* ]]; then echo "bad TERM=$t: screen does not run"
		elif [[ $seen == *"$alternate"* ]]; then echo "bad TERM=$t: ESC[?1049h, no scroll back"
		elif [[ $without != *"$alternate"* ]]; then echo "unknown TERM=$t: no ESC[?1049h even without screenrc"
		else echo "ok TERM=$t keeps the scroll back"; fi
	done
	rm -rf "$d"
EOF
}

# "Is the time set via ntp ntptime and is the timezone set to UTC?": the kernel's word, the
# daemon's, and the clock beside this computer's, whose time the lab's servers give.
item_time() {
	local since=$EPOCHSECONDS clock
	clock=$(remote <<<'date +%s' | head -n 1)
	if [[ ! $clock =~ ^[0-9]+$ ]]; then note unknown "no clock to read"
	elif [ "$clock" -lt $((since - 5)) ] || [ "$clock" -gt $((EPOCHSECONDS + 5)) ]; then note bad "the clock is $((clock - EPOCHSECONDS)) s off"
	else note ok "the clock is right"; fi
	measure <<'EOF'
	command -v ntptime >/dev/null || echo "bad no ntptime"
	word=$(ntptime 2>&1 | grep -oE -m 1 'returns code .*')
	if [[ $word == *'code 0 (OK)'* ]]; then echo "ok ntptime $word"; else echo "unknown waiting: ntptime ${word:-says nothing}"; fi
	peers=$(timeout 20 ntpq -pn 2>&1)
	using=$(awk '/^\*[0-9a-f]/ {print substr($1, 2)}' <<<"$peers")
	if [ -n "$using" ]; then echo "ok ntpq follows $using"
	elif [[ $peers == *remote*refid* ]]; then echo "unknown waiting: ntpq follows no server yet"
	elif [ "$(systemctl is-active ntpsec)" = activating ]; then echo "unknown waiting: ntpsec is activating"
	else echo "bad ntpq: $(tail -n 1 <<<"${peers:-no answer}")"; fi
	is zone "$(date +%Z)" UTC
EOF
}

# "Is fail2ban working? ... see if the IP is null routed: ip route show". The test addresses
# are reserved for documentation: the tester must not be the one who is banned.
item_fail2ban() {
	measure admins="$(admin ip -o addr show scope global | awk '{sub("/.*", "", $4); print $4}' | xargs)" <<'EOF'
	c() { timeout 20 fail2ban-client "$@" 2>&1; }
	c ping | grep -q pong || { echo "bad fail2ban does not answer: $(systemctl is-active fail2ban)"; return; }
	c status sshd | grep -qE '(Journal matches|File list):[[:space:]]*[^[:space:]]' || { echo "bad no jail for ssh, or it watches no log"; return; }
	# "bantime = 3600", "findtime = 3600", "maxretry = 2", "banaction = route": in effect
	for s in bantime=3600 findtime=3600 maxretry=2; do is ${s%=*} "$(c get sshd ${s%=*})" ${s#*=}; done
	is action "$(c get sshd actions | tail -n 1)" route
	# "edit ignoreip as needed": the admin's computer
	c get sshd ignoreip | sed -n 's/^[|`]- //p' | python3 -c '
import ipaddress, sys
nets = [ipaddress.ip_network(l.strip(), False) for l in sys.stdin]
hit = [a for a in sys.argv[1].split() if any(ipaddress.ip_address(a) in n for n in nets)]
print("ok ignores " + " ".join(hit) if hit else "bad ignoreip has none of " + sys.argv[1])' "$admins" || echo "unknown ignoreip not understood"
	routed() { (ip -4 route show; ip -6 route show) | grep -E "^(unreachable|blackhole|prohibit) $1(/[0-9]+)? " | head -n 1 | xargs; }
	within() { for _ in {1..20}; do eval "$1" && return; sleep 0.5; done; return 1; }
	for a in 192.0.2.77 2001:db8::77; do
		if [ -n "$(routed $a)" ] || c get sshd banip | grep -qw "$a"; then echo "unknown $a is banned already"; continue; fi
		trap 'c set sshd unbanip $a >/dev/null' EXIT HUP TERM
		c set sshd banip $a >/dev/null
		if within '[ -n "$(routed $a)" ]'; then echo "ok $(routed $a)"; else echo "bad $a banned but in no route table"; fi
		c set sshd unbanip $a >/dev/null
		if within '[ -z "$(routed $a)" ]'; then echo "ok unbanned"; else echo "bad $a unbanned but still routed"; fi
	done
	trap - EXIT HUP TERM
EOF
}

# "Postfix is installed to forward mail for root to a smtp host": one mail, by sendmail to the
# lab's relay.
item_mail() {
	local mark="check-$EPOCHSECONDS-$RANDOM" file want=${WANT_MAIL:-noc@example.net} to
	measure mark="$mark" <<'EOF'
	[ -x /usr/sbin/sendmail ] || { echo "bad no sendmail"; return; }
	printf 'Subject: %s\n\nA test of mail to root.\n' "$mark" | timeout 30 /usr/sbin/sendmail root || echo "bad sendmail ended with $?"
EOF
	[ ${#BADS[@]} -eq 0 ] || return
	arrived() { file=$(grep -lrF -- "$mark" "$SINKS/mail" | head -n 1); [ -n "$file" ]; }
	if within arrived; then
		to=$(sed -n 's/^X-Rcpt-Args: <\([^>]*\)>.*/\1/p' "$file" | xargs)
		if [ "$to" = "$want" ]; then note ok "mail to root arrived for $to"; else note bad "mail to root arrived for ${to:-nobody}, not $want"; fi
	else note bad "mail to root did not arrive at the relay"; fi
	measure <<'EOF'
	for _ in {1..10}; do queue=$(mailq 2>&1); [[ $queue == *'queue is empty'* ]] && break; sleep 1; done
	if [[ $queue == *'queue is empty'* ]]; then echo "ok $queue"
	else echo "bad the queue: $(tail -n 1 <<<"$queue") $(grep -m 1 -o '(.*' <<<"$queue")"; fi
EOF
}

# knock ADDRESS [SECONDS]: what agents answer without credentials: SNMPv3's question for the engine's
# name, and SNMPv2 with the community "public". Prints 1, or 0 for silence.
knock() {
	exec 3<>"/dev/udp/$1/161" 2>/dev/null
	printf '\x30\x38\x02\x01\x03\x30\x0e\x02\x01\x01\x02\x03\x00\xff\xe3\x04\x01\x04\x02\x01\x03\x04\x10\x30\x0e\x04\x00\x02\x01\x00\x02\x01\x00\x04\x00\x04\x00\x04\x00\x30\x11\x04\x00\x04\x00\xa0\x0b\x02\x01\x01\x02\x01\x00\x02\x01\x00\x30\x00' >&3
	printf '\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x01\x01\x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x05\x00\x05\x00' >&3
	timeout "${2:-4}" head -c 1 <&3 2>/dev/null | wc -c
}

# "Please ensure SNMP is configured": the NMS is answered, by the credentials that the server
# keeps for it, and nobody else is. "Logging will be sucked up": a marked line arrives.
item_monitoring() {
	local mark="check-$EPOCHSECONDS-$RANDOM" to keys a r
	to=$(addresses "$HOST")
	keys=$(remote mark="$mark" file="${SNMP_CREDENTIALS:-/etc/snmp/aslwiz-nms.credentials}" <<'EOF'
	logger -t check "$mark"
	cat "$file"
EOF
	)
	[[ $keys == *end ]] || { note unknown "the measurement on $HOST broke off"; return; }
	# the credentials travel and stay out of every list of processes
	HOST=${NMS:-third} measure keys="$keys" to="$to" <<'EOF'
	command -v snmpget >/dev/null || { echo "unknown no snmpget on the NMS"; return; }
	d=$(mktemp -d) || return
	trap 'rm -rf "$d"' EXIT HUP TERM
	awk 'BEGIN {print "defVersion 3"; print "defSecurityLevel authPriv"}
		$1 == "user" {print "defSecurityName " $2; n++}
		$1 == "authentication" {print "defAuthType " $2; print "defAuthPassphrase " $3; n++}
		$1 == "privacy" {print "defPrivType " $2; print "defPrivPassphrase " $3; n++}
		END {exit n != 3}' <<<"$keys" >"$d/snmp.conf" || { echo "bad the server keeps no credentials for the NMS"; return; }
	export SNMPCONFPATH=$d SNMP_PERSISTENT_DIR=$d MIBS=
	for a in $to; do
		agent=udp:$a; [[ $a == *:* ]] && agent="udp6:[$a]"
		up=$(timeout 30 snmpget -t 4 -r 2 -Oqv "$agent" .1.3.6.1.2.1.1.3.0 2>&1 | tail -n 1)
		if [[ $up =~ ^[0-9:.]+$ ]]; then echo "ok the NMS asks $a: up $up"; else echo "bad the NMS asks $a: $up"; continue; fi
		# or silence towards others would prove nothing
		[ "$(knock "$a" 20)" = 1 ] || echo "unknown $a does not answer the NMS without credentials: no way to tell who else may ask"
	done
EOF
	for a in $to; do
		r=$(admin bash -c "$(declare -f knock); knock $a")
		if [ "$r" = 1 ]; then note bad "SNMP at $a answers the admin's computer too"
		elif [ "$(probe "$a" "$SSH_PORT")" = open ]; then note ok "SNMP at $a is silent towards others"
		else note unknown "the admin's computer does not reach $a at all"; fi
	done
	logged() { grep -qsF -- "$mark" "$SINKS/syslog.log"; }
	if within logged; then note ok "a marked line reached the log host"; else note bad "a marked line did not reach the log host"; fi
}

if [ "${1:-}" = --host ]; then HOST=${2:-}; shift $(($# > 1 ? 2 : 1)); fi
[[ -n $HOST && -n ${NUMBER[$HOST]:-} ]] || usage
TUNNELS=${TUNNELS:-$(if [ "$HOST" = server ]; then echo peer third; else echo server; fi)}
for item in "$@"; do [[ " ${ITEMS[*]} " == *" $item "* ]] || usage; done
[ $# -gt 0 ] || set -- "${ITEMS[@]}"
# Four at a time, each in a process of its own: they mostly wait.
found=$(mktemp -d) || exit 2
trap 'rm -rf "$found"' EXIT
judge() {
	local verdict=ok texts
	OKS=() BADS=() UNKNOWNS=()
	"item_$1"
	texts=("${BADS[@]}" "${UNKNOWNS[@]}")
	if [ ${#BADS[@]} -gt 0 ]; then verdict=bad
	elif [ ${#UNKNOWNS[@]} -gt 0 ]; then verdict=unknown
	else texts=("${OKS[@]}"); fi
	printf '%s %s: %s\n' "$1" "$verdict" "$(printf '%s; ' "${texts[@]}" | sed 's/; $//')" >"$found/$1"
}
running=0
for item in "$@"; do
	((running < 4)) || { wait -n; running=$((running - 1)); }
	judge "$item" &
	running=$((running + 1))
done
wait
for item in "$@"; do
	line=$(cat "$found/$item" 2>/dev/null) || line="$item unknown: its measurement broke off"
	printf '%s\n' "$line"
	case $line in "$item bad:"*) bad=1 ;; "$item unknown:"*) unknown=1 ;; esac
done
exit $((bad ? 1 : unknown * 2))
