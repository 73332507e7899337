package ocirepo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// rounds bounds how often the fallback index is written again because other
// writers changed it meanwhile.
const rounds = 30

// Attach stores manifests that have subject as their subject.
//
// On registries with the referrers API that is one PUT each. Elsewhere the index
// behind the fallback tag has to be read, changed and written, and registries offer
// no compare-and-swap. So that no writer loses another one's entry, each first puts
// its manifest under a tag of its own (subject and referrer in the name), then
// writes the index as the union of what is in it and of all such tags, and repeats
// until a listing that began after its last write shows nothing missing. Whichever
// writer writes last, lists after that, and so sees the tags of all whose own last
// look came before. A writer that is killed between is healed by the next.
func (r *Repository) Attach(ctx context.Context, subject v1.Hash, manifests ...Manifest) error {
	left := manifests
	if len(manifests) > 0 && r.host.knows() != no {
		var err error
		if left, err = r.putReferrers(ctx, manifests); err != nil {
			return err
		}
	}
	if len(left) == 0 {
		return nil
	}
	var x index
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { x, err = r.fallback(gctx, subject); return err })
	for _, m := range left {
		g.Go(func() error { _, err := r.Put(gctx, referrerTag(subject, m.Digest), m); return err })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return r.converge(ctx, subject, x, left)
}

// putReferrers stores manifests under their digests, and gives those that the registry
// did not take into its referrers API. The first goes alone, and speaks for all.
func (r *Repository) putReferrers(ctx context.Context, manifests []Manifest) (left []Manifest, err error) {
	taken := make([]bool, len(manifests))
	put := func(i int) (err error) {
		taken[i], err = r.Put(ctx, manifests[i].Digest.String(), manifests[i])
		return err
	}
	if err := put(0); err != nil {
		return nil, err
	}
	if !taken[0] {
		r.host.learn(no)
		return manifests, nil
	}
	var g errgroup.Group
	for i := 1; i < len(manifests); i++ {
		g.Go(func() error { return put(i) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, m := range manifests {
		if !taken[i] {
			left = append(left, m)
		}
	}
	return left, nil
}

// converge writes the index, which was x before, until it holds our own referrers and
// those of all other writers.
func (r *Repository) converge(ctx context.Context, subject v1.Hash, x index, own []Manifest) error {
	missing, err := r.missing(ctx, subject, x, nil, own)
	if err != nil {
		return err
	}
	quiet := 0
	for range rounds {
		if len(missing) > 0 {
			quiet = 0
			if err := r.writeFallback(ctx, subject, x, missing); err != nil {
				return err
			}
		}
		var tags []string
		var listable bool
		if x, tags, listable, err = r.look(ctx, subject); err != nil {
			return err
		}
		if missing, err = r.missing(ctx, subject, x, tags, own); err != nil {
			return err
		}
		if len(missing) > 0 {
			continue
		}
		// Without a listing the only defence is to look again after others had time to write.
		if quiet++; listable || quiet == 3 {
			return nil
		}
		if err := sleep(ctx, 100*time.Millisecond+rand.N(400*time.Millisecond)); err != nil {
			return err
		}
	}
	return fmt.Errorf("writing %q: %w: other writers changed it %d times meanwhile", r.join(Tag(subject)), ErrUnavailable, rounds)
}

func (r *Repository) writeFallback(ctx context.Context, subject v1.Hash, x index, more []v1.Descriptor) error {
	for _, d := range more {
		raw, err := json.Marshal(d)
		if err != nil {
			return err
		}
		x.Manifests = append(x.Manifests, raw)
	}
	b, err := json.Marshal(x)
	if err != nil {
		return err
	}
	if len(b) > MaxManifest {
		return fmt.Errorf("writing %q: %w: %d bytes for %d referrers", r.join(Tag(subject)), ErrTooLarge, len(b), len(x.Manifests))
	}
	_, err = r.Put(ctx, Tag(subject), NewManifest(x.MediaType, b))
	return err
}

// look reads the index and lists the referrer tags at the same time. Without the right
// to list, tags are none and listable is false.
func (r *Repository) look(ctx context.Context, subject v1.Hash) (x index, tags []string, listable bool, err error) {
	listable = true
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { x, err = r.fallback(ctx, subject); return err })
	g.Go(func() (err error) {
		tags, err = r.TagsWithPrefix(ctx, Tag(subject)+".")
		if unsupported(err) {
			listable, err = false, nil
		}
		return err
	})
	err = g.Wait()
	return x, tags, listable, err
}

// missing gives the referrers, our own and those of other writers, that an index lacks.
func (r *Repository) missing(ctx context.Context, subject v1.Hash, x index, tags []string, own []Manifest) ([]v1.Descriptor, error) {
	seen := map[v1.Hash]bool{}
	entries, _ := x.descriptors()
	for _, d := range entries {
		seen[d.Digest] = true
	}
	var missing []v1.Descriptor
	add := func(m Manifest) error {
		if seen[m.Digest] {
			return nil
		}
		d, err := describe(m, subject)
		if err != nil {
			return err
		}
		seen[m.Digest] = true
		missing = append(missing, d)
		return nil
	}
	for _, m := range own {
		if err := add(m); err != nil {
			return nil, err
		}
	}
	for _, tag := range tags {
		if !referrerSuffix.MatchString(tag[len(Tag(subject)):]) || named(tag, seen) {
			continue
		}
		m, err := r.Manifest(ctx, tag)
		if errors.Is(err, ErrNotFound) {
			continue // being written: its writer looks at the index after this
		}
		if err != nil {
			return nil, err
		}
		_ = add(m) // what is no manifest is not another writer's referrer
	}
	return missing, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// Unlisted gives those of the manifests that the registry's referrers API does not
// list for the subject. On registries without that API [Repository.Attach] has
// read the list already, and there are none.
func (r *Repository) Unlisted(ctx context.Context, subject v1.Hash, manifests []Manifest) ([]v1.Hash, error) {
	listed, _, err := r.referrersAPI(ctx, subject)
	if err != nil || r.host.knows() == no {
		return nil, err
	}
	seen := map[v1.Hash]bool{}
	for _, d := range listed {
		seen[d.Digest] = true
	}
	var missing []v1.Hash
	for _, m := range manifests {
		if !seen[m.Digest] {
			missing = append(missing, m.Digest)
		}
	}
	return missing, nil
}
