package checklist

import (
	"errors"
	"strings"

	"aslwiz/remote"
)

// stepDNS says what to enter in DNS; aslwiz has no key to anybody's zone.
// Source: the page, "Set the server up in forward and reverse DNS" and "Reverse
// IP's shall be delegated via a CNAME to $NAME.PTR.allstarlink.org".
var stepDNS = Step{
	ID:      "dns",
	Title:   "enter the server in DNS, forward and reverse",
	Why:     "mail and logs of a server whose name and address do not lead to each other are mistrusted or hard to read",
	Follows: []string{"network"},
	Want:    wantDNS,
}

func wantDNS(in In) ([]Resource, error) {
	if in.Answers.Hostname == "" || in.Answers.Domain == "" {
		return nil, errors.New("the server's name is not answered: give hostname and domain")
	}
	if len(publicAddrs(in)) == 0 {
		return nil, errors.New("the server's addresses are not known: give network.ipv4 and network.ipv6")
	}
	return []Resource{Check{
		Title: "DNS of " + in.Answers.FQDN(),
		Ask:   serverLookups(in),
		Judge: func(a []remote.Answer) (Change, error) { return judgeRecords(in, a) },
	}}, nil
}

// judgeRecords shows all records, and is content when the server's resolver
// knows them. The item dns looks closer.
func judgeRecords(in In, answers []remote.Answer) (Change, error) {
	c := Change{Now: "all there", Want: "forward and reverse"}
	var missing []string
	for i, addr := range publicAddrs(in) {
		forward, err := getentValues(answers[2*i], addr, false)
		if err != nil {
			return c, err
		}
		names, err := getentValues(answers[2*i+1], addr, true)
		if err != nil {
			return c, err
		}
		if len(forward) != 1 || forward[0] != addr.String() {
			missing = append(missing, recordType(addr)+" "+orElse(strings.Join(forward, " "), "not there"))
		}
		if len(names) != 1 || !strings.EqualFold(names[0], in.Answers.FQDN()) {
			missing = append(missing, "reverse of "+addr.String()+" "+orElse(strings.Join(names, " "), "not there"))
		}
	}
	for _, r := range zoneRecords(in) {
		c.Notes = append(c.Notes, "in the zone of "+in.Answers.Domain+": "+r)
	}
	for _, r := range providerRecords(in) {
		c.Notes = append(c.Notes, "ask the provider for: "+r)
	}
	if len(missing) > 0 {
		c.Now = strings.Join(missing, ", ")
		c.Short = "enter the records of the notes, and ask the provider for the reverse ones; seen so far: " + c.Now
	}
	return c, nil
}
