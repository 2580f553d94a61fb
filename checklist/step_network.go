package checklist

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"aslwiz/remote"
	"aslwiz/templates"
)

const (
	interfacesFile  = "/etc/network/interfaces"
	cardName        = "eth0"
	cloudNetworkPin = "/etc/cloud/cloud.cfg.d/99-aslwiz-network.cfg"
	cloudInterfaces = "/etc/network/interfaces.d/50-cloud-init"
)

// stepNetwork writes what the network card is given at boot. It never touches
// the live interface: the reboot proves it, under the guard.
// Sources: the page, "Network Config"; interfaces(5); cloud-init's "Disable
// network configuration".
var stepNetwork = Step{
	ID:      "network",
	Title:   "fix the network's addresses",
	Why:     "a server that others connect to keeps its addresses, whatever the hoster's DHCP or router says",
	Guarded: true,
	AtBoot:  true,
	Follows: []string{"packages", "hostname", "firewall"},
	Want:    wantNetwork,
}

func wantNetwork(in In) ([]Resource, error) {
	if isContainer(in.Facts.Virt) {
		return []Resource{manual("network", "this is a container ("+in.Facts.Virt+"): its host decides about its network")}, nil
	}
	if !in.Answers.Network.Given() {
		return []Resource{manual("network", "the answers say nothing about the network; what the server has now would be: "+networkAsAnswers(in.Facts))}, nil
	}
	card, err := findCard(in)
	if err != nil {
		return nil, err
	}
	res, err := resolversOf(in)
	if err != nil {
		return nil, err
	}
	out := []Resource{
		ownersCheck(card), addressesCheck(in, card), firewallFirst(),
	}
	out = append(out, liveNetwork(in, card)...)
	out = append(out,
		interfacesResource{in: in, card: card, resolver: res},
		resolver{release: in.Facts.Release, data: res},
	)
	if in.Facts.CloudInit {
		pin, err := templates.Render(in.Facts.Release.Dir, cloudNetworkPin, nil)
		if err != nil {
			return nil, err
		}
		out = append(out,
			File{Path: cloudNetworkPin, Content: pin, Note: "cloud-init would write its own network files again at every boot"},
			removed{path: cloudInterfaces, note: "it would configure the card a second time"})
	}
	return out, nil
}

// findCard is the network card that becomes eth0.
func findCard(in In) (NIC, error) {
	nics, mac := in.Facts.NICs, in.Answers.Network.MAC
	if len(nics) == 0 {
		return NIC{}, errors.New("the server shows no network card")
	}
	if mac == "" && len(nics) == 1 {
		return nics[0], nil
	}
	var have []string
	for _, n := range nics {
		if strings.EqualFold(n.MAC, mac) {
			return n, nil
		}
		have = append(have, n.MAC+" ("+n.Name+")")
	}
	if mac == "" {
		return NIC{}, fmt.Errorf("the server has %d network cards: say in network.mac which one becomes eth0: %s", len(nics), strings.Join(have, ", "))
	}
	return NIC{}, fmt.Errorf("network.mac: no card of the server is %s; it has %s", mac, strings.Join(have, ", "))
}

// networkAsAnswers is what the server has now, in the words of the answers file.
func networkAsAnswers(f Facts) string {
	var parts []string
	for _, n := range f.NICs {
		for _, a := range n.Addrs {
			key := "ipv4"
			if a.Addr().Is6() {
				key = "ipv6"
			}
			parts = append(parts, key+": "+a.String())
		}
	}
	if f.Gateway4.IsValid() {
		parts = append(parts, "gateway4: "+f.Gateway4.String())
	}
	if f.Gateway6.IsValid() {
		parts = append(parts, "gateway6: "+f.Gateway6.String())
	}
	if len(f.DNS) > 0 {
		parts = append(parts, fmt.Sprintf("dns: [%s]", joinAddrs(f.DNS, ", ")))
	}
	return "network: {" + strings.Join(parts, ", ") + "}"
}

func joinAddrs(list []netip.Addr, sep string) string {
	out := make([]string, len(list))
	for i, a := range list {
		out[i] = a.String()
	}
	return strings.Join(out, sep)
}

// ownersRead prints a line for each program that configures the network beside
// ifupdown, and for each file beside the main one that names the card.
func ownersRead(card NIC) string {
	names := card.Name + "|" + cardName
	return `command -v ifup >/dev/null || echo "no ifupdown"
systemctl list-units --plain --no-legend --state=active systemd-networkd.service NetworkManager.service connman.service dhcpcd.service |
  while read -r u _; do echo "${u%.service} runs"; done
for f in /etc/netplan/*.yaml; do [ -e "$f" ] && echo "netplan has $f"; done
grep -lEs '^[[:space:]]*iface[[:space:]]+(` + names + `)([[:space:]]|$)' /etc/network/interfaces.d/* | grep -vxF ` + cloudInterfaces + ` | sed 's/$/ names the card/'
:`
}

// slowRead is for a question to systemd on a server that has just begun to run.
const slowRead = 40 * time.Second

// ownersCheck is that nothing but /etc/network/interfaces decides about the card:
// two owners of one card is how servers are lost.
func ownersCheck(card NIC) Check {
	return Check{
		Title: "who configures the network",
		Ask:   []remote.Probe{remote.ReadSetting("who configures the network", ownersRead(card)).Within(slowRead)},
		Judge: func(a []remote.Answer) (Change, error) {
			c := Change{Now: "ifupdown alone", Want: "ifupdown alone"}
			text, err := a[0].Text()
			if err != nil || text == "" {
				return c, err
			}
			c.Now, c.Blocks = strings.ReplaceAll(text, "\n", ", "), true
			c.Short = "the card must have one owner, " + interfacesFile + ", and here it is otherwise: " + c.Now +
				"; hand it over by hand first, or leave network out of the answers and keep what is there"
			return c, nil
		},
	}
}

// firewallFirst is that the script named in the network file is there: ifup fails
// where it is not, and would leave the card half-configured.
func firewallFirst() Check {
	return Check{
		Title: firewallScript,
		Ask:   []remote.Probe{remote.ReadFile(firewallScript)},
		Judge: func(a []remote.Answer) (Change, error) {
			c := Change{Now: "there and executable", Want: "there and executable"}
			st, err := a[0].File()
			if err != nil {
				return c, err
			}
			if !st.Exists || st.Mode.Perm()&0o100 == 0 {
				c.Now = describeFile(st)
				c.Waits = fmt.Sprintf("the network file refers to %s, which comes with the step %q: that step runs first", firewallScript, "firewall")
			}
			return c, nil
		},
	}
}
