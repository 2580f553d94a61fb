package checklist

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"aslwiz/remote"
	"aslwiz/templates"
)

// resolverOwnerRead prints who writes /etc/resolv.conf.
const resolverOwnerRead = `if systemctl is-active --quiet systemd-resolved.service; then echo resolved
elif command -v resolvconf >/dev/null; then echo resolvconf
else echo nobody; fi`

const (
	resolvConf   = "/etc/resolv.conf"
	resolvedConf = "/etc/systemd/resolved.conf.d/60-aslwiz.conf"
)

func resolverOwner(a remote.Answer) (string, error) { return a.Text() }

// resolverData is what the templates of the resolver's files are given.
type resolverData struct {
	Servers []string
	Search  string
}

// resolversOf are the resolvers of the answers, or those that the server has.
func resolversOf(in In) (resolverData, error) {
	d := resolverData{Servers: in.Answers.Network.DNS, Search: strings.Join(in.Answers.Network.Search, " ")}
	if d.Search == "" {
		d.Search = in.Answers.Domain
	}
	if len(d.Servers) == 0 {
		for _, a := range in.Facts.DNS {
			if !a.IsLoopback() && len(d.Servers) < maxResolvers {
				d.Servers = append(d.Servers, a.String())
			}
		}
	}
	if len(d.Servers) == 0 {
		return d, errors.New("the server's resolvers are not known: say them in network.dns")
	}
	return d, nil
}

// interfacesResource is the part of /etc/network/interfaces about the card.
type interfacesResource struct {
	in       In
	card     NIC
	resolver resolverData
}

var _ Resource = interfacesResource{}

// Name implements Resource.
func (interfacesResource) Name() string { return interfacesFile }

// Probes implements Resource.
func (interfacesResource) Probes() []remote.Probe {
	return []remote.Probe{remote.ReadFile(interfacesFile), remote.ReadSetting("who writes "+resolvConf, resolverOwnerRead).Within(slowRead)}
}

// Compare implements Resource.
func (r interfacesResource) Compare(answers []remote.Answer) (Change, error) {
	owner, err := resolverOwner(answers[1])
	if err != nil {
		return Change{}, err
	}
	block, err := r.block(owner)
	if err != nil {
		return Change{}, err
	}
	edit := BroughtEdit{
		Path: interfacesFile, What: "static addresses for " + cardName + ", IPv6 first",
		Apply: func(old string) (string, error) { return setInterfaces(old, block, cardName, r.card.Name), nil },
		Note:  "takes effect at the reboot; nothing is taken down now. aslwiz writes it after the firewall script that it refers to, which the page has further down",
	}
	ch, err := edit.Compare(answers[:1])
	if err == nil && !ch.Same {
		// As at boot, but only said. A mistake ends the script, and the guard takes
		// the file back.
		ch.Script = append(ch.Script, "run ifup --no-act --force --all")
	}
	return ch, err
}

// block is what the file says about the card. Where systemd-resolved or nobody
// looks at them, dns- lines would only mislead: Debian 12's hook for resolved
// even writes what it cannot read back.
func (r interfacesResource) block(owner string) (string, error) {
	n := r.in.Answers.Network
	data := map[string]any{
		"MAC": strings.ToLower(r.card.MAC), "Firewall": firewallScript,
		"Addr4": prefixText(n.Addr4()), "Gateway4": n.Gateway4,
		"Addr6": prefixText(n.Addr6()), "Gateway6": n.Gateway6,
		"DNS": "", "Search": r.resolver.Search,
	}
	if owner == "resolvconf" {
		data["DNS"] = strings.Join(r.resolver.Servers, " ")
	}
	return templates.Render(r.in.Facts.Release.Dir, interfacesFile, data)
}

func prefixText(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return p.String()
}

// resolver is that names are looked up where the answers say, written where it
// takes effect on this server: in /etc/resolv.conf, unless another program owns that
// file. Nothing is written through a link into that program's folder: it belongs to
// the program's user, and the program writes the file anew.
type resolver struct {
	release Release
	data    resolverData
}

var _ Resource = resolver{}

// Name implements Resource.
func (resolver) Name() string { return "resolvers" }

// Probes implements Resource.
func (resolver) Probes() []remote.Probe {
	return []remote.Probe{
		remote.ReadSetting("who writes "+resolvConf, resolverOwnerRead).Within(slowRead),
		remote.ReadFile(resolvConf), remote.ReadFile(resolvedConf),
	}
}

