package tui

import (
	"fmt"
	"net/netip"
	"strings"

	"aslwiz/checklist"
)

// fieldTable are the questions in the order they are asked.
var fieldTable = []field{
	{
		path: "host", step: "connect", label: "Server", example: "198.51.100.11",
		help: "The server's address or its DNS name, from your provider's mail. An alias from ~/.ssh/config also works.",
	},
	{
		path: "user", step: "connect", label: "User", example: "root",
		help: "Who logs in: root, or a user who may use sudo. Left empty, ~/.ssh/config decides, else your own user name here.",
	},
	{
		path: "port", step: "connect", label: "SSH port", kind: number, example: "22",
		help: "Left empty, it is 22, unless ~/.ssh/config says otherwise.",
	},
	{
		path: "identity", step: "connect", label: "Key file", example: "~/.ssh/id_ed25519",
		help: "The private key to log in with. Left empty, the keys of your SSH agent and the usual files in ~/.ssh are tried, then a password is asked for.",
	},
	{
		path: "jump", step: "connect", label: "Jump hosts", kind: manyText, example: "anna@gate.example.net",
		help: "Only when the server is reached through other machines: each as user@host, in order, separated by spaces.",
	},

	{
		path: "hostname", step: "hostname", label: "Host name", example: "stats",
		help: "The server's own name, without its domain: the first part of stats.example.net.",
		now:  func(f checklist.Facts) string { name, _, _ := strings.Cut(f.Hostname, "."); return name },
	},
	{
		path: "domain", step: "hostname", label: "Domain", example: "example.net",
		help: "What follows the host name: the rest of stats.example.net.",
		now:  func(f checklist.Facts) string { _, domain, _ := strings.Cut(f.Hostname, "."); return domain },
	},

	{
		path: "firewall.services", step: "firewall", label: "Services to let in", kind: manyOf, choices: openServices,
		help: "SSH, replies and ping are always let in. Everything that is not ticked here or named below is refused. Space ticks.",
	},
	{
		path: "firewall.ports", step: "firewall", label: "Further ports", kind: manyText, example: "8080/tcp 4569/udp",
		help: "Ports that have no name above, each with its protocol, separated by spaces. Usually empty.",
	},
	{
		path: "firewall.limited", step: "firewall", label: "Limited access", kind: manyLines, example: "5038/tcp from 198.51.100.0/24, iax2 on eth1",
		help: "Separate entries by commas. Each is a service or port, then \"from\" and addresses, or \"on\" and a card. Usually empty.",
	},
	{
		path: "firewall.blocks", step: "firewall", label: "Shut out", kind: manyText, example: "192.0.2.0/24",
		help: "Addresses and networks to block completely. Usually empty.",
	},
	{
		path: "firewall.ssh_from", step: "firewall", label: "Who may use SSH", kind: manyText, example: "203.0.113.0/24",
		help: "Addresses and networks from which SSH is let in. Empty: from everywhere. You must be among them.",
	},
	{
		path: "firewall.take_over", step: "firewall", label: "Switch off firewalld or ufw", kind: yesNo,
		help: "When another firewall is active on the server, two would work against each other. With yes, the other one is switched off.",
	},

	{
		path: "fail2ban.ignore", step: "fail2ban", label: "Never ban", kind: manyText, example: "203.0.113.7 2001:db8:7::/48",
		help: "Addresses and networks that are never shut out for wrong passwords. The address you come from is added by itself.",
	},

	{
		path: "packages.remove", step: "packages", label: "Packages apt may remove", kind: manyText, rare: true, example: "chrony",
		help: "Usually empty. When the plan stops because apt would remove a package that you can do without, name it here. Separate several by spaces. Undo cannot bring them back.",
	},

	{
		path: "time.servers", step: "time", label: "Time servers", kind: manyText, example: "ntp1.example.net ntp2.example.net",
		help: "NTP servers to take the time from, at least four when you name any. Empty: those that the system comes with.",
	},

	{
		path: "mail.relay", step: "postfix", label: "Mail relay", example: "mail.example.net",
		help: "The machine that takes the server's own mail. A port may follow: mail.example.net:587.",
	},
	{
		path: "mail.root", step: "postfix", label: "Who reads root's mail", example: "noc@example.net",
		help: "The mail address of a person or a list. Warnings of the server go there.",
	},
	{
		path: "mail.postmaster", step: "postfix", label: "Who reads postmaster's", example: "noc@example.net",
		help: "Left empty, it is whoever reads root's mail.",
	},
	{
		path: "mail.mx", step: "postfix", label: "Relay is a mail domain", kind: yesNo,
		help: "With yes, the relay is looked up by the MX record of the name above. Usually no.",
	},

	{
		path: "logging.host", step: "logging", label: "Log host", example: "logs.example.net",
		help: "The machine that collects the logs of all servers.",
	},
	{
		path: "logging.protocol", step: "logging", label: "Protocol", kind: oneOf,
		help: "As the log host's admin says. Only tls keeps others from reading the log on its way, unless a tunnel leads to the log host. By udp, lines are lost while the log host is down.",
		choices: func(checklist.Facts) []choice {
			return []choice{{"", "tcp, the usual one"}, {"tls", "tls, encrypted"}, {"udp", "udp, loses lines"}}
		},
	},
	{path: "logging.port", step: "logging", label: "Its port", kind: number, example: "6514", help: "Left empty, it is 514, or 6514 by tls."},
	{
		path: "logging.tls_ca", step: "logging", label: "Certificate authority", example: "/etc/ssl/log-ca.pem",
		help: "For tls: the file on the server with the certificate of the authority that signed the log host's. Empty: the authorities that the server trusts anyway.",
	},
	{
		path: "logging.tls_name", step: "logging", label: "Name in its certificate", example: "log.example.net",
		help: "For tls: the name in the log host's certificate, when it is not the log host's name above.",
	},

	{
		path: "network.mac", step: "network", label: "Network card", kind: oneOf, choices: cards,
		help: "The card that becomes eth0, by its hardware address. With one card there is nothing to choose.",
	},
	{
		path: "network.ipv4", step: "network", label: "IPv4 address", example: "198.51.100.11/24", now: func(f checklist.Facts) string { return own(f, true) },
		help: "The server's own address with the length of its network; a netmask also works. Your provider says it.",
	},
	{
		path: "network.gateway4", step: "network", label: "IPv4 gateway", example: "198.51.100.1", now: func(f checklist.Facts) string { return addr(f.Gateway4) },
		help: "The way out of its network for IPv4.",
	},
	{
		path: "network.ipv6", step: "network", label: "IPv6 address", example: "2001:db8:51::11/64", now: func(f checklist.Facts) string { return own(f, false) },
		help: "The server's IPv6 address with the length of its network. The page asks for one.",
	},
	{
		path: "network.gateway6", step: "network", label: "IPv6 gateway", example: "fe80::1", now: func(f checklist.Facts) string { return addr(f.Gateway6) },
		help: "The way out of its network for IPv6.",
	},
	{
		path: "network.dns", step: "network", label: "Name servers", kind: manyText, example: "198.51.100.1 2001:db8:51::1", now: resolvers,
		help: "Addresses of the resolvers, the one asked first in front, three at most.",
	},
	{
		path: "network.search", step: "network", label: "Search domains", kind: manyText, example: "example.net",
		help: "Domains that are tried for short names. Empty: the server's own domain.",
	},

	{
		path: "resolver", step: "dns", label: "Resolver to check with", example: "9.9.9.9",
		help: "The DNS records are looked up from here too, as others see them. Empty: by this computer's own resolver.",
	},

	{
		path: "snmp.nms", step: "snmp", label: "Monitoring system", kind: manyText, example: "198.51.100.40",
		help: "Addresses from which the monitoring system asks the server. Empty: SNMP is not set up.",
	},
	{
		path: "snmp.user", step: "snmp", label: "SNMP user", example: "monitor",
		help: "The name that the monitoring system logs in with. Its passwords are generated on the server and stay there.",
	},
	{
		path: "snmp.version", step: "snmp", label: "SNMP version", kind: oneOf, help: "Version 3 is encrypted. Take 2c only when the monitoring system knows nothing else.",
		choices: func(checklist.Facts) []choice {
			return []choice{{"", "3, encrypted"}, {"2c", "2c, readable by all on the way"}}
		},
	},
	{
		path: "snmp.insist_v2c", step: "snmp", label: "2c without a tunnel", kind: yesNo,
		help: "With yes, version 2c is used even where no tunnel leads to the monitoring system: everybody on the way can then read the community, which works as a password, and all that is asked. Usually no.",
	},
	{path: "snmp.location", step: "snmp", label: "Where the server is", example: "Tampa", help: "A word for people, shown by the monitoring system. May be empty."},
	{path: "snmp.contact", step: "snmp", label: "Who looks after it", example: "noc@example.net", help: "Shown by the monitoring system. May be empty."},
}

