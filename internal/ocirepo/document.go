package ocirepo

import (
	"context"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
)

// emptyConfig is the config of a manifest that is no image (OCI image specification 1.1).
var emptyConfig = []byte("{}")

const emptyConfigType types.MediaType = "application/vnd.oci.empty.v1+json"

// Document is a file that a referrer attaches to a manifest.
type Document struct {
	Type        string            // artifact type of the referrer, and media type of the file
	Title       string            // file name for tools that pull it; optional
	Annotations map[string]string // of the referrer; optional
	Content     []byte
}

// Referrer is the manifest that attaches the document to a subject: it has the same
// bytes every time.
func (d Document) Referrer(subject v1.Descriptor) (Manifest, error) {
	layer := v1.Descriptor{MediaType: types.MediaType(d.Type), Digest: Digest(d.Content), Size: int64(len(d.Content))}
	if d.Title != "" {
		layer.Annotations = map[string]string{"org.opencontainers.image.title": d.Title}
	}
	b, err := json.Marshal(struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     types.MediaType   `json:"mediaType"`
		ArtifactType  string            `json:"artifactType"`
		Config        v1.Descriptor     `json:"config"`
		Layers        []v1.Descriptor   `json:"layers"`
		Subject       v1.Descriptor     `json:"subject"`
		Annotations   map[string]string `json:"annotations,omitempty"`
	}{
		2, types.OCIManifestSchema1, d.Type,
		v1.Descriptor{MediaType: emptyConfigType, Digest: Digest(emptyConfig), Size: int64(len(emptyConfig))},
		[]v1.Descriptor{layer},
		v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
		d.Annotations,
	})
	if err != nil {
		return Manifest{}, fmt.Errorf("encoding the manifest of %s: %w", d.Type, err)
	}
	return NewManifest(types.OCIManifestSchema1, b), nil
}

// AttachDocuments stores documents and makes them referrers of the subject, as
// [Repository.Attach] does. What is attached already is attached once.
func (r *Repository) AttachDocuments(ctx context.Context, subject v1.Descriptor, documents ...Document) ([]Manifest, error) {
	manifests := make([]Manifest, len(documents))
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { _, err := r.WriteBlob(gctx, emptyConfig); return err })
	for i, d := range documents {
		g.Go(func() (err error) {
			if manifests[i], err = d.Referrer(subject); err != nil {
				return err
			}
			_, err = r.WriteBlob(gctx, d.Content)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return manifests, r.Attach(ctx, subject.Digest, manifests...)
}
