package tui

import (
	"fmt"
	"strings"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// planLines show what a step will change: each thing as it is and as it will
// be, with the differences.
func planLines(p checklist.StepPlan, w int, m planMarks) []string {
	var out []string
	for _, c := range p.Changes { // what needs a look comes first
		if !c.Same && c.Now != string(checklist.StepUnknown) { // of that the problems below say why
			out = append(out, changeText(c, w, m)...)
		}
	}
	for _, problem := range p.Problems {
		out = append(out, wrap(w, style.warn.Render(m.unknown), clean(problem))...)
	}
	for _, c := range p.Changes {
		if c.Same {
			out = append(out, wrap(w, style.ok.Render(m.same)+clean(c.Resource)+": ", clean(orDash(c.Now)))...)
		}
	}
	return out
}

// planMarks begin the lines of a plan: short ones for the screen, words for line
// mode, where they are read aloud.
type planMarks struct{ same, change, waits, short, unknown string }

var (
	screenMarks = planMarks{"= ", "* change ", "? waits  ", "! short  ", "? not known: "}
	spokenMarks = planMarks{"ok: ", "change: ", "waits: ", "falls short: ", "not known: "}
)

func changeText(c checklist.Change, w int, m planMarks) []string {
	name := clean(c.Resource)
	mark, put := style.warn.Render(m.change)+name, "    "
	switch {
	case c.Waits != "":
		mark = style.warn.Render(m.waits) + name
	case c.Kind == "check":
		mark = style.warn.Render(m.short) + name
	}
	out := wrap(w, mark, "")
	out = append(out, wrap(w, put+"now:  ", clean(orDash(c.Now)))...)
	out = append(out, wrap(w, put+"want: ", clean(orDash(c.Want)))...)
	if c.Waits != "" {
		out = append(out, wrap(w, put, clean(c.Waits))...)
	}
	if c.Short != "" {
		out = append(out, wrap(w, put, clean(c.Short))...)
	}
	for _, n := range c.Notes {
		out = append(out, wrap(w, put+"note: ", clean(n))...)
	}
	for l := range strings.Lines(remote.CleanText(c.Diff)) {
		out = append(out, diffLine(strings.TrimRight(l, "\n"), w)...)
	}
	return out
}

func diffLine(l string, w int) []string {
	rows := softWrap(w-2, clean(l))
	for i, r := range rows {
		switch {
		case strings.HasPrefix(l, "+"):
			r = style.added.Render(r)
		case strings.HasPrefix(l, "-"):
			r = style.removed.Render(r)
		case strings.HasPrefix(l, "@@"):
			r = style.faint.Render(r)
		}
		rows[i] = "  " + r
	}
	return rows
}

// scriptLines are what will run, byte for byte but for what cannot be shown.
func scriptLines(script string, w int) []string {
	var out []string
	for l := range strings.Lines(script) {
		for _, r := range softWrap(w-2, clean(l)) {
			out = append(out, "  "+style.faint.Render(r))
		}
	}
	return out
}

// pageLines are the page's section, without its marks of Markdown.
func pageLines(id string, w int) []string {
	text, ok := page.section(id)
	if !ok {
		return nil
	}
	var out []string
	var para []string
	end := func() {
		if len(para) > 0 {
			out = append(out, wrap(w, "", clean(strings.Join(para, " ")))...)
			para = nil
		}
	}
	code := false
	for line := range strings.SplitSeq(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "```"):
			end()
			code = !code
		case code:
			out = append(out, hardWrap(w, "    "+clean(line))...)
		case strings.HasPrefix(trimmed, "#"):
			end()
		case trimmed == "":
			end()
			if len(out) > 0 && out[len(out)-1] != "" {
				out = append(out, "")
			}
		case strings.HasPrefix(trimmed, "- "), strings.HasPrefix(trimmed, "* "):
			end()
			out = append(out, wrap(w, "- ", clean(inline(trimmed[2:])))...)
		case strings.HasPrefix(line, "    "):
			end()
			out = append(out, hardWrap(w, clean(line))...)
		default:
			para = append(para, inline(trimmed))
		}
	}
	end()
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

func inline(s string) string { return strings.NewReplacer("`", "", "**", "").Replace(s) }

// factLines say what the machine is.
func factLines(f checklist.Facts, w int) []string {
	var out []string
	put := func(label, text string) {
		if text != "" {
			out = append(out, wrap(w, padRight(label, 14), clean(text))...)
		}
	}
	put("system", f.Pretty+arch(f.Arch))
	put("name now", f.Hostname)
	hardware := plural(f.Cores, "core")
	if f.MHz > 0 {
		hardware += fmt.Sprintf(" at %.1f GHz", f.MHz/1000)
	}
	put("machine", fmt.Sprintf("%s, %.1f GiB of memory, %.1f GiB of disk of which %.1f are free",
		hardware, gib(f.MemKiB), gib(f.DiskKiB), gib(f.FreeKiB)))
	for _, n := range f.NICs {
		var addrs []string
		for _, a := range n.Addrs {
			addrs = append(addrs, a.String())
		}
		put("network", n.Name+" "+n.MAC+": "+orElse(strings.Join(addrs, ", "), "no address"))
	}
	if f.Client.IsValid() {
		put("you come from", f.Client.String())
	}
	return out
}

func arch(a string) string {
	if a == "" {
		return ""
	}
	return ", " + a
}

func gib(kib int64) float64 { return float64(kib) / (1 << 20) }

// providerMessage is what to write to the provider when the machine falls short
// of the page; "" when it does not.
func providerMessage(f checklist.Facts, p checklist.StepPlan) string {
	short, _ := p.Short()
	if len(short) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Hello,\n\nmy server %s (%s) does not have what it needs:\n\n", clean(f.Hostname), clean(f.Pretty))
	for _, s := range short {
		fmt.Fprintf(&b, "- %s\n", clean(s))
	}
	b.WriteString("\nCould you please correct this? Thank you.\n")
	return b.String()
}
