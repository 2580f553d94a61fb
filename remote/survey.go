package remote

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	slash "path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"
)

//go:embed survey.sh
var surveyProgram string

const (
	surveyWorkers = 8        // as in survey.sh
	surveyMax     = 64 << 20 // bytes of one whole answer
	lookLimit     = 4 * time.Second
)

// surveyRequest writes all probes as one request.
func surveyRequest(probes []Probe) (request, error) {
	var b strings.Builder
	b.WriteString(surveyProgram)
	b.WriteString(lookAll(probes))
	size, total, longest := 1<<16, time.Duration(0), time.Duration(0)
	for i, p := range probes {
		if err := checkProbe(p); err != nil {
			return request{}, err
		}
		limit := p.limit()
		size += p.max() + 8<<10
		total += limit
		longest = max(longest, limit)
		fmt.Fprintf(&b, "probe %d %d %d %s %s\n", i, seconds(limit), p.max(), p.Kind, shellescape.QuoteCommand(p.Args))
	}
	all := longest + total/surveyWorkers + 2*lookLimit + 10*time.Second
	fmt.Fprintf(&b, "finish %d\n", seconds(all))
	return request{script: b.String(), limit: all + 10*time.Second, max: min(size, surveyMax)}, nil
}

// lookAll has all files looked up together.
func lookAll(probes []Probe) string {
	var numbers, paths []string
	for i, p := range probes {
		if p.Kind == ProbeFile && checkProbe(p) == nil {
			numbers = append(numbers, strconv.Itoa(i))
			paths = append(paths, p.Args[0])
		}
	}
	if len(paths) < 2 {
		return ""
	}
	return fmt.Sprintf("look %d %s %s\n", seconds(lookLimit), shellescape.Quote(strings.Join(numbers, " ")), shellescape.QuoteCommand(paths))
}

// checkProbe refuses what the shell could not be told.
func checkProbe(p Probe) error {
	want := 1
	switch p.Kind {
	case ProbeFile, ProbePackages, ProbeUnit, probeUnits, ProbeCommand:
	case ProbeSetting:
		want = 2
	case ProbeSecret:
		want = 3
	default:
		return fmt.Errorf("probe %q: no such kind", p.Kind)
	}
	if len(p.Args) < want {
		return fmt.Errorf("probe %q: %d arguments, wants %d", p.Kind, len(p.Args), want)
	}
	for _, a := range p.Args {
		if strings.ContainsRune(a, 0) {
			return fmt.Errorf("%s: a zero byte in an argument", p)
		}
	}
	switch p.Kind {
	case ProbeFile:
		if !strings.HasPrefix(p.Args[0], "/") || strings.ContainsAny(p.Args[0], "\n\t") {
			return fmt.Errorf("%q: not an absolute path without tabs and newlines", p.Args[0])
		}
	case ProbePackages:
		for _, name := range p.Args {
			if !packageName.MatchString(name) {
				return fmt.Errorf("%q: not the name of a package", name)
			}
		}
	}
	return nil
}

