package referrers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Attach pushes the document as a referrer of the subject and returns the referrer's descriptor, with artifactType and
// annotations. When it returns, every later [Store.List] finds the referrer.
//
// Where the registry has no referrers API, two tags are written: one of this referrer's own (see [OwnTag]), which no
// other writer touches, and then the fallback tag, which is read, merged with all own tags, and written again until a
// look finds nothing missing. A writer that overwrites the fallback tag with a stale list looks at the own tags after
// that, finds what it dropped and puts it back; one that is killed in between leaves the own tags, which List reads.
func (s *Store) Attach(ctx context.Context, subject v1.Descriptor, a Artifact) (v1.Descriptor, error) {
	manifest, raw, err := a.manifest(subject)
	if err != nil {
		return v1.Descriptor{}, err
	}
	digest, size, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return v1.Descriptor{}, err
	}
	for _, layer := range []v1.Layer{
		static.NewLayer([]byte("{}"), EmptyConfigType),
		static.NewLayer(a.Content, manifest.Layers[0].MediaType),
	} {
		if err := remote.WriteLayer(s.repo, layer, s.client.Remote(ctx)...); err != nil {
			return v1.Descriptor{}, fmt.Errorf("pushing a document for %s@%s: %w", s.repo, subject.Digest, err)
		}
	}
	descriptor := v1.Descriptor{
		MediaType: types.OCIManifestSchema1, Digest: digest, Size: size,
		ArtifactType: a.Type, Annotations: a.Annotations,
	}
	if err := s.AttachManifest(ctx, subject.Digest, descriptor, raw); err != nil {
		return v1.Descriptor{}, err
	}
	return descriptor, nil
}

// AttachManifest pushes a referrer's manifest whose blobs are in the repository already, as a copy from another
// repository does, and lists it. The bytes are kept as they are.
func (s *Store) AttachManifest(ctx context.Context, subject v1.Hash, descriptor v1.Descriptor, raw []byte) error {
	lists, err := s.http.put(ctx, descriptor.Digest.String(), descriptor.MediaType, raw)
	if err != nil {
		return fmt.Errorf("pushing referrer of %s@%s: %w", s.repo, subject, err)
	}
	if lists {
		return nil
	}
	if _, err := s.fromAPI(ctx, subject); err == nil {
		return nil // it keeps the list, though it does not say so when it is written
	} else if !absent(err) {
		return fmt.Errorf("asking %s for the referrers of %s: %w", s.repo, subject, err)
	}
	if _, err := s.http.put(ctx, OwnTag(subject, descriptor.Digest), descriptor.MediaType, raw); err != nil {
		return fmt.Errorf("tagging referrer of %s@%s: %w", s.repo, subject, err)
	}
	return s.settle(ctx, subject, descriptor)
}

// manifest renders the referrer: the same document for the same subject gives the same bytes.
func (a Artifact) manifest(subject v1.Descriptor) (*Manifest, []byte, error) {
	mediaType := a.MediaType
	if mediaType == "" {
		mediaType = types.MediaType(a.Type)
	}
	config, configSize, err := v1.SHA256(bytes.NewReader([]byte("{}")))
	if err != nil {
		return nil, nil, err
	}
	digest, size, err := v1.SHA256(bytes.NewReader(a.Content))
	if err != nil {
		return nil, nil, err
	}
	layer := v1.Descriptor{MediaType: mediaType, Digest: digest, Size: size}
	if a.Title != "" {
		layer.Annotations = map[string]string{"org.opencontainers.image.title": a.Title}
	}
	m := &Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		ArtifactType:  a.Type,
		Config:        v1.Descriptor{MediaType: EmptyConfigType, Digest: config, Size: configSize},
		Layers:        []v1.Descriptor{layer},
		Subject:       &v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
		Annotations:   a.Annotations,
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding referrer: %w", err)
	}
	return m, raw, nil
}
