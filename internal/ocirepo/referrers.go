package ocirepo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Where a referrer was found.
const (
	FromAPI      = "referrers API"
	FromFallback = "fallback tag"
	FromTag      = "referrer tag"
)

// Referrer is a manifest that names another one as its subject.
type Referrer struct {
	v1.Descriptor        // artifact type and annotations only as the registry repeats them: nothing to rely on
	Origin        string // FromAPI, FromFallback or FromTag
}

// Attached is all that belongs to one digest.
type Attached struct {
	Referrers []Referrer
	Tags      []string // tags "sha256-<hex>.<suffix>": cosign's .sig, .att and .sbom, and others of the kind
	Problems  []error  // entries that nothing can read; they hide no other
}

// Attachments finds what is attached to the manifests of one repository, at one
// listing of its tags for all of them.
type Attachments struct {
	repo   *Repository
	tags   []string // those that begin with "sha256-"
	window bool     // there are too many: list them digest by digest
	probe  bool     // listing is denied: ask for the known tags one by one
}

// Attachments lists the repository's tags for evidence.
func (r *Repository) Attachments(ctx context.Context) (*Attachments, error) {
	a := &Attachments{repo: r}
	var err error
	a.tags, err = r.TagsWithPrefix(ctx, "sha256-")
	switch {
	case errors.Is(err, ErrTooLarge):
		a.tags, a.window = nil, true
	case unsupported(err):
		a.tags, a.probe = nil, true
	case err != nil:
		return nil, err
	}
	return a, nil
}

// Of gives the union of everything that refers to a digest.
func (a *Attachments) Of(ctx context.Context, digest v1.Hash) (Attached, error) {
	var out Attached
	seen := map[v1.Hash]bool{}
	add := func(origin string, entries []v1.Descriptor) {
		for _, d := range entries {
			if !seen[d.Digest] {
				seen[d.Digest] = true
				out.Referrers = append(out.Referrers, Referrer{d, origin})
			}
		}
	}
	api, problems, err := a.repo.referrersAPI(ctx, digest)
	if err != nil {
		return Attached{}, err
	}
	add(FromAPI, api)
	out.Problems = append(out.Problems, problems...)

	tags, err := a.tagsOf(ctx, digest)
	if err != nil {
		return Attached{}, err
	}
	var own []string
	for _, tag := range tags {
		switch suffix := strings.TrimPrefix(tag, Tag(digest)); {
		case suffix == "":
			index, err := a.repo.fallback(ctx, digest)
			if err != nil {
				return Attached{}, err
			}
			entries, problems := index.descriptors()
			add(FromFallback, entries)
			out.Problems = append(out.Problems, problems...)
		case referrerSuffix.MatchString(suffix):
			own = append(own, tag)
		case suffix[0] == '.':
			out.Tags = append(out.Tags, tag)
		}
	}
	for _, tag := range own {
		if named(tag, seen) {
			continue
		}
		m, err := a.repo.Manifest(ctx, tag)
		if errors.Is(err, ErrNotFound) {
			continue // being written
		}
		if err != nil {
			return Attached{}, err
		}
		d, err := describe(m, digest)
		if err != nil {
			out.Problems = append(out.Problems, fmt.Errorf("reading %q: %w", a.repo.join(tag), err))
			continue
		}
		add(FromTag, []v1.Descriptor{d})
	}
	return out, nil
}

func (a *Attachments) tagsOf(ctx context.Context, digest v1.Hash) ([]string, error) {
	prefix := Tag(digest)
	switch {
	case a.window:
		return a.repo.TagsWithPrefix(ctx, prefix)
	case a.probe:
		var found []string
		for _, suffix := range []string{"", ".sig", ".att", ".sbom"} {
			_, err := a.repo.Head(ctx, prefix+suffix)
			if err == nil {
				found = append(found, prefix+suffix)
			} else if !errors.Is(err, ErrNotFound) {
				return nil, err
			}
		}
		return found, nil
	}
	var found []string
	for _, tag := range a.tags {
		if strings.HasPrefix(tag, prefix) {
			found = append(found, tag)
		}
	}
	return found, nil
}

// Tag is a digest in the form of a tag: the fallback tag of the OCI 1.1 referrers
// scheme, and the stem of cosign's tags.
func Tag(digest v1.Hash) string { return digest.Algorithm + "-" + digest.Hex }

// referrerTag is this package's own tag of a referrer: no other writer has a
// reason to move it, so that no race can lose it.
func referrerTag(subject, referrer v1.Hash) string {
	return Tag(subject) + ".referrer-" + referrer.Hex[:16]
}

var referrerSuffix = regexp.MustCompile(`^\.referrer-[0-9a-f]{16}$`)

// named tells whether the referrer behind a referrer tag is among those seen.
func named(tag string, seen map[v1.Hash]bool) bool {
	stem := tag[len(tag)-16:]
	for d := range seen {
		if strings.HasPrefix(d.Hex, stem) {
			return true
		}
	}
	return false
}

// referrersAPI asks the registry; a registry without that API gives nothing.
func (r *Repository) referrersAPI(ctx context.Context, digest v1.Hash) (entries []v1.Descriptor, problems []error, err error) {
	if r.host.knows() == no {
		return nil, nil, nil
	}
	next := "referrers/" + digest.String()
	for range tagPages {
		var page index
		resp, err := r.do(ctx, request{
			method: http.MethodGet, path: next,
			accept: []int{http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented},
			read: func(resp *http.Response, body io.Reader) error {
				b, err := readBounded(body, MaxManifest)
				if err != nil || resp.StatusCode != http.StatusOK {
					return err
				}
				return json.Unmarshal(b, &page)
			},
		})
		if err != nil {
			return nil, nil, fmt.Errorf("listing the referrers of %q: %w", r.join(digest.String()), err)
		}
		if resp.StatusCode != http.StatusOK {
			r.host.learn(no)
			return entries, problems, nil
		}
		r.host.learn(yes)
		e, p := page.descriptors()
		entries, problems = append(entries, e...), append(problems, p...)
		if next = nextPage(resp); next == "" {
			return entries, problems, nil
		}
	}
	return nil, nil, fmt.Errorf("listing the referrers of %q: %w", r.join(digest.String()), ErrTooLarge)
}

var linkNext = regexp.MustCompile(`<([^>]+)>\s*;\s*rel="?next"?`)

func nextPage(resp *http.Response) string {
	m := linkNext.FindStringSubmatch(resp.Header.Get("Link"))
	if m == nil {
		return ""
	}
	u, err := url.Parse(m[1])
	if err != nil {
		return ""
	}
	return resp.Request.URL.ResolveReference(u).RequestURI()
}
