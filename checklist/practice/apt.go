package practice

import (
	"fmt"
	"regexp"
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
		if !m.lists && !have && (name == "vim" || name == "bash-completion") { // what is there suggests it
			fmt.Fprintf(&apt, "%s:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n", name)
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
	if err := s.aptLock(); err != nil {
		return err
	}
	s.say("+ apt-get update")
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

// kinds are what a server has one package of, and the packages that are one.
var kinds = map[string][]string{"time-daemon": {"systemd-timesyncd", "chrony", "ntpsec"}}

// kindOf is the kind of a package, "" for most.
func kindOf(name string) string {
	for _, k := range sortedKeys(kinds) {
		if slices.Contains(kinds[k], name) {
			return k
		}
	}
	return ""
}

// gone are the installed packages that cannot stay beside todo.
func (m *machine) gone(todo []pack) (out []string) {
	for _, p := range todo {
		for _, r := range kinds[kindOf(p.name)] {
			if m.installed(r) && r != p.name {
				out = append(out, r)
			}
		}
	}
	return out
}

var removalWords = regexp.MustCompile(`^names=('[^']*'|\S*) may=('[^']*'|\S*)\n`)

// removalsAnswer is what apt says that it would remove.
func (m *machine) removalsAnswer(p remote.Probe) remote.Answer {
	w := removalWords.FindStringSubmatch(p.Args[1])
	if w == nil {
		return m.notModelled(p)
	}
	var b strings.Builder
	for name := range strings.FieldsSeq(unquote(w[2])) {
		if m.installed(name) {
			fmt.Fprintf(&b, "have %s\n", name)
		}
	}
	var names []string
	for name := range strings.FieldsSeq(unquote(w[1])) {
		if _, ok := m.w.catalog[name]; ok && !m.installed(name) {
			names = append(names, name)
		}
	}
	if !m.lists || len(names) == 0 {
		return said(p, b.String())
	}
	fmt.Fprintln(&b, "simulated")
	todo := m.closure(names)
	gone := m.gone(todo)
	for _, name := range gone {
		fmt.Fprintf(&b, "gone %s\n", name)
	}
	for _, t := range todo {
		if k := kindOf(t.name); len(gone) > 0 && k != "" {
			fmt.Fprintf(&b, "new %s\nagainst %s\n", t.name, k)
		}
	}
	for _, name := range gone {
		fmt.Fprintf(&b, "old %s %s\n", name, kindOf(name))
	}
	return said(p, b.String())
}

// because ends a script as its function of that name does, with a cause.
func (s *shell) because(text string) error {
	s.say(text)
	s.r.cause = text
	return exit(100)
}

// aptInstall is apt_install: it leaves out what apt does not offer, and removes nothing but
// what may go.
func (s *shell) aptInstall(may, names []string) error {
	var offered, missing, no []string
	for _, n := range names {
		if _, ok := s.m.w.catalog[n]; ok {
			offered = append(offered, n)
		} else {
			missing = append(missing, n)
		}
	}
	if len(missing) > 0 {
		s.say("apt offers no " + strings.Join(missing, ", ") + ": left out")
	}
	gone, flag := s.m.gone(s.m.closure(offered)), "--no-remove "
	for _, n := range gone {
		flag = ""
		if !slices.Contains(may, n) {
			no = append(no, n)
		}
	}
	if len(no) > 0 {
		return s.because("apt would remove " + strings.Join(no, ", ") + ", which the plan does not name; nothing was installed. If that may go, add it to packages.remove in the answers")
	}
	if len(gone) > 0 {
		s.say("apt removes " + strings.Join(gone, " ") + ", as the plan says")
	}
	return s.install(flag, offered, gone)
}

// install is apt-get install: what it prints, what it takes, what it leaves.
func (s *shell) install(flag string, names, gone []string) error {
	if err := s.aptLock(); err != nil {
		return err
	}
	s.say("+ apt-get " + flag + "install -y -- " + strings.Join(names, " "))
	s.say("Reading package lists...", "Building dependency tree...", "Reading state information...")
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
	if len(gone) > 0 {
		s.say("The following packages will be REMOVED:")
		s.say(fold("  ", slices.Sorted(slices.Values(gone)), 78)...)
	}
	s.say(fmt.Sprintf("0 upgraded, %d newly installed, %d to remove and 0 not upgraded.", len(todo), len(gone)))
	if len(todo) == 0 {
		return nil
	}
	s.say(fmt.Sprintf("Need to get %d kB of archives.", size))
	if err := s.diskTrouble(); err != nil {
		return err
	}
	for _, name := range gone {
		delete(s.m.packages, name)
		s.m.stopUnit(name + ".service")
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
