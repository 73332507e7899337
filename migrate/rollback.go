package migrate

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// RollbackRequest says how far back to go.
type RollbackRequest struct {
	Change *change.Change
	// ToSwitched lifts the tombstone only: readers of the old shape work again, and the window starts anew.
	ToSwitched bool
	// AcceptLoss is how many rows may lose what the old shape cannot hold.
	AcceptLoss int64
}

// A Lost says how many rows rollback cannot carry back, and why.
type Lost struct {
	What string `json:"what"`
	Rows int64  `json:"rows"`
}

// Rollback undoes a change from every phase before the drop. It counts what the old shape cannot hold first, and refuses when that
// is more than was accepted.
func (e *Engine) Rollback(ctx context.Context, q RollbackRequest) (lost []Lost, err error) {
	err = e.withLease(ctx, func(s *session) error {
		r, err := s.begun(s.ctx, q.Change)
		if err != nil {
			return err
		}
		switch r.Phase {
		case RolledBack:
			return nil
		case Dropping, Completed:
			return refusal.New("change %s is %s: the old shape is gone", q.Change.ID(), r.Phase).
				Remedy("write a change that goes forward; archived values, if any, are in the schema sluice")
		case Burying: // nothing is lost by lifting a tombstone, and the counts need the old names
			if err := s.lift(s.ctx, r); err != nil {
				return err
			}
		}
		if q.ToSwitched {
			return s.lift(s.ctx, r)
		}
		if lost, err = s.weigh(s.ctx, r, q.AcceptLoss); err != nil {
			return err
		}
		return s.back(s.ctx, r)
	})
	return lost, err
}

// Losses counts what a rollback would lose, without acting.
func (e *Engine) Losses(ctx context.Context, r *Revision) ([]Lost, error) {
	var lost []Lost
	for _, l := range r.Plan.Losses {
		sql := l.Count
		if r.Phase == Tombstoned && l.Tombstoned != "" {
			sql = l.Tombstoned
		}
		s := &session{Engine: e, pool: e.pool}
		n, err := s.count(ctx, r.Plan, sql)
		if isCode(err, "42703") || isCode(err, "42P01") { // expand did not come to the new columns
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("counting %s: %w", l.What, err)
		}
		if n > 0 {
			lost = append(lost, Lost{l.What, n})
		}
	}
	return lost, nil
}

func (s *session) weigh(ctx context.Context, r *Revision, accept int64) ([]Lost, error) {
	if r.Phase == RollingBack {
		return nil, nil // weighed when it began
	}
	lost, err := s.Losses(ctx, r)
	if err != nil {
		return nil, err
	}
	return lost, Weigh(r.Plan.Change, lost, accept)
}

// Weigh refuses to roll a change back at the loss of more rows than were accepted.
func Weigh(change string, lost []Lost, accept int64) error {
	var total int64
	text := ""
	for _, l := range lost {
		total += l.Rows
		text += fmt.Sprintf("; %d %s", l.Rows, l.What)
	}
	if total > accept {
		return refusal.New("rolling back %s would lose data%s", change, text).
			Remedy("nothing was undone; to go ahead, accept the loss of %d rows", total)
	}
	return nil
}

// lift takes the tombstone away; the window after the switch starts anew.
func (s *session) lift(ctx context.Context, r *Revision) error {
	if r.Phase != Tombstoned && r.Phase != Burying {
		return nil
	}
	if err := s.enter(ctx, r, Burying, "lifting the tombstone"); err != nil { // a contract that comes next begins with the tombstone again
		return err
	}
	if err := s.undo(ctx, r.Plan, plan.StageTombstone); err != nil {
		return err
	}
	return s.enter(ctx, r, Switched, "the tombstone is lifted")
}

func (s *session) back(ctx context.Context, r *Revision) error {
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
	if err := s.enter(ctx, r, RollingBack, ""); err != nil {
		return err
	}
	for _, stage := range []string{plan.StageTombstone, plan.StageSettle, plan.StageExpand} {
		if err := s.undo(ctx, r.Plan, stage); err != nil {
			return err
		}
	}
	for i := range r.Plan.Fills {
		if err := s.restore(ctx, r.Plan, &r.Plan.Fills[i]); err != nil {
			return err
		}
	}
	return s.write(ctx, func(tx pgx.Tx) error {
		for _, t := range []string{"range", "fill", "displaced", "journal"} {
			if _, err := tx.Exec(ctx, "DELETE FROM sluice."+t+" WHERE version = $1", r.Version); err != nil {
				return err
			}
		}
		return s.enterIn(ctx, tx, r, RolledBack, "only the old shape is left")
	})
}

// undo takes back the steps of a stage that the journal holds, last first, each in one transaction with its entry.
func (s *session) undo(ctx context.Context, p *plan.Plan, stage string) error {
	steps := p.Of(stage)
	for i := len(steps) - 1; i >= 0; i-- {
		state, err := s.journaled(ctx, p.Version, stage, i)
		if err != nil {
			return err
		}
		if state == "" {
			continue
		}
		if err := s.undoStep(ctx, p, stage, i, steps[i]); err != nil {
			return fmt.Errorf("undoing %s of %s, step %d (%s): %w", stage, p.Change, i+1, steps[i].What, err)
		}
	}
	return nil
}

func (s *session) undoStep(ctx context.Context, p *plan.Plan, stage string, i int, step plan.Step) error {
	if step.Outside {
		for _, sql := range step.Undo {
			if err := s.alone(ctx, p, sql); err != nil {
				return err
			}
		}
		step.Undo = nil
	}
	return s.patiently(ctx, step, func() error {
		return s.write(ctx, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "DELETE FROM sluice.journal WHERE version = $1 AND stage = $2 AND step = $3", p.Version, stage, i); err != nil {
				return err
			}
			if err := s.event(ctx, tx, p.Version, "undo", stage+": "+step.What); err != nil {
				return err
			}
			return s.execute(ctx, tx, p, step, step.Undo)
		})
	})
}

// restoreRows is how many replaced NULLs one transaction puts back.
const restoreRows = 500

// restore puts back the NULLs that a fill or its trigger replaced, where nobody has written another value since.
func (s *session) restore(ctx context.Context, p *plan.Plan, f *plan.Fill) error {
	if f.Displaces == "" {
		return nil
	}
	col, match := change.Quote(f.Displaces), ""
	for i, k := range f.Key {
		match += fmt.Sprintf(" AND t.%s = d.key[%d]::%s", change.Quote(k.Name), i+1, k.Type)
	}
	sql := fmt.Sprintf(`WITH d AS (DELETE FROM sluice.displaced WHERE (version, relation, attribute, key) IN (
			SELECT version, relation, attribute, key FROM sluice.displaced WHERE version = $1 AND relation = $2 AND attribute = $3 LIMIT %d) RETURNING key, value),
		u AS (UPDATE %s t SET %s = NULL FROM d WHERE t.%s::text = d.value%s)
		SELECT count(*) FROM d`, restoreRows, f.Table, col, col, match)
	for {
		var n int64
		step := plan.Step{What: "putting NULLs back", Table: f.Table.String()}
		err := s.patiently(ctx, step, func() error {
			return s.write(ctx, func(tx pgx.Tx) error {
				if err := setLocal(ctx, tx, p.SearchPath, s.opts.LockTimeout, s.opts.StatementTimeout); err != nil {
					return err
				}
				return tx.QueryRow(ctx, sql, p.Version, f.Table.String(), f.Displaces).Scan(&n)
			})
		})
		if err != nil || n == 0 {
			return err
		}
	}
}
