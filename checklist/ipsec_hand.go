package checklist

import (
	"fmt"
	"path"
	"strings"

	"aslwiz/remote"
	"aslwiz/templates"
)

// handText is what is pasted into a root shell on p's server; t is the tunnel as
// that server sees it.
func (d ipsecDaemon) handText(r Release, in In, p Peer, t tunnel) (string, error) {
	conf, err := t.render(r, d.conf)
	if err != nil {
		return "", err
	}
	secrets, err := t.render(r, d.secrets)
	if err != nil {
		return "", err
	}
	confPath, keyPath := d.path(d.conf, t.Name), d.path(d.secrets, t.Name)
	here := daemonOf(in.Facts.Release)
	var b strings.Builder
	fmt.Fprintf(&b, "# The other end of the tunnel %s, for a root shell on %s (%s).\n", p.Name, p.Name, r.Name)
	fmt.Fprintf(&b, "# From its last line on nothing passes in clear between the two servers. If your own login\n# here comes through %s, make sure that you can log in another way first.\n", in.Answers.FQDN())
	// What is pasted after it is not for apt to read.
	fmt.Fprintf(&b, "# apt asks nothing, waits for its lock, and stops rather than remove another package.\n"+
		"export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a\napt-get update </dev/null\n"+
		"apt-get install -y --no-remove -o DPkg::Lock::Timeout=600 %s </dev/null\n", quoteAll(d.packages))
	for _, i := range d.include {
		fmt.Fprintf(&b, "grep -qxF %s %s || printf '\\n%%s\\n' %s >>%s\n", quote(i[1]), quote(i[0]), quote(i[1]), quote(i[0]))
	}
	for _, file := range d.start {
		text, err := templates.Render(r.Dir, file, nil)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "mkdir -p %s\ncat >%s <<'EOF'\n%sEOF\n", quote(path.Dir(file)), quote(file), text)
	}
	if len(d.start) > 0 {
		b.WriteString("systemctl daemon-reload\n")
	}
	// A tab that is pasted may be taken for the key that completes a word.
	fmt.Fprintf(&b, "cat >%s <<'EOF'\n%sEOF\n", quote(confPath), strings.ReplaceAll(conf, "\t", "    "))
	fmt.Fprintf(&b, "\n# Its firewall has to let this in, before the rule that drops:\n")
	for _, pair := range t.Pairs {
		for _, l := range tunnelLines(pair.Remote) {
			fmt.Fprintf(&b, "#   %s %s\n", tablesOf(pair.Remote), strings.Replace(l, "-A INPUT", "-I INPUT", 1))
		}
	}
	fmt.Fprintf(&b, `
# The key is asked for at the end. On %s, as root, show it with
#   %s
# and copy it from that window to the question. It does not belong in a mail, a
# chat or a ticket.
tunnel() {
stty -echo; printf 'key of the tunnel: '; read -r key; stty echo; echo
(umask 077; cat >%s <<EOF
%sEOF
)
chmod 600 %s
key=
run() { "$@"; }
%s
}
tunnel
`, in.Answers.FQDN(), remote.SecretKey(here.path(here.secrets, p.Name)), quote(keyPath),
		strings.ReplaceAll(secrets, secretMark, "$key"), quote(keyPath), d.fill(d.load, t))
	return b.String(), nil
}
