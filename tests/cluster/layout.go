package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// layout is where the cluster keeps its things: the repository it serves, what is built once and used again, and what lives as long as
// the cluster does.
type layout struct {
	Repo  string // the clone that the cluster is for
	Cache string // binaries and images, by the hash of what they are made from
	State string // kubeconfig, certificates, logs, the node's data; removed by down
}

func findLayout() (layout, error) {
	module, err := moduleFolder()
	if err != nil {
		return layout{}, err
	}
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return layout{}, fmt.Errorf("finding the cache folder: %w (set XDG_CACHE_HOME)", err)
		}
		cache = filepath.Join(home, ".cache")
	}
	repo := filepath.Dir(filepath.Dir(module))
	return layout{Repo: repo, Cache: filepath.Join(cache, "sluice"), State: filepath.Join(repo, ".sluice", "cluster")}, nil
}

// moduleFolder is the folder of this module: what is built comes from its sources.
func moduleFolder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the current folder: %w", err)
	}
	for _, candidate := range []string{dir, filepath.Join(dir, "tests", "cluster")} {
		if _, err := os.Stat(filepath.Join(candidate, "node", "main.go")); err == nil {
			return candidate, nil
		}
	}
	return "", errors.New("the sources of the cluster are not here: run it from tests/cluster of a clone, as `go run . up`")
}

// EnvFile is the contract with the rest of the tree: KEY=VALUE lines that say how to reach the cluster.
func (l layout) EnvFile() string    { return filepath.Join(l.State, "env") }
func (l layout) Kubeconfig() string { return filepath.Join(l.State, "kubeconfig") }
func (l layout) Kubectl() string    { return filepath.Join(l.State, "bin", "kubectl") }
func (l layout) CA() string         { return filepath.Join(l.State, "pki", "ca.crt") }
func (l layout) Module() string     { return filepath.Join(l.Repo, "tests", "cluster") }
