package checklist

import (
	"fmt"
	"net/netip"
	"strings"

	"aslwiz/remote"
)

// rivals are the connections to the other end that somebody else has declared,
// as the page's example in ipsec.conf: two tunnels between the same addresses
// take each other's place. Only the names of files are fetched.
func (d ipsecDaemon) rivals(t tunnel) Check {
	var addrs []string
	for _, p := range t.Pairs {
		addrs = append(addrs, p.Remote.String())
	}
	return Check{
		Title: "no other tunnel to " + strings.Join(addrs, ", "),
		Ask:   []remote.Probe{remote.ReadSetting("other connections to "+t.Name, d.rivalsRead(t))},
		Judge: func(answers []remote.Answer) (Change, error) {
			c := Change{Want: "only " + d.path(d.conf, t.Name), Now: "only that"}
			found, err := answers[0].Text()
			if err != nil || found == "" {
				return c, err
			}
			c.Now = "also " + strings.Join(strings.Fields(found), ", ")
			c.Short = fmt.Sprintf("%s already declares a connection to the same server, and the two would fight: take it out there, or give the peer in the answers the name of that file",
				strings.Join(strings.Fields(found), ", "))
			c.Blocks = true
			return c, nil
		},
	}
}

// rivalsRead prints the names of the files, but for the tunnel's own, in which a
// connection's other end is one of the tunnel's.
func (d ipsecDaemon) rivalsRead(t tunnel) string {
	word, files := "right", "/etc/ipsec.conf /etc/ipsec.d/*.conf"
	if d.unit == swanctlDaemon.unit {
		word, files = "remote_addrs", "/etc/swanctl/swanctl.conf /etc/swanctl/conf.d/*.conf"
	}
	var patterns []string
	for _, p := range t.Pairs {
		patterns = append(patterns, quotedAddr(p.Remote))
	}
	pattern := "^[[:space:]]*" + word + `[[:space:]]*=([^#]*[[:space:],])?"?(` + strings.Join(patterns, "|") + `)"?([[:space:],/#]|$)`
	return "grep -lE -- " + quote(pattern) + " " + files + " 2>/dev/null | grep -vxF -- " + quote(d.path(d.conf, t.Name)) + " || :"
}

// quotedAddr is an address for grep -E.
func quotedAddr(a netip.Addr) string { return strings.ReplaceAll(a.String(), ".", "[.]") }
