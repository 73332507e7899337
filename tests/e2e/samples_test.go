//go:build e2e

// Package e2e runs the catalog on a real cluster as a product team would: every
// sample and every pipeline, in namespaces that enforce the restricted Pod
// Security Standard, from images that were released from this very tree.
//
// It needs the variables of .sluice/cluster/env and an installed catalog:
// `make test-e2e` provides both. A missing one fails.
package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/tests/team"
)

var (
	cluster  *team.Cluster
	fixtures team.Fixtures
)

func TestMain(m *testing.M) {
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (code int, err error) {
	ctx := context.Background()
	if cluster, err = team.Connect(); err != nil {
		return 1, err
	}
	stop, err := provide(ctx)
	if err != nil {
		return 1, err
	}
	defer stop()
	return m.Run(), nil
}

// TestSamples runs every sample of every task and pipeline as it stands, but for
// its placeholders, and holds it to what it says of its end.
func TestSamples(t *testing.T) {
	var samples []string
	for _, pattern := range []string{"../../tasks/*/samples/*.yaml", "../../pipelines/*/samples/*.yaml"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		samples = append(samples, found...)
	}
	require.NotEmpty(t, samples)
	for _, path := range samples {
		name := sampleName(path)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := readExpectation(path)
			require.NoError(t, err)
			manifest, err := os.ReadFile(path)
			require.NoError(t, err)
			namespace := newNamespace(t, name)
			outcome := run(t, namespace, manifest)
			if differences := want.differences(outcome); len(differences) > 0 {
				t.Errorf("%s\n%s\nrun it alone: make test-e2e RUN='TestSamples/%s'",
					strings.Join(differences, "\n"), namespace.Describe(outcome), name)
			}
		})
	}
}

// sampleName turns tasks/coverage-gate/samples/low.yaml into
// task-coverage-gate-low.
func sampleName(path string) string {
	parts := strings.Split(filepath.ToSlash(strings.TrimSuffix(path, ".yaml")), "/")
	n := len(parts)
	return strings.TrimSuffix(parts[n-4], "s") + "-" + parts[n-3] + "-" + parts[n-1]
}

// newNamespace makes a namespace that lives as long as the test.
func newNamespace(t *testing.T, name string) *team.Namespace {
	namespace, err := cluster.NewNamespace(t.Context(), strings.TrimRight(fmt.Sprintf("%.50s", "e2e-"+name), "-"))
	require.NoError(t, err)
	require.NoError(t, namespace.ProvideKeys(t.Context()))
	t.Cleanup(func() {
		if t.Failed() && os.Getenv("KEEP") != "" {
			t.Logf("namespace %s is kept", namespace.Name)
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		require.NoError(t, namespace.Delete(ctx))
	})
	return namespace
}

// run applies a manifest that holds one run and waits for its end.
func run(t *testing.T, namespace *team.Namespace, manifest []byte) *team.Outcome {
	t.Helper()
	if needsCanaries(manifest) {
		require.NoError(t, canaries(), "serving the canaries")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	manifest, err := fixtures.Substitute(manifest)
	require.NoError(t, err)
	created, err := namespace.Apply(ctx, manifest)
	require.NoError(t, err)
	for _, object := range created {
		if kind := object.GetKind(); kind == "PipelineRun" || kind == "TaskRun" {
			outcome, err := namespace.Wait(ctx, object, nil)
			if outcome != nil && err != nil {
				t.Log(namespace.Describe(outcome))
			}
			require.NoError(t, err)
			return outcome
		}
	}
	require.Fail(t, "the manifest holds no TaskRun and no PipelineRun")
	return nil
}
