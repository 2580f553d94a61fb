//go:build unix

package ptytest

import (
	"fmt"
	"html"
	"strings"

	"github.com/hinshun/vt10x"
)

// Sizes of a character in an SVG.
const (
	charW, lineH, margin = 8.4, 18, 14
)

// palette are the 16 colours of a terminal, as a dark theme has them.
var palette = [16]string{
	"#1d1f21", "#cc6666", "#8fae5d", "#e0b15a", "#6c99bb", "#a888b5", "#62a3a0", "#c5c8c6",
	"#777c80", "#e07a7a", "#a9cc6f", "#f0c674", "#81b5dd", "#c4a3cf", "#7cc4c0", "#ffffff",
}

// Bits of vt10x.Glyph.Mode.
const (
	reversed = 1 << iota
	underlined
	bold
)

// SVG is a picture of the screen as it is now.
func (x *Terminal) SVG(title string) string {
	x.vt.Lock()
	defer x.vt.Unlock()
	cols, rows := x.vt.Size()
	w, h := float64(cols)*charW+2*margin, rows*lineH+2*margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%d" viewBox="0 0 %.0f %d" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14">`+"\n", w, h, w, h)
	fmt.Fprintf(&b, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" rx=\"8\" fill=\"#16181a\"/>\n", html.EscapeString(title))
	for y := range rows {
		for from := 0; from < cols; {
			to := from + 1
			for to < cols && alike(x.vt.Cell(from, y), x.vt.Cell(to, y)) {
				to++
			}
			x.run(&b, from, to, y)
			from = to
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func alike(a, b vt10x.Glyph) bool {
	return a.FG == b.FG && a.BG == b.BG && a.Mode&(reversed|bold) == b.Mode&(reversed|bold)
}

// run draws characters of one colour: each run begins at its own column, so that
// columns stay in line whatever the font.
func (x *Terminal) run(b *strings.Builder, from, to, y int) {
	var text strings.Builder
	for i := from; i < to; i++ {
		text.WriteRune(max(' ', x.vt.Cell(i, y).Char))
	}
	first := x.vt.Cell(from, y)
	fg, bg := colourOf(first.FG, "#d5d8d6"), colourOf(first.BG, "")
	if first.Mode&reversed != 0 {
		fg, bg = "#16181a", fg
	}
	left, top := margin+float64(from)*charW, margin+y*lineH
	if bg != "" {
		fmt.Fprintf(b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", left, top, float64(to-from)*charW, lineH, bg)
	}
	s := strings.TrimRight(text.String(), " ")
	if s == "" {
		return
	}
	weight := ""
	if first.Mode&bold != 0 {
		weight = ` font-weight="bold"`
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%d" fill="%s"%s textLength="%.1f" lengthAdjust="spacingAndGlyphs" xml:space="preserve">%s</text>`+"\n",
		left, top+lineH-5, fg, weight, float64(len([]rune(s)))*charW, html.EscapeString(s))
}

func colourOf(c vt10x.Color, other string) string {
	if int(c) < len(palette) {
		return palette[c]
	}
	return other
}
