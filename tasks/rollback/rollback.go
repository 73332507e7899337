// Rollback moves an environment's tag back to an image that was promoted there
// before, and records that it did.
//
// It walks the chain of signed promotion records from the newest, and takes the last
// one before the present whose evidence still verifies by the policy, with ages judged
// at the time of that record. No byte of an image moves, so it takes seconds. Run
// again, it goes further back.
//
// It refuses an image that was never promoted to the environment, one whose evidence
// no longer verifies (a key that left the policy, evidence that was removed), and a
// chain of records that is broken or forks.
//
//	rollback --policy=policies --promoter-key=keys --environment=prod
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/promotion"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

const defaultBudget = 2 * time.Minute

type options struct {
	registry    *registry.Options
	policy      *promotion.Options
	key         string
	environment string
	to          string
	reason      string
	run         string
	budget      time.Duration
	plan        bool
}

// place is an environment with its history.
type place struct {
	policy      *policy.Policy
	environment *policy.Environment
	repo        *ocirepo.Repository
	tag, run    string
	chain       *promotion.Chain
}

func rollback(ctx context.Context, r *task.Run, o *options) error {
	signer, err := keys.ReadSigner(o.key)
	if err != nil {
		return task.Misconfigured("%w", err).WithRemedy("bind promoter-key to a Secret as `catalog keys new` writes it")
	}
	p, err := o.open(ctx)
	if err != nil {
		return ocirepo.Explain(err)
	}
	choice, err := p.choose(ctx, o.to)
	if o.plan {
		r.WithoutResults()
		if printed := choice.print(r.Stdout); printed != nil {
			return printed
		}
		return ocirepo.Explain(err)
	}
	if err != nil {
		return ocirepo.Explain(err)
	}
	if err := p.goBack(ctx, signer, choice, o); err != nil {
		return ocirepo.Explain(err)
	}
	r.Printf("rolled %s:%s back to %s, which record %d put there on %s; record %d says so", p.repo.Name, p.tag,
		choice.entry.Image, choice.entry.Number, choice.entry.PromotedOn.Format(time.RFC3339), p.chain.Newest.Number)
	r.Attr("oci.manifest.digest", choice.entry.Image.String())
	return errors.Join(
		r.Result("IMAGE_URL", p.repo.Name.String()+":"+p.tag),
		r.Result("IMAGE_DIGEST", choice.entry.Image.String()),
		r.Result("IMAGE_REF", p.repo.Name.Digest(choice.entry.Image.String()).String()),
		r.Result("record", p.chain.Newest.Manifest.String()),
	)
}

func (o *options) open(ctx context.Context) (*place, error) {
	access, err := o.registry.Client()
	if err != nil {
		return nil, err
	}
	p := &place{run: o.run}
	if p.policy, err = o.policy.Load(); err != nil {
		return nil, err
	}
	if p.environment, err = p.policy.Environment(o.environment); err != nil {
		return nil, task.Misconfigured("%w", err)
	}
	ref, err := access.Reference(p.environment.TargetTag())
	if err != nil {
		return nil, err
	}
	client := ocirepo.New(ocirepo.Access{Keychain: access.Keychain, Transport: access.Transport, Budget: o.budget})
	p.repo, p.tag = client.Open(ref.Context(), ocirepo.Push), ref.Identifier()
	if p.chain, err = promotion.Open(ctx, p.policy, p.environment, p.repo); err != nil {
		return nil, err
	}
	if p.chain.Newest == nil {
		return nil, task.Refuse("nothing was ever promoted to %q: %s has no records", o.environment, p.repo.Name)
	}
	return p, nil
}

// goBack records the rollback and then moves the tag.
func (p *place) goBack(ctx context.Context, signer *keys.Signer, c *choice, o *options) error {
	m, err := p.repo.Manifest(ctx, c.entry.Image.String())
	if err != nil {
		return fmt.Errorf("reading the image to go back to: %w", err)
	}
	if c.done {
		return p.finish(ctx, m)
	}
	record := &promotion.Record{
		Action: promotion.Rollback, Source: p.repo.Name.String(), Target: p.repo.Name.String() + ":" + p.tag,
		Restores: &c.entry.Manifest, Reason: o.reason,
		Policy:   promotion.PolicyRef{Name: p.policy.Metadata.Name, Digest: p.policy.Digest()},
		Evidence: c.evidence, Commit: c.entry.Commit, Run: o.run,
		PromotedOn: time.Now().UTC().Truncate(time.Second),
	}
	if err := p.chain.Append(ctx, signer, record, m.Descriptor()); err != nil {
		return err
	}
	return p.finish(ctx, m)
}

func (p *place) finish(ctx context.Context, m ocirepo.Manifest) error {
	if err := p.chain.Advance(ctx); err != nil {
		return err
	}
	if _, err := p.repo.Put(ctx, p.tag, m); err != nil {
		return err
	}
	return p.chain.Settled(ctx)
}
