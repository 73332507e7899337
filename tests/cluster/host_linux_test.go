package main

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// host is everything of this machine that a cluster could leave something in, as sorted lines.
type host map[string][]string

func lookAtHost(t *testing.T) host {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	h := host{
		"mounts":     sorted(string(mounts)),
		"links":      sorted(runOnHost(t, "ip", "-brief", "link")),
		"addresses":  sorted(runOnHost(t, "ip", "-brief", "address")),
		"routes":     sorted(runOnHost(t, "ip", "route")),
		"nftables":   sorted(runOnHost(t, "nft", "list", "ruleset")),
		"namespaces": otherPIDNamespaces(t),
		"cgroups":    foldersNamed(t, "/sys/fs/cgroup", "sluice"),
	}
	for _, name := range []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward", "kernel/keys/root_maxkeys"} {
		value, err := os.ReadFile("/proc/sys/" + name)
		require.NoError(t, err)
		h["settings"] = append(h["settings"], name+" = "+strings.TrimSpace(string(value)))
	}
	for _, dir := range []string{"/var/lib/kubelet", "/var/lib/cni", "/var/lib/containerd", "/run/containerd", "/opt/containerd", "/opt/cni", "/etc/cni/net.d", "/var/log/pods", "/usr/libexec/kubernetes"} {
		if _, err := os.Stat(dir); err == nil {
			h["folders"] = append(h["folders"], dir)
		}
	}
	return h
}

// differences are the lines that one look has and the other has not. Namespaces of others may end between the looks.
func differences(before, after host) []string {
	var list []string
	for what := range after {
		for _, line := range after[what] {
			if !slices.Contains(before[what], line) {
				list = append(list, "new in "+what+": "+line)
			}
		}
	}
	for what := range before {
		for _, line := range before[what] {
			if what != "namespaces" && !slices.Contains(after[what], line) {
				list = append(list, "gone from "+what+": "+line)
			}
		}
	}
	return list
}

func runOnHost(t *testing.T, name string, args ...string) string {
	t.Helper()
	output, err := exec.CommandContext(context.Background(), name, args...).CombinedOutput()
	require.NoErrorf(t, err, "%s %v: %s", name, args, output)
	return string(output)
}

func sorted(text string) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	sort.Strings(lines)
	return lines
}

// otherPIDNamespaces lists the PID namespaces of processes that are not in ours.
func otherPIDNamespaces(t *testing.T) []string {
	t.Helper()
	own, err := os.Readlink("/proc/self/ns/pid")
	require.NoError(t, err)
	seen := map[string]bool{}
	links, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	require.NoError(t, err)
	for _, link := range links {
		if namespace, err := os.Readlink(link); err == nil && namespace != own {
			seen[namespace] = true
		}
	}
	var list []string
	for namespace := range seen {
		list = append(list, namespace)
	}
	sort.Strings(list)
	return list
}

func foldersNamed(t *testing.T, root, name string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == name {
			list = append(list, path)
			return fs.SkipDir
		}
		return nil
	})
	require.NoError(t, err)
	return list
}
