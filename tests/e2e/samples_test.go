//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/tests/team"
)

// TestSamples runs every sample of every task and pipeline, but for those that need
// a database: they run in the order in which one change meets them, in
// TestTasksCarryAChangeThrough and TestPipelinesSplitAColumn.
func TestSamples(t *testing.T) {
	paths, err := samples()
	require.NoError(t, err)
	for _, path := range paths {
		manifest, err := os.ReadFile(path)
		require.NoError(t, err)
		if needsDatabase(manifest) {
			continue
		}
		name := sampleName(path)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runSample(t, newNamespace(t, name), path)
		})
	}
}

func samples() (paths []string, err error) {
	for _, pattern := range []string{"../../tasks/*/samples/*.yaml", "../../pipelines/*/samples/*.yaml"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("finding samples: nothing is at %s", pattern)
		}
		paths = append(paths, found...)
	}
	return paths, nil
}

// ran are the paths of the samples that ran.
var ran sync.Map

// everySampleRan finds samples that no test runs.
func everySampleRan() error {
	paths, err := samples()
	for _, path := range paths {
		if _, ok := ran.Load(path); !ok {
			return fmt.Errorf("no test runs %s", path)
		}
	}
	return err
}

// runSample runs a sample as it stands, but for its placeholders, and holds it to
// what it says of its end.
func runSample(t *testing.T, namespace *team.Namespace, path string) {
	t.Helper()
	ran.Store(path, true)
	want, err := readExpectation(path)
	require.NoError(t, err)
	manifest, err := os.ReadFile(path)
	require.NoError(t, err)
	outcome := run(t, namespace, manifest)
	if differences := want.differences(outcome); len(differences) > 0 {
		t.Fatalf("%s: %s\n%s\nrun it alone: make test-e2e RUN='%s'",
			path, strings.Join(differences, "\n"), namespace.Describe(outcome), t.Name())
	}
}

// sampleName turns tasks/coverage-gate/samples/low.yaml into
// task-coverage-gate-low.
func sampleName(path string) string {
	parts := strings.Split(filepath.ToSlash(strings.TrimSuffix(path, ".yaml")), "/")
	n := len(parts)
	return strings.TrimSuffix(parts[n-4], "s") + "-" + parts[n-3] + "-" + parts[n-1]
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
