package checklist

import "maps"

// releaseDebian13 is Debian 13 (trixie).
var releaseDebian13 = Release{
	ID: "debian", Version: "13", Name: "Debian 13 (trixie)", Dir: "debian13",
	Packages: map[string]Substitute{
		"ntp":         {Names: []string{"ntpsec"}, Reason: "ntp is gone; ntpsec is the same daemon, cleaned up"},
		"ntpdate":     {Names: []string{"ntpsec-ntpdate"}, Reason: "ntpdate is gone; ntpsec-ntpdate is its successor"},
		"python":      {Names: []string{"python3", "python-is-python3"}, Reason: "Python 2 is gone; python-is-python3 lets the command python start Python 3, for Ansible"},
		"ipsec-tools": {Reason: "setkey and racoon are gone; strongSwan needs neither, and `ip xfrm` shows what they showed"},
		"strongswan":  {Names: []string{"charon-systemd", "strongswan-swanctl", "libstrongswan-standard-plugins"}, Reason: "what strongswan means here: the daemon is run by systemd and swanctl takes the place of the ipsec command; the older packages would replace it, and upstream no longer builds them unless asked to"},
	},
	Extra: []Extra{extraIptables, extraPing, extraDBus},
	Units: debian13Units(),
}

// debian13Units differ in the daemon of the tunnels: strongswan.service is
// charon-systemd, which swanctl configures.
func debian13Units() map[string]string {
	units := maps.Clone(debianUnits)
	units["ipsec"] = "strongswan.service"
	return units
}
