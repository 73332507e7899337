package evidencetest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/promotion"
)

// Environment reads the policy, and an environment of it.
func (w *World) Environment(t testing.TB, environment string) (*policy.Policy, *policy.Environment) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.PolicyDir, "policy.yaml"))
	require.NoError(t, err)
	p, err := policy.Parse(text)
	require.NoError(t, err)
	e, err := p.Environment(environment)
	require.NoError(t, err)
	return p, e
}

// Chain reads the promotion records of an environment.
func (w *World) Chain(t testing.TB, environment string) (*promotion.Chain, error) {
	t.Helper()
	p, e := w.Environment(t, environment)
	return promotion.Open(t.Context(), p, e, w.Repository(t, environment+"/app"))
}

// Append signs a record that an image in dev/app was promoted to dev, and moves nothing.
func (w *World) Append(t testing.TB, chain *promotion.Chain, by *keys.Signer, image name.Digest, at time.Time) error {
	t.Helper()
	p, _ := w.Environment(t, "dev")
	digest, err := v1.NewHash(image.DigestStr())
	require.NoError(t, err)
	subject, err := w.Repository(t, "dev/app").Head(t.Context(), digest.String())
	require.NoError(t, err)
	return chain.Append(t.Context(), by, &promotion.Record{
		Action: promotion.Promote, Source: "team/app", Target: image.Context().Name() + ":dev",
		Policy: promotion.PolicyRef{Name: "app", Digest: p.Digest()}, Commit: Commit, PromotedOn: at.UTC().Truncate(time.Second),
	}, subject)
}

// Promoted does what a promotion to dev does once the image is in dev/app.
func (w *World) Promoted(t testing.TB, image name.Digest, at time.Time) {
	t.Helper()
	chain, err := w.Chain(t, "dev")
	require.NoError(t, err)
	require.NoError(t, w.Append(t, chain, w.Promoter, image, at))
	require.NoError(t, chain.Advance(t.Context()))
	repo := w.Repository(t, "dev/app")
	m, err := repo.Manifest(t.Context(), image.DigestStr())
	require.NoError(t, err)
	_, err = repo.Put(t.Context(), "dev", m)
	require.NoError(t, err)
}
