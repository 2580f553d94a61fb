package remote

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kevinburke/ssh_config"
)

// maxHops bounds how far jump hosts of jump hosts are followed.
const maxHops = 8

// sshConfig is the admin's own ssh_config(5) file. The system's is not read:
// it holds defaults of ssh(1), not names of servers.
type sshConfig struct {
	config *ssh_config.Config
	home   string
	allow  []string // weak algorithms that the admin allowed
}

func readSSHConfig(file string) (*sshConfig, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
	}
	optional := file == ""
	if optional {
		file = filepath.Join(home, ".ssh", "config")
	}
	in := includes{seen: map[string]bool{}, strict: optional} // one that was named is read whoever owns it, as ssh -F does
	text, err := in.read(file)
	if optional && errors.Is(err, fs.ErrNotExist) {
		text, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	text = dropMatch(text)
	if err := in.check(text); err != nil {
		return nil, fmt.Errorf("%s: Include: %w", file, err)
	}
	config, err := ssh_config.DecodeBytes(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &sshConfig{config: config, home: home}, nil
}

// dropMatch blanks the Match blocks that the parser refuses, so that one of them
// does not make the rest of the file unusable. Line numbers stay.
func dropMatch(text []byte) []byte {
	lines := bytes.Split(text, []byte("\n"))
	dropping := false
	for i, line := range lines {
		words := strings.Fields(strings.ToLower(strings.Replace(string(line), "=", " ", 1)))
		if len(words) > 0 && (words[0] == "host" || words[0] == "match") {
			readable := len(words) == 2 && words[1] == "all" || len(words) == 3 && words[1] == "host"
			dropping = words[0] == "match" && !readable
		}
		if dropping {
			lines[i] = nil
		}
	}
	return bytes.Join(lines, []byte("\n"))
}

// get is the first value for the alias, "" when there is none. Errors come only
// from reading, which is over.
func (c *sshConfig) get(alias, key string) string {
	v, _ := c.config.Get(alias, key)
	return v
}

// resolve turns a target into the machines on the way to it, the target last.
func resolve(t Target, o Options) ([]*hop, error) {
	bad := func(err error) error {
		return &ConnectError{Hop: Hop{Address: t.Host}, Reason: ReasonConfig, Detail: err.Error(), Err: err}
	}
	if t.Host == "" {
		return nil, bad(errors.New("no host named"))
	}
	c, err := readSSHConfig(o.SSHConfig)
	if err != nil {
		return nil, bad(err)
	}
	c.allow = o.AllowAlgorithms
	last, err := c.hop(t)
	if err != nil {
		return nil, bad(err)
	}
	jumps, err := c.jumps(t.Host, t.Jump)
	if err != nil {
		return nil, bad(err)
	}
	hops, err := c.chain(last, jumps, t.Identity)
	if err != nil {
		return nil, bad(err)
	}
	for i, h := range hops {
		if i > 0 {
			h.Via = hops[i-1].Address
		}
		if i < len(hops)-1 {
			h.Target = last.Address
		}
	}
	return hops, nil
}

// chain puts the jump hosts before last, and before the first of them its own
// jump hosts, as ssh -J does. A machine already on the way ends it: "Host *"
// with a ProxyJump matches the jump host too.
func (c *sshConfig) chain(last *hop, jumps []string, identity []string) ([]*hop, error) {
	hops := []*hop{last}
	for len(jumps) > 0 {
		var before []*hop
		for _, spec := range jumps {
			t, err := parseHop(spec)
			if err != nil {
				return nil, err
			}
			t.Identity = identity
			if c.get(t.Host, "IdentityFile") != "" {
				t.Identity = nil
			}
			h, err := c.hop(t)
			if err != nil {
				return nil, err
			}
			before = append(before, h)
		}
		same := func(h *hop) bool { return h.Address == before[0].Address && h.user == before[0].user }
		if slices.ContainsFunc(hops, same) {
			return hops, nil
		}
		hops = append(before, hops...)
		if len(hops) > maxHops {
			return nil, fmt.Errorf("more than %d machines on the way", maxHops)
		}
		first, err := parseHop(jumps[0])
		if err != nil {
			return nil, err
		}
		if jumps, err = c.jumps(first.Host, nil); err != nil {
			return nil, err
		}
	}
	return hops, nil
}

// jumps are the jump hosts of an alias: the explicit ones win.
func (c *sshConfig) jumps(alias string, explicit []string) ([]string, error) {
	if len(explicit) > 0 {
		return explicit, nil
	}
	spec := c.get(alias, "ProxyJump")
	if spec == "" {
		if cmd := c.get(alias, "ProxyCommand"); cmd != "" && !strings.EqualFold(cmd, "none") {
			return nil, fmt.Errorf("ProxyCommand of %q is not supported, use ProxyJump", alias)
		}
		return nil, nil
	}
	if strings.EqualFold(spec, "none") {
		return nil, nil
	}
	return strings.Split(spec, ","), nil
}

// hop is what the target and the configuration say about one machine.
func (c *sshConfig) hop(t Target) (*hop, error) {
	h := &hop{alias: t.Host, host: t.Host, port: t.Port, user: t.User}
	if name := c.get(t.Host, "HostName"); name != "" {
		h.host = strings.NewReplacer("%%", "%", "%h", t.Host).Replace(name)
	}
	h.host = strings.Trim(h.host, "[]")
	if port := c.get(t.Host, "Port"); h.port == 0 && port != "" {
		n, err := strconv.Atoi(port)
		if err != nil {
			return nil, fmt.Errorf("port of %q is not a number: %q", t.Host, port)
		}
		h.port = n
	}
	if h.port == 0 {
		h.port = 22
	}
	if h.port < 1 || h.port > 65535 {
		return nil, fmt.Errorf("no such port: %d", h.port)
	}
	if h.user == "" {
		h.user = c.get(t.Host, "User")
	}
	if h.user == "" {
		h.user = localUser()
	}
	h.Address = net.JoinHostPort(h.host, strconv.Itoa(h.port))
	// known_hosts is written in lower case, and ssh(1) looks it up so.
	h.keyName = strings.ToLower(h.Address)
	if alias := c.get(t.Host, "HostKeyAlias"); alias != "" {
		h.keyName = net.JoinHostPort(alias, "22")
	}
	c.identities(h, t)
	h.hash = strings.EqualFold(c.get(t.Host, "HashKnownHosts"), "yes")
	h.orderGiven = c.get(t.Host, "HostKeyAlgorithms") != ""
	for _, file := range strings.Fields(c.get(t.Host, "RevokedHostKeys")) {
		if !strings.EqualFold(file, "none") {
			h.revoked = append(h.revoked, c.expand(strings.Trim(file, `"`), h))
		}
	}
	var err error
	h.offer, err = c.algorithmsFor(t.Host)
	return h, err
}

func (c *sshConfig) identities(h *hop, t Target) {
	files := t.Identity
	if len(files) == 0 {
		files, _ = c.config.GetAll(t.Host, "IdentityFile")
	}
	for _, file := range files {
		if !strings.EqualFold(file, "none") {
			h.identities = append(h.identities, c.expand(file, h))
		}
	}
	h.identitiesOnly = strings.EqualFold(c.get(t.Host, "IdentitiesOnly"), "yes")
	if len(files) == 0 && c.home != "" {
		for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
			h.defaults = append(h.defaults, filepath.Join(c.home, ".ssh", name))
		}
	}
}

