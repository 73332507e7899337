package promotion

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/task"
)

// Unfinished tells whether the newest record is this very promotion, whose tags were
// not all moved: a run that was cut off is completed and not recorded again.
func (c *Chain) Unfinished(r *Record, image v1.Hash) bool {
	n := c.Newest
	return n != nil && n.Image == image && n.Action == r.Action && n.Target == r.Target &&
		n.Policy == r.Policy && (r.Restores == nil || *n.Restores == *r.Restores)
}

// Append numbers a record, signs it, stores it, and makes sure that no other one
// got the same number. It is completed by [Chain.Advance].
func (c *Chain) Append(ctx context.Context, signer *keys.Signer, r *Record, subject v1.Descriptor) error {
	r.Environment, r.Number = c.environment.Name, 1
	if c.Newest != nil {
		r.Number = c.Newest.Number + 1
		r.Previous = &Previous{Record: c.Newest.Manifest, Image: c.Newest.Image}
	}
	if err := c.policy.VerifiedBy(c.environment.PromotedBy, r.PromotedOn, func(k *keys.Public) error {
		if k.Hint() != signer.Public().Hint() {
			return keys.ErrSignature
		}
		return nil
	}); err != nil {
		return task.Misconfigured("the promoter key does not speak for %q, who promotes to %q: %w", c.environment.PromotedBy, c.environment.Name, err).
			WithRemedy("bind the Secret of that identity, or add its public key to the policy under review")
	}
	signed, err := r.seal(signer, subject)
	if err != nil {
		return err
	}
	if err := evidence.Upload(ctx, c.repo, signed); err != nil {
		return err
	}
	own := c.ownTag(r.Number, signed.Manifest.Digest)
	if _, err := c.repo.Put(ctx, own, signed.Manifest); err != nil {
		return err
	}
	last, err := c.last(ctx)
	if err == nil && last.tag != own {
		err = c.overtaken(last)
	}
	if err != nil {
		// Nothing else has moved: take the record back, where the registry can, so that the
		// other promotion is not held up by a fork.
		_ = c.repo.DeleteTag(context.WithoutCancel(ctx), own)
		return err
	}
	c.Newest = &Entry{Record: *r, Manifest: signed.Manifest.Digest, Image: subject.Digest}
	return nil
}

// Advance attaches the newest record to its image and moves the tag
// promotions-<environment> to it. After a cut-off promotion it does what was left.
func (c *Chain) Advance(ctx context.Context) error {
	if c.Tip == c.Newest.Manifest {
		return nil
	}
	m, err := c.repo.Manifest(ctx, c.Newest.Manifest.String())
	if err != nil {
		return err
	}
	if err := c.repo.Attach(ctx, c.Newest.Image, m); err != nil {
		return err
	}
	if _, err := c.repo.Put(ctx, c.tipTag(), m); err != nil {
		return err
	}
	c.Tip = c.Newest.Manifest
	return nil
}

// Settled makes sure, after everything has moved, that no other promotion came in
// between.
func (c *Chain) Settled(ctx context.Context) error {
	last, err := c.last(ctx)
	if err != nil {
		return err
	}
	if last.number != c.Newest.Number {
		return c.overtaken(last)
	}
	return nil
}

func (c *Chain) overtaken(by place) error {
	return task.Refuse("another promotion to %q came in between: record %d, %s", c.environment.Name, by.number, by.tag).
		WithRemedy("let one promotion run at a time per environment; run this one again if it shall win").
		WithRemedy("%s", "the tags of "+c.repo.Name.String()+" may be at either image until then")
}
