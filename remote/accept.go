package remote

import (
	"fmt"
	"net"
	"strings"
	"sync"
)

// AcceptedKeys are the host keys that the admin vouched for beforehand. All
// connections of a run share one list, so that a fingerprint which one machine
// has presented lets no other machine in.
type AcceptedKeys struct {
	list []acceptedKey

	mu     sync.Mutex
	served map[string]string // by fingerprint: the name in known_hosts that it vouched for
}

type acceptedKey struct {
	host        string // "": the server connected to, no jump host and no peer
	fingerprint string
}

// AcceptKeys reads words of the form HOST=SHA256:... and SHA256:... .
func AcceptKeys(words ...string) (*AcceptedKeys, error) {
	a := &AcceptedKeys{served: map[string]string{}}
	for _, word := range words {
		host, fingerprint := "", strings.TrimSpace(word)
		if i := strings.Index(fingerprint, "=SHA256:"); i >= 0 { // base64 may end in "=", a host does not
			if host, fingerprint = fingerprint[:i], fingerprint[i+1:]; host == "" {
				return nil, fmt.Errorf("%q names no host before the =", CleanLine(word))
			}
		}
		hash := strings.TrimRight(strings.TrimPrefix(fingerprint, "SHA256:"), "=")
		if !strings.HasPrefix(fingerprint, "SHA256:") || hash == "" || strings.ContainsAny(hash, " =:") {
			return nil, fmt.Errorf("%q is neither HOST=SHA256:... nor SHA256:... alone", CleanLine(word))
		}
		a.list = append(a.list, acceptedKey{host, "SHA256:" + hash})
	}
	return a, nil
}

// accepts says whether the admin vouched for this key of h, and remembers whom the
// fingerprint served. A bare fingerprint is the server's alone (last), not its jump
// hosts': one of them could otherwise answer for the server with its own key.
func (a *AcceptedKeys) accepts(h *hop, last, peer bool, fingerprint string) bool {
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range a.list {
		if k.fingerprint != fingerprint {
			continue
		}
		by := a.served[fingerprint]
		bare := k.host == "" && last && !peer && (by == "" || by == h.keyName)
		if bare || k.host != "" && h.isCalled(k.host) {
			a.served[fingerprint] = h.keyName
			return true
		}
	}
	return false
}

// seen notes that known_hosts has this key for h, so that the fingerprint serves no other
// machine.
func (a *AcceptedKeys) seen(h *hop, fingerprint string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.served[fingerprint] == "" {
		a.served[fingerprint] = h.keyName
	}
}

// isCalled says whether name is the machine's: as the admin called it, or its
// address, with its port or without.
func (h *hop) isCalled(name string) bool {
	host, port, err := net.SplitHostPort(name)
	if err != nil {
		host, port = strings.Trim(name, "[]"), ""
	}
	if port != "" && port != fmt.Sprint(h.port) {
		return false
	}
	return strings.EqualFold(host, h.host) || strings.EqualFold(host, h.alias)
}

// acceptFlag is the option that vouches for this key at this address.
func acceptFlag(at Hop, fingerprint string) string {
	return "--accept-host-key " + strings.TrimSuffix(at.Address, ":22") + "=" + fingerprint
}
