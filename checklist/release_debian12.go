package checklist

// releaseDebian12 is Debian 12 (bookworm).
var releaseDebian12 = Release{
	ID: "debian", Version: "12", Name: "Debian 12 (bookworm)", Dir: "debian12",
	Proven: true,
	Packages: map[string]Substitute{
		"ntp":         {Names: []string{"ntpsec"}, Reason: "ntp is only a bridge to ntpsec here, which is the same daemon, cleaned up"},
		"ntpdate":     {Names: []string{"ntpsec-ntpdate"}, Reason: "ntpdate is only a bridge to ntpsec-ntpdate here"},
		"python":      {Names: []string{"python3", "python-is-python3"}, Reason: "Python 2 is gone; python-is-python3 lets the command python start Python 3, for Ansible"},
		"ipsec-tools": {Reason: "setkey and racoon are gone; strongSwan needs neither, and `ip xfrm` shows what they showed"},
		"strongswan":  {Names: []string{"strongswan-starter", "strongswan-charon", "libstrongswan-standard-plugins"}, Reason: "strongswan only pulls these in; by name they also come where recommended packages are switched off, and without the plugins there is neither AES-GCM nor ECP-384"},
	},
	Extra: []Extra{
		extraIptables,
		extraPing,
		extraDBus,
		{Name: "python3-systemd", Reason: "fail2ban reads the journal with it; Debian 12 only recommends it"},
	},
	Units: debianUnits,
}

// extraIptables is missing from the page's line on every Debian of today.
var extraIptables = Extra{Name: "iptables", Reason: "the firewall script loads its rules with it, and a minimal system has none"}

// extraPing and extraDBus are on every server of a provider, and not on a minimal one.
var (
	extraPing = Extra{Name: "iputils-ping", Reason: "the item ipsec sends a ping through each tunnel, and a minimal system has none"}
	extraDBus = Extra{Name: "dbus", Reason: "timedatectl sets the time zone through it, and a minimal system has none"}
)

// debianUnits are the units of the page's services on Debian. strongSwan's older
// daemon, which reads ipsec.conf, is started by strongswan-starter.service.
var debianUnits = map[string]string{
	"ntp":      "ntpsec.service",
	"ipsec":    "strongswan-starter.service",
	"fail2ban": "fail2ban.service",
	"haveged":  "haveged.service",
	"ssh":      "ssh.service",
}
