package tui

import (
	"os"
	"path/filepath"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
)

// FuzzRemembered starts over a file of what was remembered that may hold anything: a crash
// or an editor may have been at it. It starts, shows nothing but text, and goes on from there.
func FuzzRemembered(f *testing.F) {
	f.Add([]byte(`{"box":{"verified":"2026-11-20T10:00:00Z","counts":"5 ok, 1 RED","running":"firewall","used":"2026-11-20T10:00:00Z","at":"firewall","skipped":{"firewall":true}}}`))
	f.Add([]byte(`{" new":{"draft":{"host":"198.51.100.11","hostname":"box"},"typed":{"hostname":"b\u001b[2Jx","ipv4":"1"},"asked":{"nowhere":true},"at":"verification"}}`))
	f.Add([]byte(`{"box":null," new":{"draft":{},"at":"\u202e"}}`))
	f.Add([]byte(`{"a/../b":{"draft":{"host":"x\u0000\u009b31m"}},"box":{"at":"nowhere","running":"nothing","counts":"\u001b]0;evil\u0007"}}`))
	f.Add([]byte(`{"box":{"used":"9999-12-31T23:59:59Z","verified":"0001-01-01T00:00:00Z"}}`))
	f.Add([]byte(`[]`))
	f.Add([]byte(`{"box":`))
	f.Fuzz(func(t *testing.T, state []byte) {
		b := newBench(t, 60, 20)
		for file, text := range map[string][]byte{"config/box.yaml": []byte("host: 198.51.100.11\n"), "state/wizard.json": state} {
			path := filepath.Join(b.dir, file)
			if err := writeFile(path, text); err != nil {
				t.Fatal(err)
			}
		}
		for _, keys := range [][]string{{"enter", "ctrl+d"}, {"n", "ctrl+d"}, {"down", "enter", "enter"}} {
			b.w = b.start()
			b.do(tea.WindowSizeMsg{Width: 60, Height: 20})
			harmless(t, "start", b.w.View())
			for _, key := range keys {
				b.keys(key)
				harmless(t, "after "+key, b.w.View())
			}
			b.clock = b.clock.Add(1e9)
		}
		if _, err := os.Stat(filepath.Join(b.dir, "config/box.yaml")); err != nil {
			t.Error(err)
		}
	})
}
