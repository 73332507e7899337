package referrers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Listing is all that is attached to a digest.
type Listing struct {
	// Referrers are sorted by digest, each once, with artifactType and annotations. They come from the registry's word
	// and are no more than candidates: [Store.Manifest] checks a referrer's bytes and subject.
	Referrers []v1.Descriptor
	// Legacy are the tags of older tools: sha256-<hex>.att, .sig and .sbom.
	Legacy []Tag
	// HasAPI tells whether the registry has the referrers API.
	HasAPI bool
}

// Tag is a tag and what it points to.
type Tag struct {
	Name string
	v1.Descriptor
}

// legacy are the suffixes of the tags that cosign wrote before OCI 1.1.
var legacy = []string{".att", ".sig", ".sbom"}

// List finds the referrers of a digest: what the referrers API lists, what the fallback tag lists, what own tags hold,
// and the legacy tags. A subject that has none gives an empty listing.
func (s *Store) List(ctx context.Context, subject v1.Hash) (Listing, error) {
	var listing Listing
	found, err := s.fromAPI(ctx, subject)
	switch {
	case err == nil:
		listing.HasAPI = true
	case absent(err):
	default:
		return Listing{}, fmt.Errorf("listing the referrers of %s@%s: %w", s.repo, subject, err)
	}
	fallback, err := s.fromFallback(ctx, subject)
	if err != nil {
		return Listing{}, err
	}
	for _, d := range fallback {
		found = add(found, d)
	}
	tags, err := s.subjectTags(ctx, subject)
	if err != nil {
		return Listing{}, err
	}
	if found, err = s.withOwn(ctx, subject, found, tags); err != nil {
		return Listing{}, err
	}
	if listing.Referrers, err = s.completed(ctx, found); err != nil {
		return Listing{}, err
	}
	for _, suffix := range legacy {
		name := FallbackTag(subject) + suffix
		if !slices.Contains(tags, name) {
			continue
		}
		d, err := s.http.head(ctx, name)
		if absent(err) {
			continue
		}
		if err != nil {
			return Listing{}, fmt.Errorf("looking up %s:%s: %w", s.repo, name, err)
		}
		listing.Legacy = append(listing.Legacy, Tag{Name: name, Descriptor: d})
	}
	return listing, nil
}

// completed fetches the manifests of descriptors that lack an artifactType, as in the fallback tags of some tools. One
// that the repository no longer holds is left out.
func (s *Store) completed(ctx context.Context, list []v1.Descriptor) ([]v1.Descriptor, error) {
	out := make([]v1.Descriptor, 0, len(list))
	for _, d := range list {
		if vague(d) {
			raw, _, err := s.http.manifest(ctx, d.Digest.String())
			if absent(err) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("fetching referrer %s@%s: %w", s.repo, d.Digest, err)
			}
			m, err := parseManifest(raw)
			if err != nil {
				return nil, fmt.Errorf("reading referrer %s@%s: %w", s.repo, d.Digest, err)
			}
			d = describe(d, m)
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b v1.Descriptor) int { return strings.Compare(a.Digest.String(), b.Digest.String()) })
	return out, nil
}

// fromAPI asks the referrers API, page by page. An error for which [absent] is true says that there is none.
func (s *Store) fromAPI(ctx context.Context, subject v1.Hash) ([]v1.Descriptor, error) {
	var found []v1.Descriptor
	next := s.http.url("/referrers/"+subject.String(), nil)
	for next != "" {
		raw, header, err := s.http.get(ctx, next, string(types.OCIImageIndex), maxManifest)
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(header.Get("Content-Type"), string(types.OCIImageIndex)) {
			return nil, &transport.Error{StatusCode: http.StatusNotFound} // a proxy's page, not the API
		}
		index, err := parseIndex(raw)
		if err != nil {
			return nil, err
		}
		found = append(found, index.Manifests...)
		if len(found) > maxReferrers {
			return nil, fmt.Errorf("more than %d referrers", maxReferrers)
		}
		if next, err = following(next, header); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// subjectTags lists the tags that begin with the subject's fallback tag and a dot. Tags are listed in lexical order
// from a given one on, so this takes one request also in a repository with many tags. A registry that lists no tags to
// this account gives the legacy ones that a look at each finds.
func (s *Store) subjectTags(ctx context.Context, subject v1.Hash) ([]string, error) {
	const pages = 100
	prefix := FallbackTag(subject) + "."
	var tags []string
	next := s.http.url("/tags/list", url.Values{"n": {"100"}, "last": {FallbackTag(subject)}})
	for range pages {
		raw, header, err := s.http.get(ctx, next, "application/json", maxManifest)
		if absent(err) {
			return tags, nil // a repository that does not exist yet
		}
		if forbidden(err) {
			return s.legacyTags(ctx, subject)
		}
		if err != nil {
			return nil, fmt.Errorf("listing the tags of %s: %w", s.repo, err)
		}
		var page struct{ Tags []string }
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, fmt.Errorf("listing the tags of %s: %w", s.repo, err)
		}
		for _, tag := range page.Tags {
			if strings.HasPrefix(tag, prefix) {
				tags = append(tags, tag)
			}
		}
		if next, err = following(next, header); err != nil {
			return nil, fmt.Errorf("listing the tags of %s: %w", s.repo, err)
		}
		past := len(page.Tags) > 0 && page.Tags[len(page.Tags)-1] > prefix+"~"
		if next == "" || past {
			return tags, nil
		}
	}
	return nil, fmt.Errorf("listing the tags of %s: more than %d pages", s.repo, pages)
}

func (s *Store) legacyTags(ctx context.Context, subject v1.Hash) (tags []string, err error) {
	for _, suffix := range legacy {
		name := FallbackTag(subject) + suffix
		if _, err := s.http.head(ctx, name); absent(err) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("looking up %s:%s: %w", s.repo, name, err)
		}
		tags = append(tags, name)
	}
	return tags, nil
}

func forbidden(err error) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden)
}

// following is the address of the next page (RFC 8288), "" on the last. A page on another host is refused: the
// credentials are not for it.
func following(current string, header http.Header) (string, error) {
	link, rest, ok := strings.Cut(strings.TrimPrefix(header.Get("Link"), "<"), ">")
	if !ok || !strings.Contains(rest, `rel="next"`) {
		return "", nil
	}
	base, err := url.Parse(current)
	if err != nil {
		return "", err
	}
	next, err := base.Parse(link)
	if err != nil {
		return "", fmt.Errorf("next page %q: %w", link, err)
	}
	if next.Host != base.Host || next.Scheme != base.Scheme {
		return "", fmt.Errorf("next page %q is on another host", link)
	}
	return next.String(), nil
}
