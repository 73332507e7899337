package migrate

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// Backfill fills the rows that were there before expand, then builds what is cheaper built afterwards, and verifies every row. Each
// batch commits its rows together with its progress, so a crash costs at most one batch a worker. On a change that is filled it verifies
// and repairs again.
func (e *Engine) Backfill(ctx context.Context, c *change.Change) (*Revision, error) {
	var r *Revision
	err := e.withLease(ctx, func(s *session) error {
		var err error
		if r, err = s.begun(s.ctx, c); err != nil {
			return err
		}
		if !r.Phase.Reached(Expanded) {
			return refusal.New("change %s is %s", c.ID(), r.Phase).Remedy("finish expand first; rows written meanwhile would be missed")
		}
		if !r.Phase.Reached(Filled) {
			for n := range r.Plan.Fills {
				if err := s.fill(s.ctx, r.Plan, n); err != nil {
					return fmt.Errorf("backfilling %s for %s: %w", r.Plan.Fills[n].Table.Plain(), r.Plan.Change, err)
				}
			}
			if err := s.run(s.ctx, r.Plan, plan.StageSettle); err != nil {
				return err
			}
			if err := s.enter(s.ctx, r, Filled, "the rows that were there are filled"); err != nil {
				return err
			}
		}
		if r.Phase.Reached(Burying) {
			return nil
		}
		return s.verify(s.ctx, r)
	})
	return r, err
}

func (s *session) fill(ctx context.Context, p *plan.Plan, n int) error {
	f := &p.Fills[n]
	if err := s.cut(ctx, p, n, f); err != nil {
		return err
	}
	m := s.newMeter(ctx, p, n, "backfill")
	defer m.stop()
	group, ctx := errgroup.WithContext(ctx)
	for range s.opts.Workers {
		w := &worker{session: s, plan: p, n: n, fill: f, meter: m, pace: newPace(s.opts)}
		group.Go(func() error { return w.loop(ctx) })
	}
	return group.Wait()
}

// A worker takes ranges that nobody else holds until none is left.
type worker struct {
	*session
	plan  *plan.Plan
	n     int
	fill  *plan.Fill
	meter *meter
	pace  *pace
}

func (w *worker) loop(ctx context.Context) error {
	failing := time.Time{}
	for {
		if err := w.meter.wait(ctx); err != nil {
			return err
		}
		began := time.Now()
		rows, err := w.batch(ctx)
		switch {
		case busy(err):
			if failing.IsZero() {
				failing = began
			}
			if time.Since(failing) > w.opts.RetryFor {
				return refusal.Undecide("a batch of %d rows did not get through within %s for %s: %s", w.pace.rows(), w.opts.LockTimeout, w.opts.RetryFor, describe(err)).
					Remedy("%s; then run again", w.blockers(ctx, w.fill.Table.String()))
			}
			w.pace.tooSlow()
			if err := sleep(ctx, w.opts.LockTimeout); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		case rows < 0:
			return nil
		}
		failing = time.Time{}
		took := time.Since(began)
		w.pace.observe(rows, took)
		w.meter.add(rows)
		if err := sleep(ctx, w.pace.rest(took)); err != nil {
			return err
		}
	}
}

// A span of the key that one batch covers: one range or several that touch.
type span struct {
	ids    []int64
	lo, hi []string
	rows   int64
	parts  []span
}

// batch fills one span in one transaction and gives the rows that it covers, -1 when none is left. Lock and statement timeout are
// the same: a writer that waits for one of the batch's rows waits no longer than for any other lock. The lock timeout
// stays below half the database's deadlock timeout, so that in a deadlock it is the batch that gives way.
func (w *worker) batch(ctx context.Context) (int64, error) {
	covered := int64(-1)
	err := w.write(ctx, func(tx pgx.Tx) error {
		if err := setLocal(ctx, tx, w.plan.SearchPath, min(w.opts.LockTimeout, 500*time.Millisecond), w.opts.LockTimeout); err != nil {
			return err
		}
		sp, err := w.claim(ctx, tx)
		if err != nil || sp == nil {
			return err
		}
		filled, err := w.update(ctx, tx, sp)
		if err != nil {
			return err
		}
		covered = sp.rows
		return w.done(ctx, tx, sp, filled)
	})
	if err != nil {
		return 0, err
	}
	return covered, nil
}

