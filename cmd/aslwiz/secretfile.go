package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"aslwiz/remote"
	"aslwiz/remote/localfile"
)

const (
	// maxSecret is the longest line that is taken for a secret, in bytes.
	maxSecret = 4096
	// secretLimit is how long a program at the other end of a pipe may take: it may
	// ask somebody for a passphrase first.
	secretLimit = 5 * time.Minute
)

// readSecret is the first line of a file that nobody else may read, or of a pipe, such
// as bash's <(pass show stats), or of standard input where path is "-".
func readSecret(ctx context.Context, in io.Reader, flag, path string) (remote.Secret, error) {
	if path == "" {
		return remote.Secret{}, nil
	}
	return readSecretWithin(ctx, secretLimit, in, flag, path)
}

// readSecretWithin reads on a goroutine of its own, because a pipe, and a terminal, may
// give nothing for ever. One that was given up is left behind: the program ends.
func readSecretWithin(ctx context.Context, limit time.Duration, in io.Reader, flag, path string) (remote.Secret, error) {
	type result struct {
		line string
		err  error
	}
	got := make(chan result, 1)
	go func() {
		line, err := secretLine(in, flag, path)
		got <- result{line, err}
	}()
	clock := time.NewTimer(limit)
	defer clock.Stop()
	select {
	case <-ctx.Done():
		return remote.Secret{}, context.Cause(ctx)
	case <-clock.C:
		return remote.Secret{}, usage("see whether the program that writes to it waits for something", "%s: nothing came from %s within %s", flag, remote.CleanLine(path), limit)
	case r := <-got:
		switch {
		case r.err != nil:
			return remote.Secret{}, r.err
		case r.line == "":
			return remote.Secret{}, usage("", "%s: there is nothing in the first line of %s", flag, remote.CleanLine(path))
		}
		return remote.NewSecret(r.line), nil
	}
}

// secretLine reads the first line. A part of a longer one is never taken for the whole.
func secretLine(in io.Reader, flag, path string) (string, error) {
	if path != "-" {
		file, err := openSecret(flag, path)
		if err != nil {
			return "", err
		}
		defer file.Close()
		in = file
	}
	line, err := bufio.NewReader(io.LimitReader(in, maxSecret+2)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	line = strings.TrimRight(line, "\r\n")
	if len(line) > maxSecret {
		return "", usage("the first line holds the password alone", "%s: the first line of %s is longer than %d bytes", flag, remote.CleanLine(path), maxSecret)
	}
	return line, nil
}

// openSecret opens a file or a pipe. A pipe's opening waits for who writes to it.
func openSecret(flag, path string) (*os.File, error) {
	right := func(st os.FileInfo, err error) error {
		if err == nil && !localfile.IsPipe(st) {
			err = localfile.CheckRegular(path, st)
		}
		if err != nil {
			return fmt.Errorf("%s: %s: %w", flag, remote.CleanLine(path), cause(err))
		}
		if runtime.GOOS != "windows" && st.Mode().Perm()&0o077 != 0 {
			return usage("chmod 600 "+remote.CleanLine(path), "%s: others can read %s (mode %04o)", flag, remote.CleanLine(path), st.Mode().Perm())
		}
		return nil
	}
	if err := right(os.Stat(path)); err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", flag, remote.CleanLine(path), cause(err))
	}
	if err := right(file.Stat()); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
