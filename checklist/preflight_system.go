package checklist

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"aslwiz/remote"
)

var (
	mountsProbe       = remote.ReadCommand("findmnt", "-rno", "TARGET,SOURCE,FSTYPE")
	secureBootProbe   = remote.ReadSetting("Secure Boot", secureBootRead)
	cloudInitProbe    = remote.ReadSetting("cloud-init", cloudInitRead).Within(25 * time.Second)
	aptReachProbe     = remote.ReadSetting("apt's sources", aptReachRead).Within(15 * time.Second)
	dpkgProbe         = remote.ReadSetting("dpkg's state", dpkgRead).Within(20 * time.Second)
	firewallsProbe    = remote.ReadSetting("firewalls", firewallsRead)
	updatesProbe      = remote.ReadSetting("security updates", updatesRead).Within(20 * time.Second)
	rootPasswordProbe = remote.ReadSetting("root's password", rootPasswordRead)
)

// judgePartitions reads findmnt(8): every file system on a disk but / and the
// one that UEFI boots from. Snap's loops and mounts of a folder are none.
func judgePartitions(text string) Change {
	c := Change{Now: "/ alone", Want: "/ alone"}
	var others []string
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) < 3 || w[0] == "/" || w[0] == "/boot/efi" || w[0] == "/efi" {
			continue
		}
		device := w[1]
		if strings.HasPrefix(device, "/dev/") && !strings.HasPrefix(device, "/dev/loop") && !strings.Contains(device, "[") {
			others = append(others, w[0])
		}
	}
	if len(others) > 0 {
		c.Now = "/ and " + strings.Join(others, ", ")
		c.Short = strings.Join(others, ", ") + " is on a partition of its own, and / is to be the only one unless the server needs it so"
	}
	return c
}

// secureBootRead prints "on", "off" or "none". Source: the UEFI variable, whose
// fifth byte is the value.
const secureBootRead = `v=/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
[ -e "$v" ] || { echo none; exit 0; }
case $(od -An -t u1 -j 4 -N 1 "$v") in *1) echo on ;; *) echo off ;; esac`

func judgeSecureBoot(text string) Change {
	c := Change{Now: text, Want: "off"}
	if text == "none" {
		c.Now = "not there: the machine boots without UEFI"
	}
	if text == "on" {
		c.Notes = []string{"AllStarLink's DAHDI module is built on the server: with Secure Boot it loads only after its key is enrolled (asl-setup-dkms-mok)"}
	}
	return c
}

// cloudInitRead waits a while for cloud-init to finish and prints its word.
const cloudInitRead = `command -v cloud-init >/dev/null || { echo absent; exit 0; }
timeout 20 cloud-init status --wait >/dev/null 2>&1 || :
cloud-init status 2>/dev/null | sed -n 's/^status: //p'`

func judgeCloudInit(text string) Change {
	c := Change{Now: text, Want: "finished"}
	switch text {
	case "absent":
		c.Now = "not installed"
	case "done", "disabled":
	case "running", "not run", "not started":
		c.Short = "cloud-init still sets the server up, and would undo what aslwiz does meanwhile: run aslwiz again in a minute"
		c.Blocks = true
	default:
		c.Notes = []string{"cloud-init met a problem of its own: see `cloud-init status --long`"}
	}
	return c
}

// aptReachRead opens a TCP connection to the host of each of apt's sources, or to
// apt's proxy, and downloads nothing: "ok HOST PORT" or "no HOST PORT". Where apt
// cannot read its sources it prints "bad" and what apt says. bash is on every Debian.
const aptReachRead = `urls=$(LC_ALL=C apt-get --print-uris update 2>&1) || {
  echo "bad $(printf '%s\n' "$urls" | sed -n 's/^E: //p' | head -n 1)"
  exit 0
}
urls=$(printf '%s\n' "$urls" | sed -n "s/^'\([^']*\)'.*/\1/p")
for list in $(printf '%s\n' "$urls" | sed -n 's#^mirror+file:/*\(/[^ ]*\)/dists/.*#\1#p' | sort -u); do
  urls="$urls
$(cat "$list" 2>/dev/null || :)"
done
proxy=$(apt-config dump --format '%v%n' Acquire::http::Proxy 2>/dev/null || :)
case $proxy in http*) urls=$proxy ;; esac
printf '%s\n' "$urls" | sed -n 's#^\(https\{0,1\}\)://\([^@/]*@\)\{0,1\}\([^/ ]*\).*#\1 \3#p' | sort -u | head -n 6 |
  while read -r scheme host; do
    port=80
    [ "$scheme" = http ] || port=443
    case $host in
      \[*\]:*) port=${host##*:} host=${host%:*} ;;
      \[*\]) ;;
      *:*) port=${host##*:} host=${host%:*} ;;
    esac
    host=${host#\[} host=${host%\]}
    if timeout 8 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$host" "$port" 2>/dev/null; then
      echo "ok $host $port"
    else
      echo "no $host $port"
    fi &
  done
wait`

