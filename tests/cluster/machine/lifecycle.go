package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// running is what a machine leaves in its state folder, so that a later call finds it.
type running struct {
	PID     int      `json:"pid"`
	Start   string   `json:"start"`   // of that process, in ticks since boot
	Boot    string   `json:"boot"`    // of the host
	Folders []string `json:"folders"` // made on the host as mount points
	Link    string   `json:"link"`    // index of the host's end of the link
}

// Start starts the machine with program, which must call Init when its first argument is "machine-init" and Supervise when it is
// "machine-supervise". It returns when the machine has its network; Follow tells how it goes on.
func (m Machine) Start(ctx context.Context, program string) error {
	log, err := os.Create(m.Log("machine"))
	if err != nil {
		return fmt.Errorf("opening the machine's log: %w", err)
	}
	defer log.Close()
	r := running{Boot: bootID()}
	for _, dir := range mountPoints {
		if err := os.Mkdir(dir, 0o755); err == nil {
			r.Folders = append(r.Folders, dir)
		} else if !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("making a mount point: %w", err)
		}
	}
	cmd := exec.Command(program, "machine-init", m.State)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, "/"
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
	}
	// What the caller holds, such as the lock of a flock around make, is not to be held for as long as the machine lives.
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil && !errors.Is(err, syscall.ENOSYS) {
		return fmt.Errorf("keeping open files from the machine: %w", err)
	}
	if err := cmd.Start(); errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("starting the machine in its own namespaces: %w\n  root is not enough in a container: run it on the host, or in a privileged container", err)
	} else if err != nil {
		return fmt.Errorf("starting the machine in its own namespaces: %w", err)
	}
	r.PID = cmd.Process.Pid
	if r.Start, err = startTime(r.PID); err != nil {
		return fmt.Errorf("starting the machine: %w", err)
	}
	go cmd.Wait() // so that an early end does not stay as a zombie
	if err := m.note(r); err != nil {
		return err
	}
	if r.Link, err = connect(ctx, r.PID); err != nil {
		return err
	}
	return m.note(r)
}

func (m Machine) note(r running) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(m.path("running.json"), data, 0o644); err != nil {
		return fmt.Errorf("noting the machine's process: %w", err)
	}
	return nil
}

func (m Machine) running() (running, error) {
	var r running
	data, err := os.ReadFile(m.path("running.json"))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(data, &r)
}

// PID is the host's number of the machine's first process, or 0 when it does not run.
func (m Machine) PID() int {
	r, err := m.running()
	if err != nil || r.Boot != bootID() || !r.alive() {
		return 0
	}
	return r.PID
}

func (r running) alive() bool {
	start, err := startTime(r.PID)
	return err == nil && start == r.Start
}

// Stop ends the machine and removes what it left on the host. Stopping one that does not run heals what a crash left. The state folder
// stays, for its logs.
func (m Machine) Stop(ctx context.Context) error {
	r, err := m.running()
	if errors.Is(err, fs.ErrNotExist) {
		if r = m.search(); r.PID == 0 {
			return nil
		}
	} else if err != nil {
		return fmt.Errorf("reading which process is the machine: %w", err)
	}
	if r.Boot == bootID() {
		if err := r.kill(ctx); err != nil {
			return err
		}
		// A connection that was not closed on both sides can hold the network for minutes, and with it the link.
		if r.Link != "" && r.Link == linkIndex() {
			if err := command(ctx, "ip", "link", "delete", hostLink); err != nil && linkIndex() == r.Link {
				return err
			}
		}
	}
	for _, dir := range cgroups() {
		if err := removeCgroup(ctx, dir); err != nil {
			return err
		}
	}
	for _, dir := range r.Folders {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
			return fmt.Errorf("removing the mount point %q: %w", dir, err)
		}
	}
	if err := os.Remove(m.path("running.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forgetting the machine: %w", err)
	}
	return nil
}

// search finds a machine whose state folder was removed under it, by its command line.
func (m Machine) search() running {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		data, _ := os.ReadFile(file)
		if !strings.HasSuffix(string(data), "\x00machine-init\x00"+m.State+"\x00") {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if start, err := startTime(pid); err == nil {
			return running{PID: pid, Start: start, Boot: bootID(), Folders: mountPoints, Link: linkIndex()}
		}
	}
	return running{}
}

// kill ends the first process; the kernel ends the rest and drops their mounts.
func (r running) kill(ctx context.Context) error {
	for deadline := time.Now().Add(30 * time.Second); r.alive(); {
		if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
			return fmt.Errorf("ending the machine (process %d): %w", r.PID, err)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("ending the machine: process %d is still there after 30 s", r.PID)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}
