package main

import (
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"
)

// pushRandom stores an image of three layers and gives its reference by digest.
func pushRandom(t *testing.T, repo string) string {
	t.Helper()
	image, err := random.Image(2048, 3)
	require.NoError(t, err)
	digest, err := image.Digest()
	require.NoError(t, err)
	ref, err := name.NewDigest(repo + "@" + digest.String())
	require.NoError(t, err)
	require.NoError(t, remote.Write(ref, image))
	return ref.String()
}
