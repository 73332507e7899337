package ocirepo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// index is an image index whose entries are kept as they are written: one that
// nobody can read must neither hide the others nor be lost in a rewrite.
type index struct {
	SchemaVersion int64             `json:"schemaVersion"`
	MediaType     types.MediaType   `json:"mediaType"`
	Manifests     []json.RawMessage `json:"manifests"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

func newIndex() index {
	return index{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []json.RawMessage{}}
}

func (x index) descriptors() (entries []v1.Descriptor, problems []error) {
	for _, raw := range x.Manifests {
		var d v1.Descriptor
		if err := json.Unmarshal(raw, &d); err != nil {
			problems = append(problems, fmt.Errorf("reading an entry of an index of referrers: %w", err))
			continue
		}
		entries = append(entries, d)
	}
	return entries, problems
}

// fallback reads the index behind the fallback tag of a digest; without one it is empty.
func (r *Repository) fallback(ctx context.Context, digest v1.Hash) (index, error) {
	m, err := r.Manifest(ctx, Tag(digest))
	if errors.Is(err, ErrNotFound) {
		return newIndex(), nil
	}
	if err != nil {
		return index{}, err
	}
	x := newIndex()
	if !m.MediaType.IsIndex() {
		return index{}, fmt.Errorf("reading %q: a fallback tag must be an image index, this is %s", r.join(Tag(digest)), m.MediaType)
	}
	if err := json.Unmarshal(m.Bytes, &x); err != nil {
		return index{}, fmt.Errorf("reading %q: %w", r.join(Tag(digest)), err)
	}
	x.MediaType = types.OCIImageIndex
	return x, nil
}

// describe gives the descriptor that an index of referrers holds for a manifest,
// with artifact type and annotations as the OCI distribution specification asks.
func describe(m Manifest, subject v1.Hash) (v1.Descriptor, error) {
	var doc struct {
		Subject      *v1.Descriptor `json:"subject"`
		ArtifactType string         `json:"artifactType"`
		Config       struct {
			MediaType string `json:"mediaType"`
		} `json:"config"`
		Annotations map[string]string `json:"annotations"`
	}
	if err := json.Unmarshal(m.Bytes, &doc); err != nil {
		return v1.Descriptor{}, fmt.Errorf("describing manifest %s: %w", m.Digest, err)
	}
	if doc.Subject == nil || doc.Subject.Digest != subject {
		return v1.Descriptor{}, fmt.Errorf("describing manifest %s: its subject is not %s", m.Digest, subject)
	}
	d := m.Descriptor()
	d.Annotations = doc.Annotations
	if d.ArtifactType = doc.ArtifactType; d.ArtifactType == "" {
		d.ArtifactType = doc.Config.MediaType
	}
	return d, nil
}
