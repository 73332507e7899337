// Attest signs what the tasks of a run found out onto the digest of the image that
// they judged: one in-toto statement for every piece of evidence, SLSA provenance,
// and a plain signature, as sigstore bundles in OCI referrers.
//
// The workspace reports can be written by the code under test, so nothing in it is
// believed by itself: a file counts only if its digest was given as a param, which
// comes from the result of the task that wrote it. Attest promises that it signs the
// bytes that it hashed, that a rerun pushes the same bytes, and that concurrent runs
// lose no entry.
//
// It refuses a digest that no file has, evidence in reports that no task vouches
// for, evidence about another commit or another run, and ambiguous JSON.
//
//	attest --reports=reports --signing-key=keys --image=registry.example.com/app@sha256:… --commit=… --predicates=sha256:…
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

const defaultBudget = 2 * time.Minute

type options struct {
	registry              *registry.Options
	reports, key          string
	image, commit         string
	predicates            []string
	sign, provenance      bool
	source, base, builder string
	run, taskRun          string
	budget                time.Duration
}

var commitPattern = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

func attest(ctx context.Context, r *task.Run, o *options) error {
	if !commitPattern.MatchString(o.commit) {
		return task.Misconfigured("commit %q is not a full commit hash", o.commit).
			WithRemedy("pass the result commit of the task that fetched the source")
	}
	if o.key == "" {
		return task.Misconfigured("the workspace signing-key is not bound").WithRemedy("bind it to the attestor's Secret, as `catalog keys new` writes it")
	}
	access, err := o.registry.Client()
	if err != nil {
		return err
	}
	image, err := access.Digest(o.image)
	if err != nil {
		return err
	}
	signer, err := keys.ReadSigner(o.key)
	if err != nil {
		return task.Misconfigured("%w", err).WithRemedy("bind the workspace signing-key to the attestor's Secret, as `catalog keys new` writes it")
	}
	found, err := o.read()
	if err != nil {
		return err
	}
	client := ocirepo.New(ocirepo.Access{Keychain: access.Keychain, Transport: access.Transport, Budget: o.budget})
	repo := client.Open(image.Context(), ocirepo.Push)
	subject, err := repo.Head(ctx, image.DigestStr())
	if err != nil {
		return ocirepo.Explain(err)
	}
	origin := evidence.Origin{Commit: o.commit, Run: cmp.Or(o.run, o.taskRun), Finished: newest(found)}
	if origin.Finished.IsZero() {
		if origin.Finished, err = earlier(ctx, repo, subject.Digest, signer, origin); err != nil {
			return ocirepo.Explain(err)
		}
	}
	signed, err := o.seal(signer, subject, origin, found)
	if err != nil {
		return err
	}
	if err := evidence.Attach(ctx, repo, subject.Digest, signed...); err != nil {
		return ocirepo.Explain(err)
	}
	for _, s := range signed {
		r.Printf("signed %s onto %s as %s", s.PredicateType, subject.Digest, s.Manifest.Digest)
	}
	r.Attr("oci.manifest.digest", image.DigestStr())
	r.Attr("vcs.ref.head.revision", o.commit)
	return r.Result("attestations", strconv.Itoa(len(signed)))
}

// seal signs everything that this run says of the subject.
func (o *options) seal(signer *keys.Signer, subject v1.Descriptor, origin evidence.Origin, found []found) ([]evidence.Signed, error) {
	var all []evidence.Signed
	add := func(kind string, content json.RawMessage) error {
		s, err := evidence.SealPredicate(signer, subject, origin, kind, content)
		if err == nil && len(s.Bundle) > evidence.MaxBundle {
			err = task.Refuse("evidence of type %s takes %d bytes signed, more than %d", kind, len(s.Bundle), evidence.MaxBundle)
		}
		all = append(all, s)
		return err
	}
	for _, f := range found {
		if err := add(f.kind, f.predicate); err != nil {
			return nil, fmt.Errorf("signing %q: %w", f.file, err)
		}
	}
	if o.provenance {
		content, err := o.provenancePredicate(origin, subject.Digest)
		if err != nil {
			return nil, err
		}
		if err := add(predicate.ProvenanceType, content); err != nil {
			return nil, err
		}
	}
	if o.sign {
		if err := add(predicate.SignatureType, json.RawMessage("{}")); err != nil {
			return nil, err
		}
	}
	if len(all) == 0 {
		return nil, task.Misconfigured("nothing to sign: no predicates, and sign and provenance are off")
	}
	return all, nil
}
