//go:build interop

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/registrytest"
	"github.com/sluice-ci/sluice/tests/debian"
)

// TestStockSyftListsTheSame compares with the syft command, built from its module as tests/bench pins it.
func TestStockSyftListsTheSame(t *testing.T) {
	dir := t.TempDir()
	syft := filepath.Join(dir, "syft")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", syft, "github.com/anchore/syft/cmd/syft")
	build.Dir, build.Env = "../../tests/bench", append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	reg := registrytest.Start(t)
	kinds := map[string][]v1.Layer{"Debian of this machine, and Go": {debianLayer(t), layer(t, files{"ko-app/app": program(t, "amd64")})}}
	for name, kind := range ecosystems(t) {
		kinds[name] = []v1.Layer{layer(t, kind.files)}
	}
	for name, layers := range kinds {
		t.Run(name, func(t *testing.T) {
			ref := push(t, reg.Host, newImage(t, "amd64", layers...))
			reports := t.TempDir()
			code, _, stderr := execute(t, "--reports="+reports, "--image="+ref, "--attach=false")
			require.Zero(t, code, stderr)
			scan := exec.CommandContext(t.Context(), syft, "scan", "-q", "registry:"+ref, "-o", "cyclonedx-json="+filepath.Join(dir, "stock.json"))
			scan.Env = append(os.Environ(), "HOME="+dir, "SYFT_CHECK_FOR_APP_UPDATE=false", "SYFT_REGISTRY_INSECURE_USE_HTTP=true")
			out, err := scan.CombinedOutput()
			require.NoError(t, err, "%s", out)
			theirs := listed(t, read(t, dir, "stock.json"))
			require.NotEmpty(t, theirs)
			require.Equal(t, theirs, listed(t, read(t, reports, "sbom.cdx.json")))
		})
	}
}

func debianLayer(t *testing.T) v1.Layer {
	t.Helper()
	entries, err := debian.Files(t.Context())
	require.NoError(t, err)
	l, err := images.NewLayer(entries, time.Unix(0, 0))
	require.NoError(t, err)
	return l
}
