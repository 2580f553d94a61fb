package checklist

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// answerExamples is a line that is right for each answer, by its path without
// list positions.
var answerExamples = map[string]string{
	"host":               "host: 198.51.100.11",
	"port":               "port: 22",
	"user":               "user: admin",
	"identity":           "identity: ~/.ssh/id_ed25519",
	"jump":               "jump: [anna@gate.example.net:22]",
	"hostname":           "hostname: stats",
	"domain":             "domain: example.net",
	"firewall":           "firewall: {services: [http]}",
	"firewall.services":  "services: [http, https]",
	"firewall.ports":     "ports: [8080/tcp, 4569/udp]",
	"firewall.limited":   "limited: [5038/tcp from 198.51.100.0/24, iax2 on eth1]",
	"firewall.blocks":    "blocks: [192.0.2.0/24]",
	"firewall.ssh_from":  "ssh_from: [203.0.113.0/24, 2001:db8:7::/48]",
	"firewall.take_over": "take_over: true",
	"fail2ban":           "fail2ban: {ignore: [203.0.113.7]}",
	"fail2ban.ignore":    "ignore: [203.0.113.7, 2001:db8:7::/48]",
	"peers":              "peers: [{name: two, addresses: [198.51.100.12, 2001:db8:51::12], ssh: admin@two.example.net}]",
	"peers.name":         "name: two",
	"peers.addresses":    "addresses: [198.51.100.12, 2001:db8:51::12]",
	"peers.ssh":          "ssh: admin@two.example.net:22",
	"peers.far":          "far: debian12",
	"network":            "network: {ipv4: 198.51.100.11/24, gateway4: 198.51.100.1}",
	"network.mac":        "mac: 52:54:00:73:86:06",
	"network.ipv4":       "ipv4: 198.51.100.11/24",
	"network.gateway4":   "gateway4: 198.51.100.1",
	"network.ipv6":       "ipv6: 2001:db8:51::11/64",
	"network.gateway6":   "gateway6: 2001:db8:51::1",
	"network.dns":        "dns: [198.51.100.1, 2001:db8:51::1]",
	"network.search":     "search: [example.net]",
	"admins":             "admins: [{name: anna, keys: [ssh-ed25519 AAAA... anna@laptop]}]",
	"admins.name":        "name: anna",
	"admins.keys":        "keys: [ssh-ed25519 AAAA... anna@laptop]",
	"time":               "time: {servers: [ntp.example.net]}",
	"time.servers":       "servers: [0.pool.ntp.org, 1.pool.ntp.org]",
	"mail":               "mail: {relay: mail.example.net, root: noc@example.net}",
	"mail.relay":         "relay: mail.example.net",
	"mail.root":          "root: noc@example.net",
	"mail.postmaster":    "postmaster: postmaster@example.net",
	"mail.mx":            "mx: true",
	"snmp":               "snmp: {nms: [198.51.100.40], user: monitor}",
	"snmp.nms":           "nms: [198.51.100.40, 2001:db8:51::40]",
	"snmp.user":          "user: monitor",
	"snmp.version":       "version: 3",
	"snmp.insist_v2c":    "insist_v2c: true",
	"snmp.location":      "location: Tampa",
	"snmp.contact":       "contact: noc@example.net",
	"logging":            "logging: {host: log.example.net}",
	"logging.host":       "host: log.example.net",
	"logging.port":       "port: 6514",
	"logging.protocol":   "protocol: tls",
	"logging.tls_ca":     "tls_ca: /etc/ssl/log-ca.pem",
	"logging.tls_name":   "tls_name: log.example.net",
	"packages":           "packages: {remove: [chrony]}",
	"packages.remove":    "remove: [chrony]",
	"resolver":           "resolver: 9.9.9.9",
}

var listPosition = regexp.MustCompile(`\[\d+\]`)

func exampleOf(path string) string {
	return answerExamples[listPosition.ReplaceAllString(path, "")]
}

func join(parent, key string) string {
	if parent == "" {
		return key
	}
	return parent + "." + key
}

// fieldByKey is the field of struct v that a key of the file stands for.
func fieldByKey(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if key != "" && yamlKey(v.Type().Field(i)) == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func yamlKey(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

// answerPaths are the paths of all keys of the schema.
func answerPaths(t reflect.Type, parent string) []string {
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		p := join(parent, yamlKey(f))
		out = append(out, p)
		ft := f.Type
		if ft.Kind() == reflect.Slice {
			ft = ft.Elem()
		}
		if ft.Kind() == reflect.Struct {
			out = append(out, answerPaths(ft, p)...)
		}
	}
	return out
}

// nearestKey is what somebody who wrote key under parent may have meant.
func nearestKey(parent, key string) (near, example string) {
	plain := func(s string) string {
		return strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(s))
	}
	parent = listPosition.ReplaceAllString(parent, "")
	best := 3 // more than two wrong letters is another word
	for _, p := range answerPaths(reflect.TypeFor[Answers](), "") {
		folder, last := "", p
		if i := strings.LastIndexByte(p, '.'); i >= 0 {
			folder, last = p[:i], p[i+1:]
		}
		d := distance(plain(key), plain(last))
		if folder != parent && d > 0 {
			continue // a word of another place must be exact
		}
		if d >= best || d > max(1, len(last)/3) {
			continue
		}
		best, near, example = d, strconv.Quote(last), exampleOf(p)
		switch folder {
		case parent:
		case "":
			near += " at the left edge"
		default:
			near += fmt.Sprintf(" under %q", folder)
		}
	}
	return near, example
}

// distance is the number of letters to insert, remove, replace or swap with a
// neighbour to make b of a.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return 64
	}
	d := make([][]int, len(x)+1)
	for i := range d {
		d[i] = make([]int, len(y)+1)
		d[i][0] = i
	}
	for j := range y {
		d[0][j+1] = j + 1
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(x)][len(y)]
}

// isSecretKey reports keys under which people keep what must not be kept here.
func isSecretKey(key string) bool {
	k := strings.ToLower(key)
	for _, word := range []string{"pass", "psk", "secret", "token", "private_key"} {
		if strings.Contains(k, word) {
			return true
		}
	}
	return false
}

// secretStart is where a line begins to tell the value of such a key.
var secretStart = regexp.MustCompile(`(?i)(pass|psk|secret|token|private_key)[\w-]*["']?\s*[:=]`)

// hideSecret cuts a line of the file before what may be a secret.
func hideSecret(line string) string {
	if at := secretStart.FindStringIndex(line); at != nil {
		return line[:at[1]] + " [not shown]"
	}
	return line
}

// scalar is the text of a value as it was typed: a number or a yes is as good a
// text as any.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return "", false
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func plainInt(n ast.Node) (int64, bool) {
	if _, ok := n.(*ast.IntegerNode); !ok {
		return 0, false
	}
	i, err := strconv.ParseInt(n.GetToken().Value, 10, 32)
	return i, err == nil
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a set of keys"
	case *ast.LiteralNode:
		return "a text of several lines"
	case *ast.StringNode:
		return "a text"
	case *ast.BoolNode:
		return "true or false"
	case *ast.IntegerNode, *ast.FloatNode:
		return "a number"
	}
	return "something else"
}
