package checklist

import (
	"errors"
	"slices"
	"time"
)

// pagePackages is the page's own apt-get line, word for word.
// Source: the page, "Mandatory Software".
var pagePackages = []string{
	"ntp", "ntpdate", "python", "vim", "screen", "ipsec-tools", "strongswan", "fail2ban", "snmp",
	"haveged", "libacl1-dev", "python3-dev", "libssl-dev", "gcc", "g++", "fio", "pbzip2", "ncdu",
}

// stepPackages installs what all servers need. Some of its services are up only
// once a later step has configured them: fail2ban is that step's.
var stepPackages = Step{
	ID:       "packages",
	Title:    "install the software that all servers need",
	Why:      "every later step configures something that this line installs",
	Limit:    time.Hour,
	Follows:  []string{"python", "users"},
	Services: packageServices,
	Want: func(in In) ([]Resource, error) {
		r := in.Facts.Release
		if r.Dir == "" {
			return nil, errors.New(r.Name + " is not a release that aslwiz knows: what it calls the page's packages is not known")
		}
		want := []Resource{Packages{Names: pagePackages, Release: r, Extra: r.Extra, Mend: true, Remove: in.Answers.Packages.Remove}}
		for _, unit := range packageServices(in) {
			want = append(want, Service{Unit: unit})
		}
		return want, nil
	},
}

// packageServices are the page's services that run as they come. Debian enables
// strongSwan and leaves it stopped until it is started once. In a container no
// NTP daemon starts: the clock is the host's.
func packageServices(in In) []string {
	var units []string
	for _, word := range []string{"haveged", "ntp", "ipsec"} {
		unit := in.Facts.Release.Units[word]
		if unit != "" && (word != "ntp" || !slices.Contains(isolated, in.Facts.Virt)) {
			units = append(units, unit)
		}
	}
	return units
}
