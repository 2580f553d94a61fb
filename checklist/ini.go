package checklist

import "strings"

// Edits of the kind of file that fail2ban reads: sections in brackets, "key =
// value", values that go on in indented lines, comments after # or ;. Source:
// Python's configparser.

// iniValue is the value of a key in a section, "" where it is not set. Of a key
// that is set twice the last one counts.
func iniValue(text, section, key string) string {
	var value string
	lines := strings.Split(text, "\n")
	for _, at := range iniFind(lines, section, key) {
		_, v, _ := strings.Cut(lines[at], "=")
		parts := []string{strings.TrimSpace(v)}
		for _, l := range lines[at+1 : iniEnd(lines, at)] {
			if l = strings.TrimSpace(l); !strings.HasPrefix(l, "#") && !strings.HasPrefix(l, ";") {
				parts = append(parts, l)
			}
		}
		value = strings.TrimSpace(strings.Join(parts, " "))
	}
	return value
}

// setINI gives a key of a section a value of one line and leaves all else as it
// is: in the key's place, else at the top of its section, else in a new section
// at the end.
func setINI(text, section, key, value string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	want := key + " = " + value
	if at := iniFind(lines, section, key); len(at) > 0 {
		last := at[len(at)-1]
		if iniValue(text, section, key) != value || iniEnd(lines, last) != last+1 {
			lines = append(lines[:last], append([]string{want}, lines[iniEnd(lines, last):]...)...)
		}
		return strings.Join(lines, "\n") + "\n"
	}
	for i, l := range lines {
		if iniSection(l) == section {
			lines = append(lines[:i+1], append([]string{want}, lines[i+1:]...)...)
			return strings.Join(lines, "\n") + "\n"
		}
	}
	if text != "" {
		lines = append(lines, "")
	} else {
		lines = nil
	}
	return strings.Join(append(lines, "["+section+"]", want), "\n") + "\n"
}

// iniFind are the lines that set a key in a section.
func iniFind(lines []string, section, key string) (at []int) {
	in := ""
	for i, l := range lines {
		if s := iniSection(l); s != "" {
			in = s
			continue
		}
		name, _, ok := strings.Cut(l, "=")
		if ok && in == section && !strings.HasPrefix(l, " ") && !strings.HasPrefix(l, "\t") &&
			strings.EqualFold(strings.TrimSpace(name), key) {
			at = append(at, i)
		}
	}
	return at
}

// iniEnd is the line after the value that begins at line i.
func iniEnd(lines []string, i int) int {
	for i++; i < len(lines); i++ {
		if l := lines[i]; strings.TrimSpace(l) == "" || l[0] != ' ' && l[0] != '\t' {
			break
		}
	}
	return i
}

// iniSection is the name in brackets, "" when the line is none.
func iniSection(line string) string {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "[") {
		if end := strings.IndexByte(line, ']'); end > 0 {
			return line[1:end]
		}
	}
	return ""
}
