package evidence_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/evidencetest"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/predicate"
)

var image = v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("ab", 32)}

func TestEnvelopeBindsTypeAndPayload(t *testing.T) {
	signer, _ := evidencetest.Key(t)
	other, _ := evidencetest.Key(t)
	// The pre-authentication encoding of DSSE, written out.
	signature, err := signer.Sign([]byte("DSSEv1 28 application/vnd.in-toto+json 5 hello"))
	require.NoError(t, err)
	byHand := &evidence.Envelope{PayloadType: evidence.PayloadType, Payload: []byte("hello"), Signatures: []evidence.EnvelopeSignature{{Sig: signature}}}
	require.NoError(t, byHand.Verify(signer.Public()))
	require.Error(t, byHand.Verify(other.Public()))

	for name, spoil := range map[string]func(*evidence.Envelope){
		"payload":        func(e *evidence.Envelope) { e.Payload = []byte("hullo") },
		"payload type":   func(e *evidence.Envelope) { e.PayloadType = "application/json" },
		"no signature":   func(e *evidence.Envelope) { e.Signatures = nil },
		"two signatures": func(e *evidence.Envelope) { e.Signatures = append(e.Signatures, e.Signatures[0]) },
		"signature":      func(e *evidence.Envelope) { e.Signatures[0].Sig = bytes.Repeat([]byte{1}, 70) },
	} {
		e, err := evidence.Sign(signer, []byte("hello"))
		require.NoError(t, err)
		require.NoError(t, e.Verify(signer.Public()))
		spoil(e)
		require.Error(t, e.Verify(signer.Public()), name)
	}
}

func TestSealingTwiceGivesTheSameBytes(t *testing.T) {
	signer, _ := evidencetest.Key(t)
	subject := v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: image, Size: 7}
	seal := func() evidence.Signed {
		s, err := evidence.SealPredicate(signer, subject, evidence.Origin{Commit: "c1", Run: "run-1"}, predicate.SPDXType, json.RawMessage(`{"a": 1}`))
		require.NoError(t, err)
		return s
	}
	first := seal()
	require.Equal(t, first, seal())
	require.Equal(t, ocirepo.Digest(first.Manifest.Bytes), first.Manifest.Digest)

	var manifest struct {
		ArtifactType string            `json:"artifactType"`
		Layers       []v1.Descriptor   `json:"layers"`
		Subject      v1.Descriptor     `json:"subject"`
		Annotations  map[string]string `json:"annotations"`
	}
	require.NoError(t, json.Unmarshal(first.Manifest.Bytes, &manifest))
	require.Equal(t, evidence.BundleType, manifest.ArtifactType)
	require.Equal(t, image, manifest.Subject.Digest)
	require.Equal(t, ocirepo.Digest(first.Bundle), manifest.Layers[0].Digest)
	require.Equal(t, map[string]string{
		"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": predicate.SPDXType,
	}, manifest.Annotations)

	e, err := evidence.ParseBundle(first.Bundle)
	require.NoError(t, err)
	require.NoError(t, e.Verify(signer.Public()))
}

func TestBundlesThatAreNone(t *testing.T) {
	for text, says := range map[string]string{
		``:   "reading bundle",
		`{}`: "media type",
		`{"mediaType":"application/json","dsseEnvelope":{"payload":"YQ==","payloadType":"t","signatures":[]}}`: "media type",
		`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","messageSignature":{}}`:                  "no DSSE envelope",
		`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{"payload":""}}`:          "no DSSE envelope",
		`{"mediaType":"x","mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}`:                        "mediaType",
		`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{"payload":"?"}}`:         "reading bundle",
	} {
		_, err := evidence.ParseBundle([]byte(text))
		require.ErrorContains(t, err, says, text)
	}
	_, err := evidence.ParseEnvelope([]byte(`{"payload":"YQ=="}`))
	require.ErrorContains(t, err, "no payload")
}

func FuzzParseBundle(f *testing.F) {
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":{"payload":"YQ==","payloadType":"t","signatures":[{"sig":"YQ=="}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, err := evidence.ParseBundle(data); err == nil {
			require.NotEmpty(t, e.Payload)
		}
		if e, err := evidence.ParseEnvelope(data); err == nil {
			require.NotEmpty(t, e.Payload)
			require.NotEmpty(t, e.PayloadType)
		}
	})
}
