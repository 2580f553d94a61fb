package checklist

import (
	"fmt"
	"strings"
)

// Release is a version of an operating system and how it differs from the one
// that the page was written for.
type Release struct {
	ID      string `json:"id"`      // os-release's ID: "debian"
	Version string `json:"version"` // os-release's VERSION_ID: "12"
	Name    string `json:"name"`    // "Debian 12 (bookworm)"
	Dir     string `json:"-"`       // folder of templates/ that overrides common: "debian12"
	// Proven says that the whole page was run on it on real machines. Others can
	// be planned and verified, and applied only with --unproven.
	Proven bool `json:"proven"`
	// Packages maps a package of the page to what the release has instead.
	Packages map[string]Substitute `json:"-"`
	// Extra are packages that the page's steps need on this release beyond its
	// own line, with the reason.
	Extra []Extra `json:"-"`
	// Units maps the checklist's word for a service to its unit: "ntp" to
	// "ntpsec.service".
	Units map[string]string `json:"-"`
}

// Substitute is what stands for a package of the page on a release.
type Substitute struct {
	Names  []string // none: the package is dropped
	Reason string
}

// Extra is a package beyond the page's line.
type Extra struct {
	Name   string
	Reason string
}

// Releases are all that aslwiz recognises.
func Releases() []Release { return []Release{releaseDebian12, releaseDebian13} }

// FindRelease is the release with this os-release ID and VERSION_ID.
func FindRelease(id, version string) (Release, bool) {
	for _, r := range Releases() {
		if r.ID == id && r.Version == version {
			return r, true
		}
	}
	return Release{}, false
}

// fit says why nothing is applied on a release.
func fit(server string, rel Release, unproven bool) error {
	switch {
	case rel.Dir == "":
		var known []string
		for _, r := range Releases() {
			known = append(known, r.Name)
		}
		return fmt.Errorf("%s: runs %s, and aslwiz knows %s: %w", server, rel.Name, strings.Join(known, " and "), ErrRelease)
	case !rel.Proven && !unproven:
		return fmt.Errorf("%s: runs %s, on which the page was not proven yet; plan and verify work, apply needs --unproven: %w", server, rel.Name, ErrUnproven)
	}
	return nil
}
