package checklist

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aslwiz/remote"
)

// Packages is a list of packages that are installed.
type Packages struct {
	Names   []string // as the page calls them
	Release Release  // says what stands for each; the zero value: they are called so
	Extra   []Extra  // beyond the page
	// Mend finishes what an interrupted dpkg left half-configured, whatever
	// package it is.
	Mend bool
	// Remove may be removed for them, beside what the page implies: the answer
	// packages.remove.
	Remove []string
}

var _ Resource = Packages{}

// packagesFor are packages that a step needs, by the page's names, on in's release.
func packagesFor(in In, names ...string) Packages {
	return Packages{Names: names, Release: in.Facts.Release, Remove: in.Answers.Packages.Remove}
}

// Name implements Resource.
func (p Packages) Name() string { return "packages" }

// Probes implements Resource.
func (p Packages) Probes() []remote.Probe {
	names, _ := p.exact()
	return []remote.Probe{
		remote.ReadPackages(names...),
		remote.ReadSetting("apt's lists", aptListsRead),
		remote.ReadSetting("dpkg's state", dpkgRead).Within(20 * time.Second),
		removals{names, p.Remove}.probe(),
	}
}

// aptListsRead prints one of the lists of what apt could install; nothing where
// apt never fetched them.
const aptListsRead = `find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' | head -n 1`

// dpkgRead prints a line for each package that is neither wholly installed nor
// wholly gone: its state, dpkg's error flag, its name. Source: dpkg-query(1).
const dpkgRead = `all=$(dpkg-query -W -f '${db:Status-Status} ${db:Status-Eflag} ${Package}\n') || exit
printf '%s\n' "$all" | grep -vE '^(installed|config-files|not-installed) ok ' || :`

// exact are the names on the release, each once, and what to say about the
// names that differ from the page's.
func (p Packages) exact() (names, notes []string) {
	add := func(list ...string) {
		for _, n := range list {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	for _, n := range p.Names {
		s, ok := p.Release.Packages[n]
		switch {
		case !ok:
			add(n)
		case len(s.Names) == 0:
			notes = append(notes, fmt.Sprintf("%s: left out; %s", n, s.Reason))
		default:
			add(s.Names...)
			notes = append(notes, fmt.Sprintf("%s: %s; %s", n, strings.Join(s.Names, ", "), s.Reason))
		}
	}
	for _, e := range p.Extra {
		add(e.Name)
		notes = append(notes, fmt.Sprintf("%s: added; %s", e.Name, e.Reason))
	}
	return names, notes
}

// Compare implements Resource.
func (p Packages) Compare(answers []remote.Answer) (Change, error) {
	names, notes := p.exact()
	c := Change{Kind: "packages", Want: fmt.Sprintf("%d packages installed", len(names)), Notes: notes}
	if len(names) == 1 {
		c.Want = "1 package installed"
	}
	states, err := answers[0].Packages()
	if err != nil {
		return c, err
	}
	lists, err := answers[1].Text()
	if err != nil {
		return c, err
	}
	trouble, err := answers[2].Text()
	if err != nil {
		return c, err
	}
	rem := removals{names, p.Remove}
	says, err := answers[3].Text()
	if err != nil {
		return c, err
	}
	got, err := rem.parse(says)
	if err != nil {
		return c, err
	}
	var missing, unsure []string
	for _, n := range names {
		switch st := states[n]; {
		case st.Installed():
		case st.Candidate == "":
			unsure = append(unsure, n)
		default:
			missing = append(missing, n)
		}
	}
	mend := p.Mend && trouble != ""
	c.Now = p.now(len(names)-len(missing)-len(unsure), trouble, mend)
	if len(unsure) > 0 && lists != "" {
		c.Short = fmt.Sprintf("apt on the server offers no %s: not installed; look at /etc/apt/sources.list and /etc/apt/sources.list.d",
			strings.Join(unsure, ", "))
	}
	if len(missing) == 0 && !mend && (len(unsure) == 0 || lists != "") {
		c.Same = true
		return c, nil
	}
	c.Diff = packagesDiff(missing, unsure)
	var may []string
	if len(missing)+len(unsure) > 0 {
		may = rem.into(&c, got, len(unsure) == 0)
	}
	c.Script = installScript(slices.Concat(missing, unsure), may, mend)
	return c, nil
}

func (p Packages) now(installed int, trouble string, mend bool) string {
	now := fmt.Sprintf("%d of them installed", installed)
	if mend {
		now += ", and " + strings.Join(halfDone(trouble), ", ") + " left half-configured"
	}
	return now
}

// halfDone are the names in dpkgRead's output.
func halfDone(trouble string) (names []string) {
	for line := range strings.Lines(trouble) {
		if w := strings.Fields(line); len(w) == 3 {
			names = append(names, w[2])
		}
	}
	return names
}

func packagesDiff(missing, unsure []string) string {
	var b strings.Builder
	for _, n := range missing {
		fmt.Fprintf(&b, "+%s\n", n)
	}
	for _, n := range unsure {
		fmt.Fprintf(&b, "+%s (if apt offers it once its lists are fresh)\n", n)
	}
	return b.String()
}

// installScript refreshes apt's lists and installs. apt_install leaves out what apt does
// not offer, and refuses to remove anything but what may go.
func installScript(names, may []string, mend bool) []string {
	var s []string
	if mend {
		s = append(s, "dpkg_configure")
	}
	if len(names) == 0 {
		return s
	}
	return append(s, "apt_get update", "apt_install '"+strings.Join(may, " ")+"' "+quoteAll(names))
}

func quoteAll(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = quote(w)
	}
	return strings.Join(out, " ")
}
