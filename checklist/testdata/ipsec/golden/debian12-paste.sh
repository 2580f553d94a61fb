# The other end of the tunnel nms, for a root shell on nms (Debian 12 (bookworm)).
# From its last line on nothing passes in clear between the two servers. If your own login
# here comes through stats.example.net, make sure that you can log in another way first.
# apt asks nothing, waits for its lock, and stops rather than remove another package.
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a
apt-get update </dev/null
apt-get install -y --no-remove -o DPkg::Lock::Timeout=600 strongswan-starter strongswan-charon libstrongswan-standard-plugins </dev/null
grep -qxF 'include /etc/ipsec.d/*.conf' /etc/ipsec.conf || printf '\n%s\n' 'include /etc/ipsec.d/*.conf' >>/etc/ipsec.conf
grep -qxF 'include /etc/ipsec.d/*.secrets' /etc/ipsec.secrets || printf '\n%s\n' 'include /etc/ipsec.d/*.secrets' >>/etc/ipsec.secrets
mkdir -p /etc/ipsec.d
cat >/etc/ipsec.d/aslwiz-initiate <<'EOF'
# Written by aslwiz, step ipsec. The next run replaces what is changed here.
# Starts the tunnels of aslwiz's own files. The unit strongswan-starter runs it in the
# background, for two minutes at most; later, what is sent starts its tunnel.
conns=$(awk '
  FNR == 1 { ours = /^# Written by aslwiz, step ipsec: the tunnel with / }
  ours && $1 == "conn" && $2 ~ /^[a-z0-9-]+-[46]$/ { print $2 }
' /etc/ipsec.d/*.conf 2>/dev/null)
n=0
while [ -n "$conns" ] && [ "$n" -lt 60 ]; do
  n=$((n + 1))
  sleep 2
  all=$(timeout 4 ipsec statusall 2>/dev/null) || continue
  later=
  for conn in $conns; do
    if printf '%s\n' "$all" | grep -Eq "^ *$conn\[[0-9]+\]: (ESTABLISHED|CONNECTING)"; then
      continue # it comes up already
    elif printf '%s\n' "$all" | grep -q "^ *$conn:  "; then
      echo "starting the tunnel $conn"
      timeout 4 ipsec stroke up-nb "$conn" >/dev/null
    else
      later="$later $conn" # the daemon has not read it yet
    fi
  done
  conns=$later
done
EOF
mkdir -p /etc/systemd/system/strongswan-starter.service.d
cat >/etc/systemd/system/strongswan-starter.service.d/aslwiz.conf <<'EOF'
# Written by aslwiz, step ipsec. The next run replaces what is changed here.
# The tunnels of aslwiz's files come up when the daemon starts, without waiting for
# traffic. In the background: it neither delays the unit nor lets it fail.
[Service]
ExecStartPost=-/bin/sh -c "timeout 120 /bin/sh /etc/ipsec.d/aslwiz-initiate &"
EOF
systemctl daemon-reload
cat >/etc/ipsec.d/stats.conf <<'EOF'
# Written by aslwiz, step ipsec: the tunnel with stats. The next run replaces
# what is changed here. Its key is in stats.secrets, beside this file.

conn stats-4
    keyexchange=ikev2
    type=transport
    authby=secret
    left=198.51.100.13
    right=198.51.100.11
    ike=aes256gcm16-prfsha384-ecp384!
    esp=aes256gcm16-ecp384!
    # new keys without logging in again, which would break the tunnel for a moment
    reauth=no
    mobike=no
    # a trap: nothing leaves in clear, what is sent while the tunnel is down waits for it.
    # It comes up when the daemon starts (aslwiz-initiate, beside this file), and comes
    # back however long the other end was away
    auto=route
    keyingtries=%forever
    dpddelay=30s
    dpdaction=restart
    # closed by the other end: what is sent brings it up again. To begin at once would
    # fight with an end that begins as well: each takes the other's login for a second one
    closeaction=hold
EOF

# Its firewall has to let this in, before the rule that drops:
#   iptables -I INPUT -s 198.51.100.11/32 -p udp -m udp --dport 500 -j ACCEPT
#   iptables -I INPUT -s 198.51.100.11/32 -p udp -m udp --dport 4500 -j ACCEPT
#   iptables -I INPUT -s 198.51.100.11/32 -p esp -j ACCEPT
#   iptables -I INPUT -s 198.51.100.11/32 -m policy --dir in --pol ipsec -j ACCEPT

# The key is asked for at the end. On stats.example.net, as root, show it with
#   grep -o -m 1 '0s[A-Za-z0-9+/]\{26,\}=*' /etc/ipsec.d/nms.secrets | head -n 1
# and copy it from that window to the question. It does not belong in a mail, a
# chat or a ticket.
tunnel() {
stty -echo; printf 'key of the tunnel: '; read -r key; stty echo; echo
(umask 077; cat >/etc/ipsec.d/stats.secrets <<EOF
# Written by aslwiz, step ipsec: the key of the tunnel with stats.
198.51.100.11 198.51.100.13 : PSK $key
EOF
)
chmod 600 /etc/ipsec.d/stats.secrets
key=
run() { "$@"; }
if ipsec listalgs 2>/dev/null | grep -q ECP_384; then
  run ipsec rereadsecrets
  for conn in stats-4; do timeout 20 ipsec down "$conn[*]" || :; done
  run ipsec update
else
  run systemctl restart strongswan-starter.service
fi
loaded() (
command -v ipsec >/dev/null || exit 127
ipsec listalgs 2>/dev/null | grep -q ECP_384 || { echo "not running with all of its parts"; exit 0; }
all=$(ipsec statusall 2>/dev/null) || :
for conn in stats-4; do
  case $all in *" $conn:  "*) ;; *) echo "not loaded"; exit 0 ;; esac
  printf '%s\n' "$all" | grep -Eq "^ *$conn\{[0-9]+\}:  ROUTED" || { echo "loaded, without its trap"; exit 0; }
done
echo loaded
)
n=0
until [ "$(loaded)" = loaded ] || [ $n -ge 30 ]; do
  sleep 1
  n=$((n + 1))
  [ $((n % 5)) -ne 0 ] || for conn in stats-4; do timeout 10 ipsec route "$conn" || :; done
done
for conn in stats-4; do
  ipsec status "$conn" | grep -q -e ESTABLISHED -e CONNECTING || run ipsec stroke up-nb "$conn"
done
}
tunnel
