// Package referrers attaches documents to an image digest, as OCI 1.1 referrers, and lists what is attached.
//
// It promises:
//
//   - attaching the same document twice pushes the same bytes and lists them once;
//   - where the registry has no referrers API the fallback tag is kept, and of any number of concurrent writers that
//     use this package none loses another's entry, although no registry offers compare-and-swap (see [Store.Attach]);
//   - a listing merges the referrers API, the fallback tag and the tags that this package and older tools leave, so that
//     no source hides another.
//
// It refuses manifests over 4 MiB, more than 2000 referrers of one digest, and documents whose bytes do not have the
// digest that names them.
//
//	store := referrers.New(client, repository)
//	subject, err := store.Subject(ctx, digest)
//	_, err = store.Attach(ctx, subject, referrers.Artifact{Type: "application/spdx+json", Content: sbom})
//
// Source: OCI Image Specification 1.1 (manifest, "subject") and OCI Distribution Specification 1.1 (listing referrers,
// referrers tag schema).
package referrers

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/registry"
)

const (
	maxManifest  = 4 << 20 // bytes, the limit that the distribution specification names
	maxReferrers = 2000    // of one digest
)

// EmptyConfigType is the media type of a referrer's config, the two bytes {}.
const EmptyConfigType types.MediaType = "application/vnd.oci.empty.v1+json"

// ErrTooLarge says that a registry sent more than the stated limit.
var ErrTooLarge = errors.New("larger than the limit")

// Artifact is one document to attach.
type Artifact struct {
	Type        string            // artifactType of the manifest
	MediaType   types.MediaType   // of the document; Type when empty
	Annotations map[string]string // of the manifest; also carried by the descriptor, for filtering
	Title       string            // file name of the document for tools that pull it; optional
	Content     []byte
}

// Manifest is the manifest of a referrer, as far as readers need it.
type Manifest struct {
	SchemaVersion int64             `json:"schemaVersion"`
	MediaType     types.MediaType   `json:"mediaType"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        v1.Descriptor     `json:"config"`
	Layers        []v1.Descriptor   `json:"layers"`
	Subject       *v1.Descriptor    `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// Store reads and writes the referrers in one repository. It is safe for concurrent use.
type Store struct {
	client *registry.Client
	repo   name.Repository
	http   connections
}

// New returns the store of a repository; it opens no connection.
func New(client *registry.Client, repo name.Repository) *Store {
	return &Store{client: client, repo: repo, http: connections{client: client, repo: repo}}
}

// Subject asks the registry for the descriptor of the manifest with this digest: what [Store.Attach] points to.
func (s *Store) Subject(ctx context.Context, digest v1.Hash) (v1.Descriptor, error) {
	got, err := s.http.head(ctx, digest.String())
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("looking up %s@%s: %w", s.repo, digest, err)
	}
	if got.Digest != digest {
		return v1.Descriptor{}, fmt.Errorf("looking up %s@%s: the registry answered with %s", s.repo, digest, got.Digest)
	}
	return got, nil
}

// Manifest fetches the manifest of a referrer. Its bytes have the digest; that its subject is the one the caller asked
// for is checked here too, because a fallback tag can be made to list the referrer of another digest.
func (s *Store) Manifest(ctx context.Context, subject, digest v1.Hash) (*Manifest, []byte, error) {
	raw, _, err := s.http.manifest(ctx, digest.String())
	if err != nil {
		return nil, nil, fmt.Errorf("fetching referrer %s@%s: %w", s.repo, digest, err)
	}
	m, err := parseManifest(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("reading referrer %s@%s: %w", s.repo, digest, err)
	}
	if m.Subject == nil || m.Subject.Digest != subject {
		return nil, nil, fmt.Errorf("reading referrer %s@%s: its subject is not %s", s.repo, digest, subject)
	}
	return m, raw, nil
}

// Content fetches a document: the blob of a referrer's layer, of at most limit bytes, with the digest checked.
func (s *Store) Content(ctx context.Context, layer v1.Descriptor, limit int64) ([]byte, error) {
	if layer.Size > limit {
		return nil, fmt.Errorf("fetching document %s@%s: %d bytes: %w of %d", s.repo, layer.Digest, layer.Size, ErrTooLarge, limit)
	}
	data, err := s.http.blob(ctx, layer.Digest, limit)
	if err != nil {
		return nil, fmt.Errorf("fetching document %s@%s: %w", s.repo, layer.Digest, err)
	}
	return data, nil
}
