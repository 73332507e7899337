package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

const lockFile = "lock"

// lock waits until no other call changes the cluster of this state folder, and says so when it has to.
func lock(state string, out io.Writer) (unlock func(), err error) {
	if err := os.MkdirAll(state, 0o755); err != nil {
		return nil, fmt.Errorf("making the state folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(state, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking the state folder: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == syscall.EWOULDBLOCK {
		fmt.Fprintln(out, "waiting for another call that starts or ends this cluster")
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("locking the state folder %q: %w", state, err)
	}
	return func() { file.Close() }, nil
}