// expand replaces the tokens of ssh_config(5) that make sense in a file's name.
func (c *sshConfig) expand(file string, h *hop) string {
	if rest, ok := strings.CutPrefix(file, "~/"); ok {
		file = filepath.Join(c.home, rest)
	}
	return strings.NewReplacer("%%", "%", "%d", c.home, "%h", h.host, "%r", h.user,
		"%p", strconv.Itoa(h.port), "%u", localUser()).Replace(file)
}

// parseHop reads [user@]host[:port], also as an ssh:// address.
func parseHop(spec string) (Target, error) {
	rest := strings.TrimPrefix(strings.TrimSpace(spec), "ssh://")
	var t Target
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		t.User, rest = rest[:i], rest[i+1:]
	}
	t.Host = rest
	// More than one colon without brackets is an IPv6 address with no port.
	if strings.Count(rest, ":") == 1 || strings.Contains(rest, "]:") {
		host, port, err := net.SplitHostPort(rest)
		if err != nil {
			return t, fmt.Errorf("jump host %q is not [user@]host[:port]", spec)
		}
		if t.Port, err = strconv.Atoi(port); err != nil {
			return t, fmt.Errorf("jump host %q: port is not a number", spec)
		}
		t.Host = host
	}
	t.Host = strings.Trim(t.Host, "[]")
	if t.Host == "" {
		return t, fmt.Errorf("jump host %q is not [user@]host[:port]", spec)
	}
	return t, nil
}

func localUser() string {
	u, err := user.Current()
	if err != nil {
		return os.Getenv("USER")
	}
	// Windows puts the domain before the name.
	return u.Username[strings.LastIndexByte(u.Username, '\\')+1:]
}
