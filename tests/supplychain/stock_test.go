//go:build interop

package supplychain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// stockTools builds cosign, crane, oras and regctl from the modules that
// tests/interop pins, once for each state of that go.mod, and gives their folder.
var stockTools = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	pins, err := os.ReadFile("../interop/go.mod")
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(pins)
	dir := filepath.Join(cache, "sluice", "interop", hex.EncodeToString(sum[:8]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.Create(dir + ".lock")
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	done := filepath.Join(dir, "complete")
	if _, err := os.Stat(done); err == nil {
		return dir, nil
	}
	cmd := exec.Command("go", "build", "-trimpath", "-o", dir+"/", "tool")
	cmd.Dir, cmd.Env = "../interop", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the stock tools: %w\n%s", err, out)
	}
	return dir, os.WriteFile(done, nil, 0o644)
})

// ourTasks builds the task binaries.
var ourTasks = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "supplychain-")
	if err != nil {
		return "", err
	}
	for _, name := range []string{"attest", "verify", "promote", "rollback"} {
		cmd := exec.Command("go", "build", "-o", dir+"/", "./tasks/"+name)
		cmd.Dir, cmd.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
		}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := ourTasks(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// run executes a stock tool or a task of ours in an empty home.
func run(t *testing.T, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	find := stockTools
	switch name {
	case "attest", "verify", "promote", "rollback":
		find = ourTasks
	}
	dir, err := find()
	require.NoError(t, err)
	return runEnv(t, filepath.Join(dir, name), nil, args...)
}

func runEnv(t *testing.T, path string, env []string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	home := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(home, "config.json"), []byte("{}"), 0o600))
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = home
	cmd.Env = append(append(os.Environ(), "HOME="+home, "DOCKER_CONFIG="+home, "XDG_CACHE_HOME="+home), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// must runs a command that has to succeed and gives its standard output.
func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	stdout, stderr, err := run(t, name, args...)
	require.NoErrorf(t, err, "%s %s\n%s\n%s", name, strings.Join(args, " "), stdout, stderr)
	return stdout
}

// refused runs a command that has to fail and gives its standard error.
func refused(t *testing.T, name string, args ...string) string {
	t.Helper()
	stdout, stderr, err := run(t, name, args...)
	require.Errorf(t, err, "%s %s\n%s\n%s", name, strings.Join(args, " "), stdout, stderr)
	return stderr
}
