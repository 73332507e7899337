package main

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// subjects are what a digest stands for: one image, or an index of images.
type subjects struct {
	index  *subject // nil for a single image
	images []subject
}

// subject is a manifest that gets documents of its own.
type subject struct {
	ref      name.Digest
	platform string // "linux/amd64"; "index" for an index
	size     int64  // of the manifest
	image    v1.Image
}

// open resolves the digest. Of an index it takes the images, in the order of their platforms; entries of other kinds, such
// as attestations that stand beside images with the platform unknown/unknown, are not images.
func open(ctx context.Context, client *registry.Client, ref name.Digest) (*subjects, error) {
	options := client.Remote(ctx)
	found, err := remote.Get(ref, options...)
	if err != nil {
		return nil, registry.Explain(err, "fetching", ref)
	}
	if found.MediaType.IsImage() {
		image, err := found.Image()
		if err != nil {
			return nil, registry.Explain(err, "fetching", ref)
		}
		one, err := newSubject(ref, image)
		return &subjects{images: []subject{one}}, err
	}
	if !found.MediaType.IsIndex() {
		return nil, task.Misconfigured("%s is neither an image nor an index but %s", ref, found.MediaType)
	}
	index, err := found.ImageIndex()
	if err != nil {
		return nil, registry.Explain(err, "fetching", ref)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, task.Misconfigured("reading index %s: %w", ref, err)
	}
	all := &subjects{index: &subject{ref: ref, platform: "index", size: found.Size}}
	for _, child := range manifest.Manifests {
		if !child.MediaType.IsImage() || child.Platform != nil && child.Platform.OS == "unknown" {
			continue
		}
		image, err := index.Image(child.Digest)
		if err != nil {
			return nil, registry.Explain(err, "fetching", ref.Context().Digest(child.Digest.String()))
		}
		one, err := newSubject(ref.Context().Digest(child.Digest.String()), image)
		if err != nil {
			return nil, err
		}
		if child.Platform != nil {
			one.platform = child.Platform.String()
		}
		all.images = append(all.images, one)
	}
	if len(all.images) == 0 {
		return nil, task.Misconfigured("index %s holds no image", ref)
	}
	slices.SortFunc(all.images, func(a, b subject) int {
		return cmp.Or(cmp.Compare(a.platform, b.platform), cmp.Compare(a.ref.DigestStr(), b.ref.DigestStr()))
	})
	return all, nil
}

func newSubject(ref name.Digest, image v1.Image) (subject, error) {
	raw, err := image.RawManifest()
	if err != nil {
		return subject{}, registry.Explain(err, "fetching", ref)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return subject{}, registry.Explain(err, "fetching the configuration of", ref)
	}
	platform := v1.Platform{OS: cmp.Or(config.OS, "linux"), Architecture: config.Architecture, Variant: config.Variant}
	return subject{ref: ref, platform: platform.String(), size: int64(len(raw)), image: image}, nil
}
