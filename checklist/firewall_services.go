package checklist

import (
	"errors"
	"fmt"
	"strings"
)

// OpenService is something that the packet filter lets in when the admin ticks it.
type OpenService struct {
	Name  string
	Ports []string // "80/tcp"; "5198:5199/udp" for a range
	What  string   // one line for somebody who does not know the name
}

// Services are what an AllStarLink server may offer to everybody.
// Sources: the page's firewall (http, https, 4569, DNS), of which SSH is always
// open; the ASL3 manual and its appliance's firewall zone for the rest. AMI, 5038,
// is left out: the manual warns against exposing it.
var Services = []OpenService{
	{"http", []string{"80/tcp"}, "web pages, and the proof that a certificate authority asks for"},
	{"https", []string{"443/tcp"}, "web pages, encrypted"},
	{"iax2", []string{"4569/udp"}, "AllStarLink nodes and phones that link to this one"},
	{"echolink", []string{"5198:5199/udp"}, "EchoLink stations"},
	{"rtcm", []string{"1667/udp"}, "VOTER and RTCM receivers"},
	{"dns", []string{"53/tcp", "53/udp"}, "a name server for others; not needed to look names up"},
	{"snmp", []string{"161/udp"}, "monitoring, asked by anybody: rather reach it through a tunnel"},
	{"cockpit", []string{"9090/tcp"}, "Cockpit, the web console that the ASL3 appliance brings"},
}

// ServiceByName finds a service.
func ServiceByName(name string) (OpenService, bool) {
	for _, s := range Services {
		if s.Name == name {
			return s, true
		}
	}
	return OpenService{}, false
}

// CheckService says why name is not one of Services.
func CheckService(name string) error {
	if _, ok := ServiceByName(name); ok {
		return nil
	}
	if word, _, _ := strings.Cut(name, " "); word == "ssh" {
		return errors.New("SSH has an answer of its own: firewall.ssh_from")
	}
	names := make([]string, len(Services))
	for i, s := range Services {
		names[i] = s.Name
	}
	return fmt.Errorf("%q is not a service that aslwiz knows: %s; give any other as a port, such as 8080/tcp", name, strings.Join(names, ", "))
}
