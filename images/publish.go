package images

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Published is an image in a registry.
type Published struct {
	Digest name.Digest
	Reused bool // an image of the same inputs was there already; nothing was built
}

// Publish makes an image unless the repository holds one of the same inputs, and
// returns it by digest. The unchanged case is one HEAD request, and a tag takes two more.
func Publish(ctx context.Context, repository name.Repository, inputs Inputs, tags []string, build func(context.Context) (Artifact, error), options ...remote.Option) (Published, error) {
	digest, found, err := Find(ctx, repository, inputs, options...)
	if err != nil {
		return Published{}, err
	}
	if found {
		return Published{Digest: digest, Reused: true}, retag(ctx, digest, tags, options)
	}
	artifact, err := build(ctx)
	if err != nil {
		return Published{}, err
	}
	digest, err = Push(ctx, repository, artifact, append(tags[:len(tags):len(tags)], inputs.Tag()), options...)
	return Published{Digest: digest}, err
}

func retag(ctx context.Context, digest name.Digest, tags []string, options []remote.Option) error {
	if len(tags) == 0 {
		return nil
	}
	manifest, err := remote.Get(digest, with(ctx, options)...)
	if err != nil {
		return fmt.Errorf("reading %q: %w", digest, err)
	}
	for _, t := range tags {
		if err := remote.Tag(digest.Context().Tag(t), manifest, with(ctx, options)...); err != nil {
			return fmt.Errorf("tagging %q as %q: %w", digest, t, err)
		}
	}
	return nil
}

// Publish compiles and pushes the image of a main package, or finds it by its inputs.
func (g Go) Publish(ctx context.Context, pkg string, repository name.Repository, tags []string, options ...remote.Option) (Published, error) {
	inputs, err := g.Inputs(ctx, pkg)
	if err != nil {
		return Published{}, err
	}
	return Publish(ctx, repository, inputs, tags, func(ctx context.Context) (Artifact, error) { return g.Image(ctx, pkg) }, options...)
}
