package remote

import (
	"errors"
	"fmt"
	slash "path"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// algorithms are what is offered to one machine, in order.
type algorithms struct {
	kex, ciphers, macs, hostKeys []string
	weak                         []string // of them: those offered on the admin's word alone
}

// modern are offered by themselves: what the library has without known weaknesses,
// less what rests on SHA-1. OpenSSH has known enough of them since 7.2.
func modern() algorithms {
	s := ssh.SupportedAlgorithms()
	s.MACs = slices.DeleteFunc(s.MACs, func(name string) bool { return strings.HasPrefix(name, "hmac-sha1") })
	return algorithms{kex: s.KeyExchanges, ciphers: s.Ciphers, macs: s.MACs, hostKeys: s.HostKeys}
}

// weakOnes are those that the library knows besides.
func weakOnes() algorithms {
	s := ssh.InsecureAlgorithms()
	return algorithms{kex: s.KeyExchanges, ciphers: s.Ciphers, macs: append(s.MACs, ssh.HMACSHA1), hostKeys: s.HostKeys}
}

// all are the names in a, of all kinds.
func (a algorithms) all() []string { return slices.Concat(a.kex, a.ciphers, a.macs, a.hostKeys) }

// kinds are the lists of a with the words of ssh_config(5) for them.
func (a *algorithms) kinds() map[string]*[]string {
	return map[string]*[]string{
		"KexAlgorithms": &a.kex, "Ciphers": &a.ciphers, "MACs": &a.macs, "HostKeyAlgorithms": &a.hostKeys,
	}
}

// algorithmsFor is what is offered to an alias: the modern ones as ssh_config has
// them, then those that the admin allowed by name.
func (c *sshConfig) algorithmsFor(alias string) (algorithms, error) {
	offered, weak := modern(), weakOnes()
	lists, weakLists := offered.kinds(), weak.kinds()
	for _, key := range []string{"KexAlgorithms", "Ciphers", "MACs", "HostKeyAlgorithms"} {
		list, known := lists[key], slices.Concat(*lists[key], *weakLists[key])
		*list = choose(*list, known, strings.Trim(c.get(alias, key), `"`))
		for _, name := range c.allow {
			if slices.Contains(*weakLists[key], name) && !slices.Contains(*list, name) {
				*list = append(*list, name)
			}
		}
		if len(*list) == 0 {
			return offered, fmt.Errorf("%s of %q leaves nothing that aslwiz knows; it knows %s", key, alias, strings.Join(known, ", "))
		}
	}
	for _, name := range c.allow {
		if !slices.Contains(weak.all(), name) {
			return offered, unknownAlgorithm(name)
		}
	}
	offered.weak = slices.DeleteFunc(offered.all(), func(name string) bool { return !slices.Contains(weak.all(), name) })
	return offered, nil
}

// CheckAlgorithms refuses names that AllowAlgorithms could not mean.
func CheckAlgorithms(names []string) error {
	for _, name := range names {
		if !slices.Contains(weakOnes().all(), name) {
			return unknownAlgorithm(name)
		}
	}
	return nil
}

func unknownAlgorithm(name string) error {
	if slices.Contains(modern().all(), name) {
		return fmt.Errorf("%s is offered anyway", name)
	}
	return fmt.Errorf("%q is not an algorithm that aslwiz could allow; these are: %s", CleanLine(name), strings.Join(weakOnes().all(), ", "))
}

// choose reads a list of ssh_config(5): one in place of the usual, or with + behind
// it, with ^ before it, with - left out of it. Names that nobody knows here fall away.
func choose(usual, known []string, spec string) []string {
	if spec == "" {
		return usual
	}
	sign, names := spec[0], strings.Split(strings.TrimLeft(spec, "+-^"), ",")
	var named []string
	for _, name := range names {
		name = strings.TrimSpace(name)
		if name == "curve25519-sha256@libssh.org" { // the same, before it was standard; always offered with it
			name = ssh.KeyExchangeCurve25519
		}
		for _, k := range known {
			if ok, err := slash.Match(name, k); err == nil && ok && !slices.Contains(named, k) {
				named = append(named, k)
			}
		}
	}
	rest := slices.DeleteFunc(slices.Clone(usual), func(name string) bool { return slices.Contains(named, name) })
	switch sign {
	case '+':
		return append(slices.Clone(usual), slices.DeleteFunc(named, func(name string) bool { return slices.Contains(usual, name) })...)
	case '-':
		return rest
	case '^':
		return append(named, rest...)
	default:
		return named
	}
}

// weakInUse are the weak algorithms that a connection has agreed on.
func weakInUse(conn ssh.Conn) []string {
	c, ok := conn.(ssh.AlgorithmsConnMetadata)
	if !ok {
		return nil
	}
	n, weak := c.Algorithms(), weakOnes().all()
	var used []string
	for _, name := range []string{n.KeyExchange, n.HostKey, n.Read.Cipher, n.Write.Cipher, n.Read.MAC, n.Write.MAC} {
		if slices.Contains(weak, name) && !slices.Contains(used, name) {
			used = append(used, name)
		}
	}
	return used
}

// signatures are the algorithms that a key may sign with; of an RSA key SHA-1's only
// where that was allowed.
func (a algorithms) signatures(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA || keyType == ssh.CertAlgoRSAv01 {
		list := []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
		if slices.Contains(a.weak, ssh.KeyAlgoRSA) {
			list = append(list, ssh.KeyAlgoRSA)
		}
		return list
	}
	plain, isCert := strings.CutSuffix(keyType, "-cert-v01@openssh.com")
	if isCert && strings.HasPrefix(plain, "sk-") {
		plain += "@openssh.com"
	}
	return []string{plain}
}

// algorithmFailure says what the two ends offer that have nothing in common, and
// what would bring them together.
func (l *login) algorithmFailure(err error) error {
	var none *ssh.AlgorithmNegotiationError
	if !errors.As(err, &none) {
		return nil
	}
	// Each with one that every OpenSSH of the last ten years knows: an sshd_config with
	// a name that it does not know keeps sshd from starting.
	setting, common, kind := "KexAlgorithms", ssh.KeyExchangeCurve25519, weakOnes().kex
	switch {
	case strings.Contains(none.What, "host key"):
		setting, common, kind = "HostKeyAlgorithms", ssh.KeyAlgoED25519, weakOnes().hostKeys
	case strings.Contains(none.What, "cipher"):
		setting, common, kind = "Ciphers", ssh.CipherAES256CTR, weakOnes().ciphers
	case strings.Contains(none.What, "MAC"):
		setting, common, kind = "MACs", ssh.HMACSHA256, weakOnes().macs
	}
	offers, weak := realOnes(none.RequestedAlgorithms), []string(nil)
	for _, name := range offers {
		if slices.Contains(kind, name) {
			weak = append(weak, name)
		}
	}
	e := &ConnectError{Hop: l.at, Reason: ReasonAlgorithms, Err: err}
	ours, theirs := realOnes(none.SupportedAlgorithms), CleanLine(strings.Join(offers, ", "))
	e.Detail = fmt.Sprintf("%s: the server offers %s; aslwiz offers %s", none.What, orElse(theirs, "nothing"), strings.Join(ours, ", "))
	if len(weak) > 0 {
		e.Detail = fmt.Sprintf("%s: the server offers nothing but what is old or weak: %s", none.What, theirs)
		e.Try = fmt.Sprintf("update SSH on the server; until then, if you accept that this connection may be read or changed on its way: --allow-algorithms %s", weak[0])
	} else {
		e.Try = fmt.Sprintf("add %s to %s in the server's sshd_config, or check %s in your ~/.ssh/config", common, setting, setting)
	}
	return e
}

// realOnes leaves out what only looks like an algorithm: signals of the protocol.
func realOnes(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return strings.HasPrefix(name, "ext-info-") || strings.HasPrefix(name, "kex-strict-")
	})
}
