// Package tui is the wizard: the page, screen by screen, and the same as plain
// lines. It is the only importer of Charm's packages.
//
// Update only changes the model: whatever reads or writes is a Cmd of engine.go
// or store.go. The one View is the wizard's; screens return strings. Keys are
// bound in keys.go, colours in styles.go, the terminal's modes in tui.go.
package tui
