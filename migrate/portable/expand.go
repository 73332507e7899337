package portable

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// Plan says what a change would do to this database as it is now, after rehearsing it on a copy of a few rows. Once expand has begun it
// gives the plan that was stored then.
func (e *Engine) Plan(ctx context.Context, c *change.Change) (*plan.Plan, error) {
	all, err := e.revisions(ctx)
	if err != nil {
		return nil, err
	}
	if r := all[c.Version]; r != nil && r.Phase != migrate.RolledBack {
		return r.Plan, nil
	}
	return e.prepare(ctx, c)
}

func (e *Engine) prepare(ctx context.Context, c *change.Change) (*plan.Plan, error) {
	p, err := e.compile(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := p.Reviewed(c); err != nil {
		return nil, err
	}
	return p, e.rehearse(ctx, p, c)
}

// Expand adds the new shape beside the old one. Run again it goes on where it stopped; on a change that is expanded it does nothing.
func (e *Engine) Expand(ctx context.Context, q migrate.ExpandRequest) (r *migrate.Revision, err error) {
	err = e.withLease(ctx, func(ctx context.Context, s *session) error {
		if r, err = s.planned(ctx, q); err != nil {
			return err
		}
		if r.Phase.Reached(migrate.Expanded) {
			return s.ship(ctx, r, q.Application)
		}
		if err := s.run(ctx, r.Plan, plan.StageExpand); err != nil {
			return err
		}
		if err := s.ship(ctx, r, q.Application); err != nil {
			return err
		}
		return s.enter(ctx, r, migrate.Expanded, "both shapes are there")
	})
	return r, err
}

// planned stores the plan, so that every later phase runs what was reviewed.
func (s *session) planned(ctx context.Context, q migrate.ExpandRequest) (*migrate.Revision, error) {
	r, err := s.revision(ctx, q.Change.Version)
	switch {
	case err != nil:
		return nil, err
	case r != nil && r.Phase == migrate.RollingBack:
		return nil, refusal.New("change %s is being rolled back", q.Change.ID()).Remedy("finish with migrate-rollback, then expand again")
	case r != nil && r.Phase != migrate.RolledBack && q.Digest != "" && q.Digest != r.PlanDigest:
		return nil, refusal.New("change %s began with plan %s, not %s", q.Change.ID(), r.PlanDigest, q.Digest).
			Remedy("go on with the stored plan, or roll back and expand anew")
	case r != nil && r.Phase != migrate.RolledBack:
		return r, nil
	}
	p, err := s.prepare(ctx, q.Change)
	if err != nil {
		return nil, err
	}
	if err := migrate.Refusals(p); err != nil {
		return nil, err
	}
	if q.Digest != "" && q.Digest != p.Digest() {
		return nil, refusal.New("the plan of %s is no longer the one that was reviewed: %s, not %s", p.Change, p.Digest(), q.Digest).
			Remedy("the database or the change differs since; plan and review again")
	}
	if err := s.unoccupied(ctx, p); err != nil {
		return nil, err
	}
	err = s.write(ctx, func() error {
		if err := s.store(ctx, q.Change, p, q.Directory.Sum, migrate.Expanding); err != nil {
			return err
		}
		return s.event(ctx, p.Version, string(migrate.Expanding), "plan "+p.Digest())
	})
	if err != nil {
		return nil, fmt.Errorf("storing the plan of %s: %w", p.Change, err)
	}
	return s.revision(ctx, p.Version)
}

// store begins a change's history anew.
func (s *session) store(ctx context.Context, c *change.Change, p *plan.Plan, sum string, phase migrate.Phase) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := s.exec(ctx, "DELETE FROM sluice_revision WHERE version = ?", p.Version); err != nil {
		return err
	}
	return s.exec(ctx, "INSERT INTO sluice_revision (version, name, phase, plan, plan_digest, directory_sum, tool, run) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		p.Version, c.Name, string(phase), string(b), p.Digest(), sum, s.opts.Tool, s.opts.Run)
}

// unoccupied refuses to begin a change while another is under way on one of its tables.
func (e *Engine) unoccupied(ctx context.Context, p *plan.Plan) error {
	all, err := e.revisions(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.Version == p.Version || !r.Phase.InFlight() {
			continue
		}
		for _, t := range p.Tables {
			if t == "*" || slices.Contains(r.Plan.Tables, t) || slices.Contains(r.Plan.Tables, "*") {
				return refusal.New("change %s is %s on %s, which %s would change too", r.Plan.Change, r.Phase, t, p.Change).
					Remedy("contract or roll back %s first", r.Plan.Change)
			}
		}
	}
	return nil
}

// ship records which application version comes with the change.
func (s *session) ship(ctx context.Context, r *migrate.Revision, digest string) error {
	if digest == "" {
		return nil
	}
	return s.write(ctx, func() error { return s.record(ctx, r.Version, "both", digest) })
}

// record adds an application version to the history once for each run of declarations.
func (s *session) record(ctx context.Context, version, shape, digest string) error {
	last, err := collect(ctx, s.conn, "SELECT concat(shape, ' ', digest) FROM sluice_application WHERE version = ? ORDER BY id DESC LIMIT 1", []any{version}, text)
	if err != nil || len(last) == 1 && last[0] == shape+" "+digest {
		return err
	}
	return s.exec(ctx, "INSERT INTO sluice_application (version, shape, digest, run, at) VALUES (?, ?, ?, ?, "+s.now()+")", version, shape, digest, s.opts.Run)
}

// Baseline records changes as complete without running them, for a database that already has their shape.
func (e *Engine) Baseline(ctx context.Context, d *change.Directory, upTo string) (n int, err error) {
	last, err := d.Find(upTo)
	if err != nil {
		return 0, err
	}
	err = e.withLease(ctx, func(ctx context.Context, s *session) error {
		all, err := s.revisions(ctx)
		if err != nil {
			return err
		}
		for _, c := range d.Changes {
			if change.CompareVersions(c.Version, last.Version) > 0 || all[c.Version] != nil {
				continue
			}
			r := &migrate.Revision{Version: c.Version, Plan: &plan.Plan{Format: plan.Format, Change: c.ID(), Version: c.Version}}
			err := s.write(ctx, func() error {
				if err := s.store(ctx, c, r.Plan, d.Sum, migrate.Completed); err != nil {
					return err
				}
				return s.enterIn(ctx, r, migrate.Completed, "baseline: taken as complete")
			})
			if err != nil {
				return fmt.Errorf("recording %s: %w", c.ID(), err)
			}
			n++
		}
		return nil
	})
	return n, err
}

// Due gives the changes of a directory that are in one of some phases, in order.
func (e *Engine) Due(ctx context.Context, d *change.Directory, phases ...migrate.Phase) ([]*change.Change, error) {
	return e.chosen(ctx, d, func(r *migrate.Revision) bool {
		return r == nil && slices.Contains(phases, migrate.Pending) || r != nil && slices.Contains(phases, r.Phase)
	})
}

// Release gives the changes that this run brings: those that are not expanded yet, and those that it has expanded itself.
func (e *Engine) Release(ctx context.Context, d *change.Directory) ([]*change.Change, error) {
	return e.chosen(ctx, d, func(r *migrate.Revision) bool {
		return r == nil || r.Phase == migrate.RolledBack || r.Phase == migrate.Expanding ||
			r.Run == e.opts.Run && r.Phase.InFlight() && !r.Phase.Reached(migrate.Switched)
	})
}

func (e *Engine) chosen(ctx context.Context, d *change.Directory, wanted func(*migrate.Revision) bool) ([]*change.Change, error) {
	all, err := e.revisions(ctx)
	if err != nil {
		return nil, err
	}
	var due []*change.Change
	for _, c := range d.Changes {
		if wanted(all[c.Version]) {
			due = append(due, c)
		}
	}
	return due, nil
}
