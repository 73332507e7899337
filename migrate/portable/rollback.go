package portable

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// Rollback undoes a change from every phase before the drop. It counts what the old shape cannot hold first, and refuses when that
// is more than was accepted.
func (e *Engine) Rollback(ctx context.Context, q migrate.RollbackRequest) (lost []migrate.Lost, err error) {
	err = e.withLease(ctx, func(ctx context.Context, s *session) error {
		r, err := s.begun(ctx, q.Change)
		if err != nil {
			return err
		}
		switch r.Phase {
		case migrate.RolledBack:
			return nil
		case migrate.Dropping, migrate.Completed:
			return refusal.New("change %s is %s: the old shape is gone", q.Change.ID(), r.Phase).
				Remedy("write a change that goes forward; archived values, if any, are in tables named sluice_archive_…")
		case migrate.Burying: // nothing is lost by lifting a tombstone, and the counts need the old names
			if err := s.lift(ctx, r); err != nil {
				return err
			}
		}
		if q.ToSwitched {
			return s.lift(ctx, r)
		}
		if lost, err = s.weigh(ctx, r, q.AcceptLoss); err != nil {
			return err
		}
		if err := s.reversible(ctx, r); err != nil {
			return err
		}
		if err := s.lift(ctx, r); err != nil {
			return err
		}
		return s.back(ctx, r)
	})
	return lost, err
}

// losses counts what a rollback would lose, without acting.
func (e *Engine) losses(ctx context.Context, c *sql.Conn, r *migrate.Revision) ([]migrate.Lost, error) {
	var lost []migrate.Lost
	for _, l := range r.Plan.Losses {
		query := l.Count
		if r.Phase == migrate.Tombstoned {
			query = l.Tombstoned
		}
		n, err := countOn(ctx, e, c, query)
		if err != nil && e.absent(err) { // expand did not come to the new columns
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("counting %s: %w", l.What, err)
		}
		if n > 0 {
			lost = append(lost, migrate.Lost{What: l.What, Rows: n})
		}
	}
	return lost, nil
}

func (s *session) weigh(ctx context.Context, r *migrate.Revision, accept int64) ([]migrate.Lost, error) {
	if r.Phase == migrate.RollingBack {
		return nil, nil // weighed when it began
	}
	lost, err := s.losses(ctx, s.conn, r)
	if err != nil {
		return nil, err
	}
	return lost, migrate.Weigh(r.Plan.Change, lost, accept)
}

// reversible refuses when a step has run that leaves no way back.
func (s *session) reversible(ctx context.Context, r *migrate.Revision) error {
	for i, step := range r.Plan.Expand {
		state, err := s.journaled(ctx, r.Version, plan.StageExpand, i)
		if err != nil {
			return err
		}
		if state != "" && step.Irreversible != "" && !step.Stays {
			return refusal.New("change %s cannot be rolled back: %s", r.Plan.Change, step.Irreversible).
				Remedy("undo it by hand or go forward; an undo script in the change makes the next one reversible")
		}
	}
	return nil
}

// lift takes the tombstone away and brings the old columns up to date; the window after the switch starts anew.
func (s *session) lift(ctx context.Context, r *migrate.Revision) error {
	if r.Phase != migrate.Tombstoned && r.Phase != migrate.Burying {
		return nil
	}
	if err := s.enter(ctx, r, migrate.Burying, "lifting the tombstone"); err != nil { // a contract that comes next begins with the tombstone again
		return err
	}
	if err := s.undo(ctx, r.Plan, plan.StageTombstone); err != nil {
		return err
	}
	for i := range r.Plan.Backward {
		f, n := &r.Plan.Backward[i], len(r.Plan.Fills)+i
		if err := s.fill(ctx, r.Plan, n, f); err != nil {
			return fmt.Errorf("filling the old columns of %s for %s: %w", f.Table.Plain(), r.Plan.Change, err)
		}
	}
	return s.write(ctx, func() error { // the next tombstone's rows are to be walked again
		if err := s.exec(ctx, "DELETE FROM sluice_fill WHERE version = ? AND fill >= ?", r.Version, len(r.Plan.Fills)); err != nil {
			return err
		}
		r.Phase = migrate.Switched
		return s.enterIn(ctx, r, migrate.Switched, "the tombstone is lifted")
	})
}

func (s *session) back(ctx context.Context, r *migrate.Revision) error {
	if err := s.enter(ctx, r, migrate.RollingBack, ""); err != nil {
		return err
	}
	for _, stage := range []string{plan.StageSettle, plan.StageExpand} {
		if err := s.undo(ctx, r.Plan, stage); err != nil {
			return err
		}
	}
	for i := range r.Plan.Fills {
		if err := s.restore(ctx, r.Plan, &r.Plan.Fills[i]); err != nil {
			return err
		}
	}
	return s.write(ctx, func() error {
		if err := s.forget(ctx, r.Version, "sluice_fill", "sluice_displaced", "sluice_journal"); err != nil {
			return err
		}
		return s.enterIn(ctx, r, migrate.RolledBack, "only the old shape is left")
	})
}

// restoreRows is how many replaced NULLs one transaction puts back.
const restoreRows = 200

// restore puts back the NULLs that a fill or its trigger replaced, where nobody has written another value since.
func (s *session) restore(ctx context.Context, p *plan.Plan, f *plan.Fill) error {
	if f.Displaces == "" {
		return nil
	}
	type displaced struct{ key, value string }
	record := func(rows *sql.Rows) (d displaced, err error) { return d, rows.Scan(&d.key, &d.value) }
	column := quote(f.Displaces)
	for {
		var some []displaced
		err := s.patiently(ctx, plan.Step{What: "putting NULLs back", Table: f.Table.Plain()}, func() error {
			return s.write(ctx, func() error {
				var err error
				some, err = collect(ctx, s.conn, fmt.Sprintf("SELECT row_key, value FROM sluice_displaced WHERE version = ? AND relation = ? AND attribute = ? LIMIT %d", restoreRows),
					[]any{p.Version, f.Table.Name, f.Displaces}, record)
				if err != nil {
					return err
				}
				for _, d := range some {
					key := "(" + joinKey(f) + ") = (" + d.key + ")"
					if err := s.exec(ctx, fmt.Sprintf("UPDATE %s SET %s = NULL WHERE %s AND %s = ?", f.Table, column, key, s.characters(column)), d.value); err != nil {
						return err
					}
					if err := s.exec(ctx, "DELETE FROM sluice_displaced WHERE version = ? AND relation = ? AND attribute = ? AND row_key = ?",
						p.Version, f.Table.Name, f.Displaces, d.key); err != nil {
						return err
					}
				}
				return nil
			})
		})
		if err != nil || len(some) == 0 {
			return err
		}
	}
}

func joinKey(f *plan.Fill) string {
	s := ""
	for i, n := range f.KeyNames() {
		if i > 0 {
			s += ", "
		}
		s += n
	}
	return s
}
