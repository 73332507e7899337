package artifacts

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// sow imports an archive of images with a containerd of its own into the folder seed, so that a machine need only copy what came of it:
// unpacking is most of a cluster's start otherwise.
func sow(ctx context.Context, archive, seed string) error {
	work, err := os.MkdirTemp("", "sluice-seed-") // a short path: that of a socket may have 107 bytes
	if err != nil {
		return fmt.Errorf("making a folder for the import: %w", err)
	}
	defer os.RemoveAll(work)
	socket, config, logFile := filepath.Join(work, "s"), filepath.Join(work, "config.toml"), filepath.Join(work, "log")
	text := fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = %q\n[plugins.\"io.containerd.internal.v1.opt\"]\n  path = %q\n",
		seed, filepath.Join(work, "state"), socket, filepath.Join(work, "opt"))
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return fmt.Errorf("configuring the import: %w", err)
	}
	log, err := os.Create(logFile)
	if err != nil {
		return fmt.Errorf("configuring the import: %w", err)
	}
	defer log.Close()
	daemon := exec.Command("containerd", "--config", config)
	daemon.Stdout, daemon.Stderr = log, log
	daemon.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL} // unpacking mounts
	if err := daemon.Start(); err != nil {
		return fmt.Errorf("starting containerd: %w", err)
	}
	err = importInto(ctx, socket, archive)
	_ = daemon.Process.Signal(syscall.SIGTERM)
	_ = daemon.Wait()
	if err != nil {
		text, _ := os.ReadFile(logFile)
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		return fmt.Errorf("importing the images: %w\n    %s", err, strings.Join(lines[max(0, len(lines)-10):], "\n    "))
	}
	return nil
}

// importInto waits for a containerd and hands it the archive.
func importInto(ctx context.Context, socket, archive string) error {
	ctr := func(args ...string) error {
		output, err := exec.CommandContext(ctx, "ctr", append([]string{"--address", socket, "--namespace", "k8s.io"}, args...)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ctr %s: %w: %s", args[0], err, output)
		}
		return nil
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		err := ctr("version")
		if err == nil {
			break
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return fmt.Errorf("waiting for containerd: %w", err)
		}
	}
	return ctr("images", "import", archive)
}
