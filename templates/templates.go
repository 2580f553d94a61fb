// Package templates holds the files that aslwiz writes. The path of a template
// is its path on the server: common/etc/network/firewall.sh; a folder named
// after a release overrides common.
package templates

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"text/template"
)

// The pattern takes in every release's folder without naming it here.
//
//go:embed */etc
var files embed.FS

// common is the folder of the templates that all releases share.
const common = "common"

// Render fills the template of a path on the server, such as
// "/etc/network/firewall.sh", with data: the release's own template where there
// is one, else the common one. A field that data does not have is an error.
func Render(releaseDir, name string, data any) (string, error) {
	rel := strings.TrimPrefix(path.Clean("/"+name), "/")
	text, err := read(files, releaseDir, rel)
	if err != nil {
		return "", fmt.Errorf("no template for /%s: add templates/%s/%s", rel, common, rel)
	}
	t, err := template.New(rel).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return "", fmt.Errorf("template for /%s: %w", rel, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return "", fmt.Errorf("template for /%s: %w", rel, err)
	}
	return b.String(), nil
}

func read(files fs.FS, releaseDir, rel string) ([]byte, error) {
	if releaseDir != "" && releaseDir != common {
		if text, err := fs.ReadFile(files, path.Join(releaseDir, rel)); err == nil {
			return text, nil
		}
	}
	return fs.ReadFile(files, path.Join(common, rel))
}

// Paths are the paths on the server of all templates, each once.
func Paths() []string {
	seen := map[string]bool{}
	var out []string
	_ = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		_, rel, _ := strings.Cut(name, "/")
		if !seen[rel] {
			seen[rel] = true
			out = append(out, "/"+rel)
		}
		return nil
	})
	return out
}
