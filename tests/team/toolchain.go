package team

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/images"
)

// Toolchain pushes the Go toolchain of this machine as an image, where nothing
// can be pulled, and returns its reference by digest. A team on a cluster with
// a way out names its usual golang image instead. Pushed once, it is found again
// with one request.
func (c *Cluster) Toolchain(ctx context.Context) (string, error) {
	repository, err := c.Repository("toolchain/go")
	if err != nil {
		return "", err
	}
	inputs := images.Inputs(sha256.Sum256([]byte("toolchain 2 " + runtime.Version() + " " + images.Compressor)))
	published, err := images.Publish(ctx, repository, inputs, []string{runtime.Version()}, func(ctx context.Context) (images.Artifact, error) {
		out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return nil, fmt.Errorf("finding the Go toolchain: %w", err)
		}
		entries, err := toolchainEntries(strings.TrimSpace(string(out)))
		if err != nil {
			return nil, err
		}
		return images.Build(ctx, images.Spec{
			Base: images.Static(),
			Platforms: []images.Platform{{
				Platform: v1.Platform{OS: "linux", Architecture: runtime.GOARCH},
				Layers:   []images.Layer{{Entries: entries, History: "Go " + runtime.Version()}},
			}},
			Configure: func(config *v1.Config) {
				config.Env = []string{"PATH=/usr/local/go/bin:/usr/bin:/bin", "GOROOT=/usr/local/go", "GOTOOLCHAIN=local"}
			},
		})
	}, c.Remote(ctx)...)
	if err != nil {
		return "", fmt.Errorf("pushing the Go toolchain: %w", err)
	}
	return published.Digest.String(), nil
}

// toolchainEntries lists what compiling and testing need of a GOROOT.
func toolchainEntries(root string) ([]images.Entry, error) {
	entries, err := folder(root, "usr/local/go")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(entries, func(e images.Entry) bool {
		relative := strings.TrimPrefix(e.Path, "usr/local/go/")
		top, _, _ := strings.Cut(relative, "/")
		return slices.Contains([]string{"api", "doc", "misc", "test"}, top) ||
			strings.HasSuffix(relative, "_test.go") || slices.Contains(strings.Split(relative, "/"), "testdata")
	}), nil
}