// Compare implements Resource.
func (r resolver) Compare(answers []remote.Answer) (Change, error) {
	owner, err := resolverOwner(answers[0])
	if err != nil {
		return Change{}, err
	}
	st, err := answers[1].File()
	if err != nil {
		return Change{}, err
	}
	switch {
	case owner == "resolvconf":
		return Change{
			Resource: resolvConf, Kind: "file", Same: true, Now: "written by resolvconf", Want: "written by resolvconf",
			Notes: []string{"resolvconf is installed: it takes the dns- lines of " + interfacesFile},
		}, nil
	case owner == "resolved" && (inResolved(st) || namesStub(st)):
		return r.dropIn(answers[2:])
	case inResolved(st):
		return Change{}, fmt.Errorf("%s is a link to %s, which systemd-resolved writes, and systemd-resolved does not run: "+
			"start it (systemctl enable --now systemd-resolved), or replace the link with a file (rm %[1]s && touch %[1]s)", resolvConf, st.Path)
	case strings.HasPrefix(st.Path, "/run/"):
		return Change{}, fmt.Errorf("%s is a link to %s, which another program writes and which is gone after a reboot: "+
			"remove that program or replace the link with a file (rm %[1]s && touch %[1]s)", resolvConf, st.Path)
	}
	content, err := templates.Render(r.release.Dir, resolvConf, r.data)
	if err != nil {
		return Change{}, err
	}
	return File{
		Path: resolvConf, Content: content + resolverOptions(string(st.Content)), Public: "every program that looks up a name",
		Note: "dns-nameservers and dns-search in " + interfacesFile + " do nothing here, where neither resolvconf nor systemd-resolved reads them: the file itself is written",
	}.Compare(answers[1:2])
}

// dropIn is the resolvers as systemd-resolved reads them.
func (r resolver) dropIn(answers []remote.Answer) (Change, error) {
	content, err := templates.Render(r.release.Dir, resolvedConf, r.data)
	if err != nil {
		return Change{}, err
	}
	return installed{
		File: File{
			Path: resolvedConf, Content: content, Public: "systemd-resolved",
			After: []string{"systemctl try-restart systemd-resolved.service"},
		},
		then: []string{"run systemctl try-restart systemd-resolved.service"},
	}.Compare(answers)
}

// inResolved says whether /etc/resolv.conf leads to a file of systemd-resolved's.
// Source: systemd-resolved.service(8), "/ETC/RESOLV.CONF".
func inResolved(st remote.FileState) bool {
	return strings.HasPrefix(st.Path, "/run/systemd/resolve/") || strings.HasSuffix(st.Path, "/lib/systemd/resolv.conf")
}

// namesStub says whether a resolv.conf sends its questions to systemd-resolved.
func namesStub(st remote.FileState) bool {
	for line := range strings.Lines(string(st.Content)) {
		if w := strings.Fields(line); len(w) > 1 && w[0] == "nameserver" && w[1] == "127.0.0.53" {
			return true
		}
	}
	return false
}

// resolverOptions are the lines of an old resolv.conf that say how to look up, which
// the answers are not about.
func resolverOptions(old string) string {
	var b strings.Builder
	for line := range strings.Lines(old) {
		if w := strings.Fields(line); len(w) > 1 && (w[0] == "options" || w[0] == "sortlist") {
			b.WriteString(strings.TrimSpace(line) + "\n")
		}
	}
	return b.String()
}

// removed is a file that must not be there.
type removed struct{ path, note string }

var _ Resource = removed{}

// Name implements Resource.
func (r removed) Name() string { return r.path }

// Probes implements Resource.
func (r removed) Probes() []remote.Probe { return []remote.Probe{remote.ReadFile(r.path)} }

// Compare implements Resource.
func (r removed) Compare(answers []remote.Answer) (Change, error) {
	st, err := answers[0].File()
	if err != nil {
		return Change{}, err
	}
	c := Change{Resource: r.path, Kind: "file", Now: describeFile(st), Want: "not there", Notes: []string{r.note}}
	switch {
	case !st.Exists:
		c.Same = true
		return c, nil
	case !st.Regular:
		return c, fmt.Errorf("%s: is not a regular file; move it away by hand", r.path)
	}
	c.Diff = unifiedDiff(r.path, string(st.Content), "", true)
	if err := fixed(st, r.path); err != nil {
		return c, err
	}
	c.Files = []remote.FileChange{{Path: r.path, Before: st.SHA256, Remove: true, Mode: st.Mode.Perm(), Owner: st.Owner}}
	c.Script = []string{"drop " + quote(r.path)}
	return c, nil
}
