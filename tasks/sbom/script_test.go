package main

import (
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/registrytest"
	"github.com/sluice-ci/sluice/internal/task"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sbom": func() { task.Main(newCommand()) }})
}

// Each script has an image with one Node package by digest at $IMAGE, and the same image as a layout in one/, and with
// one for arm64 in both/.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			t := env.T().(testing.TB)
			reg := registrytest.Start(t)
			content := layer(t, files{"app/node_modules/left-pad/package.json": []byte(`{"name":"left-pad","version":"1.3.0"}`)})
			amd64, arm64 := newImage(t, "amd64", content), newImage(t, "arm64", content)
			env.Setenv("REGISTRY", reg.Host)
			env.Setenv("IMAGE", push(t, reg.Host, amd64))
			writeLayout(t, filepath.Join(env.WorkDir, "one"), amd64)
			writeLayout(t, filepath.Join(env.WorkDir, "both"), amd64, arm64)
			digest, err := content.Digest()
			require.NoError(t, err)
			env.Setenv("LAYER", "one/blobs/sha256/"+digest.Hex)
			return os.Mkdir(filepath.Join(env.WorkDir, "reports"), 0o755)
		},
	})
}

func writeLayout(t testing.TB, dir string, images ...v1.Image) {
	t.Helper()
	path, err := layout.Write(dir, empty.Index)
	require.NoError(t, err)
	for _, image := range images {
		require.NoError(t, path.AppendImage(image))
	}
}
