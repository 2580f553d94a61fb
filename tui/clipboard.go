package tui

import (
	"encoding/base64"
	"fmt"
)

// clipboard copies through the terminal (OSC 52), so that it works over SSH too.
func (e *engine) clipboard(text string) {
	if e.cfg.Out != nil {
		fmt.Fprintf(e.cfg.Out, "\x1b]52;c;%s\x07", base64.StdEncoding.EncodeToString([]byte(text)))
	}
}
