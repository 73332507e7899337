// Verify judges the signed evidence on an image digest by a promotion policy, and
// leaves the verdict as a predicate of its own: a SLSA verification summary.
//
// It reads the referrers API, the fallback tag and cosign's tags together, so that
// nothing hides anything, and promises the same verdict for the same policy, evidence
// and time. It fails closed: what is missing, unreadable, too old, ambiguous or signed
// by somebody else counts against the image.
//
// It refuses a tag (it can move between two looks) and a policy that does not parse.
//
//	verify --policy=policies --reports=reports --image=registry.example.com/app@sha256:… --environment=prod
package main

import (
	"context"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/promotion"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

const defaultBudget = 2 * time.Minute

type options struct {
	registry    *registry.Options
	policy      *promotion.Options
	evidence    *predicate.Options
	image       string
	environment string
	explain     bool
	budget      time.Duration
}

func verify(ctx context.Context, r *task.Run, o *options) error {
	access, err := o.registry.Client()
	if err != nil {
		return err
	}
	image, err := access.Digest(o.image)
	if err != nil {
		return err
	}
	p, err := o.policy.Load()
	if err != nil {
		return err
	}
	var e *policy.Environment
	if o.environment != "" {
		if e, err = p.Environment(o.environment); err != nil {
			return task.Misconfigured("%w", err)
		}
	}
	digest, err := v1.NewHash(image.DigestStr())
	if err != nil {
		return err
	}
	client := ocirepo.New(ocirepo.Access{Keychain: access.Keychain, Transport: access.Transport, Budget: o.budget})
	repo := client.Open(image.Context(), ocirepo.Pull)
	if _, err := repo.Head(ctx, digest.String()); err != nil {
		return ocirepo.Explain(err)
	}
	at := time.Now().UTC().Truncate(time.Second)
	verdict, err := promotion.Judge(ctx, p, e, repo.Attachments(), digest, o.evidence.Commit, at)
	if err != nil {
		return ocirepo.Explain(err)
	}
	if o.explain {
		if err := verdict.Explain(r.Stdout); err != nil {
			return err
		}
	}
	if err := report(r, o, p, verdict, image.String(), at); err != nil {
		return err
	}
	if err := promotion.Refusal(verdict, image, e); err != nil {
		return err
	}
	r.Printf("%s meets policy %q: %d requirements, by evidence of commit %s", image, p.Metadata.Name,
		len(verdict.Evidence()), verdict.Commit)
	return nil
}

// report writes the results and the verification summary, before anything is refused.
func report(r *task.Run, o *options, p *policy.Policy, v *policy.Verdict, image string, at time.Time) error {
	summary := newSummary(p, v, image, at)
	if err := r.Result("verdict", summary.VerificationResult); err != nil {
		return err
	}
	digest, err := o.evidence.WriteDocument("verify.json", predicate.Document{PredicateType: predicate.SummaryType, Predicate: summary})
	if err != nil {
		return err
	}
	return r.Result("PREDICATE_DIGEST", digest)
}
