package remote

import (
	"bytes"
	"slices"
)

// probeUnits asks systemd about several units in one call: see join.
const probeUnits ProbeKind = "units"

// joined are probes of which those that one program answers together are one:
// each start of systemctl or apt-cache costs a small server more than the answer.
type joined struct {
	asked []Probe
	place []int // of each probe, in asked
	part  []int // of each unit, in its answer
}

// join puts all questions about packages together, and all about units.
func join(probes []Probe) joined {
	j := joined{place: make([]int, len(probes)), part: make([]int, len(probes))}
	at := map[ProbeKind]int{}
	for i, p := range probes {
		kind := p.Kind
		if kind == ProbeUnit {
			kind = probeUnits
		}
		k, begun := at[kind]
		if (kind != ProbePackages && kind != probeUnits) || !begun {
			k = len(j.asked)
			at[kind] = k
			j.asked = append(j.asked, Probe{Kind: kind, Args: slices.Clone(p.Args), Timeout: p.limit(), Max: p.max()})
			j.place[i] = k
			continue
		}
		all := &j.asked[k]
		j.place[i], j.part[i] = k, len(all.Args)
		all.Args = append(all.Args, p.Args...)
		all.Timeout, all.Max = max(all.Timeout, p.limit()), all.Max+p.max()
	}
	return j
}

// split gives each probe its own answer. systemctl parts what it says of several
// units by an empty line; where it says too little of one, nothing is known of any.
func (j joined) split(probes []Probe, answers []Answer) []Answer {
	out := make([]Answer, len(probes))
	for i, p := range probes {
		a := answers[j.place[i]]
		a.Probe = p
		if p.Kind == ProbeUnit && a.Issue == "" && a.Code == 0 {
			parts := bytes.Split(bytes.Trim(a.Out, "\n"), []byte("\n\n"))
			if len(parts) != len(j.asked[j.place[i]].Args) {
				a = Answer{Probe: p, Code: -1, Issue: "missing"}
			} else {
				a.Out = append(bytes.Clone(parts[j.part[i]]), '\n')
			}
		}
		out[i] = a
	}
	return out
}
