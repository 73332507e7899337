package tests

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/internal/contract"
	"github.com/sluice-ci/sluice/migrate/change"
)

func TestTheColumnSplitShowsTheCodeThatTheClusterRuns(t *testing.T) {
	const folder = "../pipelines/expand/samples/split/"
	data, err := os.ReadFile(folder + "README.md")
	require.NoError(t, err)
	fresh := string(data)
	for _, version := range []string{"v1", "v2"} {
		source, err := os.ReadFile(folder + version + "/customers.go")
		require.NoError(t, err)
		code := string(source[bytes.Index(source, []byte("// Add")):])
		fresh = replaceBetween(t, fresh, "<!-- "+version+" -->\n", "<!-- /"+version+" -->", "\n```go\n"+code+"```\n\n")
	}
	if contract.Update() {
		require.NoError(t, os.WriteFile(folder+"README.md", []byte(fresh), 0o644))
		return
	}
	require.Equal(t, fresh, string(data), "the code in the README of the split is stale: make update")
}

// Samples of one task carry their change in a ConfigMap.
func TestTheChangesInSamplesAreWhole(t *testing.T) {
	paths, err := filepath.Glob("../tasks/migrate-*/samples/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		first, second, _ := strings.Cut(string(data), "\n---\n")
		var changes corev1.ConfigMap
		require.NoError(t, yaml.Unmarshal([]byte(first), &changes))
		var run struct {
			Spec struct {
				Workspaces []struct{ ConfigMap *corev1.ConfigMapVolumeSource }
			}
		}
		require.NoError(t, yaml.Unmarshal([]byte(second), &run))
		dir := t.TempDir()
		for _, item := range run.Spec.Workspaces[0].ConfigMap.Items {
			file := filepath.Join(dir, item.Path)
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, []byte(changes.Data[item.Key]), 0o644))
			if app, err := os.ReadFile(filepath.Join("app", item.Path)); err == nil && filepath.Ext(file) == ".yaml" {
				require.Equal(t, string(app), changes.Data[item.Key], "%s holds another change than the sample service", path)
			}
		}
		_, err = change.Load(filepath.Join(dir, "migrations"))
		require.NoError(t, err, path)
	}
}
