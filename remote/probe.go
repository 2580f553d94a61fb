package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// ProbeKind is what a probe reads.
type ProbeKind string

// The kinds of probe. None of them changes the server.
const (
	// ProbeFile reads one file: Args[0] is its path.
	ProbeFile ProbeKind = "file"
	// ProbePackages asks dpkg and apt about packages: Args are their names.
	ProbePackages ProbeKind = "packages"
	// ProbeUnit asks systemd about one unit: Args[0] is its name.
	ProbeUnit ProbeKind = "unit"
	// ProbeCommand runs a command that only reads: Args are its words.
	ProbeCommand ProbeKind = "command"
	// ProbeSetting reads a setting: Args[0] is its name, Args[1] the POSIX
	// shell text whose standard output is its value.
	ProbeSetting ProbeKind = "setting"
	// ProbeSecret reads keyed hashes of a secret file: see ReadSecret.
	ProbeSecret ProbeKind = "secret"
)

// Limits of a probe that does not name its own.
const (
	DefaultProbeTimeout = 20 * time.Second
	DefaultProbeMax     = 256 << 10 // bytes of output kept
)

// Probe is one read-only question to a server. Each is answered within its own
// time limit and size cap, so that one hung read cannot hang a survey.
type Probe struct {
	Kind    ProbeKind     `json:"kind"`
	Args    []string      `json:"args"`
	Timeout time.Duration `json:"timeout,omitempty"` // 0: DefaultProbeTimeout
	Max     int           `json:"max,omitempty"`     // bytes; 0: DefaultProbeMax
}

// ReadFile asks for the content, mode and owner of the file at path. A symbolic
// link is followed; anything but a regular file is answered without being opened.
func ReadFile(path string) Probe { return Probe{Kind: ProbeFile, Args: []string{path}} }

// ReadPackages asks which of the packages are installed, and which version apt
// would install.
func ReadPackages(names ...string) Probe {
	return Probe{Kind: ProbePackages, Args: names, Timeout: 60 * time.Second}
}

// ReadUnit asks for the state of a systemd unit.
func ReadUnit(name string) Probe { return Probe{Kind: ProbeUnit, Args: []string{name}} }

// ReadCommand asks for the output of a command that only reads. The words reach
// the command as they are: no shell sees them.
func ReadCommand(argv ...string) Probe { return Probe{Kind: ProbeCommand, Args: argv} }

// ReadSetting asks for the value of the setting called name; read is the POSIX
// shell text that prints it.
func ReadSetting(name, read string) Probe {
	return Probe{Kind: ProbeSetting, Args: []string{name, read}}
}

// Within returns the probe with another time limit.
func (p Probe) Within(d time.Duration) Probe { p.Timeout = d; return p }

// Key is the same for probes that ask the same question.
func (p Probe) Key() string { return string(p.Kind) + "\x00" + strings.Join(p.Args, "\x00") }

// String names the probe for a person: "/etc/hostname", "ip -j address".
func (p Probe) String() string {
	switch p.Kind {
	case ProbeUnit:
		return "unit " + p.Args[0]
	case ProbePackages:
		return "packages"
	case ProbeSetting, ProbeSecret:
		return p.Args[0]
	default:
		return strings.Join(p.Args, " ")
	}
}

// Errors that a probe's answer may carry. They say that nothing is known: they
// are never a verdict.
var (
	ErrProbeTimeout  = errors.New("gave no answer in time")
	ErrProbeTooLarge = errors.New("answered more than the size limit")
	ErrProbeMissing  = errors.New("was not answered")
)

// Answer is what a server said to one probe. Its bytes are untrusted.
type Answer struct {
	Probe  Probe  `json:"probe"`
	Code   int    `json:"code"`             // exit status of what was run
	Out    []byte `json:"out"`              // the first Max bytes
	Stderr string `json:"stderr,omitempty"` // first bytes of standard error, cleaned
	Issue  string `json:"issue,omitempty"`  // "timeout", "toolarge" or "missing": nothing is known
}

// Err is nil when the probe was carried out, whatever it found.
func (a Answer) Err() error {
	switch a.Issue {
	case "":
		return nil
	case "timeout":
		return fmt.Errorf("%s: %w", a.Probe, ErrProbeTimeout)
	case "toolarge":
		return fmt.Errorf("%s: %w", a.Probe, ErrProbeTooLarge)
	default:
		return fmt.Errorf("%s: %w", a.Probe, ErrProbeMissing)
	}
}

// FileState is what a server has at a path.
type FileState struct {
	Path    string // where the content really is, links resolved
	Exists  bool
	Regular bool // false for a directory, a device, a socket
	Mode    fs.FileMode
	Owner   string // "root:root"
	SHA256  string // hex, of the whole content
	Content []byte
	// Fixed is the file or its folder where not even root may change it: immutable or
	// append-only (chattr). "" also where that is not known.
	Fixed string
}

// File reads the answer to a ProbeFile. A file that is not there is a state,
// not an error. Of a file over the size limit everything but the whole content
// is known: the state comes beside ErrProbeTooLarge.
func (a Answer) File() (FileState, error) {
	if a.Issue == "toolarge" {
		st, err := parseFile(a)
		return st, errors.Join(a.Err(), err)
	}
	if err := a.Err(); err != nil {
		return FileState{}, err
	}
	return parseFile(a)
}

// PackageState is what dpkg and apt know of a package.
type PackageState struct {
	Name      string
	Status    string // dpkg's word: "installed", "config-files", "half-configured", "" when unknown
	Version   string // installed version
	Candidate string // the version apt would install, "" when there is none
}

// Installed says whether the package is wholly installed.
func (p PackageState) Installed() bool { return p.Status == "installed" }

// Packages reads the answer to a ProbePackages, by name.
func (a Answer) Packages() (map[string]PackageState, error) {
	if err := a.Err(); err != nil {
		return nil, err
	}
	return parsePackages(a)
}

// UnitState is what systemd knows of a unit.
type UnitState struct {
	Name    string // its real name, aliases resolved
	Load    string // "loaded", "not-found", "masked"
	Active  string // "active", "inactive", "failed", "activating"
	Sub     string // "running", "exited", "dead"
	Enabled string // "enabled", "disabled", "static", "masked", ""
	Result  string // "success", "exit-code"
}

// Unit reads the answer to a ProbeUnit.
func (a Answer) Unit() (UnitState, error) {
	if err := a.Err(); err != nil {
		return UnitState{}, err
	}
	return parseUnit(a)
}

// Text is the standard output of a command or setting, without its last
// newlines and cleaned of control characters; an error when the command did not
// end with status 0.
func (a Answer) Text() (string, error) {
	if err := a.Err(); err != nil {
		return "", err
	}
	if a.Code != 0 {
		return "", fmt.Errorf("%s: ended with status %d: %s", a.Probe, a.Code, FirstLine(a.Stderr))
	}
	return strings.TrimRight(CleanText(string(a.Out)), "\n"), nil
}

// JSON decodes the standard output of a command.
func (a Answer) JSON(v any) error {
	if err := a.Err(); err != nil {
		return err
	}
	if a.Code != 0 {
		return fmt.Errorf("%s: ended with status %d: %s", a.Probe, a.Code, FirstLine(a.Stderr))
	}
	if err := json.Unmarshal(a.Out, v); err != nil {
		return fmt.Errorf("%s: not the JSON it should print: %w", a.Probe, err)
	}
	return nil
}
