package checklist

import (
	"strings"

	"aslwiz/templates"
)

// ipsecDaemon is how a release runs strongSwan. Debian 12 starts charon by
// ipsec.conf, with the command ipsec that the page uses. Debian 13's package
// strongswan is charon-systemd with swanctl; the older way needs packages that
// replace it, and upstream no longer builds them unless asked to.
type ipsecDaemon struct {
	unit     string
	packages []string
	conf     string   // template path of a tunnel's connections; NAME stands for its name
	secrets  string   // of its key
	start    []string // of what starts the tunnels with the daemon
	include  [][2]string
	again    string // makes a daemon read the files again after a restore, whatever they now say of CONNS
	load     string // script: CONNS stands for the names of the connections
	loaded   string // prints tunnelLoaded when the daemon has CONNS
}

var legacyDaemon = ipsecDaemon{
	unit:     "strongswan-starter.service",
	packages: []string{"strongswan-starter", "strongswan-charon", "libstrongswan-standard-plugins"},
	conf:     "/etc/ipsec.d/NAME.conf",
	secrets:  "/etc/ipsec.d/NAME.secrets",
	// In ipsec.conf auto=route sets a trap and starts nothing; it has no word for both.
	start: []string{"/etc/ipsec.d/aslwiz-initiate", "/etc/systemd/system/strongswan-starter.service.d/aslwiz.conf"},
	include: [][2]string{
		{"/etc/ipsec.conf", "include /etc/ipsec.d/*.conf"},
		{"/etc/ipsec.secrets", "include /etc/ipsec.d/*.secrets"},
	},
	again: `! command -v ipsec >/dev/null || {
  for conn in CONNS; do timeout 20 ipsec down "$conn[*]" || :; done
  ipsec rereadsecrets
  ipsec update
  sleep 3
  for conn in CONNS; do
    ipsec status "$conn" | grep -q -e ESTABLISHED -e CONNECTING || ! ipsec statusall | grep -q " $conn:  " || ipsec stroke up-nb "$conn"
  done
}`,
	// A daemon that runs since before all of its parts were installed knows neither
	// AES-GCM nor ECP_384, and its starter reads nothing new: it is started again.
	// ipsec update sets the trap of a connection that is new or has changed; one that
	// has lost its trap gets it by name. Each is then started by name.
	load: `if ipsec listalgs 2>/dev/null | grep -q ECP_384; then
  run ipsec rereadsecrets
  for conn in CONNS; do timeout 20 ipsec down "$conn[*]" || :; done
  run ipsec update
else
  run systemctl restart strongswan-starter.service
fi
loaded() (
LOADED
)
n=0
until [ "$(loaded)" = loaded ] || [ $n -ge 30 ]; do
  sleep 1
  n=$((n + 1))
  [ $((n % 5)) -ne 0 ] || for conn in CONNS; do timeout 10 ipsec route "$conn" || :; done
done
for conn in CONNS; do
  ipsec status "$conn" | grep -q -e ESTABLISHED -e CONNECTING || run ipsec stroke up-nb "$conn"
done`,
	loaded: `command -v ipsec >/dev/null || exit 127
ipsec listalgs 2>/dev/null | grep -q ECP_384 || { echo "not running with all of its parts"; exit 0; }
all=$(ipsec statusall 2>/dev/null) || :
for conn in CONNS; do
  case $all in *" $conn:  "*) ;; *) echo "not loaded"; exit 0 ;; esac
  printf '%s\n' "$all" | grep -Eq "^ *$conn\{[0-9]+\}:  ROUTED" || { echo "loaded, without its trap"; exit 0; }
done
echo loaded`,
}

var swanctlDaemon = ipsecDaemon{
	unit:     "strongswan.service",
	packages: []string{"charon-systemd", "strongswan-swanctl", "libstrongswan-standard-plugins"},
	conf:     "/etc/swanctl/conf.d/NAME.conf",
	secrets:  "/etc/swanctl/conf.d/NAME.secrets.conf",
	include:  [][2]string{{"/etc/swanctl/swanctl.conf", "include conf.d/*.conf"}},
	again: `! command -v swanctl >/dev/null || {
  for conn in CONNS; do swanctl --terminate --ike "$conn" --timeout 20 || :; done
  swanctl --load-creds --clear --noprompt
  swanctl --load-conns
} 2>/dev/null`,
	// swanctl complains of every plugin that the daemon may have and it has not.
	load: `swan() { swanctl "$@" 2>&1 | grep -v -e "^plugin '" -e 'plugin requires CAP_' || :; }
systemctl -q is-active strongswan.service || run systemctl restart strongswan.service
run swan --load-creds --noprompt
for conn in CONNS; do swan --terminate --ike "$conn" --timeout 20; done
out=$(run swan --load-conns)
printf '%s\n' "$out"
for conn in CONNS; do
  case $out in *"loaded connection '$conn'"*) ;; *) echo "the daemon did not take the connection $conn"; return 1 ;; esac
done
loaded() (
LOADED
)
n=0
until [ "$(loaded)" = loaded ] || [ $n -ge 30 ]; do sleep 1; n=$((n + 1)); done
for conn in CONNS; do
  swanctl --list-sas --ike "$conn" 2>/dev/null | grep -q -e ESTABLISHED -e CONNECTING || run swan --initiate --child "$conn" --timeout 5
done`,
	loaded: `command -v swanctl >/dev/null || exit 127
all=$(swanctl --list-conns 2>/dev/null) || :
traps=$(swanctl --list-pols --trap 2>/dev/null) || :
for conn in CONNS; do
  case "
$all" in *"
$conn: "*) ;; *) echo "not loaded"; exit 0 ;; esac
  case "
$traps" in *"
$conn/$conn, "*) ;; *) echo "loaded, without its trap"; exit 0 ;; esac
done
echo loaded`,
}

