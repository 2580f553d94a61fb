package practice

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"aslwiz/remote"
)

// said is the answer of something that printed text and ended well.
func said(p remote.Probe, text string) remote.Answer {
	return remote.Answer{Probe: p, Out: []byte(text)}
}

// unknown is the answer to what is not modelled: nothing is known.
func unknown(p remote.Probe) remote.Answer {
	return remote.Answer{Probe: p, Code: -1, Issue: "missing"}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// answer answers one probe from the machine's state.
func (m *machine) answer(p remote.Probe) remote.Answer {
	switch p.Kind {
	case remote.ProbeFile:
		return m.fileAnswer(p)
	case remote.ProbePackages:
		return m.packagesAnswer(p)
	case remote.ProbeUnit:
		return m.unitAnswer(p)
	case remote.ProbeSecret:
		return m.secretAnswer(p)
	case remote.ProbeCommand:
		return m.commandAnswer(p)
	case remote.ProbeSetting:
		return m.settingAnswer(p)
	}
	return unknown(p)
}

func (m *machine) fileAnswer(p remote.Probe) remote.Answer {
	path := p.Args[0]
	if path == "/etc/os-release" { // a link there
		st := m.fileState(path)
		st.Path = "/usr/lib/os-release"
		return st.Answer(p)
	}
	return m.fileState(path).Answer(p)
}

func (m *machine) fileState(path string) remote.FileState {
	f := m.files[path]
	if f == nil {
		return remote.FileState{Path: path}
	}
	return remote.FileState{Path: path, Exists: true, Regular: true, Mode: f.mode, Owner: f.owner, Content: []byte(f.text)}
}

var secretKey = regexp.MustCompile(`0s[A-Za-z0-9+/]{26,}=*`)

// secretAnswer gives keyed hashes of a secret file, and nothing of its content.
func (m *machine) secretAnswer(p remote.Probe) remote.Answer {
	f, salt := m.files[p.Args[0]], p.Args[1]
	if f == nil {
		return remote.SecretState{}.Answer(p)
	}
	st := remote.SecretState{Exists: true, Mode: f.mode, Owner: f.owner, Whole: hashOf(salt + f.text + salt)}
	if key := secretKey.FindString(f.text); key != "" {
		st.Key = hashOf(salt + key + salt)
	}
	st.Rest = hashOf(salt + secretKey.ReplaceAllLiteralString(f.text, "[secret]") + salt)
	return st.Answer(p)
}

// describedAs is a unit's Description, where it is more than its name.
func describedAs(unit string) string {
	if unit == "fail2ban.service" {
		return "Fail2Ban Service"
	}
	return strings.TrimSuffix(unit, ".service")
}

func (m *machine) commandAnswer(p remote.Probe) remote.Answer {
	switch words := strings.Join(p.Args, " "); {
	case words == "ip -j address":
		return said(p, m.ipAddress())
	case words == "ip -j -4 route show default":
		return said(p, m.ipRoute(4))
	case words == "ip -j -6 route show default":
		return said(p, m.ipRoute(6))
	case words == "findmnt -rno TARGET,SOURCE,FSTYPE":
		return said(p, mounts)
	case words == "systemctl --failed --plain --no-legend":
		var b strings.Builder
		for _, u := range m.failedUnits() {
			fmt.Fprintf(&b, "%s loaded failed failed %s\n", u, describedAs(u))
		}
		return said(p, b.String())
	case words == "hostname -f":
		name, ok := m.fullName()
		if !ok {
			return remote.Answer{Probe: p, Code: 1, Stderr: "hostname: Name or service not known\n"}
		}
		return said(p, name+"\n")
	case words == "ss -Htln":
		return said(p, m.sockets(func(s socket) bool { return s.proto == "tcp" }, false))
	case words == "ss -Hlntup":
		return said(p, m.sockets(func(socket) bool { return true }, true))
	case words == "ss -Hlnu sport = :161":
		return said(p, m.sockets(func(s socket) bool { return s.proto == "udp" && s.port == 161 }, false))
	case words == "timedatectl show --property=Timezone --value":
		return said(p, m.zone+"\n")
	case len(p.Args) == 5 && strings.HasPrefix(words, "getent -s dns "):
		return m.getent(p)
	}
	return m.notModelled(p)
}

// notModelled answers that nothing is known, and notes it for a test.
func (m *machine) notModelled(p remote.Probe) remote.Answer {
	m.w.unmodelled = append(m.w.unmodelled, p.String())
	return unknown(p)
}

// mounts is what findmnt prints on the lab's machine with one disk.
const mounts = `/dev dev devtmpfs
/ /dev/vda1 ext4
/proc proc proc
/sys sysfs sysfs
/sys/kernel/security securityfs securityfs
/dev/shm tmpfs tmpfs
/dev/pts devpts devpts
/run tmpfs tmpfs
/run/lock tmpfs tmpfs
/sys/fs/cgroup cgroup2 cgroup2
/sys/fs/pstore pstore pstore
/sys/fs/bpf bpf bpf
/proc/sys/fs/binfmt_misc systemd-1 autofs
/run/credentials/systemd-sysctl.service ramfs ramfs
/run/credentials/systemd-tmpfiles-setup-dev.service ramfs ramfs
/run/credentials/systemd-tmpfiles-setup.service ramfs ramfs
/proc/sys/fs/binfmt_misc binfmt_misc binfmt_misc
/run/user/0 tmpfs tmpfs
`

var passwdName = regexp.MustCompile(`passwd -S (\S+)`)

// userAnswer is what a step reads of a user.
func (m *machine) userAnswer(p remote.Probe, name string) remote.Answer {
	text := "keyfile .ssh/authorized_keys .ssh/authorized_keys2\n"
	if u := m.users[name]; u != nil {
		own := fmt.Sprintf("1002 %s %s ", name, u.group)
		text += fmt.Sprintf("home %s\nshell /bin/bash\nuid 1002\ngroup %s\ngroups %s\nin %s755 directory\n", u.home, u.group, strings.Join(u.groups, " "), own)
		if f := m.files[u.home+"/.ssh/authorized_keys"]; f != nil {
			text += ".ssh " + own + "700 directory\nauthorized_keys " + own + "600 regular file\nkeys " + base64.StdEncoding.EncodeToString([]byte(f.text)) + "\n"
		}
		text += "whole\n"
	}
	return said(p, text)
}

// passwordsAnswer says of each user whether there is a password: none has one.
func (m *machine) passwordsAnswer(p remote.Probe) remote.Answer {
	var b strings.Builder
	for _, w := range passwdName.FindAllStringSubmatch(p.Args[1], -1) {
		if m.users[w[1]] != nil {
			fmt.Fprintf(&b, "%s L\n", w[1])
		}
	}
	return said(p, b.String())
}

func octal(mode fs.FileMode) string { return fmt.Sprintf("%o", mode.Perm()) }
