package checklist

import (
	"fmt"
	"strings"
	"time"

	"aslwiz/remote"
	"aslwiz/templates"
)

const (
	firewallScript = "/etc/network/firewall.sh"
	firewallLocal  = "/etc/network/firewall.local" // the admin's own rules
	firewallUnit   = "aslwiz-firewall.service"
	firewallFile   = "/etc/systemd/system/" + firewallUnit
)

// stepFirewall lets in what the server offers and nothing else.
// Source: the page, "setup a firewall", whose script it keeps at the page's path;
// firewall_rules.go holds what it does.
var stepFirewall = Step{
	ID:       "firewall",
	Title:    "set up the firewall",
	Why:      "what nobody needs to reach from outside cannot be broken into from outside",
	Guarded:  true,
	Limit:    2 * time.Minute,
	Follows:  []string{"packages"},
	Services: func(In) []string { return []string{firewallUnit} },
	Want:     wantFirewall,
}

func wantFirewall(in In) ([]Resource, error) {
	policy, err := policyOf(in)
	if err != nil {
		return nil, err
	}
	rules := struct{ Rules4, Rules6, Least4, Least6, Own string }{
		Least4: policy.renderLeast(onlyIPv4), Least6: policy.renderLeast(onlyIPv6), Own: ownShell,
	}
	if rules.Rules4, err = policy.render(onlyIPv4); err != nil {
		return nil, err
	}
	if rules.Rules6, err = policy.render(onlyIPv6); err != nil {
		return nil, err
	}
	script, err := templates.Render(in.Facts.Release.Dir, firewallScript, rules)
	if err != nil {
		return nil, err
	}
	unit, err := templates.Render(in.Facts.Release.Dir, firewallFile, nil)
	if err != nil {
		return nil, err
	}
	takeOver := in.Answers.Firewall.TakeOver
	return []Resource{
		otherFirewall{
			name: "firewalld", read: serviceRead("firewalld.service"), write: serviceWrite("firewalld.service"),
			off: "run systemctl disable --now firewalld.service", takeOver: takeOver,
		},
		otherFirewall{name: "ufw", read: ufwRead, write: ufwWrite, off: "run ufw --force disable", takeOver: takeOver},
		installed{
			File: File{Path: firewallScript, Content: script, Mode: 0o755, Note: "both families from one set of rules; the page's script has IPv4 only"},
			then: []string{"run " + firewallScript}, // which says why it fails; the unit does so in the journal alone
		},
		liveRules("IPv4", "iptables", bareRules(rules.Rules4)),
		liveRules("IPv6", "ip6tables", bareRules(rules.Rules6)),
		Setting{
			Title: "rp_filter", Want: "2", Set: loadedBelow,
			Read:  "cat /proc/sys/net/ipv4/conf/all/rp_filter",
			Write: "cat >/proc/sys/net/ipv4/conf/all/rp_filter",
		},
		installed{
			File: File{Path: firewallFile, Content: unit, After: []string{
				"[ -e " + firewallFile + " ] || rm -f /etc/systemd/system/*.wants/" + firewallUnit,
				"systemctl daemon-reload",
			}, Note: "loads the rules at boot before any interface is up, whichever program configures the network"},
			then: []string{"run systemctl daemon-reload"},
		},
		Service{Unit: firewallUnit, Restart: true},
	}, nil
}

// loadedBelow stands where a setting is made true by the unit's start.
const loadedBelow = "# " + firewallUnit + " makes it so, below"

// liveRules are aslwiz's rules that a family's filter table holds. What others have
// there is no part of the value: a container that starts meanwhile changes nothing in
// it, and a roll-back touches nothing of the container's.
func liveRules(family, command, want string) Setting {
	return Setting{
		Title: family + " rules in force", Step: "packages",
		Read:  ownRead(command),
		Write: ownWrite(command),
		Want:  want,
		Part:  withoutLocal,
		Set:   loadedBelow,
		Show:  showRules,
		Note:  "in chains of aslwiz's own, behind what is there: rules of Docker, libvirt, fail2ban and your own stay, and so do the policies",
	}
}

func showRules(v string) string {
	n := strings.Count("\n"+v, "\n-A aslwiz-")
	switch {
	case n == 0:
		return "none of aslwiz's"
	case strings.Contains("\n"+v+"\n", "\n"+defaultDeny+"\n") && strings.Contains("\n"+v+"\n", "\n"+jumpIn+"\n"):
		return fmt.Sprintf("%d rules, everything else is dropped", n)
	}
	return fmt.Sprintf("%d rules, everything else is let in", n)
}

// installed is a File with lines to run once it is in place.
type installed struct {
	File
	then []string
}

func (i installed) Compare(answers []remote.Answer) (Change, error) {
	c, err := i.File.Compare(answers)
	if err == nil && !c.Same {
		c.Script = append(c.Script, i.then...)
	}
	return c, err
}

// otherFirewall is another manager of rules, which must not run beside the
// page's.
type otherFirewall struct {
	name        string
	read, write string
	off         string
	takeOver    bool
}

// ufw's unit is active also where ufw itself is not; its own word counts.
const (
	ufwRead  = `command -v ufw >/dev/null || { echo absent; exit 0; }; LC_ALL=C ufw status | sed -n 's/^Status: //p'`
	ufwWrite = `read -r s; case $s in active) ufw --force enable ;; inactive) ufw --force disable ;; esac`
)

// firewallsRead prints the name of each other firewall that runs or starts at boot.
// Docker, libvirt and fail2ban are none: they put rules beside those of others.
// Debian's nftables.service is one only with rules that drop; as it comes, its file has
// three empty chains.
const firewallsRead = `for u in firewalld nftables; do
  systemctl -q is-active $u || systemctl -q is-enabled $u 2>/dev/null || continue
  [ $u = firewalld ] || grep -rqsE '^[^#]*(drop|reject)' /etc/nftables.conf /etc/nftables.d || continue
  echo $u
done
case $(` + ufwRead + `) in active) echo ufw ;; esac`

func (o otherFirewall) Name() string { return o.name }

func (o otherFirewall) Probes() []remote.Probe {
	return []remote.Probe{remote.ReadSetting(o.name, o.read)}
}

func (o otherFirewall) Compare(answers []remote.Answer) (Change, error) {
	c := Change{Kind: "setting", Want: "not in the way"}
	now, err := answers[0].Text()
	if err != nil {
		return c, err
	}
	c.Now = now
	if !otherFirewallRuns(now) {
		c.Same, c.Now = true, c.Want
		return c, nil
	}
	if !o.takeOver {
		return c, fmt.Errorf("%s is switched on (%s) and would fight the page's rules: let aslwiz switch it off with firewall.take_over: true, or leave the step firewall out", o.name, now)
	}
	c.Notes = []string{"switched off, as you asked; undo switches it on again. Its own rules do not guard the server for the second between"}
	c.Settings = []remote.SettingChange{{Name: o.name, Read: o.read, Write: o.write, Before: settingHash(answers[0])}}
	c.Script = []string{o.off}
	return c, nil
}

// otherFirewallRuns judges serviceRead's two words, or ufw's one: whether it
// runs, or would after a boot.
func otherFirewallRuns(now string) bool {
	return now == "active" || strings.HasSuffix(now, " active") || strings.HasPrefix(now, "enabled ")
}
