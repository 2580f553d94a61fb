package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/user"

	"github.com/spf13/cobra"

	"aslwiz/checklist"
	"aslwiz/remote"
)

// connectFlags are the circumstances of a connection.
type connectFlags struct {
	acceptHostKey []string
	accepted      *remote.AcceptedKeys
	allow         []string
	passwordFile  string
	sudoFile      string
	sshConfig     string
	knownHosts    []string

	password, sudo remote.Secret
}

func (f *connectFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.acceptHostKey, "accept-host-key", nil, "accept this host key without asking: `HOST=SHA256:...`; without HOST= it counts for the server alone, not for jump hosts and peers")
	flags.StringSliceVar(&f.allow, "allow-algorithms", nil, "offer these weak SSH algorithms too, for an old server (`NAME,...`); it is said when one is in use")
	flags.StringVar(&f.passwordFile, "password-file", "", "read the login password from `FILE` (mode 0600), from a pipe, or from standard input with -")
	flags.StringVar(&f.sudoFile, "sudo-password-file", "", "read the password for sudo from `FILE` (mode 0600), from a pipe, or from standard input with -")
	flags.StringVar(&f.sshConfig, "ssh-config", "", "read `FILE` instead of ~/.ssh/config")
	flags.StringArrayVar(&f.knownHosts, "known-hosts", nil, "read `FILE` instead of ~/.ssh/known_hosts; accepted keys are added to it")
}

// read fetches the secrets and checks what was given.
func (f *connectFlags) read(ctx context.Context, in io.Reader) (err error) {
	if f.accepted, err = remote.AcceptKeys(f.acceptHostKey...); err != nil {
		return usage("take it from the server's console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", "--accept-host-key: %v", err)
	}
	if err = remote.CheckAlgorithms(f.allow); err != nil {
		return usage("leave --allow-algorithms out: only a server that offers nothing better needs it, and aslwiz then says which one", "--allow-algorithms: %v", err)
	}
	if f.passwordFile == "-" && f.sudoFile == "-" {
		return usage("a file for one of them", "--password-file and --sudo-password-file cannot both be standard input")
	}
	if f.password, err = readSecret(ctx, in, "--password-file", f.passwordFile); err != nil {
		return err
	}
	f.sudo, err = readSecret(ctx, in, "--sudo-password-file", f.sudoFile)
	return err
}

// connect logs in to a server and says so.
func (a *app) connect(ctx context.Context, s server, f *connectFlags) (*remote.Server, error) {
	target := remote.Target{Host: s.answers.Host, Port: s.answers.Port, User: s.answers.User, Jump: s.answers.Jump}
	if s.answers.Identity != "" {
		target.Identity = []string{s.localPath(s.answers.Identity)}
	}
	fmt.Fprintf(a.err, "%s: connecting to %s\n", s.name, s.answers.Host)
	host, err := remote.Connect(ctx, target, remote.Options{
		Ask:             a.asker(f),
		AcceptHostKey:   f.accepted,
		AllowAlgorithms: f.allow,
		Note:            a.note,
		KnownHosts:      f.knownHosts,
		SSHConfig:       f.sshConfig,
		SudoPassword:    f.sudo,
		Moves:           s.answers.Network.Addresses(),
		Who:             who(),
	})
	if err != nil {
		return nil, noConnection{err}
	}
	return host, nil
}

// note tells what the admin should know of a connection.
func (a *app) note(text string) { fmt.Fprintln(a.err, wrap("note: ", remote.CleanLine(text))) }

// session is a server that was connected to, and what a plan starts from.
type session struct {
	host *remote.Server
	in   checklist.In
}

// begin connects to a server and asks for its facts.
func (a *app) begin(ctx context.Context, s server, f *connectFlags) (*session, error) {
	host, err := a.connect(ctx, s, f)
	if err != nil {
		return nil, err
	}
	facts, err := checklist.GatherFacts(ctx, host)
	if err != nil {
		_ = host.Close()
		return nil, err
	}
	if facts.Job != "" {
		fmt.Fprintln(a.err, wrap("note: ", "a step runs on "+s.name+" now: "+facts.Job+"; what is read meanwhile may change, and aslwiz apply follows it"))
	}
	return &session{host: host, in: checklist.In{Answers: s.answers, Facts: facts}}, nil
}

// who is at the keyboard, for the server's own records.
func who() string {
	name := "somebody"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	computer, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + computer
}
