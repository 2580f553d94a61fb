package templates

import (
	"strings"
	"testing"
	"testing/fstest"

	"mvdan.cc/sh/v3/syntax"
)

func TestRender(t *testing.T) {
	rules := struct{ Rules4, Rules6, Least4, Least6, Own string }{Rules4: "-A INPUT -j x\n"}
	text, err := Render("debian12", "/etc/network/firewall.sh", rules)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "cat <<'RULES'\n-A INPUT -j x\nRULES\n") {
		t.Errorf("the rules are not where they belong:\n%s", text)
	}
	if _, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(text), "firewall.sh"); err != nil {
		t.Error(err)
	}
	for _, tt := range []struct {
		path, want string
		data       any
	}{
		{"/etc/nowhere", "add templates/common/etc/nowhere", nil},
		{"/../../etc/passwd", "no template", nil},
		{"/etc/network/firewall.sh", "Rules4", map[string]string{}},
		{"/etc/network/firewall.sh", "Rules4", struct{}{}},
	} {
		if _, err := Render("debian12", tt.path, tt.data); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.path, err)
		}
	}
}

func TestReleaseOverridesCommon(t *testing.T) {
	fs := fstest.MapFS{"common/etc/a": {Data: []byte("common")}, "debian12/etc/a": {Data: []byte("own")}}
	for dir, want := range map[string]string{"debian12": "own", "debian13": "common", "": "common", "common": "common"} {
		if text, err := read(fs, dir, "etc/a"); err != nil || string(text) != want {
			t.Errorf("%q: %q, %v", dir, text, err)
		}
	}
}
