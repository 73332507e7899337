package main

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// subjects are what a digest stands for: one image, or an index of images.
type subjects struct {
	repository *name.Repository // nil for a layout
	index      *subject         // nil for a single image
	images     []subject
}

// subject is a manifest that gets documents of its own.
type subject struct {
	name       string        // of the repository or the layout
	descriptor v1.Descriptor // of the manifest
	platform   string        // "linux/amd64"; "index" for an index
	image      v1.Image
}

// String is the subject by digest.
func (s subject) String() string { return s.name + "@" + s.descriptor.Digest.String() }

// open finds what was asked for, in the registry or in a layout.
func (o *options) open(ctx context.Context, client *registry.Client) (*subjects, error) {
	switch {
	case o.layout != "" && o.image != "":
		return nil, task.Misconfigured("image and layout are both set").WithRemedy("leave one of them empty")
	case o.layout != "":
		return o.openLayout()
	case o.image == "":
		return nil, task.Misconfigured("neither image nor layout is set").
			WithRemedy("image takes IMAGE_REF of the build, layout a directory of the workspace source")
	}
	ref, err := client.Digest(o.image)
	if err != nil {
		return nil, err
	}
	found, err := remote.Get(ref, client.Remote(ctx)...)
	if err != nil {
		return nil, registry.Explain(err, "fetching", ref)
	}
	all, err := ofManifest(ref.Context().Name(), found.Descriptor, found.Image, found.ImageIndex)
	if err != nil {
		return nil, registry.Explain(err, "fetching", ref)
	}
	repository := ref.Context()
	all.repository = &repository
	return all, nil
}

// ofManifest takes the image, or of an index the images, in the order of their platforms. Entries of other kinds, such
// as attestations that stand beside images with the platform unknown/unknown, are not images.
func ofManifest(from string, d v1.Descriptor, asImage func() (v1.Image, error), asIndex func() (v1.ImageIndex, error)) (*subjects, error) {
	if d.MediaType.IsImage() {
		image, err := asImage()
		if err != nil {
			return nil, err
		}
		one, err := newSubject(from, image)
		return &subjects{images: []subject{one}}, err
	}
	all := &subjects{index: &subject{name: from, descriptor: d, platform: "index"}}
	if !d.MediaType.IsIndex() {
		return nil, task.Misconfigured("%s is neither an image nor an index but %s", all.index, d.MediaType)
	}
	index, err := asIndex()
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, child := range manifest.Manifests {
		if !child.MediaType.IsImage() || child.Platform != nil && child.Platform.OS == "unknown" {
			continue
		}
		image, err := index.Image(child.Digest)
		if err != nil {
			return nil, err
		}
		one, err := newSubject(from, image)
		if err != nil {
			return nil, err
		}
		if child.Platform != nil {
			one.platform = child.Platform.String()
		}
		all.images = append(all.images, one)
	}
	if len(all.images) == 0 {
		return nil, task.Misconfigured("index %s holds no image", all.index)
	}
	slices.SortFunc(all.images, func(a, b subject) int {
		return cmp.Or(cmp.Compare(a.platform, b.platform), cmp.Compare(a.String(), b.String()))
	})
	return all, nil
}

func newSubject(from string, image v1.Image) (subject, error) {
	d, err := partial.Descriptor(image)
	if err != nil {
		return subject{}, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return subject{}, err
	}
	platform := v1.Platform{OS: cmp.Or(config.OS, "linux"), Architecture: config.Architecture, Variant: config.Variant}
	return subject{name: from, descriptor: *d, platform: platform.String(), image: image}, nil
}