// claim locks the next ranges that no other worker holds, as many as the pace allows and the key runs through without a gap; one that is
// too long is split.
func (w *worker) claim(ctx context.Context, tx pgx.Tx) (*span, error) {
	want := w.pace.rows()
	rows, err := tx.Query(ctx, `SELECT id, span, lo, hi, rows FROM sluice.range WHERE version = $1 AND fill = $2 AND NOT done
		ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED`, w.plan.Version, w.n, 1+want/grain(w.fill.EstRows))
	if err != nil {
		return nil, err
	}
	sp := &span{}
	var width int64
	for rows.Next() {
		var id, idWidth, n int64
		var lo, hi []string
		if err := rows.Scan(&id, &idWidth, &lo, &hi, &n); err != nil {
			return nil, err
		}
		if len(sp.ids) > 0 && (sp.rows+n > want || !equal(sp.hi, lo)) {
			continue // unlocked again at the end of the transaction
		}
		if len(sp.ids) == 0 {
			sp.lo, width = lo, idWidth
		}
		sp.ids, sp.hi, sp.rows = append(sp.ids, id), hi, sp.rows+n
	}
	if err := rows.Err(); err != nil || len(sp.ids) == 0 {
		return nil, err
	}
	if len(sp.ids) == 1 && sp.rows > 2*want && width > 1 {
		return sp, w.split(ctx, tx, sp, want, width)
	}
	return sp, nil
}

// split leaves the rest of a range that is too long for one batch to a range of its own.
func (w *worker) split(ctx context.Context, tx pgx.Tx, sp *span, want, width int64) error {
	var mid []string
	within := w.fill.Within(sp.lo != nil, true)
	err := tx.QueryRow(ctx, fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s OFFSET %d LIMIT 1", w.fill.KeyText(), w.fill.Table, within, orderBy(w.fill, ""), want-1),
		append(texts(sp.lo), texts(sp.hi)...)...).Scan(&mid)
	if isNoRows(err) || (err == nil && equal(mid, sp.hi)) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO sluice.range (version, fill, id, span, lo, hi, rows) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		w.plan.Version, w.n, sp.ids[0]+width/2, width-width/2, mid, sp.hi, sp.rows-want); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE sluice.range SET hi = $4, span = $5, rows = $6 WHERE version = $1 AND fill = $2 AND id = $3",
		w.plan.Version, w.n, sp.ids[0], mid, width/2, want)
	sp.hi, sp.rows = mid, want
	return err
}

// update writes the rows of a span that are still pending; the setting keeps the triggers from taking it for an application's write.
func (w *worker) update(ctx context.Context, tx pgx.Tx, sp *span) (int64, error) {
	return w.rewrite(ctx, tx, w.fill.Update(w.fill.Within(sp.lo != nil, true)), append(texts(sp.lo), texts(sp.hi)...))
}

func (w *worker) rewrite(ctx context.Context, tx pgx.Tx, sql string, args []any) (int64, error) {
	if _, err := tx.Exec(ctx, "SET LOCAL sluice.backfill = 'on'"); err != nil {
		return 0, err
	}
	if d := w.fill.Displaces; d != "" {
		sql = fmt.Sprintf(`WITH w AS (%s RETURNING %s AS key, %s::text AS value)
			INSERT INTO sluice.displaced (version, relation, attribute, key, value) SELECT %s, %s, %s, key, value FROM w
			ON CONFLICT (version, relation, attribute, key) DO UPDATE SET value = EXCLUDED.value`, sql, w.fill.KeyText(), change.Quote(d),
			change.Literal(w.plan.Version), change.Literal(w.fill.Table.String()), change.Literal(d))
	}
	tag, err := tx.Exec(ctx, sql, args...)
	return tag.RowsAffected(), err
}

func (w *worker) done(ctx context.Context, tx pgx.Tx, sp *span, filled int64) error {
	_, err := tx.Exec(ctx, `UPDATE sluice.range SET done = true, filled = CASE WHEN id = $4 THEN $5 ELSE 0 END
		WHERE version = $1 AND fill = $2 AND id = ANY($3)`, w.plan.Version, w.n, sp.ids, sp.ids[0], filled)
	return err
}
