package checklist

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"aslwiz/remote"
)

// replaced are the packages that Debian lets one of the page's take the place of: a
// server has one program that sets its clock and one that hands out its mail. The page
// implies that they go, so that the plan names them and needs no other word.
var replaced = map[string][]string{
	"ntpsec":  {"systemd-timesyncd"},
	"postfix": {"exim4", "exim4-base", "exim4-config", "exim4-daemon-light", "exim4-daemon-heavy"},
}

// removals is what apt would remove to install names.
type removals struct {
	names []string // to be installed
	allow []string // the answer packages.remove
}

// successor is the package that takes the place of name, "" when the page implies none.
func (r removals) successor(name string) string {
	for _, n := range r.names {
		if slices.Contains(replaced[n], name) {
			return n
		}
	}
	return ""
}

// agreed says whether name may be removed once the plan names it.
func (r removals) agreed(name string) bool {
	return r.successor(name) != "" || slices.Contains(r.allow, name)
}

// probe asks apt to simulate. It takes no lock and changes nothing. It prints "have NAME"
// of those that may go and are installed, "simulated" or "failed WHY" where apt has lists,
// "gone NAME" of what would be removed, and then what helps to say why: "new NAME" and
// "against NAMES" of what cannot be installed beside them, "old NAME PROVIDES" of them.
func (r removals) probe() remote.Probe {
	may := slices.Clone(r.allow)
	for _, n := range r.names {
		may = append(may, replaced[n]...)
	}
	return remote.ReadSetting("what apt would remove", "names="+quote(strings.Join(r.names, " "))+" may="+quote(strings.Join(may, " "))+removalsRead).Within(2 * time.Minute)
}

const removalsRead = `
LC_ALL=C; export LC_ALL
[ -z "$may" ] || dpkg-query -W -f '${db:Status-Status} ${Package}\n' $may 2>/dev/null | sed -n 's/^installed /have /p'
there=" $(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $names 2>/dev/null | sed -n 's/^installed //p' | tr '\n' ' ')"
missing=
for n in $names; do case $there in *" $n "*) ;; *) missing="$missing $n" ;; esac; done
[ -n "$missing" ] && [ -n "$(` + aptListsRead + `)" ] || exit 0
offered=$(apt-cache policy $missing | sed -n -e '/^[^ ]/{s/:$//;h;}' -e '/^  Candidate: [^(]/{g;p;}')
[ -n "$offered" ] || exit 0
all=$(apt-get -s -q -y -o Debug::NoLocking=true install -- $offered 2>&1) || {
  echo "failed $(printf '%s\n' "$all" | sed -n 's/^E: //p' | head -n 1)"
  exit 0
}
echo simulated
gone=$(printf '%s\n' "$all" | sed -n -e 's/^Remv \([^ ]*\).*/\1/p' -e 's/^Purg \([^ ]*\).*/\1/p' | head -n 200)
[ -n "$gone" ] || exit 0
printf 'gone %s\n' $gone
old=$(dpkg-query -W -f 'old ${Package} ${Provides}\n' $gone 2>/dev/null) || :
set --
for n in $(printf '%s\n' "$old" | tr ' ,|()' '\n\n\n\n\n' | grep '^[a-z]' | sort -u | head -n 200); do set -- "$@" -e "$n"; done
apt-cache show --no-all-versions -- $(printf '%s\n' "$all" | sed -n 's/^Inst \([^ ]*\).*/\1/p' | head -n 200) 2>/dev/null |
  sed -n -e 's/^Package: /new /p' -e 's/^Conflicts: /against /p' -e 's/^Breaks: /against /p' |
  grep -w -e '^new' "$@" | sed -n -e '/^new /h' -e '/^against /{x;p;x;p;}' | head -n 200
printf '%s\n' "$old"`

// wouldRemove is the probe's answer.
type wouldRemove struct {
	have      []string // may go, and are installed
	simulated bool
	failed    string // why apt could not simulate
	gone      []string
	why       map[string]string // of gone: the package that it cannot be installed beside
}

