package checklist

import (
	_ "embed"
	"regexp"
	"strings"
)

//go:embed page.md
var page string

var pageHeading = regexp.MustCompile(`(?m)^#+ .*$`)

// Page is the whole page in aslwiz's own words, as Markdown. A heading that ends
// in {#id} belongs to the step or item of that id.
func Page() string { return page }

// Section is the text of the page that belongs to a step: its heading, without
// the mark, and all up to the next heading.
func Section(id string) (string, bool) {
	for _, at := range pageHeading.FindAllStringIndex(page, -1) {
		heading, ok := strings.CutSuffix(page[at[0]:at[1]], " {#"+id+"}")
		if !ok {
			continue
		}
		body := page[at[1]:]
		if next := pageHeading.FindStringIndex(body); next != nil {
			body = body[:next[0]]
		}
		return strings.TrimSpace(heading + body), true
	}
	return "", false
}
