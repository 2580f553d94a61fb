package checklist

import (
	"al.essio.dev/pkg/shellescape"
	"github.com/aymanbagabas/go-udiff"
)

// quote makes s one word of a POSIX shell.
func quote(s string) string { return shellescape.Quote(s) }

// unifiedDiff is the change from before to after in unified form.
func unifiedDiff(name, before, after string, exists bool) string {
	old := name
	if !exists {
		old = "/dev/null"
	}
	return udiff.Unified(old, name, before, after)
}