func judgeAptReach(text string) Change {
	c := Change{Want: "reached from the server"}
	if why, bad := strings.CutPrefix(text, "bad "); bad || text == "bad" {
		c.Now = "apt cannot read its sources"
		c.Short = "apt cannot read its sources, so nothing can be installed: " + orElse(why, "apt-get update fails") + ". Correct that file on the server, then run apt-get update there"
		c.Blocks = true
		return c
	}
	var ok, no []string
	for line := range strings.Lines(text) {
		if w := strings.Fields(line); len(w) == 3 && w[0] == "ok" {
			ok = append(ok, w[1])
		} else if len(w) == 3 {
			no = append(no, w[1]+" port "+w[2])
		}
	}
	switch {
	case len(no) > 0:
		c.Now = "not reached: " + strings.Join(no, ", ")
		c.Short = fmt.Sprintf("the server does not reach %s, where apt gets packages: look at its DNS, its routes and its provider's firewall", strings.Join(no, ", "))
	case len(ok) == 0:
		c.Now = "none over the network"
		c.Short = "/etc/apt names no http or https source: unless a medium in the server has every package, the step packages fails"
	default:
		c.Now = "reached: " + strings.Join(ok, ", ")
	}
	return c
}

// judgeDpkg tells what step packages mends from what a person must mend first.
func judgeDpkg(a []remote.Answer) (Change, error) {
	c := Change{Now: "in order", Want: "in order"}
	if a[0].Err() == nil && a[0].Code != 0 {
		c.Now = "its database cannot be read"
		c.Short = "dpkg's database is broken, so no package can be installed: " + remote.FirstLine(a[0].Stderr)
		c.Blocks = true
		return c, nil
	}
	text, err := a[0].Text()
	if err != nil {
		return c, err
	}
	var broken, half []string
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		switch {
		case len(w) != 3:
		case w[0] == "half-installed", w[1] != "ok":
			broken = append(broken, w[2])
		default:
			half = append(half, w[2])
		}
	}
	switch {
	case len(broken) > 0:
		c.Now = strings.Join(broken, ", ") + ": installed only in part"
		c.Short = fmt.Sprintf("%s%s installed only in part, so that dpkg refuses to go on. On the server, run: apt-get install --reinstall %s",
			strings.Join(broken, ", "), isOrAre(broken), strings.Join(broken, " "))
		c.Blocks = true
	case len(half) > 0:
		c.Now = strings.Join(half, ", ") + ": unpacked, not configured"
		c.Short = strings.Join(half, ", ") + isOrAre(half) + " unpacked and not configured: an installation is under way or was cut off. The step packages finishes it with dpkg --configure -a"
	}
	return c, nil
}

func isOrAre(names []string) string {
	if len(names) == 1 {
		return " is"
	}
	return " are"
}

func judgeFirewalls(text string) Change {
	c := Change{Now: "none", Want: "none"}
	names := strings.Fields(text)
	if len(names) == 0 {
		return c
	}
	c.Now = strings.Join(names, ", ")
	if slices.Contains(names, "nftables") {
		c.Notes = append(c.Notes, "nftables.service loads rules of its own that drop packets: what they drop stays dropped, whatever aslwiz lets in. Restarting that unit deletes aslwiz's rules too, where /etc/nftables.conf begins with flush ruleset")
	}
	if slices.ContainsFunc(names, func(n string) bool { return n != "nftables" }) {
		c.Notes = append(c.Notes, "step firewall switches firewalld or ufw off when firewall.take_over is true, and stops otherwise")
	}
	return c
}

// updatesRead counts what an upgrade would bring from the security archive, by
// the lists that are there; "no lists" where apt never fetched them.
const updatesRead = `[ -n "$(` + aptListsRead + `)" ] || { echo no lists; exit 0; }
all=$(LC_ALL=C apt-get -s -o Debug::NoLocking=true upgrade) || exit
printf '%s\n' "$all" | grep -ci '^Inst .*security' || :`

func judgeUpdates(text string) Change {
	c := Change{Now: text + " pending", Want: "0 pending"}
	if text == "no lists" {
		c.Now = "not known until step packages fetched apt's lists"
	} else if n, err := strconv.Atoi(text); err != nil || n > 0 {
		c.Notes = []string{"the page does not ask for upgrades, and aslwiz makes none: apt-get upgrade does"}
	}
	return c
}

// rootPasswordRead prints "expired" or "fine". No hash leaves the server.
// Source: shadow(5): the day of the last change, 0 to ask for a new one, and the
// days that it is good for.
const rootPasswordRead = `today=$(($(date +%s) / 86400))
IFS=:
grep '^root:' /etc/shadow | { read -r _ _ last _ max _
if [ "$last" = 0 ] || { [ -n "$last" ] && [ -n "$max" ] && [ $((last + max)) -lt "$today" ]; }; then echo expired; else echo fine; fi; }`

func judgeRootPassword(text string) Change {
	c := Change{Now: text, Want: "fine"}
	if text == "expired" {
		c.Short = "root's password has expired: cron jobs and logins of root are refused until it is changed with passwd, or freed with chage -M -1 -d \"$(date +%F)\" root"
	}
	return c
}
