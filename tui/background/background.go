// Package background keeps Bubble Tea from asking the terminal for its
// background colour before main begins: a terminal that does not answer would
// hold up every command for five seconds.
//
// It works by being initialised before Bubble Tea, whose own init asks:
// independent packages are initialised in the order of their import paths, and
// "aslwiz" comes before "github.com".
package background

import (
	"os"
	"strings"

	"github.com/charmbracelet/lipgloss"
)

func init() { lipgloss.SetHasDarkBackground(dark(os.Getenv("COLORFGBG"))) }

// dark reads COLORFGBG, which some terminals set to "foreground;background" in
// the numbers of the 16 colours. Most terminals are dark, and the colours that
// the wizard uses can be read on both.
func dark(colours string) bool {
	i := strings.LastIndexByte(colours, ';')
	return i < 0 || (colours[i+1:] != "7" && colours[i+1:] != "15")
}
