//go:build unix

package remotetest

import (
	"os/exec"
	"syscall"
)

// ownGroup lets the end of a command take its children along.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
