package closure

import (
	"context"
	"errors"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/ocirepo"
)

// Refresh brings evidence that appeared at the source since the image was copied.
// It gives the number of manifests that were new. Where nothing is, it compares
// lists and reads no manifest but those of an index.
func Refresh(ctx context.Context, source *ocirepo.Attachments, target *ocirepo.Repository, root v1.Descriptor) (int, error) {
	if target.Name.String() == source.Repository.Name.String() {
		return 0, nil
	}
	there := target.Attachments()
	same, err := sameAttached(ctx, source, there, root, map[v1.Hash]bool{})
	if err != nil || same {
		return 0, err
	}
	c, err := Discover(ctx, source, root.Digest)
	if err != nil {
		return 0, err
	}
	fresh, err := c.missing(ctx, there)
	if err != nil {
		return 0, err
	}
	for _, n := range fresh {
		if len(n.Children) > 0 {
			return len(fresh), c.copyNodes(ctx, target, c.Nodes) // it has parts of its own: they are among all
		}
	}
	return len(fresh), c.copyNodes(ctx, target, fresh)
}

// sameAttached tells whether all that is attached to a manifest at the source, to
// its platforms and to what is attached to it, is attached at the target as well.
func sameAttached(ctx context.Context, source, target *ocirepo.Attachments, d v1.Descriptor, seen map[v1.Hash]bool) (bool, error) {
	if seen[d.Digest] {
		return true, nil
	}
	seen[d.Digest] = true
	found, err := source.Of(ctx, d.Digest)
	if err != nil {
		return false, err
	}
	var below []v1.Descriptor
	if len(found.Referrers) > 0 {
		listed, err := referrersOf(ctx, target, d.Digest)
		if err != nil {
			return false, err
		}
		for _, r := range found.Referrers {
			if !listed[r.Digest] {
				return false, nil
			}
			below = append(below, r.Descriptor)
		}
	}
	for _, tag := range found.Tags {
		want, err := source.Repository.Head(ctx, tag)
		if err != nil {
			return false, err
		}
		if same, err := at(ctx, target.Repository, tag, want.Digest); err != nil || !same {
			return false, err
		}
		below = append(below, want)
	}
	if d.MediaType.IsIndex() {
		m, err := source.Manifest(ctx, d.Digest.String())
		if err != nil {
			return false, err
		}
		n, err := parse(m)
		if err != nil {
			return false, err
		}
		below = append(below, n.Children...)
	}
	for _, next := range below {
		if same, err := sameAttached(ctx, source, target, next, seen); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// missing gives the referrers and tags that the target does not have.
func (c *Closure) missing(ctx context.Context, target *ocirepo.Attachments) ([]*Node, error) {
	var fresh []*Node
	for _, n := range c.Nodes {
		there := true // root and platforms are since the image is
		var err error
		switch n.Role {
		case Referrer:
			var listed map[v1.Hash]bool
			listed, err = referrersOf(ctx, target, n.Subject)
			there = listed[n.Manifest.Digest]
		case Tagged:
			there, err = at(ctx, target.Repository, n.Tag, n.Manifest.Digest)
		}
		if err != nil {
			return nil, err
		}
		if !there {
			fresh = append(fresh, n)
		}
	}
	return fresh, nil
}

// at tells whether a tag names a digest.
func at(ctx context.Context, repo *ocirepo.Repository, tag string, digest v1.Hash) (bool, error) {
	d, err := repo.Head(ctx, tag)
	if errors.Is(err, ocirepo.ErrNotFound) {
		return false, nil
	}
	return d.Digest == digest, err
}

func referrersOf(ctx context.Context, attached *ocirepo.Attachments, subject v1.Hash) (map[v1.Hash]bool, error) {
	found, err := attached.Of(ctx, subject)
	if err != nil {
		return nil, err
	}
	set := map[v1.Hash]bool{}
	for _, r := range found.Referrers {
		set[r.Digest] = true
	}
	return set, nil
}
