package main

import (
	"context"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/promotion"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// admission is what a promotion to an environment takes besides the copy.
type admission struct {
	policy      *policy.Policy
	environment *policy.Environment
	signer      *keys.Signer
	before      map[*policy.Environment]*ocirepo.Repository // whose records the digest needs
	commit, run string

	chain *promotion.Chain
}

func (o *options) admission(client *ocirepo.Client, access *registry.Client) (*admission, error) {
	p, err := o.policy.Load()
	if err != nil {
		return nil, err
	}
	a := &admission{policy: p, before: map[*policy.Environment]*ocirepo.Repository{}, commit: o.commit, run: o.run}
	if a.environment, err = p.Environment(o.environment); err != nil {
		return nil, task.Misconfigured("%w", err)
	}
	for _, name := range a.environment.After {
		e, err := p.Environment(name)
		if err != nil {
			return nil, task.Misconfigured("%w", err)
		}
		tag, err := targetTag(access, e.TargetTag())
		if err != nil {
			return nil, err
		}
		a.before[e] = client.Open(tag.Context(), ocirepo.Pull)
	}
	if o.plan {
		return a, nil // nothing will be signed
	}
	if o.key == "" {
		return nil, task.Misconfigured("environment %q needs the workspace promoter-key", o.environment).
			WithRemedy("bind the Secret of %q; only the service account that promotes may read it", a.environment.PromotedBy)
	}
	if a.signer, err = keys.ReadSigner(o.key); err != nil {
		return nil, task.Misconfigured("%w", err).WithRemedy("bind promoter-key to a Secret as `catalog keys new` writes it")
	}
	return a, nil
}

// admit verifies, copies, verifies what arrived, records, and only then moves the
// tag: nothing between check and use, and nothing unrecorded.
func (m *move) admit(ctx context.Context, r *task.Run) error {
	a := m.admission
	now := time.Now().UTC().Truncate(time.Second)
	if err := m.check(ctx, now); err != nil {
		return err
	}
	c, root, err := m.bring(ctx, r)
	if err != nil {
		return err
	}
	verdict, err := m.verify(ctx, m.target.Attachments(), now)
	if err != nil {
		return err
	}
	if err := a.record(ctx, m, verdict, root, now); err != nil {
		return err
	}
	if c != nil {
		if err := c.Tag(ctx, m.target, m.tag); err != nil {
			return err
		}
	}
	if err := a.chain.Settled(ctx); err != nil {
		return err
	}
	r.Printf("promoted %s to %s:%s by record %d", m.digest, m.target.Name, m.tag, a.chain.Newest.Number)
	return nil
}

// check is all that can be known before anything is written: whether the evidence
// at the source meets the policy, whether the environments before were passed, and
// whether the records at the target are whole.
func (m *move) check(ctx context.Context, now time.Time) (err error) {
	a := m.admission
	if _, err := m.verify(ctx, m.attached, now); err != nil {
		return err
	}
	for before, repo := range a.before {
		if err := promotion.Followed(ctx, a.policy, before, repo, m.digest); err != nil {
			return err
		}
	}
	a.chain, err = promotion.Open(ctx, a.policy, a.environment, m.target)
	return err
}

func (m *move) verify(ctx context.Context, from *ocirepo.Attachments, at time.Time) (*policy.Verdict, error) {
	a := m.admission
	verdict, err := promotion.Judge(ctx, a.policy, a.environment, from, m.digest, a.commit, at)
	if err != nil {
		return nil, err
	}
	return verdict, promotion.Refusal(verdict, from.Repository.Name.Digest(m.digest.String()), a.environment)
}

// record signs what is being done. A promotion that was cut off after its record is
// completed without a second one.
func (a *admission) record(ctx context.Context, m *move, verdict *policy.Verdict, root v1.Descriptor, now time.Time) error {
	record := m.newRecord()
	record.Commit, record.Run, record.PromotedOn = verdict.Commit, a.run, now
	for _, row := range verdict.Evidence() {
		record.Evidence = append(record.Evidence, promotion.EvidenceRef{Requirement: row.Requirement, Manifest: row.Manifest})
	}
	if !a.chain.Unfinished(record, m.digest) {
		if err := a.chain.Append(ctx, a.signer, record, root); err != nil {
			return err
		}
	}
	return a.chain.Advance(ctx)
}

// newRecord says what is to be done, and by which policy.
func (m *move) newRecord() *promotion.Record {
	p := m.admission.policy
	return &promotion.Record{
		Action: promotion.Promote, Source: m.source.Name.String(), Target: m.target.Name.String() + ":" + m.tag,
		Policy: promotion.PolicyRef{Name: p.Metadata.Name, Digest: p.Digest()},
	}
}
