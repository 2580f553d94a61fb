package checklist

import (
	"regexp"
	"strconv"
	"strings"
)

// savedTable is a table as iptables-save prints it.
type savedTable struct {
	policy map[string]string // of each chain: "ACCEPT"; "-" for one that somebody made
	rules  []savedRule
}

// savedRule is a rule of a table.
type savedRule struct {
	chain   string
	text    string // "-A INPUT -j DROP", without its counter
	packets int64  // that it counted, where iptables-save was asked for counters
}

var ruleCounter = regexp.MustCompile(`^\[(\d+):\d+\] `)

// parseSaved reads what iptables-save printed, with counters or without: the tables
// by their names.
func parseSaved(text string) map[string]*savedTable {
	out := map[string]*savedTable{}
	var t *savedTable
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n ")
		if name, ok := strings.CutPrefix(line, "*"); ok {
			t = &savedTable{policy: map[string]string{}}
			out[name] = t
		}
		if t == nil {
			continue
		}
		var r savedRule
		if m := ruleCounter.FindStringSubmatch(line); m != nil {
			r.packets, _ = strconv.ParseInt(m[1], 10, 64)
			line = line[len(m[0]):]
		}
		w := strings.Fields(line)
		switch {
		case len(w) > 1 && strings.HasPrefix(line, ":"):
			t.policy[w[0][1:]] = w[1]
		case len(w) > 1 && w[0] == "-A":
			r.chain, r.text = w[1], line
			t.rules = append(t.rules, r)
		}
	}
	return out
}
