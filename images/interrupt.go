package images

import (
	"os/exec"
	"syscall"
	"time"
)

// interruptible makes a cancelled command end as by a person's Ctrl-C, with all that it
// started: the go command does not end its compilers by itself.
func interruptible(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
}
