package remote

import (
	"bytes"
	"strconv"
	"strings"
)

// aptMark opens a line of apt's own progress in a log; see tx.sh.
const aptMark = "\x1eapt "

// maxPending bounds a line that never ends.
const maxPending = 4 * MaxLine

// logReader turns the bytes of a log, which come in pieces, into clean lines and
// apt's progress.
type logReader struct {
	masks   *masks
	mask    maskStream
	pending []byte // a line that has not ended
	apt     []byte // a line of apt's progress that has not ended
	inApt   bool

	percent float64
	doing   string
	changed bool // percent or doing are news
}

func newLogReader(m *masks) *logReader { return &logReader{masks: m, percent: -1} }

// write takes the next bytes and returns the lines they complete.
func (r *logReader) write(p []byte) []string { return r.split(r.mask.write(r.masks, p)) }

// flush returns what is left at the end: a last line without a newline.
func (r *logReader) flush() []string {
	lines := r.split(r.mask.flush(r.masks))
	if len(r.pending) > 0 {
		lines = append(lines, r.clean(string(r.pending)))
		r.pending = nil
	}
	return lines
}

func (r *logReader) split(p []byte) []string {
	var lines []string
	for len(p) > 0 {
		if r.inApt {
			i := bytes.IndexByte(p, '\n')
			if i < 0 {
				r.apt = keep(append(r.apt, p...))
				return lines
			}
			r.progress(string(append(r.apt, p[:i]...)))
			r.apt, r.inApt, p = nil, false, p[i+1:]
			continue
		}
		i := bytes.IndexAny(p, "\n\x1e")
		if i < 0 {
			r.pending = keep(append(r.pending, p...))
			return lines
		}
		r.pending = keep(append(r.pending, p[:i]...))
		if p[i] == '\n' {
			lines = append(lines, r.clean(string(r.pending)))
			r.pending = nil
		} else {
			r.inApt = true
		}
		p = p[i+1:]
	}
	return lines
}

// keep bounds a line: of one drawn over itself the last drawing, of any other
// its beginning.
func keep(b []byte) []byte {
	if len(b) <= maxPending {
		return b
	}
	if i := bytes.LastIndexByte(b, '\r'); i >= 0 {
		b = bytes.Clone(b[i+1:])
	}
	return b[:min(len(b), maxPending)]
}

// progress reads "apt pmstatus:PACKAGE:PERCENT:TEXT", dlstatus alike, and wait, which
// knows no percentage.
func (r *logReader) progress(line string) {
	f := strings.SplitN(strings.TrimPrefix(line, aptMark[1:]), ":", 4)
	if len(f) == 4 && f[0] == "wait" {
		r.percent, r.doing, r.changed = -1, r.clean(f[3]), true
		return
	}
	if len(f) != 4 || f[0] != "pmstatus" && f[0] != "dlstatus" {
		return
	}
	percent, err := strconv.ParseFloat(f[2], 64)
	if err != nil || percent < 0 || percent > 100 {
		return
	}
	r.percent, r.doing, r.changed = percent, r.clean(f[3]), true
}

// clean makes a line fit for the screen. What is dropped from it may have stood in
// the middle of a secret.
func (r *logReader) clean(line string) string { return r.masks.text(CleanLine(line)) }
