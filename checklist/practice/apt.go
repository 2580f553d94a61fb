package practice

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"aslwiz/remote"
)

// pack is a package as apt's lists have it.
type pack struct {
	name, version string
	kib           int
	needs         []string
}

// readCatalog reads what apt offers: names, versions and sizes are those of a
// Debian 12 mirror, dependencies the few among them.
func readCatalog() map[string]pack {
	text, _ := data.ReadFile("data/packages.txt") // built in
	out := map[string]pack{}
	for line := range strings.Lines(string(text)) {
		w := strings.Fields(line)
		if len(w) < 3 {
			continue
		}
		kib, _ := strconv.Atoi(w[2])
		out[w[0]] = pack{name: w[0], version: w[1], kib: kib, needs: w[3:]}
	}
	return out
}

const mirror = "http://deb.debian.org/debian bookworm/main amd64"

// aptList is where apt keeps what it fetched.
const aptList = "/var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages"

// packagesAnswer is what dpkg-query and apt-cache policy print.
func (m *machine) packagesAnswer(p remote.Probe) remote.Answer {
	var dpkg, apt strings.Builder
	for _, name := range slices.Sorted(slices.Values(p.Args)) {
		if word := m.packages[name]; word != "" {
			fmt.Fprintf(&dpkg, "%s\t%s\t%s\n", name, word, m.w.catalog[name].version)
		}
	}
	for _, name := range p.Args {
		v, ok := m.w.catalog[name]
		have := m.packages[name] != ""
		if !m.lists && name == "vim" { // vim-tiny, which is there, suggests it
			apt.WriteString("vim:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n")
		}
		if !ok || !m.lists && !have {
			continue
		}
		now, mark := "(none)", "   "
		if have {
			now, mark = v.version, "***"
		}
		fmt.Fprintf(&apt, "%s:\n  Installed: %s\n  Candidate: %s\n  Version table:\n %s %s %d\n", name, now, v.version, mark, v.version, map[bool]int{true: 500, false: 100}[m.lists])
		if m.lists {
			fmt.Fprintf(&apt, "        500 %s Packages\n", mirror)
		}
		if have {
			apt.WriteString("        100 /var/lib/dpkg/status\n")
		}
	}
	return said(p, dpkg.String()+"=\n"+apt.String())
}

// closure is what apt would install for names, what is needed first in front.
func (m *machine) closure(names []string) []pack {
	var out []pack
	var add func(string)
	add = func(n string) {
		p, ok := m.w.catalog[n]
		if !ok || m.installed(n) || slices.ContainsFunc(out, func(x pack) bool { return x.name == n }) {
			return
		}
		for _, need := range p.needs {
			if need != n && !slices.Contains(m.w.catalog[need].needs, n) {
				add(need)
			}
		}
		out = append(out, p)
	}
	for _, n := range names {
		add(n)
	}
	return out
}

// aptUpdate is apt-get update.
func (s *shell) aptUpdate() error {
	s.say("+ apt-get update")
	if err := s.aptLock(); err != nil {
		return err
	}
	for i, part := range []string{"bookworm InRelease [151 kB]", "bookworm-updates InRelease [55.4 kB]", "bookworm/main amd64 Packages [8792 kB]"} {
		s.say(fmt.Sprintf("Get:%d http://deb.debian.org/debian %s", i+1, part))
		if err := s.wait(400 * time.Millisecond); err != nil {
			return err
		}
	}
	s.say("Fetched 8998 kB in 1s (7498 kB/s)", "Reading package lists...")
	s.m.lists = true
	s.m.write(aptList, "")
	return nil
}

