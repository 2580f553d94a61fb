package remotetest

import (
	"errors"
	"slices"

	"golang.org/x/crypto/ssh"
)

var errRefused = errors.New("refused")

func (s *Server) sshConfig(cfg Config) *ssh.ServerConfig {
	//nolint:unparam // the library's signature
	password := func(_ ssh.ConnMetadata, given []byte) (*ssh.Permissions, error) {
		if string(given) != cfg.Password {
			return nil, errRefused
		}
		return nil, nil
	}
	//nolint:unparam // the library's signature
	interactive := func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		return nil, s.challenge(cfg.Interactive, ask)
	}
	sc := &ssh.ServerConfig{ServerVersion: "SSH-2.0-remotetest", Config: cfg.Algorithms, PublicKeyAuthAlgorithms: cfg.Signatures}
	sc.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		known := func(k ssh.PublicKey) bool { return string(k.Marshal()) == string(key.Marshal()) }
		if !slices.ContainsFunc(cfg.Keys, known) {
			return nil, errRefused
		}
		switch cfg.Then {
		case "password":
			return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{PasswordCallback: password}}
		case "keyboard-interactive":
			return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{KeyboardInteractiveCallback: interactive}}
		}
		return nil, nil
	}
	if cfg.Password != "" && cfg.Then == "" {
		sc.PasswordCallback = password
	}
	if cfg.Interactive != nil && cfg.Then == "" {
		sc.KeyboardInteractiveCallback = interactive
	}
	if cfg.Banner != "" {
		sc.BannerCallback = func(ssh.ConnMetadata) string { return cfg.Banner }
	}
	sc.AuthLogCallback = func(conn ssh.ConnMetadata, method string, err error) {
		if method == "none" {
			return
		}
		var partial *ssh.PartialSuccessError
		s.mu.Lock()
		defer s.mu.Unlock()
		s.attempts = append(s.attempts, Attempt{conn.User(), method, err == nil || errors.As(err, &partial)})
		// Counted before the client hears of it, so that tests need not wait.
		if err == nil {
			s.logins++
		}
	}
	for _, k := range cfg.HostKeys {
		sc.AddHostKey(k)
	}
	return sc
}

// challenge asks one prompt at a time, as PAM does.
func (s *Server) challenge(prompts []Prompt, ask ssh.KeyboardInteractiveChallenge) error {
	right := true
	for _, p := range prompts {
		answers, err := ask("", "", []string{p.Text}, []bool{p.Echo})
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.answered++
		s.mu.Unlock()
		right = right && len(answers) == 1 && answers[0] == p.Answer
	}
	if !right {
		return errRefused
	}
	return nil
}