// daemonOf is the release's way; the release says which by its unit.
func daemonOf(r Release) ipsecDaemon {
	if r.Units["ipsec"] == swanctlDaemon.unit {
		return swanctlDaemon
	}
	return legacyDaemon
}

func (d ipsecDaemon) path(template, name string) string {
	return strings.ReplaceAll(template, "NAME", name)
}

func (d ipsecDaemon) fill(script string, t tunnel) string {
	return strings.NewReplacer("CONNS", strings.Join(t.conns(), " "), "LOADED", d.loadedOf(t)).Replace(script)
}

// cutOff prints a line where the last run of the step ipsec there did not come to its
// end: the files may be new, and what the daemon holds old.
const cutOff = `last=
for f in $(for m in /var/lib/aslwiz/tx/*-ipsec/meta; do
  [ ! -e "$m" ] || echo "$(sed -n 's/^seq=//p' "$m") ${m%meta}status"
done | sort -n | sed 's/.* //'); do
  { read -r s <"$f"; } 2>/dev/null || continue
  case $s in
    state=done | state=restored | state=undone) last= ;;
    state=running | state=failed | state=stopped | state=lost | state=broken) last=$s ;;
  esac
done
[ -z "$last" ] || { echo "not known to be loaded: the last run was cut off"; exit 0; }
`

func (d ipsecDaemon) loadedOf(t tunnel) string {
	return strings.ReplaceAll(d.loaded, "CONNS", strings.Join(t.conns(), " "))
}

// tunnel is one end of a tunnel; key is the name of its key, the same at both
// ends, and step the earlier step that brings the daemon.
func (d ipsecDaemon) tunnel(in In, t tunnel, key, step string) (Resource, error) {
	conf, err := t.render(in.Facts.Release, d.conf)
	if err != nil {
		return nil, err
	}
	secrets, err := t.render(in.Facts.Release, d.secrets)
	if err != nil {
		return nil, err
	}
	again := []string{d.fill(d.again, t)}
	return Tunnel{
		Title: "tunnel " + t.Name,
		Files: []Resource{
			SecretFile{Path: d.path(d.secrets, t.Name), Text: secrets, Key: key, Salt: in.Salt, Renew: in.Renew[key], After: again},
			File{Path: d.path(d.conf, t.Name), Content: conf, After: again, Note: t.blocks(in.Facts)},
		},
		Loaded: Setting{Title: "tunnel " + t.Name + " in the daemon", Read: cutOff + d.loadedOf(t), Want: tunnelLoaded, Step: step},
		Load:   []string{d.fill(d.load, t)},
	}, nil
}

// includes makes the main files read the tunnels' own. ipsec.secrets holds other
// tunnels' keys: it is searched for the line, and never fetched.
func (d ipsecDaemon) includes(step string) []Resource {
	var out []Resource
	for _, i := range d.include {
		path, line := quote(i[0]), quote(i[1])
		out = append(out, Setting{
			Title: i[0], Path: i[0], Want: i[1], Step: step,
			Read: "[ -e " + path + " ] || { " + missing(step) + "; }; grep -xF -- " + line + " " + path + " || echo 'no such line'",
			Set:  "echo " + quote("+ add to "+i[0]+": "+i[1]) + "\ngrep -qxF -- " + line + " " + path + " || printf '\\n%s\\n' " + line + " >>" + path,
			Write: "read -r l; [ \"$l\" != 'no such line' ] || { f=$(readlink -f " + path + ") && k=$(grep -vxF -- " + line + " \"$f\") && " +
				"cp -p \"$f\" \"$f.aslwiz\" && printf '%s\\n' \"$k\" >\"$f.aslwiz\" && sync \"$f.aslwiz\" && mv -f \"$f.aslwiz\" \"$f\"; }", // whole, whatever happens: it holds others' lines
		})
	}
	return out
}

// starters are the files that start the tunnels with the daemon, where its own
// configuration cannot say so.
func (d ipsecDaemon) starters(r Release) ([]Resource, error) {
	var out []Resource
	for _, path := range d.start {
		text, err := templates.Render(r.Dir, path, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, installed{
			File: File{Path: path, Content: text, After: []string{"systemctl daemon-reload"}},
			then: []string{"run systemctl daemon-reload"},
		})
	}
	return out, nil
}

// missing is how a read ends where the file is not there: it waits for the step,
// or for the packages that the same step installs.
func missing(step string) string {
	if step != "" {
		return "exit 127"
	}
	return "echo 'no such line'; exit 0"
}
