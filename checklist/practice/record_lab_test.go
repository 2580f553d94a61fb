//go:build lab

package practice

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aslwiz/checklist"
	"aslwiz/remote"
	"aslwiz/remote/lab"
)

// TestRecord puts every question of the page to the lab's server as it is now, and
// requires the practice server to answer alike. The lab's own tests run it in the
// network of the admin, with a server in a state that they name:
//
//	ASLWIZ_RECORD         the state, such as half-way
//	ASLWIZ_RECORD_UNTIL   the last step that was applied; "none", or all without it
//	ASLWIZ_RECORD_BREAKS  what was broken then, with semicolons between
//	ASLWIZ_RECORD_TO      the folder where STATE.json is written; none: it is only compared
func TestRecord(t *testing.T) {
	name := os.Getenv("ASLWIZ_RECORD")
	if name == "" {
		t.Skip("say which state the lab's server is in with ASLWIZ_RECORD")
	}
	text, err := os.ReadFile(lab.Answers())
	if err != nil {
		t.Fatal(err)
	}
	r := recording{}
	if until := os.Getenv("ASLWIZ_RECORD_UNTIL"); until != "none" {
		r.Steps = stepsUntil(until)
	}
	if broken := os.Getenv("ASLWIZ_RECORD_BREAKS"); broken != "" {
		r.Breaks = strings.Split(broken, ";")
	}
	if r.Answers, err = checklist.ParseAnswers(lab.Answers(), text, nil); err != nil {
		t.Fatal(err)
	}
	server, err := remote.Connect(t.Context(), remote.Target{Host: lab.Server.IPv4(), User: "admin", Identity: []string{lab.Key("admin")}},
		remote.Options{KnownHosts: []string{lab.KnownHosts()}, SSHConfig: os.DevNull, Ask: func(context.Context, remote.Question) (remote.Secret, error) {
			return remote.NewSecret(lab.SudoPassword), nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if r.Said, err = ask(t.Context(), server, r.Answers); err != nil {
		t.Fatal(err)
	}
	if to := os.Getenv("ASLWIZ_RECORD_TO"); to != "" {
		if err := r.write(filepath.Join(to, name+".json")); err != nil {
			t.Fatal(err)
		}
	}
	r.state(name).isAlike(t)
}
