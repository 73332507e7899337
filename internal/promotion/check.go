package promotion

import (
	"context"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/task"
)

// Judge collects the evidence on a digest and judges it.
func Judge(ctx context.Context, p *policy.Policy, e *policy.Environment, from *ocirepo.Attachments, digest v1.Hash, commit string, at time.Time) (*policy.Verdict, error) {
	pieces, err := evidence.Collect(ctx, from, digest)
	if err != nil {
		return nil, err
	}
	return p.Judge(e, policy.Question{Digest: digest, Commit: commit, Pieces: pieces, At: at}), nil
}

// Refusal is nil for a verdict that passed; otherwise it says why not.
func Refusal(v *policy.Verdict, image fmt.Stringer, e *policy.Environment) error {
	if v.Passed {
		return nil
	}
	where := ""
	if e != nil {
		where = fmt.Sprintf(" to %q", e.Name)
	}
	refusal := task.Refuse("%s is not admitted%s: %s", image, where, v.Reasons[0])
	for _, reason := range v.Reasons[1:] {
		refusal = refusal.WithRemedy("and %s", reason)
	}
	return refusal.WithRemedy("see every piece of evidence and why it counts or not: verify --explain --image=%s", image)
}

// Followed makes sure that a digest was promoted to an environment before: that its
// repository there has a record of it by that environment's promoter.
func Followed(ctx context.Context, p *policy.Policy, before *policy.Environment, repo *ocirepo.Repository, digest v1.Hash) error {
	pieces, err := evidence.Collect(ctx, repo.Attachments(), digest)
	if err != nil {
		return err
	}
	for _, piece := range pieces {
		if piece.Envelope == nil {
			continue
		}
		if _, err := verify(p, before, piece.Envelope, digest); err == nil {
			return nil
		}
	}
	return task.Refuse("%s has not been promoted to %q, which comes first: no record of it in %s", digest, before.Name, repo.Name).
		WithRemedy("promote it to %q, then try again", before.Name)
}
