package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/compile"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// errRollback ends a transaction that must leave nothing behind.
var errRollback = errors.New("rolled back on purpose")

// Plan says what a change would do to this database as it is now, after rehearsing it on copies of a few rows in a transaction that
// is rolled back. Once expand has begun it gives the plan that was stored then.
func (e *Engine) Plan(ctx context.Context, c *change.Change) (*plan.Plan, error) {
	if there, err := e.installed(ctx); err != nil {
		return nil, err
	} else if there {
		r, err := e.revision(ctx, c.Version)
		if err != nil {
			return nil, err
		}
		if r != nil && r.Phase != RolledBack {
			return r.Plan, nil
		}
	}
	return e.compile(ctx, c, true)
}

func (e *Engine) compile(ctx context.Context, c *change.Change, rehearse bool) (*plan.Plan, error) {
	var p *plan.Plan
	err := inTx(ctx, e.pool, func(tx pgx.Tx) error {
		if err := setLocal(ctx, tx, nil, e.opts.LockTimeout, 10*e.opts.StatementTimeout); err != nil {
			return err
		}
		var err error
		if p, err = compile.Compile(ctx, tx, c); err != nil {
			return err
		}
		if err := p.Reviewed(c); err != nil {
			return err
		}
		if rehearse {
			if err := compile.Validate(ctx, tx, c); err != nil {
				return err
			}
		}
		return errRollback
	})
	if !errors.Is(err, errRollback) {
		return nil, err
	}
	return p, nil
}

// Refusals gives the hazards that stop a plan, as one error, or nil.
func Refusals(p *plan.Plan) error {
	for _, h := range p.AllHazards() {
		if h.Refused {
			return refusal.New("plan %s: %s %s", p.Change, h.Rule, h.Text).Remedy("%s", h.Remedy)
		}
	}
	return nil
}

// free refuses to begin a change while another is under way on one of its tables: the triggers of two changes would see each other's
// columns in one order only.
func (e *Engine) free(ctx context.Context, p *plan.Plan) error {
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

// Baseline records changes as complete without running them, for a database that already has their shape.
func (e *Engine) Baseline(ctx context.Context, d *change.Directory, upTo string) (int, error) {
	last, err := d.Find(upTo)
	if err != nil {
		return 0, err
	}
	n := 0
	err = e.withLease(ctx, func(s *session) error {
		for _, c := range d.Changes {
			if change.CompareVersions(c.Version, last.Version) > 0 {
				break
			}
			p := &plan.Plan{Format: plan.Format, Change: c.ID(), Version: c.Version}
			err := s.write(s.ctx, func(tx pgx.Tx) error {
				tag, err := tx.Exec(s.ctx, `INSERT INTO sluice.revision (version, name, phase, plan, plan_digest, directory_sum, tool, run, completed_at)
					VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp()) ON CONFLICT (version) DO NOTHING`,
					c.Version, c.Name, string(Completed), planText(p), p.Digest(), d.Sum, s.opts.Tool, s.opts.Run)
				if err != nil || tag.RowsAffected() == 0 {
					return err
				}
				n++
				return s.event(s.ctx, tx, c.Version, "baseline", "taken as complete")
			})
			if err != nil {
				return fmt.Errorf("recording %s: %w", c.ID(), err)
			}
		}
		return nil
	})
	return n, err
}

// Due gives the changes of a directory that are in one of some phases, in order.
func (e *Engine) Due(ctx context.Context, d *change.Directory, phases ...Phase) ([]*change.Change, error) {
	all, err := e.revisions(ctx)
	if err != nil {
		return nil, err
	}
	var due []*change.Change
	for _, c := range d.Changes {
		at := Pending
		if r := all[c.Version]; r != nil {
			at = r.Phase
		}
		if slices.Contains(phases, at) {
			due = append(due, c)
		}
	}
	return due, nil
}

// Release gives the changes that this run brings: those that are not expanded yet, and those that it has expanded itself, so that a
// run that is retried plans and checks the same set.
func (e *Engine) Release(ctx context.Context, d *change.Directory) ([]*change.Change, error) {
	all, err := e.revisions(ctx)
	if err != nil {
		return nil, err
	}
	var due []*change.Change
	for _, c := range d.Changes {
		r := all[c.Version]
		switch {
		case r == nil, r.Phase == RolledBack, r.Phase == Expanding,
			r.Run == e.opts.Run && r.Phase.InFlight() && !r.Phase.Reached(Switched):
			due = append(due, c)
		}
	}
	return due, nil
}
