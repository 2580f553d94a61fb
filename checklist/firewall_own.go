package checklist

import (
	"regexp"
	"slices"
	"strings"
)

// The chains that are aslwiz's, in the order in which own prints them. Everything
// else in the tables is somebody else's: the policies, Docker's and libvirt's chains,
// fail2ban's bans, an administrator's own lines.
const (
	chainIn      = "aslwiz-in"
	chainForward = "aslwiz-forward"
	chainLocal   = "aslwiz-local" // the admin's own lines, from firewallLocal
	chainLog     = "aslwiz-log"
)

var ownChains = []string{chainIn, chainForward, chainLocal, chainLog}

// ownHead declares the chains and the jumps to them.
const ownHead = `:aslwiz-in -
:aslwiz-forward -
:aslwiz-local -
:aslwiz-log -
-A INPUT -j aslwiz-in
-A FORWARD -j aslwiz-forward
`

// jumpIn is how packets come to aslwiz's rules.
const jumpIn = "-A INPUT -j " + chainIn

// ownShell are shell functions that read and set what is aslwiz's in the filter
// table of a family. The script on the server has them, and so has a roll-back, which
// must work without that script.
//
// A new jump is appended, so that what fail2ban and libvirt insert stays ahead of it;
// one that is there stays where it is. No line names INPUT or FORWARD as a chain: that
// would set their policy, which may be Docker's. All of it is one COMMIT, so that
// either everything holds or nothing was changed; a -D of a rule that is not there
// would fail it, so the jumps are counted first.
const ownShell = `# own COMMAND prints what is aslwiz's of a family's filter table: its chains, the jumps
# to them, their rules. COMMAND is iptables or ip6tables.
own() {
  command -v "$1-save" >/dev/null || return 127
  own_saved=$("$1-save" -t filter) || return
  case $own_saved in
    *"is incompatible, use 'nft' tool"*)
      echo "$1 cannot read its filter table, because nft has put rules there" >&2
      return 1
      ;;
  esac
  printf '%s\n' "$own_saved" | awk '
    BEGIN {
      n = split("aslwiz-in aslwiz-forward aslwiz-local aslwiz-log", name)
      for (i = 1; i <= n; i++) ours[name[i]] = 1
    }
    /^:/ { if (substr($1, 2) in ours) there[substr($1, 2)] = 1; next }
    /^-A / && $2 in ours { rules[$2] = rules[$2] $0 "\n"; next }
    /^-A .* -[jg] aslwiz-(in|forward|local|log)$/ { jumps = jumps $0 "\n" }
    END {
      for (i = 1; i <= n; i++) if (name[i] in there) print ":" name[i] " -"
      printf "%s", jumps
      for (i = 1; i <= n; i++) printf "%s", rules[name[i]]
    }'
}

# set_own COMMAND [--test] takes on standard input what own prints, and makes it so in
# one COMMIT. Nothing on standard input removes all that is aslwiz's.
set_own() {
  own_want=$(cat)
  own_now=$(own "$1") || return
  own_text=$(printf '%s\n=\n%s\n' "$own_now" "$own_want" | awk '
    $0 == "=" { want = 1; next }
    /^:/ {
      if (!($1 in seen)) chain[++n] = $1
      seen[$1] = 1
      if (want) keep[$1] = 1
      next
    }
    !/^-A / { next }
    (":" $2) in seen { if (want) rules = rules $0 "\n"; next }
    want { wanted[$0]++; jump[++m] = $0; next }
    { had[$0]++ }
    END {
      print "*filter"
      for (i = 1; i <= n; i++) print chain[i] " -"
      printf "%s", rules
      for (j in had) for (k = had[j] - wanted[j]; k > 0; k--) print "-D" substr(j, 3)
      for (i = 1; i <= m; i++) if (had[jump[i]]-- <= 0) print jump[i]
      for (i = 1; i <= n; i++) if (!(chain[i] in keep)) print "-X " substr(chain[i], 2)
      print "COMMIT"
    }') || return
  printf '%s\n' "$own_text" | "$1-restore" -w 10 --noflush ${2:+"$2"}
}
`

// ownRead and ownWrite are a Setting's Read and Write of what own prints.
func ownRead(command string) string  { return ownShell + "own " + command }
func ownWrite(command string) string { return ownShell + "set_own " + command }

// withoutLocal takes the admin's own rules out of what own prints: aslwiz loads them,
// and does not judge them.
func withoutLocal(own string) string {
	var out []string
	for line := range strings.Lines(own) {
		if !strings.HasPrefix(line, "-A "+chainLocal+" ") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

var ownJump = regexp.MustCompile(` -[jg] (?:` + strings.Join(ownChains, "|") + `)$`)

// ownOf is what own would print of a table, from what iptables-save printed of it.
func ownOf(t *savedTable) []string {
	if t == nil {
		return nil
	}
	var out, jumps []string
	for _, c := range ownChains {
		if _, ok := t.policy[c]; ok {
			out = append(out, ":"+c+" -")
		}
	}
	rules := map[string][]string{}
	for _, r := range t.rules {
		switch {
		case slices.Contains(ownChains, r.chain):
			rules[r.chain] = append(rules[r.chain], r.text)
		case ownJump.MatchString(r.text):
			jumps = append(jumps, r.text)
		}
	}
	out = append(out, jumps...)
	for _, c := range ownChains {
		out = append(out, rules[c]...)
	}
	return out
}
