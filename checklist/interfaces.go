package checklist

import (
	"slices"
	"strings"
)

// The lines around what aslwiz writes into /etc/network/interfaces.
const (
	interfacesBegin = "# Begin aslwiz"
	interfacesEnd   = "# End aslwiz"
)

// setInterfaces puts block, which says all about the card, into the text of
// /etc/network/interfaces: instead of the block that is there, and instead of
// every stanza about the card under any of its names. All else stays.
// Source: interfaces(5).
func setInterfaces(old, block string, names ...string) string {
	var out []string
	skip, ours := false, false
	for _, l := range joinContinued(strings.Split(strings.TrimRight(old, "\n"), "\n")) {
		word := strings.Fields(l)
		switch {
		case strings.HasPrefix(l, interfacesBegin):
			ours = true
			continue
		case ours:
			ours = !strings.HasPrefix(l, interfacesEnd)
			continue
		case len(word) == 0, strings.HasPrefix(word[0], "#"):
			if !skip || len(word) == 0 {
				out = append(out, l)
			}
			continue
		case !isStanza(word[0]):
			if !skip {
				out = append(out, l)
			}
			continue
		}
		skip = word[0] == "iface" && len(word) > 1 && slices.Contains(names, word[1])
		if l = withoutNames(l, word, names); l != "" && !skip {
			out = append(out, l)
		}
	}
	text := strings.TrimRight(strings.Join(squeeze(out), "\n"), "\n")
	if text != "" {
		text += "\n\n"
	}
	return text + block
}

// isStanza reports the words that begin something new.
func isStanza(word string) bool {
	return slices.Contains([]string{
		"iface", "auto", "mapping", "source", "source-directory", "rename", "no-auto-down", "no-scripts", "template",
	}, word) || strings.HasPrefix(word, "allow-")
}

// withoutNames takes names out of a line that lists interfaces; the line is gone
// when it lists no other.
func withoutNames(line string, word, names []string) string {
	if word[0] != "auto" && !strings.HasPrefix(word[0], "allow-") && !strings.HasPrefix(word[0], "no-") {
		return line
	}
	rest := slices.DeleteFunc(slices.Clone(word[1:]), func(w string) bool { return slices.Contains(names, w) })
	switch len(rest) {
	case len(word) - 1:
		return line
	case 0:
		return ""
	}
	return word[0] + " " + strings.Join(rest, " ")
}

// joinContinued makes one line of those that end in a backslash.
func joinContinued(lines []string) []string {
	var out []string
	for i := 0; i < len(lines); i++ {
		l := lines[i]
		for strings.HasSuffix(l, `\`) && i+1 < len(lines) {
			i++
			l = strings.TrimSuffix(l, `\`) + lines[i]
		}
		out = append(out, l)
	}
	return out
}

// squeeze leaves no more than one empty line in a row.
func squeeze(lines []string) []string {
	return slices.CompactFunc(lines, func(a, b string) bool { return strings.TrimSpace(a) == "" && strings.TrimSpace(b) == "" })
}

// configures reports whether the text of /etc/network/interfaces brings up the
// card with this hardware address under the name eth0.
func configures(text, mac string) bool {
	auto, iface := false, false
	for _, l := range joinContinued(strings.Split(text, "\n")) {
		word := strings.Fields(l)
		if len(word) < 2 {
			continue
		}
		switch {
		case word[0] == "auto" || strings.HasPrefix(word[0], "allow-"):
			auto = auto || slices.ContainsFunc(word[1:], func(w string) bool {
				return w == cardName || strings.EqualFold(w, "mac/"+mac+"="+cardName)
			})
		case word[0] == "iface":
			iface = iface || word[1] == cardName
		}
	}
	return auto && iface
}
