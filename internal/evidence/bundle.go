package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/strictjson"
)

// BundleType is the media type of a sigstore bundle, the artifact type of the
// referrer that holds it and the media type of its layer.
const BundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// bundlePrefix begins the media types of all versions.
const bundlePrefix = "application/vnd.dev.sigstore.bundle"

// bundle is a sigstore bundle with a public key's hint and a DSSE envelope, which is
// what cosign writes for a key; the fields of keyless signing are not used.
type bundle struct {
	MediaType            string               `json:"mediaType"`
	VerificationMaterial verificationMaterial `json:"verificationMaterial"`
	DSSEEnvelope         *Envelope            `json:"dsseEnvelope,omitempty"`
}

type verificationMaterial struct {
	PublicKey *publicKeyHint `json:"publicKey,omitempty"`
}

type publicKeyHint struct {
	Hint string `json:"hint"`
}

// Seal signs a statement and gives the bundle's bytes: the same for the same
// statement and key.
func Seal(signer *keys.Signer, statement []byte) ([]byte, error) {
	envelope, err := Sign(signer, statement)
	if err != nil {
		return nil, err
	}
	return json.Marshal(bundle{
		MediaType:            BundleType,
		VerificationMaterial: verificationMaterial{PublicKey: &publicKeyHint{signer.Public().Hint()}},
		DSSEEnvelope:         envelope,
	})
}

// ParseBundle reads the envelope of a bundle of version 0.1 to 0.3. It verifies nothing.
func ParseBundle(data []byte) (*Envelope, error) {
	var b bundle
	if err := strictjson.Unmarshal(data, &b); err != nil {
		return nil, fmt.Errorf("reading bundle: %w", err)
	}
	if !strings.HasPrefix(b.MediaType, bundlePrefix) {
		return nil, fmt.Errorf("reading bundle: media type %q is not one", b.MediaType)
	}
	if b.DSSEEnvelope == nil || len(b.DSSEEnvelope.Payload) == 0 {
		return nil, errors.New("reading bundle: it holds no DSSE envelope")
	}
	return b.DSSEEnvelope, nil
}

// BundleManifest is the manifest that attaches a bundle to a subject. cosign's own has
// the time of its writing among the annotations; this one has the same bytes every time.
func BundleManifest(subject v1.Descriptor, predicateType string, bundle []byte) (ocirepo.Manifest, error) {
	return ocirepo.Document{
		Type:    BundleType,
		Content: bundle,
		Annotations: map[string]string{
			"dev.sigstore.bundle.content":       "dsse-envelope",
			"dev.sigstore.bundle.predicateType": predicateType,
		},
	}.Referrer(subject)
}
