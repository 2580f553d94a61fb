package checklist

import (
	"context"

	"aslwiz/remote"
)

// ask surveys several groups of probes in one request. Probes that ask the same
// question are asked once.
func ask(ctx context.Context, h Host, groups [][]remote.Probe) ([][]remote.Answer, error) {
	var probes []remote.Probe
	place := map[string]int{}
	for _, g := range groups {
		for _, p := range g {
			if _, ok := place[p.Key()]; !ok {
				place[p.Key()] = len(probes)
				probes = append(probes, p)
			}
		}
	}
	answers, err := h.Survey(ctx, probes)
	if err != nil {
		return nil, err
	}
	out := make([][]remote.Answer, len(groups))
	for i, g := range groups {
		out[i] = make([]remote.Answer, len(g))
		for j, p := range g {
			out[i][j] = remote.Answer{Probe: p, Issue: "missing"}
			if k := place[p.Key()]; k < len(answers) {
				out[i][j] = answers[k]
			}
		}
	}
	return out, nil
}
