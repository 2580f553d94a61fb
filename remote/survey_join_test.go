package remote

import (
	"reflect"
	"testing"
)

func TestProbesAskedTogether(t *testing.T) {
	t.Parallel()
	probes := []Probe{
		ReadUnit("a.service"), ReadFile("/etc/hostname"), ReadPackages("vim", "screen"), ReadUnit("b.service"), ReadPackages("snmpd"),
		ReadCommand("ip", "-j", "address"), ReadCommand("ip", "-j", "route"),
	}
	j := join(probes)
	if len(j.asked) != 5 || j.asked[0].Kind != probeUnits {
		t.Fatalf("asked %+v", j.asked)
	}
	if got := j.asked[2].Args; !reflect.DeepEqual(got, []string{"vim", "screen", "snmpd"}) {
		t.Errorf("packages %q", got)
	}
	answers := []Answer{
		{Out: []byte("Id=a.service\nLoadState=loaded\nActiveState=active\n\nId=b.service\nLoadState=not-found\nActiveState=inactive\n")},
		{Out: []byte("file")},
		{Out: []byte("screen\tinstalled\t4.9\nsnmpd\tinstalled\t5.9\n=\nvim:\n  Candidate: 9.0\n")},
		{Out: []byte("address")},
		{Out: []byte("route")},
	}
	got := j.split(probes, answers)
	a, err1 := got[0].Unit()
	b, err2 := got[3].Unit()
	if err1 != nil || err2 != nil || a.Name != "a.service" || a.Active != "active" || b.Name != "b.service" || b.Load != "not-found" {
		t.Errorf("units %+v %v, %+v %v", a, err1, b, err2)
	}
	list, err := got[2].Packages()
	if err != nil || len(list) != 2 || list["vim"].Candidate != "9.0" || !list["screen"].Installed() {
		t.Errorf("packages %+v, %v", list, err)
	}
	if list, err = got[4].Packages(); err != nil || len(list) != 1 || !list["snmpd"].Installed() {
		t.Errorf("packages %+v, %v", list, err)
	}
	if string(got[1].Out) != "file" || string(got[5].Out) != "address" || string(got[6].Out) != "route" {
		t.Errorf("others %+v", got)
	}
	answers[0].Out = []byte("Id=a.service\nLoadState=loaded\n")
	for _, i := range []int{0, 3} {
		if _, err := j.split(probes, answers)[i].Unit(); err == nil {
			t.Errorf("unit %d is known of an answer that lacks one", i)
		}
	}
}
