package images

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Find looks in the repository for an image made from the same inputs, with one HEAD
// request. A registry that will not say (some deny what does not exist) counts as one
// that has no such image: the push that follows tells whether access is missing.
//
// Whoever may push to the repository can make the tag of the inputs point elsewhere,
// so a hit is worth as much as the write access to the repository.
func Find(ctx context.Context, repository name.Repository, inputs Inputs, options ...remote.Option) (name.Digest, bool, error) {
	tag := repository.Tag(inputs.Tag())
	found, err := remote.Head(tag, with(ctx, options)...)
	var refused *transport.Error
	if errors.As(err, &refused) {
		switch refused.StatusCode {
		case http.StatusNotFound, http.StatusUnauthorized, http.StatusForbidden:
			return name.Digest{}, false, nil
		}
	}
	if err != nil {
		return name.Digest{}, false, fmt.Errorf("looking for an image of the same inputs in %q: %w", repository, err)
	}
	return repository.Digest(found.Digest.String()), true, nil
}

// Push uploads the artifact, streaming layers that the registry lacks, and returns its
// reference by digest. It sets the tags last, in their order; without any it pushes by digest alone.
// Give [Inputs.Tag] as the last tag, so that [Find] finds only what was pushed whole.
func Push(ctx context.Context, repository name.Repository, artifact Artifact, tags []string, options ...remote.Option) (name.Digest, error) {
	hash, err := artifact.Digest()
	if err != nil {
		return name.Digest{}, fmt.Errorf("computing the digest of the image for %q: %w", repository, err)
	}
	digest := repository.Digest(hash.String())
	refs := []name.Reference{digest}
	if len(tags) > 0 {
		refs = nil
	}
	for _, t := range tags {
		tag, err := name.NewTag(repository.Name()+":"+t, name.WithDefaultRegistry(""))
		if err != nil {
			return name.Digest{}, fmt.Errorf("reading tag %q: %w", t, err)
		}
		refs = append(refs, repository.Tag(tag.TagStr()))
	}
	pusher, err := remote.NewPusher(with(ctx, options)...)
	if err != nil {
		return name.Digest{}, fmt.Errorf("pushing to %q: %w", repository, err)
	}
	for _, ref := range refs { // one pusher uploads what is below the manifest only once
		if err := pusher.Push(ctx, ref, artifact); err != nil {
			return name.Digest{}, fmt.Errorf("pushing %q: %w", ref, err)
		}
	}
	return digest, nil
}

func with(ctx context.Context, options []remote.Option) []remote.Option {
	return append(options[:len(options):len(options)], remote.WithContext(ctx))
}