// adminFields ask about one admin, peerFields about one other end of a tunnel.
func adminFields(i int) []field {
	at := fmt.Sprintf("admins[%d].", i)
	return []field{
		{
			path: at + "name", step: "users", label: "Admin" + nth(i), example: "anna",
			help: "Login name of somebody who administers the server, yourself first. Users that are there already, and their keys, stay. Empty: nobody" + other(i) + " is added.",
		},
		{
			path: at + "keys[0]", step: "users", label: "Public key" + nth(i), example: "ssh-ed25519 AAAA... anna@laptop",
			help: "The whole line of the file id_ed25519.pub, pasted here. It is public: the private key never leaves its owner's computer.",
		},
	}
}

func peerFields(i int) []field {
	at := fmt.Sprintf("peers[%d].", i)
	return []field{
		{
			path: at + "name", step: "ipsec", label: "Tunnel" + nth(i) + " to", example: "two",
			help: "A short name for the server at the other end of the tunnel. Empty: there is no" + more(i) + " tunnel.",
		},
		{
			path: at + "addresses", step: "ipsec", label: "Its addresses", kind: manyText, example: "198.51.100.12 2001:db8:51::12",
			help: "The other server's IPv4 address, its IPv6 address, or both.",
		},
		{
			path: at + "ssh", step: "ipsec", label: "Its SSH login", example: "admin@two.example.net",
			help: "With it, aslwiz sets up the other end too, after you have seen what changes there. Empty: you get the text to paste there.",
		},
	}
}

// more and other tell the first of several questions from those that follow.
func more(i int) string {
	if i == 0 {
		return ""
	}
	return " further"
}

func other(i int) string {
	if i == 0 {
		return ""
	}
	return " else"
}

func nth(i int) string {
	if i == 0 {
		return ""
	}
	return fmt.Sprintf(" %d", i+1)
}

func openServices(checklist.Facts) []choice {
	var out []choice
	for _, s := range checklist.Services {
		out = append(out, choice{s.Name, s.Name + ": " + s.What})
	}
	return out
}

func cards(f checklist.Facts) []choice {
	out := []choice{{"", "the server's only one"}}
	for _, n := range f.NICs {
		out = append(out, choice{n.MAC, n.Name + "  " + n.MAC})
	}
	return out
}

// own is the server's first address of a family.
func own(f checklist.Facts, v4 bool) string {
	for _, n := range f.NICs {
		for _, a := range n.Addrs {
			if a.Addr().Is4() == v4 {
				return a.String()
			}
		}
	}
	return ""
}

func addr(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func resolvers(f checklist.Facts) string {
	var out []string
	for _, a := range f.DNS {
		if !a.IsLoopback() {
			out = append(out, a.String())
		}
	}
	return strings.Join(out, " ")
}
