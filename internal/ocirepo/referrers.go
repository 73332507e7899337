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
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
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
// listing of its tags for all of them. It is a snapshot: what it has read it does not
// ask for again, so that what was judged is what is used.
type Attachments struct {
	Repository *Repository

	mu        sync.Mutex
	list      func() (listing, error)
	found     map[v1.Hash]func() (Attached, error)
	manifests map[string]func() (Manifest, error) // by tag or digest
}

// listing is what a repository's tags say.
type listing struct {
	tags   []string // those that begin with "sha256-"
	window bool     // there are too many: list them digest by digest
	probe  bool     // listing is denied: ask for the known tags one by one
}

// Attachments prepares to look for evidence; nothing is asked for yet.
func (r *Repository) Attachments() *Attachments {
	return &Attachments{
		Repository: r,
		found:      map[v1.Hash]func() (Attached, error){}, manifests: map[string]func() (Manifest, error){},
	}
}

// Of gives the union of everything that refers to a digest.
func (a *Attachments) Of(ctx context.Context, digest v1.Hash) (Attached, error) {
	a.mu.Lock()
	if a.list == nil {
		a.list = sync.OnceValues(func() (listing, error) { return a.listTags(ctx) })
	}
	look := a.found[digest]
	if look == nil {
		look = sync.OnceValues(func() (Attached, error) { return a.look(ctx, digest) })
		a.found[digest] = look
	}
	a.mu.Unlock()
	return look()
}

// Manifest reads what a tag or digest names, as [Repository.Manifest] does.
func (a *Attachments) Manifest(ctx context.Context, ref string) (Manifest, error) {
	a.mu.Lock()
	read := a.manifests[ref]
	if read == nil {
		read = sync.OnceValues(func() (Manifest, error) { return a.Repository.Manifest(ctx, ref) })
		a.manifests[ref] = read
	}
	a.mu.Unlock()
	return read()
}

func (a *Attachments) listTags(ctx context.Context) (l listing, err error) {
	l.tags, err = a.Repository.TagsWithPrefix(ctx, "sha256-")
	switch {
	case errors.Is(err, ErrTooLarge):
		return listing{window: true}, nil
	case unsupported(err):
		return listing{probe: true}, nil
	}
	return l, err
}

func (a *Attachments) look(ctx context.Context, digest v1.Hash) (Attached, error) {
	var listed []v1.Descriptor
	var problems []error
	var tags []string
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) { listed, problems, err = a.Repository.referrersAPI(gctx, digest); return err })
	g.Go(func() (err error) { tags, err = a.tagsOf(gctx, digest); return err })
	if err := g.Wait(); err != nil {
		return Attached{}, err
	}
	out := &union{seen: map[v1.Hash]bool{}}
	out.add(FromAPI, listed, problems)
	var own []string
	for _, tag := range tags {
		switch suffix := strings.TrimPrefix(tag, Tag(digest)); {
		case suffix == "":
			index, err := a.Repository.fallback(ctx, digest)
			if err != nil {
				return Attached{}, err
			}
			entries, problems := index.descriptors()
			out.add(FromFallback, entries, problems)
		case referrerSuffix.MatchString(suffix):
			own = append(own, tag)
		case suffix[0] == '.':
			out.Tags = append(out.Tags, tag)
		}
	}
	for _, tag := range own {
		if err := a.readOwn(ctx, tag, digest, out); err != nil {
			return Attached{}, err
		}
	}
	return out.Attached, nil
}

// union gathers what several places say about one digest.
type union struct {
	Attached
	seen map[v1.Hash]bool
}

func (u *union) add(origin string, entries []v1.Descriptor, problems []error) {
	u.Problems = append(u.Problems, problems...)
	for _, d := range entries {
		if !u.seen[d.Digest] {
			u.seen[d.Digest] = true
			u.Referrers = append(u.Referrers, Referrer{d, origin})
		}
	}
}

// readOwn reads a referrer tag, unless another place told of its referrer.
func (a *Attachments) readOwn(ctx context.Context, tag string, digest v1.Hash, out *union) error {
	if named(tag, out.seen) {
		return nil
	}
	m, err := a.Repository.Manifest(ctx, tag)
	if errors.Is(err, ErrNotFound) {
		return nil // being written
	}
	if err != nil {
		return err
	}
	d, err := describe(m, digest)
	if err != nil {
		out.add(FromTag, nil, []error{fmt.Errorf("reading %q: %w", a.Repository.join(tag), err)})
		return nil
	}
	out.add(FromTag, []v1.Descriptor{d}, nil)
	return nil
}

func (a *Attachments) tagsOf(ctx context.Context, digest v1.Hash) ([]string, error) {
	prefix := Tag(digest)
	listed, err := a.list()
	if err != nil {
		return nil, err
	}
	switch {
	case listed.window:
		return a.Repository.TagsWithPrefix(ctx, prefix)
	case listed.probe:
		var found []string
		for _, suffix := range []string{"", ".sig", ".att", ".sbom"} {
			_, err := a.Repository.Head(ctx, prefix+suffix)
			if err == nil {
				found = append(found, prefix+suffix)
			} else if !errors.Is(err, ErrNotFound) {
				return nil, err
			}
		}
		return found, nil
	}
	var found []string
	for _, tag := range listed.tags {
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
