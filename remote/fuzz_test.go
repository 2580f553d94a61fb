package remote

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// FuzzFrame: no length is believed beyond what was asked for.
func FuzzFrame(f *testing.F) {
	for _, s := range []string{"n 0 1 0", "n 255 1000 65536", "n 256 0 0", "n 0 1001 0", "n -1 0 0", "n 0 9223372036854775808 0", "n nowhere", "m 0 0 0", "", "n 0 0 0 0", "n +1 +1 +1", "n 255\xff5" + strings.Repeat(`"`, 5000)} {
		f.Add(s)
	}
	s := &session{host: "srv", nonce: "n"}
	f.Fuzz(func(t *testing.T, line string) {
		code, out, errs, err := s.parseFrame(line, 1000)
		if err != nil {
			if msg := err.Error(); msg != CleanText(msg) {
				t.Errorf("%q would reach the screen", msg)
			}
			return
		}
		if code < 0 || code > 255 || out < 0 || out > 1000 || errs < 0 || errs > 64<<10 || !strings.HasPrefix(strings.TrimSpace(line), "n") {
			t.Errorf("%q: %d %d %d", line, code, out, errs)
		}
	})
}

// FuzzReport: a status is one of those that are known, its text fit for a screen.
func FuzzReport(f *testing.F) {
	f.Add([]byte("id=x\nstate=done\ncode=0\ndetail=a\ndetail=b\nsince=1\nup=1\nended=2\nguard=60\nthrough=1\nchain=a b\n"))
	f.Add([]byte("==> a/meta <==\nid=a\n\n==> a/status <==\nstate=proving\n==> a/told <==\ntold=1\n==> b.tmp/meta <==\n"))
	f.Add([]byte("state=\x1b[2Jdone\nreason=\xff\x00\r\nseq=-9223372036854775808"))
	states := []TxState{TxStaged, TxRunning, TxProving, TxDone, TxFailed, TxStopped, TxRefused, TxRestored, TxBroken, TxUndone, TxLost}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, r := range append(parseList(text), parseReport(text)) {
			if !slices.Contains(states, r.State) {
				t.Errorf("state %q", r.State)
			}
			if r.up < 0 || r.ended < 0 || r.guard < 0 || r.limit < 0 || r.LogSize < 0 {
				t.Errorf("%+v", r)
			}
			for _, s := range append(slices.Clone(r.Detail), r.Reason, r.Step, r.Who, string(r.State)) {
				if s != CleanText(s) {
					t.Errorf("%q would reach the screen", s)
				}
			}
		}
	})
}

// FuzzSurvey: each probe's reader gives a state or an error.
func FuzzSurvey(f *testing.F) {
	probes := []Probe{
		ReadFile("/etc/x"), ReadPackages("a", "b"), ReadUnit("x.service"), ReadCommand("true"), ReadSetting("x", "y"), ReadSecret("/x", "salt"),
	}
	f.Add([]byte("2 0.rc\n31 0.out\n\n0\nfile 644 root:root - /etc/x\nhi\n"))
	f.Add([]byte("2 1.rc\n40 1.out\n\n0\na\tinstalled\t1\n=\na:\n  Candidate: 2\nb:\n\n\n\n"))
	f.Add([]byte("2 2.rc\n40 2.out\n\n0\nId=x.service\nLoadState=loaded\n\n\n\n\n\n\n"))
	f.Add([]byte("\nno list"))
	f.Add([]byte("99999999999999999999 0.rc\n\n"))
	f.Add([]byte("1 -1.rc\n1 6.rc\n\nxx"))
	f.Fuzz(func(t *testing.T, out []byte) {
		answers, err := parseSurvey(probes, out)
		if err != nil {
			if !errors.Is(err, ErrGarbled) {
				t.Error(err)
			}
			return
		}
		for _, a := range answers {
			_, _ = a.File()
			_, _ = a.Packages()
			_, _ = a.Secret()
			var v any
			_ = a.JSON(&v)
			if u, err := a.Unit(); err == nil && u.Name != CleanText(u.Name) {
				t.Errorf("%q would reach the screen", u.Name)
			}
			if s, err := a.Text(); err == nil && s != CleanText(s) {
				t.Errorf("%q would reach the screen", s)
			}
		}
	})
}

// FuzzLog: where a log is cut into pieces makes no difference, no line shows a
// secret or what a screen would obey.
func FuzzLog(f *testing.F) {
	f.Add([]byte("one\ntwo\r three\n\x1eapt pmstatus:x:5.0:y\nhunter2hunter2\nrest"), 7)
	f.Add([]byte("\x1b[2J\x00\xff\n\x1e\n\x1eapt dlstatus:a:NaN:b\n\u202e\n"), 3)
	f.Add([]byte(strings.Repeat("hunter2", 9)), 10)
	f.Fuzz(func(t *testing.T, log []byte, at int) {
		var m masks
		m.add(NewSecret("hunter2hunter2"))
		whole := newLogReader(&m)
		want := append(whole.write(log), whole.flush()...)
		cut := min(max(at, 0), len(log))
		parts := newLogReader(&m)
		got := append(parts.write(log[:cut]), parts.write(log[cut:])...)
		got = append(got, parts.flush()...)
		if !slices.Equal(got, want) {
			t.Errorf("cut at %d: %q, want %q", cut, got, want)
		}
		for _, l := range want {
			if l != CleanText(l) || strings.Contains(l, "hunter2hunter2") {
				t.Errorf("%q would reach the screen", l)
			}
		}
	})
}
