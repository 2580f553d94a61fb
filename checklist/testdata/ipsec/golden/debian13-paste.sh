# The other end of the tunnel nms, for a root shell on nms (Debian 13 (trixie)).
# From its last line on nothing passes in clear between the two servers. If your own login
# here comes through stats.example.net, make sure that you can log in another way first.
# apt asks nothing, waits for its lock, and stops rather than remove another package.
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a
apt-get update </dev/null
apt-get install -y --no-remove -o DPkg::Lock::Timeout=600 charon-systemd strongswan-swanctl libstrongswan-standard-plugins </dev/null
grep -qxF 'include conf.d/*.conf' /etc/swanctl/swanctl.conf || printf '\n%s\n' 'include conf.d/*.conf' >>/etc/swanctl/swanctl.conf
cat >/etc/swanctl/conf.d/stats.conf <<'EOF'
# Written by aslwiz, step ipsec: the tunnel with stats. The next run replaces
# what is changed here. Its key is in stats.secrets.conf, beside this file.
connections {
    stats-4 {
        version = 2
        local_addrs = 198.51.100.13
        remote_addrs = 198.51.100.11
        proposals = aes256gcm16-prfsha384-ecp384
        mobike = no
        # comes back however long the other end was away
        keyingtries = 0
        dpd_delay = 30s
        local {
            auth = psk
            id = 198.51.100.13
        }
        remote {
            auth = psk
            id = 198.51.100.11
        }
        children {
            stats-4 {
                mode = transport
                esp_proposals = aes256gcm16-ecp384
                # a trap: nothing leaves in clear, what is sent while the tunnel is down
                # waits for it. It comes up by itself
                start_action = trap|start
                dpd_action = restart
                close_action = trap
            }
        }
    }
}
EOF

# Its firewall has to let this in, before the rule that drops:
#   iptables -I INPUT -s 198.51.100.11/32 -p udp -m udp --dport 500 -j ACCEPT
#   iptables -I INPUT -s 198.51.100.11/32 -p udp -m udp --dport 4500 -j ACCEPT
#   iptables -I INPUT -s 198.51.100.11/32 -p esp -j ACCEPT
#   iptables -I INPUT -s 198.51.100.11/32 -m policy --dir in --pol ipsec -j ACCEPT

# The key is asked for at the end. On stats.example.net, as root, show it with
#   grep -o -m 1 '0s[A-Za-z0-9+/]\{26,\}=*' /etc/swanctl/conf.d/nms.secrets.conf | head -n 1
# and copy it from that window to the question. It does not belong in a mail, a
# chat or a ticket.
tunnel() {
stty -echo; printf 'key of the tunnel: '; read -r key; stty echo; echo
(umask 077; cat >/etc/swanctl/conf.d/stats.secrets.conf <<EOF
# Written by aslwiz, step ipsec: the key of the tunnel with stats.
secrets {
    ike-stats {
        id-0 = 198.51.100.11
        id-1 = 198.51.100.13
        secret = $key
    }
}
EOF
)
chmod 600 /etc/swanctl/conf.d/stats.secrets.conf
key=
run() { "$@"; }
swan() { swanctl "$@" 2>&1 | grep -v -e "^plugin '" -e 'plugin requires CAP_' || :; }
systemctl -q is-active strongswan.service || run systemctl restart strongswan.service
run swan --load-creds --noprompt
for conn in stats-4; do swan --terminate --ike "$conn" --timeout 20; done
out=$(run swan --load-conns)
printf '%s\n' "$out"
for conn in stats-4; do
  case $out in *"loaded connection '$conn'"*) ;; *) echo "the daemon did not take the connection $conn"; return 1 ;; esac
done
loaded() (
command -v swanctl >/dev/null || exit 127
all=$(swanctl --list-conns 2>/dev/null) || :
traps=$(swanctl --list-pols --trap 2>/dev/null) || :
for conn in stats-4; do
  case "
$all" in *"
$conn: "*) ;; *) echo "not loaded"; exit 0 ;; esac
  case "
$traps" in *"
$conn/$conn, "*) ;; *) echo "loaded, without its trap"; exit 0 ;; esac
done
echo loaded
)
n=0
until [ "$(loaded)" = loaded ] || [ $n -ge 30 ]; do sleep 1; n=$((n + 1)); done
for conn in stats-4; do
  swanctl --list-sas --ike "$conn" 2>/dev/null | grep -q -e ESTABLISHED -e CONNECTING || run swan --initiate --child "$conn" --timeout 5
done
}
tunnel
