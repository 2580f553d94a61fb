package checklist

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aslwiz/templates"
)

// pageTitles are the wiki page's own headings, in its order.
var pageTitles = []string{
	"Server Overview", "Basic Requirements", "Install guide", "Mandatory Software", "Mandatory Configs", "Ubuntu 18 Config", "Network Config",
	"Configure IPSEC", "Server 1", "Server 2", "Verify IPsec", "Configure Postfix", "Items to check", "Network Monitoring",
}

// TestPageAndTableAgree holds page, table and files together, and says in a
// sentence what is missing where.
func TestPageAndTableAgree(t *testing.T) {
	var ids, titles []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*?)(?: \{#([a-z0-9-]+)\})?$`).FindAllStringSubmatch(Page(), -1) {
		if titles = append(titles, m[1]); m[2] != "" {
			ids = append(ids, m[2])
		}
	}
	var known []string
	for _, s := range Steps() {
		known = append(known, s.ID)
		if n := count(ids, s.ID); n != 1 {
			t.Errorf("step %s is in the table of steps.go and %d headings of page.md end in {#%s}; it must be one", s.ID, n, s.ID)
		}
		if text, ok := Section(s.ID); ok && len(strings.Fields(text)) < 15 {
			t.Errorf("the section {#%s} of page.md says too little: %q", s.ID, text)
		}
		if s.Title == "" || s.Why == "" || s.Want == nil {
			t.Errorf("step %s lacks a title, its reason or its wants", s.ID)
		}
		fileOf(t, "step", s.ID)
	}
	for _, id := range ids {
		if !slices.Contains(known, id) {
			t.Errorf("page.md has a section {#%s}, and steps.go has no such step", id)
		}
	}
	for _, it := range Items() {
		fileOf(t, "item", it.ID)
	}
	at := 0
	for _, title := range titles {
		if at < len(pageTitles) && title == pageTitles[at] {
			at++
		}
	}
	if at < len(pageTitles) {
		t.Errorf("page.md lacks the wiki's heading %q, or has it in another place than the wiki", pageTitles[at])
	}
}

func fileOf(t *testing.T, kind, id string) {
	t.Helper()
	name := kind + "_" + strings.ReplaceAll(id, "-", "_") + ".go"
	if _, err := os.Stat(name); err != nil {
		t.Errorf("%s %s is in the table, and checklist/%s is missing", kind, id, name)
	}
}

func count(list []string, s string) (n int) {
	for _, x := range list {
		if x == s {
			n++
		}
	}
	return n
}

// TestFilesAreInTheTable finds files of steps and releases that nothing uses.
func TestFilesAreInTheTable(t *testing.T) {
	releases, err := filepath.Glob("release_*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range releases {
		dir := strings.TrimSuffix(strings.TrimPrefix(name, "release_"), ".go")
		if !slices.ContainsFunc(Releases(), func(r Release) bool { return r.Dir == dir }) {
			t.Errorf("checklist/%s is there, and Releases() has no release with Dir %q", name, dir)
		}
	}
	for _, r := range Releases() {
		fileOf(t, "release", r.Dir)
		for _, page := range pagePackages {
			if s, ok := r.Packages[page]; ok && s.Reason == "" {
				t.Errorf("%s replaces %s and does not say why", r.Name, page)
			}
		}
		for name := range r.Packages {
			if !slices.Contains(pagePackages, name) {
				t.Errorf("%s replaces %s, which is not in the page's list", r.Name, name)
			}
		}
	}
}

// TestTemplatesAreUsed finds templates whose path no source file names.
func TestTemplatesAreUsed(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for _, path := range templates.Paths() {
		if !strings.Contains(all.String(), `"`+path) && !strings.Contains(all.String(), `"`+filepath.Dir(path)+`/"`) {
			t.Errorf("templates has %s, and no file of checklist names it", path)
		}
	}
}

func TestSection(t *testing.T) {
	text, ok := Section("screen")
	if !ok || !strings.HasPrefix(text, "#### screen's scroll back\n") || strings.Contains(text, "{#") || strings.Contains(text, "#### bash") {
		t.Errorf("%t %q", ok, text)
	}
	if _, ok := Section("nothing"); ok {
		t.Error("a section of nothing")
	}
}
