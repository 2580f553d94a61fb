package checklist

// Answers is what only a person knows. It never holds a secret. The schema is
// the answers file's (strict YAML); see `aslwiz answers --example`.
type Answers struct {
	// How to reach the server; everything but Host may come from ~/.ssh/config.
	Host     string   `yaml:"host" json:"host"`
	Port     int      `yaml:"port,omitempty" json:"port,omitempty"`
	User     string   `yaml:"user,omitempty" json:"user,omitempty"`
	Identity string   `yaml:"identity,omitempty" json:"identity,omitempty"`
	Jump     []string `yaml:"jump,omitempty" json:"jump,omitempty"`

	Hostname string `yaml:"hostname" json:"hostname"` // first label: "stats"
	Domain   string `yaml:"domain" json:"domain"`     // "allstarlink.org"

	Firewall Firewall `yaml:"firewall,omitempty" json:"firewall"`
	Fail2ban Fail2ban `yaml:"fail2ban,omitempty" json:"fail2ban"`
	Peers    []Peer   `yaml:"peers,omitempty" json:"peers,omitempty"` // the other ends of IPsec tunnels
	Network  Network  `yaml:"network,omitempty" json:"network"`
	Admins   []Admin  `yaml:"admins,omitempty" json:"admins,omitempty"`
	Time     Time     `yaml:"time,omitempty" json:"time"`
	Mail     Mail     `yaml:"mail,omitempty" json:"mail"`
	SNMP     SNMP     `yaml:"snmp,omitempty" json:"snmp"`
	Logging  Logging  `yaml:"logging,omitempty" json:"logging"`
	Packages Software `yaml:"packages,omitempty" json:"packages"`
	// Resolver is whom aslwiz asks from outside; empty: this computer's own.
	Resolver string `yaml:"resolver,omitempty" json:"resolver,omitempty"`
}

// Firewall is what the packet filter lets in beside what it always lets in.
type Firewall struct {
	Services []string `yaml:"services,omitempty" json:"services,omitempty"` // names of Services
	Ports    []string `yaml:"ports,omitempty" json:"ports,omitempty"`       // "8080/tcp"
	// Limited are services and ports only some may use: "5038/tcp from 198.51.100.0/24",
	// "iax2 on eth1".
	Limited  []string `yaml:"limited,omitempty" json:"limited,omitempty"`
	Blocks   []string `yaml:"blocks,omitempty" json:"blocks,omitempty"`       // prefixes from which nothing is let in
	SSHFrom  []string `yaml:"ssh_from,omitempty" json:"ssh_from,omitempty"`   // prefixes; empty: anywhere
	TakeOver bool     `yaml:"take_over,omitempty" json:"take_over,omitempty"` // disable an active firewalld or ufw
}

// Fail2ban is whom the jails never ban, beside the admin's own address.
type Fail2ban struct {
	Ignore []string `yaml:"ignore,omitempty" json:"ignore,omitempty"` // addresses or prefixes
}

// Software is what apt may do beyond what the page implies.
type Software struct {
	Remove []string `yaml:"remove,omitempty" json:"remove,omitempty"` // packages that may be removed
}

// FQDN is the full host name.
func (a Answers) FQDN() string { return a.Hostname + "." + a.Domain }
