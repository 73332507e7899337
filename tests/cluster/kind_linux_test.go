package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/yaml"
)

func TestKindConfigIsOneThatKindReads(t *testing.T) {
	places, err := findLayout()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(places.Repo, "kind-config.yaml"))
	require.NoError(t, err)
	var config v1alpha4.Cluster
	require.NoError(t, yaml.UnmarshalStrict(text, &config))
	v1alpha4.SetDefaultsCluster(&config)
	require.Equal(t, v1alpha4.TypeMeta{Kind: "Cluster", APIVersion: "kind.x-k8s.io/v1alpha4"}, config.TypeMeta)
	require.Equal(t, kindCluster, config.Name)
	require.Len(t, config.Nodes, 1)
	require.Equal(t, v1alpha4.ControlPlaneRole, config.Nodes[0].Role)
	require.NotEmpty(t, config.ContainerdConfigPatches)
	for _, patch := range config.ContainerdConfigPatches {
		require.Contains(t, patch, `config_path = "/etc/containerd/certs.d"`)
		require.NotContains(t, patch, "mirrors")
		require.NotContains(t, patch, "version")
	}
}

func TestKindNeedsItsPrograms(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := (&kindDocker{}).Up(t.Context())
	require.ErrorContains(t, err, "CLUSTER=kind needs docker on PATH")
}

func TestExistingNeedsARegistry(t *testing.T) {
	t.Setenv("REGISTRY", "")
	_, err := (&existing{}).Up(t.Context())
	require.ErrorContains(t, err, "CLUSTER=existing needs REGISTRY")
}

func TestExistingRefusesAClusterThatDoesNotAnswer(t *testing.T) {
	t.Setenv("REGISTRY", "registry.example.com")
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "kubectl"), []byte("#!/bin/sh\necho no such cluster >&2; exit 1\n"), 0o755))
	t.Setenv("PATH", bin+":/bin")
	e := &existing{layout: layout{State: t.TempDir()}, out: &strings.Builder{}}
	_, err := e.Up(t.Context())
	require.ErrorContains(t, err, "no such cluster")
	require.NoFileExists(t, e.EnvFile())
}
