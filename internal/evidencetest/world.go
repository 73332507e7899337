// Package evidencetest furnishes a test with what a promotion needs: a real
// registry, an image with signed evidence, keys as Secrets are mounted, and a policy
// with the environments dev, staging and prod, each after the one before.
//
//	w := evidencetest.New(t)
//	image := w.Image(t, "dev/app")
//	w.Attest(t, image, 85)
package evidencetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/registrytest"
)

// Commit is the commit that evidence is about.
const Commit = "1111111111111111111111111111111111111111"

// World is where a promotion happens.
type World struct {
	Registry  *registrytest.Registry
	Attestor  *keys.Signer
	Promoter  *keys.Signer
	AttestDir string // the attestor's Secret
	KeyDir    string // the promoter's Secret
	PolicyDir string // policy.yaml

	attested atomic.Int64 // calls of Attest
}

// New starts the registry and writes keys and policy.
func New(t testing.TB, options ...registrytest.Option) *World {
	t.Helper()
	w := &World{Registry: registrytest.Start(t, options...)}
	w.Attestor, w.AttestDir = Key(t)
	w.Promoter, w.KeyDir = Key(t)
	w.PolicyDir = t.TempDir()
	w.WritePolicy(t, w.Policy())
	return w
}

// Key makes a key and the directory that its Secret would be mounted as. The key is
// not encrypted, because deriving a key from a password is slow on purpose.
func Key(t testing.TB) (*keys.Signer, string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cosign.key"), text, 0o600))
	signer, err := keys.ReadSigner(dir)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cosign.pub"), signer.Public().PEM(), 0o600))
	return signer, dir
}

// Policy is the text of the policy: coverage of 80 %, and 90 % for prod.
func (w *World) Policy() string {
	environment := func(name, rest string) string {
		return fmt.Sprintf("  - name: %s\n    target: %s/%s/app\n    promotedBy: promoter\n%s", name, w.Registry.Host, name, rest)
	}
	return fmt.Sprintf(`apiVersion: sluice-ci.github.io/v1
kind: PromotionPolicy
metadata: {name: app}
keys:
  - {name: attestor-1, identity: attestor, publicKey: %q}
  - {name: promoter-1, identity: promoter, publicKey: %q}
evidence:
  - name: coverage
    predicateType: %s
    gate: coverage-gate
    signedBy: attestor
    maximumAge: 720h
    expression: predicate.measured.coverage >= 80
environments:
`, w.Attestor.Public().PEM(), w.Promoter.Public().PEM(), predicate.GateType) +
		environment("dev", "") + environment("staging", "    after: [dev]\n") + environment("prod", "    after: [staging]\n")
}

// WritePolicy replaces the policy file.
func (w *World) WritePolicy(t testing.TB, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(w.PolicyDir, "policy.yaml"), []byte(text), 0o600))
}

// Repository opens a repository of the registry for writing.
func (w *World) Repository(t testing.TB, path string) *ocirepo.Repository {
	t.Helper()
	repo, err := name.NewRepository(w.Registry.Host + "/" + path)
	require.NoError(t, err)
	return ocirepo.New(ocirepo.Access{}).Open(repo, ocirepo.Push)
}

// Image stores a random image of three layers and gives its reference by digest.
func (w *World) Image(t testing.TB, path string) name.Digest {
	t.Helper()
	image, err := random.Image(2048, 3)
	require.NoError(t, err)
	digest, err := image.Digest()
	require.NoError(t, err)
	ref, err := name.NewDigest(w.Registry.Host + "/" + path + "@" + digest.String())
	require.NoError(t, err)
	require.NoError(t, remote.Write(ref, image))
	return ref
}

// Attest signs a passed coverage gate onto an image, as of about an hour ago: each
// call a minute after the one before it, because evidence of one moment is a tie.
func (w *World) Attest(t testing.TB, image name.Digest, coverage float64) v1.Hash {
	t.Helper()
	return w.Say(t, image, w.Attestor, time.Now().Add(-time.Hour+time.Duration(w.attested.Add(1))*time.Minute), coverage)
}

// Say signs a passed coverage gate with any key and time.
func (w *World) Say(t testing.TB, image name.Digest, by *keys.Signer, finished time.Time, coverage float64) v1.Hash {
	t.Helper()
	content := fmt.Sprintf(`{"gate":"coverage-gate","verdict":"pass","measured":{"coverage":%v},"commit":%q}`, coverage, Commit)
	repo := w.Repository(t, strings.TrimPrefix(image.Context().Name(), w.Registry.Host+"/"))
	subject, err := repo.Head(t.Context(), image.DigestStr())
	require.NoError(t, err)
	signed, err := evidence.SealPredicate(by, subject, evidence.Origin{Commit: Commit, Run: "run-1", Finished: finished}, predicate.GateType, json.RawMessage(content))
	require.NoError(t, err)
	require.NoError(t, evidence.Attach(t.Context(), repo, subject.Digest, signed))
	return signed.Manifest.Digest
}

// At gives the digest that a tag is at, "" for no such tag.
func (w *World) At(t testing.TB, path, tag string) string {
	t.Helper()
	d, err := w.Repository(t, path).Head(t.Context(), tag)
	if err != nil {
		require.ErrorIs(t, err, ocirepo.ErrNotFound)
		return ""
	}
	return d.Digest.String()
}
