package images_test

import (
	"archive/tar"
	"crypto/x509"
	"fmt"
	"io"
	"io/fs"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/sluice-ci/sluice/images"
)

func TestTheStaticBaseHoldsWhatAStaticProgramNeeds(t *testing.T) {
	image, err := images.Static().Image(t.Context(), v1.Platform{OS: "linux", Architecture: "arm64"})
	require.NoError(t, err)
	config, err := image.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, "arm64", config.Architecture)
	require.Equal(t, "65532:65532", config.Config.User)

	files := extract(t, image)
	require.EqualValues(t, 0o1777, files["tmp"].Mode)
	require.Equal(t, 65532, files["home/nonroot"].Uid)
	require.NotContains(t, files, "bin")
	for name, header := range files {
		require.True(t, header.ModTime.Equal(time.Unix(0, 0)), name)
	}
	require.Contains(t, string(content(t, image, "etc/passwd")), "nonroot:x:65532:65532:")

	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(content(t, image, "etc/ssl/certs/ca-certificates.crt")))
	want := x509.NewCertPool()
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			certificate, err := x509.ParseCertificate(root.Certificate)
			require.NoError(t, err)
			want.AddCert(certificate)
		}
	}
	require.True(t, want.Equal(pool), "the roots that a PEM file can express, all of them")
}

// The digest is the same on every machine, processor and day; it changes only with the compressor.
func ExampleNewLayer() {
	layer, err := images.NewLayer([]images.Entry{
		{Path: "app", Mode: fs.ModeDir | 0o755},
		{Path: "app/greeting", Mode: 0o644, Body: []byte("good morning\n")},
		{Path: "app/latest", Symlink: "greeting"},
	}, time.Unix(0, 0))
	if err != nil {
		panic(err)
	}
	digest, err := layer.Digest()
	if err != nil {
		panic(err)
	}
	fmt.Println(digest)
	// Output: sha256:6bc09754e53c8aed5cfe80f519a8f1cd00a04071c0efe5b95feaa60282e68c17
}

// content reads one file of an image's uppermost layer that has it.
func content(t *testing.T, image v1.Image, name string) []byte {
	t.Helper()
	layers, err := image.Layers()
	require.NoError(t, err)
	for i := range layers {
		archive, err := layers[len(layers)-1-i].Uncompressed()
		require.NoError(t, err)
		defer archive.Close()
		for reader := tar.NewReader(archive); ; {
			header, err := reader.Next()
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
			if header.Name == name {
				data, err := io.ReadAll(reader)
				require.NoError(t, err)
				return data
			}
		}
	}
	t.Fatalf("no layer holds %q", name)
	return nil
}
