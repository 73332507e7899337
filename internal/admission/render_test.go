package admission_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/admission"
	"github.com/sluice-ci/sluice/internal/policy"
)

var update = flag.Bool("update", false, "rewrite the rendered manifests in testdata")

func load(t *testing.T) *policy.Policy {
	t.Helper()
	text, err := os.ReadFile("testdata/policy.yaml")
	require.NoError(t, err)
	p, err := policy.Parse(text)
	require.NoError(t, err)
	return p
}

// TestRenderedManifestsAreReviewed compares with testdata, so that every change of what
// clusters enforce is seen in review.
func TestRenderedManifestsAreReviewed(t *testing.T) {
	for _, engine := range admission.Engines {
		got, err := admission.Render(load(t), "prod", admission.Engine(engine))
		require.NoError(t, err)
		file := filepath.Join("testdata", engine+".yaml")
		if *update {
			require.NoError(t, os.WriteFile(file, got, 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "go test ./internal/admission -update rewrites it")
	}
}

func TestRefusesWhatThePolicyDoesNotHave(t *testing.T) {
	_, err := admission.Render(load(t), "qa", admission.Kyverno)
	require.ErrorContains(t, err, `no environment "qa"`)
	_, err = admission.Render(load(t), "prod", "opa")
	require.ErrorContains(t, err, `no engine "opa", only vap, kyverno, policy-controller`)
}

func TestEveryWayIntoAPodCounts(t *testing.T) {
	text, err := admission.Render(load(t), "prod", admission.ValidatingAdmissionPolicy)
	require.NoError(t, err)
	for _, way := range []string{"containers", "initContainers", "ephemeralContainers", "v.image.reference", "pods/ephemeralcontainers", "cronjobs"} {
		require.True(t, strings.Contains(string(text), way), way)
	}
}
