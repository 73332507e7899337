package evidence

import (
	"context"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/ocirepo"
)

// Signed is a sealed statement, ready to be attached to its subject.
type Signed struct {
	PredicateType string
	Bundle        []byte
	Manifest      ocirepo.Manifest
}

// SealPredicate binds a predicate to a subject and signs it. The same arguments
// give the same bytes.
func SealPredicate(signer *keys.Signer, subject v1.Descriptor, o Origin, predicateType string, predicate json.RawMessage) (Signed, error) {
	statement, err := NewStatement(subject.Digest, o, predicateType, predicate)
	if err != nil {
		return Signed{}, err
	}
	b, err := Seal(signer, statement)
	if err != nil {
		return Signed{}, err
	}
	m, err := BundleManifest(subject, predicateType, b)
	return Signed{PredicateType: predicateType, Bundle: b, Manifest: m}, err
}

// Attach stores signed evidence as referrers of the subject. Attaching what is there
// already changes nothing.
func Attach(ctx context.Context, repo *ocirepo.Repository, subject v1.Hash, all ...Signed) error {
	var manifests []ocirepo.Manifest
	for _, s := range all {
		manifests = append(manifests, s.Manifest)
	}
	err := Upload(ctx, repo, all...)
	if err == nil {
		err = repo.Attach(ctx, subject, manifests...)
	}
	if err != nil {
		return fmt.Errorf("attaching evidence to %s@%s: %w", repo.Name, subject, err)
	}
	return nil
}

// Upload stores what the manifests of signed evidence point to.
func Upload(ctx context.Context, repo *ocirepo.Repository, all ...Signed) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { _, err := repo.WriteBlob(ctx, []byte("{}")); return err })
	for _, s := range all {
		g.Go(func() error { _, err := repo.WriteBlob(ctx, s.Bundle); return err })
	}
	return g.Wait()
}
