package remote

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestMaskForms(t *testing.T) {
	t.Parallel()
	const psk = `s3cr3t'pa$$"phrase\with=all`
	var m masks
	m.add(NewSecret(psk))
	m.add(NewSecret("ab")) // too short to mean anything
	for _, text := range []string{
		psk, "x" + psk + "y", `'s3cr3t'\''pa$$"phrase\with=all'`, `s3cr3t'"'"'pa$$"phrase\with=all`,
		`PSK "s3cr3t'pa\$\$\"phrase\\with=all"`, `{"psk": "s3cr3t'pa$$\"phrase\\with=all"}`,
		base64.StdEncoding.EncodeToString([]byte(psk)), base64.StdEncoding.EncodeToString([]byte("user:" + psk + ":x")),
		base64.StdEncoding.EncodeToString([]byte("1" + psk)), "7333637233742770612424227068726173655c776974683d616c6c",
	} {
		got := m.text("about " + text + " ab")
		if !strings.Contains(got, masked) || strings.Contains(got, "phrase") || !strings.HasSuffix(got, " ab") {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func FuzzMaskAcrossPieces(f *testing.F) {
	f.Add("hunter2hunter2", "say hunter2hunter2 twice hunter2hunter2", uint64(1))
	f.Add("aaab", "aaaaaaabaaab", uint64(2))
	f.Add("'quoted'", "x 'quoted' y", uint64(3))
	f.Fuzz(func(t *testing.T, secret, text string, seed uint64) {
		if len(secret) > 100 || len(text) > 2000 || strings.Contains(masked, secret) {
			return
		}
		var m masks
		m.add(NewSecret(secret))
		whole := m.text(text + secret + text)
		rnd := rand.New(rand.NewPCG(seed, 0))
		var st maskStream
		var b strings.Builder
		for rest := text + secret + text; rest != ""; {
			n := min(len(rest), 1+rnd.IntN(5))
			b.Write(st.write(&m, []byte(rest[:n])))
			rest = rest[n:]
		}
		b.Write(st.flush(&m))
		if b.String() != whole {
			t.Errorf("in pieces %q, at once %q", b.String(), whole)
		}
		for _, piece := range strings.Split(whole, masked) {
			if len(secret) >= minSecret && strings.Contains(piece, secret) {
				t.Errorf("%q shows %q", whole, secret)
			}
		}
	})
}
