package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/coverage"
	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/task"
)

// gateEvidence is what this gate needs of its own predicate.
type gateEvidence struct {
	Gate     string
	Measured struct {
		Unit           coverage.Unit
		Covered, Total uint64
	}
}

// counts gives the sums of evidence, or says why there are none to compare with.
func (g gateEvidence) counts(unit coverage.Unit) (*coverage.Counts, error) {
	was := g.Measured
	switch {
	case was.Total == 0 || was.Covered > was.Total:
		return nil, errors.New("it holds no number")
	case was.Unit != unit:
		return nil, fmt.Errorf("it counts %s and the profile %s", was.Unit, unit)
	}
	return &coverage.Counts{Covered: was.Covered, Total: was.Total}, nil
}

// readImage takes the baseline from the newest evidence on an image that one of the given keys has signed. What another
// key has signed, or nobody, does not count.
func (m *measurement) readImage(ctx context.Context, o *options, unit coverage.Unit) error {
	trusted, err := readKeys(o.baselineKeys)
	if err != nil {
		return err
	}
	access, err := o.registry.Client()
	if err != nil {
		return err
	}
	image, err := access.Digest(o.baselineImage)
	if err != nil {
		return err
	}
	digest, err := v1.NewHash(image.DigestStr())
	if err != nil {
		return err
	}
	client := ocirepo.New(ocirepo.Access{Keychain: access.Keychain, Transport: access.Transport, Budget: o.budget})
	pieces, err := evidence.Collect(ctx, client.Open(image.Context(), ocirepo.Pull).Attachments(), digest)
	if err != nil {
		return ocirepo.Explain(err)
	}
	found, err := newestOf(pieces, digest, trusted)
	if err != nil {
		return fmt.Errorf("reading the evidence of %s: %w", image, err)
	}
	m.baseline = &baseline{name: o.baselineImage}
	if m.baseline.before, err = found.counts(unit); err != nil {
		return fmt.Errorf("reading the evidence of %s: %w", image, err)
	}
	m.input(o.baselineImage, digest.Hex)
	return nil
}

// newestOf finds the newest evidence of this gate. Two of one time that differ decide nothing.
func newestOf(pieces []evidence.Piece, digest v1.Hash, trusted []*keys.Public) (*gateEvidence, error) {
	var newest *gateEvidence
	var at time.Time
	for _, p := range pieces {
		g, finished, ok := ownEvidence(p, digest, trusted)
		switch {
		case !ok || newest != nil && finished.Before(at):
		case newest != nil && finished.Equal(at) && *g != *newest:
			return nil, errors.New("two runs of one time contradict each other")
		default:
			newest, at = g, finished
		}
	}
	if newest == nil {
		return nil, task.Misconfigured("nothing that coverage-gate left is signed there by the keys given").
			WithRemedy("was the base image built by a pipeline with this gate and attest? The keys are those of attest")
	}
	return newest, nil
}

func ownEvidence(p evidence.Piece, digest v1.Hash, trusted []*keys.Public) (g *gateEvidence, finished time.Time, ok bool) {
	if p.Envelope == nil || !signedByAny(p.Envelope, trusted) {
		return nil, finished, false
	}
	statement, err := evidence.ParseStatement(p.Envelope.Payload)
	if err != nil || statement.PredicateType != predicate.GateType {
		return nil, finished, false
	}
	subject, err := statement.About(digest)
	if err != nil {
		return nil, finished, false
	}
	origin, err := subject.Origin()
	if err != nil || json.Unmarshal(statement.Predicate, &g) != nil || g == nil || g.Gate != "coverage-gate" {
		return nil, finished, false
	}
	return g, origin.Finished, true
}

func signedByAny(e *evidence.Envelope, trusted []*keys.Public) bool {
	for _, key := range trusted {
		if e.Verify(key) == nil {
			return true
		}
	}
	return false
}

// readKeys reads the *.pub files of a directory, as cosign names them.
func readKeys(dir string) (all []*keys.Public, err error) {
	if dir == "" {
		return nil, task.Misconfigured("--baseline-image without the workspace baseline-keys: unsigned evidence is none").
			WithRemedy("bind it to a ConfigMap or Secret with the public key of attest, cosign.pub")
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.pub"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading key: %w", err)
		}
		key, err := keys.ParsePublic(text)
		if err != nil {
			return nil, fmt.Errorf("reading key %q: %w", filepath.Base(name), err)
		}
		all = append(all, key)
	}
	if len(all) == 0 {
		return nil, task.Misconfigured("the workspace baseline-keys holds no public key, *.pub")
	}
	return all, nil
}
