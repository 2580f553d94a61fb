package practice

import (
	"net/netip"
	"slices"
)

// addressForms are about the card as it is now; nothing of it outlives a reboot.
func addressForms() []form {
	return []form{
		lineForm(`if ping -n -c 1 -W 2 (\S+) >/dev/null 2>&1; then die '([^']+)'; fi`, func(s *shell, w []string) error {
			for _, m := range s.m.w.machines {
				if a, err := netip.ParseAddr(w[1]); err == nil && m.down == nil && m.card.has(a) {
					s.say(w[2])
					return exit(1)
				}
			}
			return nil
		}),
		lineForm(`run (ip address add (\S+) dev (\S+))`, func(s *shell, w []string) error {
			s.say("+ " + w[1])
			return s.told(s.m.card.add(w[2], w[3]))
		}),
		lineForm(`(?:\[ -z "\$\(ip -o address show dev \S+ to \S+\)" \] \|\| )?ip address del (\S+) dev \S+ 2>/dev/null \|\| :`, func(s *shell, w []string) error {
			s.m.card.addrs = slices.DeleteFunc(s.m.card.addrs, func(p netip.Prefix) bool { return p.String() == w[1] })
			return nil
		}),
		lineForm(`run (ip -([46]) route replace default via (\S+) dev \S+ onlink)`, func(s *shell, w []string) error {
			s.say("+ " + w[1])
			s.m.card.set("gateway", w[3])
			return nil
		}),
		lineForm(`ip -([46]) route del default via (\S+) dev \S+ 2>/dev/null \|\| :`, func(s *shell, w []string) error {
			if w[1] == "4" {
				s.m.card.gateway4 = ""
			} else {
				s.m.card.gateway6 = ""
			}
			return nil
		}),
	}
}
