package tui

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"

	"aslwiz/checklist"
	"aslwiz/remote"
	"aslwiz/remote/localfile"
)

// store is where answers and the little that the wizard remembers are kept.
// None of it is needed: the server is the truth. No secret is in it.
type store struct {
	folder string // of the answers files
	state  string // file of what is remembered
	mu     *sync.Mutex
}

func newStore(folder, state string) store { return store{folder, state, new(sync.Mutex)} }

// known is a server that the wizard has met.
type known struct {
	Name     string    `json:"-"`
	File     string    `json:"-"`
	Host     string    `json:"-"`
	Wrong    string    `json:"-"` // why its answers file cannot be used
	Verified time.Time `json:"verified,omitzero"`
	Counts   string    `json:"counts,omitempty"`  // "5 ok, 1 RED"
	Running  string    `json:"running,omitempty"` // the step that was running when last heard of
	Used     time.Time `json:"used,omitzero"`
	Told     time.Time `json:"told,omitzero"` // when the admin ticked that the list was told
	// Draft are answers that cannot make a file yet, and what stands in the fields.
	Draft *checklist.Answers `json:"draft,omitempty"`
	Typed map[string]string  `json:"typed,omitempty"`
	Asked map[string]bool    `json:"asked,omitempty"`
	// Base is the answers file that Draft began from; nil where there was none.
	Base *checklist.Answers `json:"base,omitempty"`
	// At is what was last on the screen: a step, or the verification; Skipped are
	// the steps that were left out.
	At      string          `json:"at,omitempty"`
	Skipped map[string]bool `json:"skipped,omitempty"`
}

// list is every server, the one used last first.
func (s store) list() ([]known, error) {
	remembered := s.read()
	var out []known
	files, err := filepath.Glob(filepath.Join(s.folder, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.folder, err)
	}
	for _, file := range files {
		name := clean(strings.TrimSuffix(filepath.Base(file), ".yaml"))
		k := remembered[name]
		delete(remembered, name)
		k.Name, k.File = name, file
		a, err := s.load(file)
		if err != nil {
			k.Wrong = remote.FirstLine(err.Error())
		}
		k.Host = a.Host
		out = append(out, k)
	}
	for name, k := range remembered {
		if name != unnamed && k.Draft != nil {
			k.Name, k.Host = name, k.Draft.Host
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b known) int {
		if c := b.Used.Compare(a.Used); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out, nil
}

// draftStands says whether the draft goes before the answers in the file: it
// does not where somebody has edited the file since.
func (k known) draftStands(file checklist.Answers) bool {
	return k.Draft != nil && k.Base != nil && sameAnswers(*k.Base, file)
}

// load reads an answers file.
func (s store) load(file string) (checklist.Answers, error) {
	data, err := localfile.Read(file, checklist.MaxAnswers)
	if err != nil {
		return checklist.Answers{}, fmt.Errorf("%s: cannot be read: %w", remote.CleanLine(file), cause(err))
	}
	return checklist.ParseAnswers(remote.CleanLine(file), data, nil)
}

// unnamed is what is remembered of a server that was never connected to.
const unnamed = " new"

// begun is the session of a new server as it was left before its first connection.
func (s store) begun() *session {
	k, ok := s.read()[unnamed]
	if !ok || k.Draft == nil {
		return newSession()
	}
	return openSession(k)
}

// forget lets go of what is remembered under a name.
func (s store) forget(name string) error {
	if s.state == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.read()
	if _, ok := all[name]; !ok {
		return nil
	}
	delete(all, name)
	return s.write(all)
}

func (s store) read() map[string]known {
	out := map[string]known{}
	data, err := localfile.Read(s.state, localfile.MaxState)
	if err != nil || json.Unmarshal(data, &out) != nil {
		return map[string]known{}
	}
	return out
}

// remember changes what is known of a server.
func (s store) remember(name string, change func(*known)) error {
	if name == "" || s.state == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.read()
	k := all[name]
	change(&k)
	all[name] = k
	return s.write(all)
}

func (s store) write(all map[string]known) error {
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(s.state, append(data, '\n'))
}

const fileHead = `# The answers for one server, written by aslwiz. ` + "`aslwiz answers --example`" + ` explains
# each of them. There is no password in here.
`

// save writes the answers file. One that was written by hand is kept beside it,
// as NAME.yaml~, before it is changed for the first time.
func (s store) save(file string, a checklist.Answers) error {
	body, err := yaml.Marshal(a)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	data := append([]byte(fileHead), body...)
	// Where the name is a link, the file behind it is the admin's.
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target
	}
	old, err := localfile.Read(file, checklist.MaxAnswers)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("%s: %w", file, err)
	default:
		if was, err := checklist.ParseAnswers(file, old, nil); err == nil && sameAnswers(was, a) {
			return nil
		}
		if !strings.HasPrefix(string(old), fileHead) {
			if err := writeFile(file+"~", old); err != nil {
				return err
			}
		}
	}
	return writeFile(file, data)
}

func sameAnswers(a, b checklist.Answers) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

// writeFile replaces a file at once, so that a crash leaves the old or the new.
func writeFile(file string, data []byte) error {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if err := localfile.Replace(file, data, 0o600); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// cause is an error without the path that the sentence around it names already.
func cause(err error) error {
	if pe := new(fs.PathError); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// callIt calls a server that was never met after its address, so that one that
// was mistyped leaves no name behind. was is how it was called before.
func (s *session) callIt(servers []known) (was string) {
	was = s.name
	if s.file == "" {
		others := slices.DeleteFunc(slices.Clone(servers), func(k known) bool { return k.Name == was })
		s.name = freeName(s.answers.Host, others)
	}
	return was
}

// freeName is a name for a new server that no other has: the answers of one are
// never written over those of another.
func freeName(host string, others []known) string {
	base := fileName(host)
	for n, name := 2, base; ; n++ {
		if !slices.ContainsFunc(others, func(k known) bool { return k.Name == name }) {
			return name
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
}

// fileName makes a file's name of what a server is called: no folder, no dot in
// front.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || r < ' ' {
			return '-'
		}
		return r
	}, strings.TrimSpace(name))
	return strings.TrimLeft(name, ".-~")
}

// file is where the answers of a server are kept.
func (s store) file(name string) string {
	return filepath.Join(s.folder, fileName(name)+".yaml")
}

func (s store) reportFile(name string) string {
	return filepath.Join(s.folder, fileName(name)+"-handoff.md")
}