// aptInstall is apt-get install: what it prints, what it takes, what it leaves.
func (s *shell) aptInstall(names []string) error {
	s.say("+ apt-get install -y -- " + strings.Join(names, " "))
	if err := s.aptLock(); err != nil {
		return err
	}
	s.say("Reading package lists...", "Building dependency tree...", "Reading state information...")
	for _, n := range names {
		if _, ok := s.m.w.catalog[n]; !ok {
			s.say("E: Unable to locate package " + n)
			return exit(100)
		}
	}
	todo := s.m.closure(names)
	size := 0
	var list []string
	for _, p := range todo {
		size += p.kib
		list = append(list, p.name)
	}
	if len(todo) > 0 {
		s.say("The following NEW packages will be installed:")
		s.say(fold("  ", slices.Sorted(slices.Values(list)), 78)...)
	}
	s.say(fmt.Sprintf("0 upgraded, %d newly installed, 0 to remove and 0 not upgraded.", len(todo)))
	if len(todo) == 0 {
		return nil
	}
	s.say(fmt.Sprintf("Need to get %d kB of archives.", size))
	if err := s.diskTrouble(); err != nil {
		return err
	}
	return s.dpkg(todo)
}

// dpkg fetches, unpacks and configures.
func (s *shell) dpkg(todo []pack) error {
	for i, p := range todo {
		s.progress(float64(i)*100/float64(len(todo)), "Retrieving "+p.name)
		s.say(fmt.Sprintf("Get:%d %s %s amd64 %s [%d kB]", i+1, mirror, p.name, p.version, p.kib))
		if err := s.wait(fetchTime(p)); err != nil {
			return err
		}
	}
	steps := float64(2 * len(todo))
	for i, p := range todo {
		s.progress(float64(i)*100/steps, "Unpacking "+p.name)
		s.say(fmt.Sprintf("Preparing to unpack .../%02d-%s_%s_amd64.deb ...", i, p.name, p.version), fmt.Sprintf("Unpacking %s (%s) ...", p.name, p.version))
		s.m.packages[p.name] = "unpacked"
		if err := s.wait(unpackTime(p)); err != nil {
			return err
		}
	}
	for i, p := range todo {
		s.progress((steps/2+float64(i))*100/steps, "Configuring "+p.name)
		if err := s.configure(p); err != nil {
			return err
		}
	}
	s.progress(100, "Running dpkg")
	s.say("Processing triggers for libc-bin (2.36-9+deb12u10) ...")
	return nil
}

func fetchTime(p pack) time.Duration {
	return 20*time.Millisecond + time.Duration(p.kib/60)*time.Millisecond
}

func unpackTime(p pack) time.Duration {
	return 30*time.Millisecond + time.Duration(p.kib/30)*time.Millisecond
}

// configure is a package's postinst: its files, its services.
func (s *shell) configure(p pack) error {
	s.say(fmt.Sprintf("Setting up %s (%s) ...", p.name, p.version))
	if err := s.wait(60 * time.Millisecond); err != nil {
		return err
	}
	m := s.m
	m.packages[p.name] = "installed"
	m.freeKiB -= int64(p.kib * 4)
	m.unpack("data/packages/" + p.name)
	switch p.name {
	case "ntpsec": // only one package may set the clock
		delete(m.packages, "systemd-timesyncd")
		m.stopUnit("systemd-timesyncd.service")
	case "postfix":
		m.configurePostfix()
	case "snmpd":
		m.writeAs(snmpState, "# Please save normal configuration tokens for snmpd in SNMPCONFPATH/snmpd.conf.\n", 0o600, "Debian-snmp:Debian-snmp")
	case "vim":
		if strings.HasPrefix(m.editor, "auto ") {
			m.editor = "auto /bin/nano"
		}
	}
	for _, v := range services() {
		if v.pack != p.name {
			continue
		}
		m.addUnit(v.name, "enabled")
		s.say(fmt.Sprintf("Created symlink /etc/systemd/system/multi-user.target.wants/%s → /lib/systemd/system/%[1]s.", v.name))
		if !v.stopped {
			if err := m.startUnit(v.name); err != nil {
				s.say(err.Error()) // dpkg goes on: deb-systemd-invoke tells, and no more
			}
		}
	}
	return nil
}

// fold breaks words into lines.
func fold(first string, words []string, width int) (out []string) {
	line := first
	for _, w := range words {
		if len(line)+len(w) > width && line != first {
			out, line = append(out, strings.TrimRight(line, " ")), first
		}
		line += w + " "
	}
	return append(out, strings.TrimRight(line, " "))
}
