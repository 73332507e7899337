package images_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/images"
)

// The test binary itself stands for a program of some 40 MB.
func BenchmarkLayerDigest(b *testing.B) {
	self, err := os.Executable()
	require.NoError(b, err)
	info, err := os.Stat(self)
	require.NoError(b, err)
	b.SetBytes(info.Size())
	for b.Loop() {
		layer, err := images.NewLayer([]images.Entry{{Path: "program", Mode: 0o555, Source: self}}, time.Time{})
		require.NoError(b, err)
		_, err = layer.Digest()
		require.NoError(b, err)
	}
}
