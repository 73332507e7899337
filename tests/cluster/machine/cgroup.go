package machine

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// cgroupName is the cgroup under which all pods run.
const cgroupName = "sluice"

// cgroups are the places of that cgroup: one for every hierarchy of cgroup v1, or the only one of v2.
func cgroups() []string {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return []string{"/sys/fs/cgroup/" + cgroupName}
	}
	hierarchies, _ := filepath.Glob("/sys/fs/cgroup/*")
	var list []string
	for _, hierarchy := range hierarchies {
		if info, err := os.Lstat(hierarchy); err == nil && info.IsDir() {
			list = append(list, filepath.Join(hierarchy, cgroupName))
		}
	}
	return list
}

func makeCgroup() error {
	if controllers, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		for _, controller := range strings.Fields(string(controllers)) {
			// A controller that cannot be delegated is missed by the kubelet, which says so.
			_ = os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+"+controller), 0o644)
		}
	}
	for _, dir := range cgroups() {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making the cgroup %q: %w", dir, err)
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // a v1 cpuset starts empty and refuses processes
			if value, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file)); err == nil {
				_ = os.WriteFile(filepath.Join(dir, file), value, 0o644)
			}
		}
	}
	return nil
}

// removeCgroup removes a cgroup and those under it; the kernel lets go of one a moment after its last process.
func removeCgroup(ctx context.Context, root string) error {
	for deadline := time.Now().Add(10 * time.Second); ; {
		var dirs []string
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		if len(dirs) == 0 {
			return nil
		}
		var last error
		for i := len(dirs) - 1; i >= 0; i-- {
			if err := syscall.Rmdir(dirs[i]); err != nil {
				last = fmt.Errorf("removing the cgroup %q: %w", dirs[i], err)
			}
		}
		if last == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return last
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
