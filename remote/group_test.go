//go:build unix

package remote

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps what a test kills apart from the test.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
