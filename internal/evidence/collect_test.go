package evidence_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/evidencetest"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/registrytest"
)

// attach stores a manifest with one layer, as a referrer of a subject or under a tag.
func attach(t *testing.T, repo *ocirepo.Repository, subject v1.Descriptor, tag string, layer v1.Descriptor, content []byte) {
	t.Helper()
	config, err := repo.WriteBlob(t.Context(), []byte("{}"))
	require.NoError(t, err)
	layer.Digest, layer.Size = ocirepo.Digest(content), int64(len(content))
	_, err = repo.WriteBlob(t.Context(), content)
	require.NoError(t, err)
	document := map[string]any{
		"schemaVersion": 2, "mediaType": types.OCIManifestSchema1,
		"config": v1.Descriptor{MediaType: "application/vnd.oci.empty.v1+json", Digest: config, Size: 2},
		"layers": []v1.Descriptor{layer},
	}
	if tag == "" {
		document["artifactType"], document["subject"] = layer.MediaType, v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}
	}
	b, err := json.Marshal(document)
	require.NoError(t, err)
	m := ocirepo.NewManifest(types.OCIManifestSchema1, b)
	if tag == "" {
		require.NoError(t, repo.Attach(t.Context(), subject.Digest, m))
		return
	}
	_, err = repo.Put(t.Context(), tag, m)
	require.NoError(t, err)
}

// TestCollectReadsEveryFormAndHidesNone puts a bundle, cosign's old signature and
// attestation, and things that are neither beside each other.
func TestCollectReadsEveryFormAndHidesNone(t *testing.T) {
	w := evidencetest.New(t)
	ref := w.Image(t, "team/app")
	repo := w.Repository(t, "team/app")
	subject, err := repo.Head(t.Context(), ref.DigestStr())
	require.NoError(t, err)
	bundle := w.Attest(t, ref, 85)
	stem := ocirepo.Tag(subject.Digest)
	envelope, err := evidence.Sign(w.Attestor, []byte(`{"by":"hand"}`))
	require.NoError(t, err)
	att, err := json.Marshal(envelope)
	require.NoError(t, err)
	attach(t, repo, subject, stem+".att", v1.Descriptor{MediaType: "application/vnd.dsse.envelope.v1+json"}, att)
	attach(t, repo, subject, stem+".sig", v1.Descriptor{
		MediaType:   "application/vnd.dev.cosign.simplesigning.v1+json",
		Annotations: map[string]string{"dev.cosignproject.cosign/signature": base64.StdEncoding.EncodeToString([]byte("signature"))},
	}, []byte(`{"critical":{}}`))
	attach(t, repo, subject, stem+".sbom", v1.Descriptor{MediaType: "text/spdx"}, []byte("SPDX"))
	attach(t, repo, subject, "", v1.Descriptor{MediaType: "application/vnd.example.scan"}, []byte("foreign"))
	attach(t, repo, subject, "", v1.Descriptor{MediaType: evidence.BundleType}, []byte(`{"mediaType":"broken`))

	pieces, err := evidence.Collect(t.Context(), repo.Attachments(), subject.Digest)
	require.NoError(t, err)
	var found []string
	for _, p := range pieces {
		what := "nothing"
		switch {
		case p.Envelope != nil && p.Manifest == bundle:
			what = "the bundle"
		case p.Envelope != nil:
			what = "statement " + string(p.Envelope.Payload)
		case p.Signature != nil:
			what = "signature " + string(p.Signature.Sig) + " of " + string(p.Signature.Payload)
		case p.Problem != nil:
			what, _, _ = strings.Cut(p.Problem.Error(), ":")
		}
		found = append(found, fmt.Sprintf("%s: %s", p.Place, what))
	}
	require.ElementsMatch(t, []string{
		"fallback tag: the bundle",
		`tag .att: statement {"by":"hand"}`,
		`tag .sig: signature signature of {"critical":{}}`,
		"tag .sbom: not signed evidence",
		"fallback tag: not signed evidence",
		"fallback tag: reading bundle",
	}, found)
}

// TestCollectFailsWhereSomethingCannotBeFetched holds that what is out of reach is not
// taken for absent: it might be the verdict that matters.
func TestCollectFailsWhereSomethingCannotBeFetched(t *testing.T) {
	var broken atomic.Bool
	w := evidencetest.New(t, registrytest.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if broken.Load() && strings.Contains(r.URL.Path, "/blobs/") {
				rw.WriteHeader(http.StatusInternalServerError)
				return
			}
			next.ServeHTTP(rw, r)
		})
	}))
	ref := w.Image(t, "team/app")
	w.Attest(t, ref, 85)
	digest, err := v1.NewHash(ref.DigestStr())
	require.NoError(t, err)
	broken.Store(true)
	client := ocirepo.New(ocirepo.Access{Budget: 200 * time.Millisecond})
	_, err = evidence.Collect(t.Context(), client.Open(ref.Context(), ocirepo.Pull).Attachments(), digest)
	require.ErrorIs(t, err, ocirepo.ErrUnavailable)
}
