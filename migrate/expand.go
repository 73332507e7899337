package migrate

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// ExpandRequest says what to expand and for whom.
type ExpandRequest struct {
	Change    *change.Change
	Directory *change.Directory
	// Digest of the plan that was reviewed. Empty accepts the plan as it comes out now.
	Digest string
	// Application is the image digest of the version that this change ships with.
	Application string
}

// Expand adds the new shape beside the old one. Run again it goes on where it stopped; on a change that is expanded it does nothing.
func (e *Engine) Expand(ctx context.Context, q ExpandRequest) (*Revision, error) {
	var r *Revision
	err := e.withLease(ctx, func(s *session) error {
		var err error
		if r, err = s.begin(s.ctx, q); err != nil {
			return err
		}
		if r.Phase.Reached(Expanded) {
			return s.ship(s.ctx, r, q.Application)
		}
		if err := s.run(s.ctx, r.Plan, plan.StageExpand); err != nil {
			return err
		}
		if err := s.ship(s.ctx, r, q.Application); err != nil {
			return err
		}
		if q.Change.Operations[0].Baseline != nil {
			return s.enter(s.ctx, r, Completed, "taken over: nothing is to be run")
		}
		return s.enter(s.ctx, r, Expanded, "both shapes are there")
	})
	return r, err
}

// begin stores the plan, so that every later phase runs what was reviewed.
func (s *session) begin(ctx context.Context, q ExpandRequest) (*Revision, error) {
	r, err := s.revision(ctx, q.Change.Version)
	if err != nil {
		return nil, err
	}
	if r != nil && r.Phase == RollingBack {
		return nil, refusal.New("change %s is being rolled back", q.Change.ID()).Remedy("finish with migrate-rollback, then expand again")
	}
	if r != nil && r.Phase != RolledBack {
		return r, same(r, q)
	}
	p, err := s.compile(ctx, q.Change, true)
	if err != nil {
		return nil, err
	}
	if err := Refusals(p); err != nil {
		return nil, err
	}
	if q.Digest != "" && q.Digest != p.Digest() {
		return nil, refusal.New("the plan of %s is no longer the one that was reviewed: %s, not %s", p.Change, p.Digest(), q.Digest).
			Remedy("the database or the change differs since; plan and review again")
	}
	if err := s.free(ctx, p); err != nil {
		return nil, err
	}
	err = s.write(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO sluice.revision (version, name, phase, plan, plan_digest, directory_sum, tool, run)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (version) DO UPDATE SET name = EXCLUDED.name, phase = EXCLUDED.phase, plan = EXCLUDED.plan, plan_digest = EXCLUDED.plan_digest,
				directory_sum = EXCLUDED.directory_sum, tool = EXCLUDED.tool, run = EXCLUDED.run, expanded_at = NULL, filled_at = NULL, verified_at = NULL,
				switched_at = NULL, tombstoned_at = NULL, rolled_back_at = NULL, updated_at = clock_timestamp()`,
			p.Version, q.Change.Name, string(Expanding), planText(p), p.Digest(), q.Directory.Sum, s.opts.Tool, s.opts.Run); err != nil {
			return err
		}
		return s.event(ctx, tx, p.Version, string(Expanding), "plan "+p.Digest())
	})
	if err != nil {
		return nil, fmt.Errorf("storing the plan of %s: %w", p.Change, err)
	}
	return s.revision(ctx, p.Version)
}

// same refuses to go on with a change whose plan is not the one that was stored.
func same(r *Revision, q ExpandRequest) error {
	if q.Digest != "" && q.Digest != r.PlanDigest {
		return refusal.New("change %s began with plan %s, not %s", q.Change.ID(), r.PlanDigest, q.Digest).
			Remedy("go on with the stored plan, or roll back and expand anew")
	}
	return nil
}

// ship records which application version comes with the change.
func (s *session) ship(ctx context.Context, r *Revision, digest string) error {
	if digest == "" {
		return nil
	}
	return s.write(ctx, func(tx pgx.Tx) error { return s.record(ctx, tx, r.Version, "both", digest) })
}

// record adds an application version to the history once for each run of declarations.
func (s *session) record(ctx context.Context, tx pgx.Tx, version, reads, digest string) error {
	_, err := tx.Exec(ctx, `INSERT INTO sluice.application (version, reads, digest, run) SELECT $1::text, $2::text, $3::text, $4::text
		WHERE NOT EXISTS (SELECT FROM (SELECT reads, digest FROM sluice.application WHERE version = $1 ORDER BY id DESC LIMIT 1) l
			WHERE l.reads = $2 AND l.digest = $3)`, version, reads, digest, s.opts.Run)
	return err
}

func planText(p *plan.Plan) string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // plain data only: cannot fail
	}
	return string(b)
}
