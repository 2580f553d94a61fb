package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport is which packages of aslwiz each top-level folder may import: the
// direction is cmd, tui, checklist, then remote and templates.
var mayImport = map[string][]string{
	"cmd":       {"tui", "checklist", "remote", "templates"},
	"tui":       {"tui", "checklist", "remote"},
	"checklist": {"checklist", "remote", "templates"},
	"remote":    {"remote"},
	"templates": {},
}

// charm are the packages of the screen; only tui may import them. x/ansi, which
// measures and strips text, is not one of them.
var charm = []string{
	"github.com/charmbracelet/bubbletea", "github.com/charmbracelet/bubbles",
	"github.com/charmbracelet/huh", "github.com/charmbracelet/lipgloss",
}

func TestImports(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	for folder, allowed := range mayImport {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if os.IsNotExist(err) || err == nil && (d.IsDir() || !strings.HasSuffix(path, ".go")) {
				return nil
			}
			if err != nil {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, spec := range file.Imports {
				imported, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					return err
				}
				if wrongImport(folder, imported, allowed, strings.HasSuffix(path, "_test.go")) {
					t.Errorf("%s imports %s: imports point from cmd to tui to checklist to remote and templates", path, imported)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestPracticeOpensNoSocket holds that the practice server imports nothing that
// could reach the network or a program of this computer. Of remote, whose types it
// speaks in, it calls nothing that connects.
func TestPracticeOpensNoSocket(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "checklist", "practice", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil || slices.Contains([]string{"net", "net/http", "os", "os/exec", "syscall", "golang.org/x/crypto/ssh"}, name) {
				t.Errorf("%s imports %s: the practice server opens no socket and runs nothing", path, name)
			}
		}
		for _, word := range []string{"remote.Connect", "remote.LookUp("} {
			if strings.Contains(string(text), word) {
				t.Errorf("%s calls %s: the practice server opens no socket", path, word)
			}
		}
	}
}

func wrongImport(folder, imported string, allowed []string, test bool) bool {
	if ours, ok := strings.CutPrefix(imported, "aslwiz/"); ok {
		top, _, _ := strings.Cut(ours, "/")
		ownTest := test && top == folder
		return !ownTest && !slices.Contains(allowed, top)
	}
	return folder != "tui" && slices.ContainsFunc(charm, func(c string) bool {
		return imported == c || strings.HasPrefix(imported, c+"/")
	})
}
