package main

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"
)

// files are the content of a layer, by path.
type files map[string][]byte

// layer makes a layer of files, all of one time.
func layer(t testing.TB, content files) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	names := make([]string, 0, len(content))
	for name := range content {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content[name])), Typeflag: tar.TypeReg}))
		_, err := w.Write(content[name])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil },
		tarball.WithMediaType(types.OCILayer))
	require.NoError(t, err)
	return l
}

// newImage makes an OCI image of layers.
func newImage(t testing.TB, arch string, layers ...v1.Layer) v1.Image {
	t.Helper()
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	config, err := base.ConfigFile()
	require.NoError(t, err)
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", arch
	img, err := mutate.ConfigFile(base, config)
	require.NoError(t, err)
	img, err = mutate.AppendLayers(img, layers...)
	require.NoError(t, err)
	return img
}

// push pushes and returns the reference by digest.
func push(t testing.TB, host string, what partial.Describable) string {
	t.Helper()
	digest, err := what.Digest()
	require.NoError(t, err)
	ref, err := name.NewDigest(host + "/team/app@" + digest.String())
	require.NoError(t, err)
	switch what := what.(type) {
	case v1.Image:
		require.NoError(t, remote.Write(ref, what))
	case v1.ImageIndex:
		require.NoError(t, remote.WriteIndex(ref, what))
	}
	return ref.Name()
}

// newIndex makes an OCI index of images.
func newIndex(t testing.TB, images ...v1.Image) v1.ImageIndex {
	t.Helper()
	all := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, img := range images {
		config, err := img.ConfigFile()
		require.NoError(t, err)
		all = mutate.AppendManifests(all, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: config.OS, Architecture: config.Architecture},
		}})
	}
	return all
}

var programs sync.Map // by architecture

// program is the sample service, compiled.
func program(t testing.TB, arch string) []byte {
	t.Helper()
	if data, ok := programs.Load(arch); ok {
		return data.([]byte)
	}
	out := filepath.Join(t.TempDir(), "app")
	build := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o", out, ".")
	build.Dir = "../../tests/app"
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+arch, "GOOS=linux", "GOFLAGS=-mod=vendor", "GOWORK=off")
	text, err := build.CombinedOutput()
	require.NoError(t, err, string(text))
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	programs.Store(arch, data)
	return data
}

// execute runs the command and returns its exit code and what it printed.
func execute(t testing.TB, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = newCommand().Execute(t.Context(), args, strings.NewReader(""), &out, &errs, func(string) string { return "" })
	return code, out.String(), errs.String()
}
