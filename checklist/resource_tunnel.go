package checklist

import (
	"strings"

	"aslwiz/remote"
)

// Tunnel is this end of one tunnel: its files, and that the running daemon has
// them. It is one resource, so that only a tunnel that changes is taken down and
// loaded again; the others stay up.
type Tunnel struct {
	Title  string // "tunnel two"
	Files  []Resource
	Loaded Setting  // its value is tunnelLoaded when the daemon has the connections
	Load   []string // script lines that take the tunnel down and load it again
}

var _ Resource = Tunnel{}

// tunnelLoaded is what Tunnel.Loaded reads when all is well.
const tunnelLoaded = "loaded"

// Name implements Resource.
func (t Tunnel) Name() string { return t.Title }

// parts are the files and the daemon's word; where no earlier step brings the
// daemon, the step's own packages do, and the rest is planned without it.
func (t Tunnel) parts() []Resource {
	files := t.Files[:len(t.Files):len(t.Files)]
	if t.Loaded.Step == "" {
		return append(files, BroughtSetting(t.Loaded))
	}
	return append(files, t.Loaded)
}

// Probes implements Resource.
func (t Tunnel) Probes() []remote.Probe {
	var out []remote.Probe
	for _, p := range t.parts() {
		out = append(out, p.Probes()...)
	}
	return out
}

// Compare implements Resource.
func (t Tunnel) Compare(answers []remote.Answer) (Change, error) {
	all := Change{Resource: t.Title, Kind: "tunnel", Same: true}
	var now, want []string
	for _, p := range t.parts() {
		n := len(p.Probes())
		c, err := p.Compare(answers[:n])
		answers = answers[n:]
		if err != nil {
			return all, err
		}
		if c.Waits != "" {
			return c, nil
		}
		if c.Key != nil {
			all.Key = c.Key
		}
		if c.Same {
			continue
		}
		all.Same = false
		now, want = append(now, p.Name()+": "+c.Now), append(want, c.Want)
		all.Diff += c.Diff
		all.Notes = append(all.Notes, c.Notes...)
		all.Needs = append(all.Needs, c.Needs...)
		all.Files = append(all.Files, c.Files...)
		all.After = append(all.After, c.After...)
		if p.Name() != t.Loaded.Title {
			all.Settings = append(all.Settings, c.Settings...)
			all.Script = append(all.Script, c.Script...)
		}
	}
	if all.Same {
		all.Now, all.Want = "set up and loaded", "set up and loaded"
		return all, nil
	}
	all.Now, all.Want = strings.Join(now, "; "), strings.Join(want, "; ")
	all.Script = append(all.Script, t.Load...)
	return all, nil
}