var packageChars = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]{1,79}(:[a-z0-9-]{1,20})?$`)

func (r removals) parse(text string) (wouldRemove, error) {
	out := wouldRemove{why: map[string]string{}}
	against := map[string][]string{} // by word: the packages that want it gone
	var newest string
	for line := range strings.Lines(text) {
		key, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "have", "gone":
			if !packageChars.MatchString(rest) {
				return out, fmt.Errorf("what apt would remove: %q is not the name of a package", rest)
			}
			if key == "have" {
				out.have = append(out.have, rest)
			} else {
				out.gone = append(out.gone, rest)
			}
		case "simulated":
			out.simulated = true
		case "failed":
			out.failed = orElse(rest, "it does not say why")
		case "new":
			newest = rest
		case "against":
			for _, w := range relations(rest) {
				against[w] = append(against[w], newest)
			}
		case "old":
			name, provides, _ := strings.Cut(rest, " ")
			for _, w := range append([]string{name}, relations(provides)...) {
				if by := against[w]; len(by) > 0 && out.why[name] == "" {
					out.why[name] = by[0]
				}
			}
		}
	}
	return out, nil
}

// relations are the names in a field such as Conflicts, without versions.
func relations(field string) (names []string) {
	for part := range strings.FieldsFuncSeq(field, func(c rune) bool { return c == ',' || c == '|' }) {
		if w := strings.Fields(part); len(w) > 0 {
			name, _, _ := strings.Cut(w[0], ":")
			names = append(names, name)
		}
	}
	return names
}

// into says in c what would be removed, refuses what nobody agreed to, and returns the
// names that the script may let apt remove. whole is false where apt does not offer all
// packages yet, so that a simulation does not say everything.
func (r removals) into(c *Change, got wouldRemove, whole bool) (may []string) {
	for _, n := range got.gone {
		c.Diff += "-" + n + r.reason(n, true) + "\n"
	}
	may = got.gone
	if !got.simulated || !whole {
		for _, n := range got.have {
			if r.agreed(n) && !slices.Contains(may, n) {
				may = append(may, n)
				c.Diff += "-" + n + r.reason(n, false) + "\n"
			}
		}
	}
	if got.failed != "" {
		c.Notes = append(c.Notes, "apt cannot simulate this yet ("+got.failed+"). The step checks again and removes only the packages listed here.")
	}
	if len(may) > 0 {
		c.Notes = append(c.Notes, "undo cannot bring removed packages back: that takes apt-get install")
	}
	c.Removes = may
	r.refuse(c, got)
	return may
}

// reason says beside a name why it goes, or may have to.
func (r removals) reason(name string, sure bool) string {
	by := r.successor(name)
	switch {
	case by != "":
		return " (" + by + " takes its place)"
	case !slices.Contains(r.allow, name):
		return ""
	case sure:
		return " (as packages.remove says)"
	}
	return " (if apt has to; packages.remove lets it)"
}

// refuse stops the step in the plan where apt would remove what nobody agreed to.
func (r removals) refuse(c *Change, got wouldRemove) {
	var names, why []string
	for _, n := range got.gone {
		if r.agreed(n) {
			continue
		}
		names = append(names, n)
		if by := got.why[n]; by != "" {
			why = append(why, n+" cannot be installed beside "+by)
		}
	}
	if len(names) == 0 {
		return
	}
	text := "apt would remove " + strings.Join(names, ", ")
	if len(why) > 0 {
		text += " (" + strings.Join(why, "; ") + ")"
	}
	it := "it"
	if len(names) > 1 {
		it = "them"
	}
	c.Short = fmt.Sprintf("%s. Undo cannot restore %s. To allow the removal, add %s to packages.remove in the answers (packages: {remove: [%s]}); otherwise skip this step",
		text, it, it, strings.Join(names, ", "))
	c.Blocks = true
}
