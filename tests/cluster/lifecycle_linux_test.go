package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/tests/cluster/machine"
	"github.com/stretchr/testify/require"
)

// TestLifecycle takes the cluster that is up, or starts one, through everything that can happen to it. It ends with the cluster down, and
// with one start in the middle.
func TestLifecycle(t *testing.T) {
	places, err := findLayout()
	require.NoError(t, err)
	up(t)
	reach, err := readAccess(places.EnvFile())
	require.NoError(t, err)
	m := machine.Machine{State: places.State}

	t.Run("up of a cluster that is up keeps it", func(t *testing.T) {
		pid, before := m.PID(), time.Now()
		up(t)
		require.Equal(t, pid, m.PID())
		require.Less(t, time.Since(before), 30*time.Second)
	})
	t.Run("a task runs restricted, on a volume, from an image in the registry", func(t *testing.T) { testTaskRun(t, places, reach) })
	t.Run("a folder of a volume goes with its claim", func(t *testing.T) { testVolumeGoes(t, places, reach) })
	t.Run("status describes it", func(t *testing.T) {
		require.Contains(t, cluster(t, "status"), reach.Registry)
	})
	t.Run("as an existing cluster it is what the tree needs", func(t *testing.T) {
		t.Setenv("KUBECONFIG", reach.Kubeconfig)
		t.Setenv("REGISTRY", reach.Registry)
		t.Setenv("PATH", filepath.Dir(reach.Kubectl)+":"+os.Getenv("PATH"))
		e := &existing{layout: layout{Repo: places.Repo, Cache: places.Cache, State: t.TempDir()}, out: t.Output()}
		_, err := e.Up(t.Context())
		require.NoError(t, err)
		require.FileExists(t, e.EnvFile())
		require.NoError(t, e.Down(t.Context()))
	})
	t.Run("ending the first process ends everything", func(t *testing.T) {
		namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", m.PID()))
		require.NoError(t, err)
		require.Contains(t, otherPIDNamespaces(t), namespace)
		require.NoError(t, syscall.Kill(m.PID(), syscall.SIGKILL))
		require.Eventually(t, func() bool { return m.PID() == 0 }, 30*time.Second, 50*time.Millisecond)
		require.Eventually(t, func() bool { return !slices.Contains(otherPIDNamespaces(t), namespace) }, 10*time.Second, 50*time.Millisecond)
	})
	t.Run("down removes what a crash left", func(t *testing.T) {
		cluster(t, "down")
		seen := lookAtHost(t)
		require.Empty(t, seen["cgroups"], "a cgroup goes only when no process of a pod is left in it")
		require.NotContains(t, strings.Join(seen["links"], "\n"), "sluice0")
	})
	before := lookAtHost(t)
	t.Run("up after down starts a new one and changes nothing of the host but a link", func(t *testing.T) {
		lock := filepath.Join(t.TempDir(), "lock")
		held, err := syscall.Open(lock, syscall.O_CREAT|syscall.O_RDWR, 0o600) // as a shell does, without close-on-exec
		require.NoError(t, err)
		defer syscall.Close(held)
		up(t)
		require.NotContains(t, openFiles(t, m.PID()), lock, "what the caller holds open is not held by the machine")
		for _, difference := range differences(before, lookAtHost(t)) {
			require.Regexp(t, `sluice|pid:|/var/lib/(cni|kubelet)`, difference)
		}
	})
	t.Run("down leaves the host as it was", func(t *testing.T) {
		cluster(t, "down")
		require.Empty(t, differences(before, lookAtHost(t)))
		_, err := os.Stat(places.EnvFile())
		require.ErrorIs(t, err, os.ErrNotExist)
	})
	t.Run("down of a cluster that is down does nothing", func(t *testing.T) { cluster(t, "down") })
}

// openFiles is what the descriptors of a process point to.
func openFiles(t *testing.T, pid int) (files []string) {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	require.NoError(t, err)
	require.NotEmpty(t, links)
	for _, link := range links {
		if file, err := os.Readlink(link); err == nil {
			files = append(files, file)
		}
	}
	return files
}

func up(t *testing.T) { t.Helper(); cluster(t, "up") }

// cluster runs a command of this program as `go run .` does, and gives what it printed to standard output.
func cluster(t *testing.T, args ...string) string {
	t.Helper()
	t.Setenv("CLUSTER", "")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	require.Zero(t, run(ctx, args, &stdout, &stderr), "%s", stderr.String())
	t.Logf("cluster %v\n%s", args, stderr.String())
	return stdout.String()
}
