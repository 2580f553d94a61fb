package checklist

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"aslwiz/remote"
	"aslwiz/templates"
)

const (
	udevRules      = "/etc/udev/rules.d/70-persistent-net.rules"
	savedInitramfs = "/var/lib/aslwiz/initramfs"
)

// stepNICName gives the card the name eth0, from the next boot on.
// Sources: the page, "set up the interface by udev to be persistent"; udev(7);
// initramfs-tools' udev hook, which copies the rule into the initramfs.
var stepNICName = Step{
	ID:      "nic-name",
	Title:   "name the network card eth0",
	Why:     "the page's files, and every admin's fingers, call the card eth0; the kernel's own name changes with the slot",
	Guarded: true,
	AtBoot:  true,
	Limit:   15 * time.Minute,
	Follows: []string{"packages", "network"},
	Want:    wantNICName,
}

func wantNICName(in In) ([]Resource, error) {
	if isContainer(in.Facts.Virt) {
		return []Resource{manual("network card", "this is a container ("+in.Facts.Virt+"): its host names its interfaces, and no udev runs in it")}, nil
	}
	if !in.Answers.Network.Given() {
		return []Resource{manual("network card", "the answers say nothing about the network: a renamed card would find no addresses in the network file, so it keeps its name")}, nil
	}
	card, err := findCard(in)
	if err != nil {
		return nil, err
	}
	for _, n := range in.Facts.NICs {
		if n.Name == cardName && n.MAC != card.MAC {
			return nil, fmt.Errorf("eth0 is now the name of %s, not of %s: two cards cannot change places by a udev rule; say network.mac: %s, or rename it by hand", n.MAC, card.MAC, n.MAC)
		}
	}
	rule, err := templates.Render(in.Facts.Release.Dir, udevRules, map[string]any{"MAC": strings.ToLower(card.MAC)})
	if err != nil {
		return nil, err
	}
	note := ""
	if n := len(in.Facts.NICs); n > 1 {
		note = fmt.Sprintf("the server has %d cards: systemd calls renaming into the kernel's own names a race where there are several; look after the reboot that each has its name", n)
	}
	return []Resource{
		interfacesAgree(card),
		nicRule{BroughtEdit{
			Path: udevRules, What: card.MAC + " is " + cardName, Note: note,
			Apply: func(old string) (string, error) { return setUdevRule(old, rule, card.MAC), nil },
		}},
	}, nil
}

// interfacesAgree is that the network file knows the card by its new name: the
// server would come back without a network otherwise.
func interfacesAgree(card NIC) Check {
	return Check{
		Title: interfacesFile,
		Ask:   []remote.Probe{remote.ReadFile(interfacesFile)},
		Judge: func(a []remote.Answer) (Change, error) {
			c := Change{Now: "brings up " + cardName, Want: "brings up " + cardName}
			st, err := a[0].File()
			if err != nil {
				return c, err
			}
			if !configures(string(st.Content), card.MAC) {
				c.Now = "does not bring up " + cardName
				c.Waits = fmt.Sprintf("%s does not bring up %s, and a renamed card would stay without its addresses: the step %q writes it, once the answers have network", interfacesFile, cardName, "network")
			}
			return c, nil
		},
	}
}

var (
	udevAddress = regexp.MustCompile(`ATTR\{address\}=="([0-9A-Fa-f:]+)"`)
	udevName    = regexp.MustCompile(`\bNAME="` + cardName + `"`)
)

// setUdevRule puts rule in the place of the one about the card, or about eth0.
// Rules about other cards stay.
func setUdevRule(old, rule, mac string) string {
	var out []string
	placed := false
	for l := range strings.Lines(old) {
		m := udevAddress.FindStringSubmatch(l)
		about := m != nil && strings.EqualFold(m[1], mac) || udevName.MatchString(l)
		if strings.HasPrefix(strings.TrimSpace(l), "#") || !about {
			out = append(out, l)
			continue
		}
		if !placed {
			out = append(out, rule)
			placed = true
		}
	}
	text := strings.Join(out, "")
	if !placed {
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		text += rule
	}
	return text
}

// nicRule is the udev rule and the initramfs that carries it: udev names the
// card in there first, so the two change together. The initramfs from before is
// kept, and a restore puts it back instead of making it again, which would take
// longer than a boot may wait.
type nicRule struct {
	edit BroughtEdit
}

var _ Resource = nicRule{}

// initramfsAge prints "older" where an initramfs was made before the rule.
const initramfsAge = `s=current; for i in /boot/initrd.img-*; do
  case $i in *.bak|*.new|*.dpkg-*|*'*') continue ;; esac
  [ "$i" -nt ` + udevRules + ` ] || s=older
done; echo $s`

// initramfsRead prints each initramfs with its hash, which is the name of its
// copy; initramfsWrite puts the copies back.
const (
	initramfsRead = `for i in /boot/initrd.img-*; do
  case $i in *.bak|*.new|*.dpkg-*|*'*') continue ;; esac
  h=$(sha256sum <"$i") || exit; echo "${i#/boot/} ${h%% *}"
done`
	initramfsWrite = `while read -r name hash; do from=` + savedInitramfs + `/$hash to=/boot/$name
  if [ -e "$from" ]; then cp "$from" "$to.new" && sync "$to.new" && mv "$to.new" "$to" && sync /boot; fi
done`
)

// Name implements Resource.
func (nicRule) Name() string { return udevRules }

// Probes implements Resource.
func (nicRule) Probes() []remote.Probe {
	return []remote.Probe{
		remote.ReadFile(udevRules),
		remote.ReadSetting("age of the initramfs", initramfsAge),
		remote.ReadSetting("initramfs", initramfsRead).Within(time.Minute),
	}
}

// Compare implements Resource.
func (r nicRule) Compare(answers []remote.Answer) (Change, error) {
	age, err := answers[1].Text()
	if err != nil {
		return Change{}, err
	}
	hashes, err := answers[2].Text()
	if err != nil {
		return Change{}, err
	}
	c, err := r.edit.Compare(answers[:1])
	if err != nil || hashes == "" || c.Same && age == "current" {
		return c, err
	}
	if c.Same {
		c.Same, c.Now, c.Want = false, "an initramfs is older than the rule", "each initramfs carries the rule"
	}
	c.Notes = append(c.Notes, "udev names the card in the initramfs already, so that is made again; the one from now is kept under "+savedInitramfs)
	c.Settings = append(c.Settings, remote.SettingChange{
		Name: "initramfs", Read: initramfsRead, Write: initramfsWrite, Before: settingHash(answers[2]),
	})
	c.Script = append(c.Script,
		"mkdir -p "+savedInitramfs,
		"for i in /boot/initrd.img-*; do",
		`  h=$(sha256sum <"$i")`,
		`  run cp "$i" "`+savedInitramfs+`/${h%% *}"`,
		"done",
		"run update-initramfs -u -k all",
		"sync -f /boot",
	)
	return c, nil
}
