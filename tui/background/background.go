// Package background keeps Bubble Tea from asking the terminal for its
// background colour before main begins: a terminal that does not answer would
// hold up every command for five seconds.
//
// It works by being initialised before Bubble Tea, whose own init asks:
// independent packages are initialised in the order of their import paths, and
// "aslwiz" comes before "github.com".
package background

import "github.com/charmbracelet/lipgloss"

// No colour of aslwiz depends on the answer.
func init() { lipgloss.SetHasDarkBackground(true) }
