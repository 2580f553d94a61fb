package remote

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"al.essio.dev/pkg/shellescape"
)

// masks is the set of secrets that are never to be seen in what a server says.
type masks struct {
	mu   sync.Mutex
	list [][]byte // every form of every secret, longest first
}

// minSecret is the shortest text worth masking: a shorter one is in every line.
const minSecret = 4

// add registers a secret in every form in which programs repeat what they read.
func (m *masks) add(s Secret) {
	v := s.Reveal()
	if len(v) < minSecret {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	forms := []string{
		v, strings.TrimRight(v, "\r\n"), hex.EncodeToString([]byte(v)), strings.ToUpper(hex.EncodeToString([]byte(v))),
		shellescape.Quote(v), strings.ReplaceAll(v, "'", `'\''`), strings.ReplaceAll(v, "'", `'"'"'`), url.QueryEscape(v),
		strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`").Replace(v),
	}
	inJSON, _ := json.Marshal(v) // a string always can
	inGo := strconv.Quote(v)
	forms = append(forms, string(inJSON[1:len(inJSON)-1]), inGo[1:len(inGo)-1])
	forms = append(forms, base64Forms(v)...)
	for _, f := range forms {
		if len(f) >= minSecret && !slices.ContainsFunc(m.list, func(o []byte) bool { return string(o) == f }) {
			m.list = append(m.list, []byte(f))
		}
	}
	slices.SortFunc(m.list, func(a, b []byte) int { return len(b) - len(a) })
}

// base64Forms are the texts that v becomes wherever it stands in something that
// is encoded as a whole: base64 has three phases, and the characters at v's ends
// depend on its neighbours.
func base64Forms(v string) []string {
	var forms []string
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		forms = append(forms, enc.EncodeToString([]byte(v)))
		for phase := range 3 {
			full := enc.EncodeToString([]byte(strings.Repeat("\x00", phase) + v))
			from, to := (phase*8+5)/6, (phase+len(v))*8/6
			if to-from >= 2*minSecret { // shorter could be anything
				forms = append(forms, full[from:to])
			}
		}
	}
	return forms
}

// text masks a text that is whole.
func (m *masks) text(s string) string {
	var st maskStream
	out := st.write(m, []byte(s))
	return string(append(out, st.flush(m)...))
}

// maskStream masks a text that arrives in pieces. It holds back an end that may
// be the beginning of a secret.
type maskStream struct{ held []byte }

func (st *maskStream) write(m *masks, p []byte) []byte { return st.run(m, p, false) }

// flush gives what was held back, at the end of the text.
func (st *maskStream) flush(m *masks) []byte { return st.run(m, nil, true) }

func (st *maskStream) run(m *masks, p []byte, end bool) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	in := slices.Concat(st.held, p)
	st.held = nil
	if len(m.list) == 0 {
		return in
	}
	var first [256]bool
	for _, f := range m.list {
		first[f[0]] = true
	}
	out := make([]byte, 0, len(in))
next:
	for i := 0; i < len(in); i++ {
		if !first[in[i]] {
			out = append(out, in[i])
			continue
		}
		for _, f := range m.list { // longest first
			rest := in[i:]
			if bytes.HasPrefix(rest, f) {
				out = append(out, masked...)
				i += len(f) - 1
				continue next
			}
			if !end && len(rest) < len(f) && bytes.HasPrefix(f, rest) {
				st.held = bytes.Clone(rest)
				return out
			}
		}
		out = append(out, in[i])
	}
	return out
}
