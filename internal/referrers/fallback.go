package referrers

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// rounds bounds how often one writer merges into the fallback tag. A round is lost only when another writer's write
// falls between this one's read and write, so the bound is for a registry that does not keep what it accepts.
const rounds = 50

// FallbackTag is the tag under which a registry without the referrers API keeps the list: sha256-<hex>.
func FallbackTag(subject v1.Hash) string { return subject.Algorithm + "-" + subject.Hex }

const ownInfix = ".referrer-"

// OwnTag is the tag that one referrer alone has beside the fallback tag: sha256-<hex of the subject>.referrer-<16 hex
// digits of the referrer>.
func OwnTag(subject, referrer v1.Hash) string {
	return FallbackTag(subject) + ownInfix + referrer.Hex[:16]
}

// settle merges the descriptor into the fallback tag until a look at both the fallback tag and the own tags, taken after
// the last write, finds nothing missing.
func (s *Store) settle(ctx context.Context, subject v1.Hash, descriptor v1.Descriptor) error {
	for round := range rounds {
		listed, err := s.fromFallback(ctx, subject)
		if err != nil {
			return err
		}
		tags, err := s.subjectTags(ctx, subject)
		if err != nil {
			return err
		}
		want, err := s.withOwn(ctx, subject, add(slices.Clone(listed), descriptor), tags)
		if err != nil {
			return err
		}
		if len(want) == len(listed) && complete(listed, descriptor) {
			return nil
		}
		if err := s.writeFallback(ctx, subject, want); err != nil {
			return err
		}
		if round > 0 {
			if err := pause(ctx, round); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("listing referrer %s of %s@%s: the fallback tag did not keep it in %d rounds", descriptor.Digest, s.repo, subject, rounds)
}

// pause waits a random time, so that writers who collided do not do so again.
func pause(ctx context.Context, round int) error {
	timer := time.NewTimer(rand.N(time.Duration(min(round, 10)) * 20 * time.Millisecond))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (s *Store) fromFallback(ctx context.Context, subject v1.Hash) ([]v1.Descriptor, error) {
	raw, _, err := s.http.manifest(ctx, FallbackTag(subject))
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the fallback tag of %s@%s: %w", s.repo, subject, err)
	}
	index, err := parseIndex(raw)
	if err != nil {
		return nil, fmt.Errorf("reading the fallback tag of %s@%s: %w", s.repo, subject, err)
	}
	return index.Manifests, nil
}

func (s *Store) writeFallback(ctx context.Context, subject v1.Hash, list []v1.Descriptor) error {
	slices.SortFunc(list, func(a, b v1.Descriptor) int { return cmp.Compare(a.Digest.String(), b.Digest.String()) })
	raw, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: list})
	if err != nil {
		return fmt.Errorf("encoding the fallback tag: %w", err)
	}
	if _, err := s.http.put(ctx, FallbackTag(subject), types.OCIImageIndex, raw); err != nil {
		return fmt.Errorf("writing the fallback tag of %s@%s: %w", s.repo, subject, err)
	}
	return nil
}

// withOwn adds the referrers that have an own tag and are not in the list yet.
func (s *Store) withOwn(ctx context.Context, subject v1.Hash, list []v1.Descriptor, tags []string) ([]v1.Descriptor, error) {
	known := map[string]bool{}
	for _, d := range list {
		known[OwnTag(subject, d.Digest)] = true
	}
	for _, tag := range tags {
		if known[tag] || !strings.HasPrefix(tag, FallbackTag(subject)+ownInfix) {
			continue
		}
		raw, d, err := s.http.manifest(ctx, tag)
		if absent(err) {
			continue // removed since the tags were listed
		}
		if err != nil {
			return nil, fmt.Errorf("reading tag %s:%s: %w", s.repo, tag, err)
		}
		m, err := parseManifest(raw)
		if err != nil || m.Subject == nil || m.Subject.Digest != subject {
			continue // a tag that only looks like one of ours
		}
		list = add(list, describe(d, m))
	}
	if len(list) > maxReferrers {
		return nil, fmt.Errorf("%s@%s has more than %d referrers", s.repo, subject, maxReferrers)
	}
	return list, nil
}

// add puts a descriptor into the list, or completes the one that is there already.
func add(list []v1.Descriptor, d v1.Descriptor) []v1.Descriptor {
	for i := range list {
		if list[i].Digest == d.Digest {
			if vague(list[i]) || list[i].Annotations == nil {
				list[i] = d
			}
			return list
		}
	}
	return append(list, d)
}

// vague tells whether a descriptor lacks the artifactType, or has the media type of the empty config in its place, as some
// registries list it.
func vague(d v1.Descriptor) bool {
	return d.ArtifactType == "" || d.ArtifactType == string(EmptyConfigType)
}

// complete tells whether the list holds the descriptor with its artifactType and annotations.
func complete(list []v1.Descriptor, d v1.Descriptor) bool {
	return slices.ContainsFunc(list, func(have v1.Descriptor) bool {
		return have.Digest == d.Digest && have.ArtifactType == d.ArtifactType && len(have.Annotations) == len(d.Annotations)
	})
}

// describe is a descriptor as the specification wants it in a list of referrers: with the manifest's artifactType (its
// config's media type where it has none) and annotations.
func describe(d v1.Descriptor, m *Manifest) v1.Descriptor {
	if m.MediaType != "" {
		d.MediaType = m.MediaType
	}
	d.ArtifactType = cmp.Or(m.ArtifactType, string(m.Config.MediaType))
	d.Annotations = m.Annotations
	return d
}

func parseIndex(raw []byte) (*v1.IndexManifest, error) {
	var index v1.IndexManifest
	if err := json.Unmarshal(raw, &index); err != nil {
		return nil, fmt.Errorf("decoding index: %w", err)
	}
	if index.SchemaVersion != 2 {
		return nil, fmt.Errorf("schemaVersion is %d, not 2", index.SchemaVersion)
	}
	if len(index.Manifests) > maxReferrers {
		return nil, fmt.Errorf("lists more than %d referrers", maxReferrers)
	}
	return &index, nil
}
