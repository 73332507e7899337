package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const lockFile = "lock"

// lock waits until no other call changes the cluster of this state folder.
func lock(state string) (unlock func(), err error) {
	if err := os.MkdirAll(state, 0o755); err != nil {
		return nil, fmt.Errorf("making the state folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(state, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking the state folder: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("locking the state folder %q: %w", state, err)
	}
	return func() { file.Close() }, nil
}