var packageName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]*(:[a-z0-9-]+)?$`)

func (p Probe) limit() time.Duration {
	if p.Timeout > 0 {
		return p.Timeout
	}
	return DefaultProbeTimeout
}

func (p Probe) max() int {
	if p.Max > 0 {
		return p.Max
	}
	return DefaultProbeMax
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// parseSurvey sorts a survey's output into answers, in the order of the probes.
// A probe that is not in it is answered "missing".
func parseSurvey(probes []Probe, out []byte) ([]Answer, error) {
	list, body, ok := bytes.Cut(out, []byte("\n\n"))
	if bytes.HasPrefix(out, []byte("\n")) {
		list, body, ok = nil, out[1:], true
	}
	if !ok {
		return nil, ErrGarbled
	}
	answers := make([]Answer, len(probes))
	for i, p := range probes {
		answers[i] = Answer{Probe: p, Code: -1, Issue: "missing"}
	}
	for line := range bytes.Lines(list) {
		size, name, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		n, err1 := strconv.Atoi(size)
		index, part, _ := strings.Cut(name, ".")
		i, err2 := strconv.Atoi(index)
		if err1 != nil || err2 != nil || n < 0 || n > len(body) || i < 0 || i >= len(answers) {
			return nil, fmt.Errorf("%w: %.200q", ErrGarbled, FirstLine(string(line)))
		}
		answers[i].take(part, body[:n])
		body = body[n:]
	}
	for i := range answers {
		answers[i].settle()
	}
	return answers, nil
}

// take stores one of the files that a probe left.
func (a *Answer) take(part string, data []byte) {
	switch part {
	case "rc":
		if code, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil {
			a.Code, a.Issue = code, ""
		}
	case "out":
		a.Out = data
	case "err":
		a.Stderr = CleanText(string(data))
	}
}

// settle judges whether the answer is whole. A file's limit is one of its
// content: what is known of it otherwise stays.
func (a *Answer) settle() {
	head := 0
	if a.Probe.Kind == ProbeFile {
		head = bytes.IndexByte(a.Out, '\n') + 1
	}
	switch {
	case a.Issue != "":
	case a.Code == 124 || a.Code == 137:
		a.Issue = "timeout"
	case len(a.Out)-head > a.Probe.max():
		a.Out = a.Out[:head+a.Probe.max()]
		a.Issue = "toolarge"
	}
}

// Answer is the answer that a server in this state gives to the probe p.
func (f FileState) Answer(p Probe) Answer {
	kind, sum, owner := "file", f.SHA256, f.Owner
	switch {
	case !f.Exists:
		kind = "absent"
	case !f.Regular:
		kind = "other"
	}
	if owner == "" {
		owner = "-"
	}
	if sum == "" {
		sum = "-"
	}
	head := fmt.Sprintf("%s %o %s %s %s\n", kind, f.Mode.Perm(), owner, sum, f.Path)
	a := Answer{Probe: p, Out: append([]byte(head), f.Content...)}
	a.settle()
	return a
}

// parseFile reads "KIND MODE OWNER SHA256 PATH", as survey.sh writes it, and the content
// after it.
func parseFile(a Answer) (FileState, error) {
	head, content, ok := bytes.Cut(a.Out, []byte("\n"))
	f := strings.SplitN(string(head), " ", 5)
	if !ok || len(f) != 5 {
		return FileState{}, fmt.Errorf("%s: %w: %s", a.Probe, ErrProbeMissing, FirstLine(a.Stderr))
	}
	if a.Code != 0 {
		return FileState{}, fmt.Errorf("%s: cannot be read: %s", a.Probe, FirstLine(a.Stderr))
	}
	mode, err := strconv.ParseUint(f[1], 8, 32)
	if err != nil {
		return FileState{}, fmt.Errorf("%s: %w: mode %.200q", a.Probe, ErrGarbled, f[1])
	}
	st := FileState{Path: f[4]}
	kind, fixed, _ := strings.Cut(f[0], "!")
	switch fixed {
	case "i":
		st.Fixed = st.Path
	case "d":
		st.Fixed = slash.Dir(st.Path)
	}
	if kind == "absent" {
		return st, nil
	}
	st.Exists, st.Regular, st.Owner = true, kind == "file", f[2]
	st.Mode = fs.FileMode(mode).Perm()
	for bit, m := range map[uint64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if mode&bit != 0 {
			st.Mode |= m
		}
	}
	if !st.Regular {
		return st, nil
	}
	st.Content = content
	if a.Issue == "" {
		st.SHA256 = hashOf(content)
	} else if f[3] != "-" {
		st.SHA256 = f[3]
	}
	return st, nil
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// parsePackages reads dpkg's lines, a line "=", and apt's policy. Of a package
// in several architectures, the installed one counts.
func parsePackages(a Answer) (map[string]PackageState, error) {
	dpkg, policy, ok := bytes.Cut(append([]byte("\n"), a.Out...), []byte("\n=\n"))
	if !ok {
		return nil, fmt.Errorf("%s: %w: %s", a.Probe, ErrProbeMissing, FirstLine(a.Stderr))
	}
	if a.Code != 0 {
		return nil, fmt.Errorf("%s: apt-cache ended with status %d: %s", a.Probe, a.Code, FirstLine(a.Stderr))
	}
	states := map[string]PackageState{}
	for _, name := range a.Probe.Args {
		states[name] = PackageState{Name: name}
	}
	for line := range strings.Lines(string(dpkg)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		st, asked := states[f[0]]
		if len(f) != 3 || !asked || f[1] == "not-installed" || st.Installed() {
			continue
		}
		st.Status, st.Version = f[1], f[2]
		states[f[0]] = st
	}
	var name string
	for line := range strings.Lines(string(policy)) {
		line = strings.TrimRight(line, "\n")
		if n, isName := strings.CutSuffix(line, ":"); isName && !strings.HasPrefix(line, " ") {
			name = n
		}
		v, isCandidate := strings.CutPrefix(line, "  Candidate: ")
		if st, asked := states[name]; isCandidate && asked && v != "(none)" {
			st.Candidate = v
			states[name] = st
		}
	}
	return states, nil
}

func parseUnit(a Answer) (UnitState, error) {
	if a.Code != 0 {
		return UnitState{}, fmt.Errorf("%s: systemctl ended with status %d: %s", a.Probe, a.Code, FirstLine(a.Stderr))
	}
	var u UnitState
	fields := map[string]*string{
		"Id": &u.Name, "LoadState": &u.Load, "ActiveState": &u.Active,
		"SubState": &u.Sub, "UnitFileState": &u.Enabled, "Result": &u.Result,
	}
	for line := range strings.Lines(string(a.Out)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		if p := fields[k]; p != nil {
			*p = CleanLine(v)
		}
	}
	if u.Name == "" || u.Load == "" {
		return UnitState{}, fmt.Errorf("%s: %w", a.Probe, errors.New("systemctl printed none of what was asked"))
	}
	return u, nil
}
