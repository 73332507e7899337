package portable

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// Backfill fills the rows that were there before expand, then builds what is cheaper built afterwards, and verifies every row. Each
// batch commits its rows together with its progress. On a change that is filled it verifies and repairs again.
func (e *Engine) Backfill(ctx context.Context, c *change.Change) (r *migrate.Revision, err error) {
	err = e.withLease(ctx, func(ctx context.Context, s *session) error {
		if r, err = s.begun(ctx, c); err != nil {
			return err
		}
		if !r.Phase.Reached(migrate.Expanded) {
			return refusal.New("change %s is %s", c.ID(), r.Phase).Remedy("finish expand first; rows written meanwhile would be missed")
		}
		if !r.Phase.Reached(migrate.Filled) {
			for n := range r.Plan.Fills {
				if err := s.fill(ctx, r.Plan, n, &r.Plan.Fills[n]); err != nil {
					return fmt.Errorf("backfilling %s for %s: %w", r.Plan.Fills[n].Table.Plain(), r.Plan.Change, err)
				}
			}
			if err := s.run(ctx, r.Plan, plan.StageSettle); err != nil {
				return err
			}
			if err := s.enter(ctx, r, migrate.Filled, "the rows that were there are filled"); err != nil {
				return err
			}
		}
		if r.Phase.Reached(migrate.Burying) {
			return nil
		}
		return s.verify(ctx, r)
	})
	return r, err
}

// A walk goes over a table along its key, a batch a transaction.
type walk struct {
	*session
	fill  *plan.Fill
	rows  int64 // of the next batch
	most  int64
	aim   time.Duration
	began time.Time
}

func (s *session) walk(f *plan.Fill, rows, most int64, aim time.Duration) *walk {
	return &walk{session: s, fill: f, rows: rows, most: most, aim: aim, began: time.Now()}
}

// adapt brings the next batch closer to the time it should take.
func (w *walk) adapt(took time.Duration) {
	factor := min(2, max(0.25, float64(w.aim)/float64(max(took, time.Millisecond))))
	w.rows = min(w.most, max(1, int64(float64(w.rows)*factor)))
}

// fill walks from the lowest key to the one that was the highest when it began: what is inserted above comes through the triggers.
func (s *session) fill(ctx context.Context, p *plan.Plan, n int, f *plan.Fill) error {
	state, err := s.fillState(ctx, p, n, f)
	if err != nil {
		return err
	}
	w := s.walk(f, 200, 20_000, s.opts.BatchTime)
	var failing time.Time
	for !state.finished {
		began := time.Now()
		err := w.batch(ctx, p, n, state)
		switch {
		case err != nil && ctx.Err() == nil && s.busy(err):
			if failing.IsZero() {
				failing = began
			}
			if time.Since(failing) > s.opts.RetryFor {
				return refusal.Undecide("a batch of %d rows did not get through within %s for %s: %w", w.rows, s.opts.LockTimeout, s.opts.RetryFor, err).
					Remedy("end long transactions on %s, then run again", f.Table.Plain())
			}
			w.adapt(10 * s.opts.BatchTime)
			if err := sleep(ctx, s.opts.LockTimeout); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		failing = time.Time{}
		took := time.Since(began)
		w.adapt(took)
		w.tell(p, "backfill", state.done, state.total)
		if err := sleep(ctx, took*time.Duration(100-s.opts.Load)/time.Duration(s.opts.Load)); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) tell(p *plan.Plan, phase string, done, total int64) {
	w.opts.Progress(migrate.Progress{Change: p.Change, Table: w.fill.Table.Plain(), Phase: phase, Done: done, Total: max(done, total), Since: w.began})
}

// A position is a row's key as SQL literals, one a column; nil stands before the first row.
type position []string

func (p position) value() any {
	if p == nil {
		return nil
	}
	b, _ := json.Marshal([]string(p))
	return string(b)
}

func (p *position) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*p = nil
		return nil
	case string:
		return json.Unmarshal([]byte(v), (*[]string)(p))
	case []byte:
		return json.Unmarshal(v, (*[]string)(p))
	}
	return fmt.Errorf("a key of type %T", v)
}

// A fillState is how far a fill has come.
type fillState struct {
	upper, at   position
	done, total int64
	finished    bool
}

// fillState reads how far a fill has come, or notes where it ends.
func (s *session) fillState(ctx context.Context, p *plan.Plan, n int, f *plan.Fill) (*fillState, error) {
	st := &fillState{}
	err := scan(ctx, s.db, "SELECT upper_key, at_key, done, total, finished FROM sluice_fill WHERE version = ? AND fill = ?", []any{p.Version, n},
		&st.upper, &st.at, &st.done, &st.total, &st.finished)
	if !errors.Is(err, sql.ErrNoRows) {
		return st, err
	}
	if st.total, err = s.count(ctx, "SELECT count(*) FROM "+f.Table.String()); err != nil {
		return nil, err
	}
	return st, s.write(ctx, func() error {
		if st.upper, err = s.find(ctx, f, nil, nil, " DESC", 0); err != nil {
			return err
		}
		st.finished = st.upper == nil
		return s.exec(ctx, "INSERT INTO sluice_fill (version, fill, upper_key, total, done, finished, pass, repaired, clean) VALUES (?, ?, ?, ?, 0, ?, 0, 0, 0)",
			p.Version, n, st.upper.value(), st.total, st.finished)
	})
}

// find gives the key of the row that lies some rows above a position, or nil past the end.
func (s *session) find(ctx context.Context, f *plan.Fill, lo, hi position, direction string, skip int64) (position, error) {
	var order, literals []string
	for i, name := range f.KeyNames() {
		order, literals = append(order, name+direction), append(literals, s.literal(name, f.Key[i]))
	}
	found := make(position, len(f.Key))
	into := make([]any, len(found))
	for i := range found {
		into[i] = &found[i]
	}
	err := scan(ctx, s.conn, fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT 1 OFFSET %d", strings.Join(literals, ", "), f.Table,
		within(f, lo, hi), strings.Join(order, ", "), skip), nil, into...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return found, err
}

// within is the condition "above lo, up to hi" over the key; either may be nil.
func within(f *plan.Fill, lo, hi position) string {
	cond := "1 = 1"
	if lo != nil {
		cond += " AND " + beyond(f.KeyNames(), lo, ">", false)
	}
	if hi != nil {
		cond += " AND " + beyond(f.KeyNames(), hi, "<", true)
	}
	return cond
}

// beyond compares keys column by column, in a form that both databases answer from the index.
func beyond(names []string, p position, op string, orEqual bool) string {
	last := op
	if orEqual {
		last += "="
	}
	if len(names) == 1 {
		return names[0] + " " + last + " " + p[0]
	}
	return fmt.Sprintf("(%[1]s %[2]s= %[3]s AND (%[1]s %[2]s %[3]s OR %[4]s))", names[0], op, p[0], beyond(names[1:], p[1:], op, orEqual))
}

// batch fills the next rows in one transaction with its progress.
func (w *walk) batch(ctx context.Context, p *plan.Plan, n int, st *fillState) error {
	next := *st
	err := w.write(ctx, func() error {
		limited, stop, err := w.limit(ctx, w.conn, w.opts.LockTimeout)
		if err != nil {
			return err
		}
		defer stop()
		hi, err := w.find(limited, w.fill, st.at, st.upper, "", w.rows-1)
		if err != nil {
			return err
		}
		if hi == nil {
			hi, next.finished = st.upper, true
		}
		if err := w.rewrite(limited, p.Version, within(w.fill, st.at, hi)+" AND ("+w.fill.Pending+")"); err != nil {
			return err
		}
		next.at, next.done = hi, st.done+w.rows
		if next.finished {
			next.done = st.total
		}
		return w.exec(limited, "UPDATE sluice_fill SET at_key = ?, done = ?, finished = ? WHERE version = ? AND fill = ?", hi.value(), next.done, next.finished, p.Version, n)
	})
	if err == nil {
		*st = next
	}
	return err
}

// rewrite writes the rows of a condition, and records the NULLs that it replaces.
func (w *walk) rewrite(ctx context.Context, version, where string) error {
	if w.fill.Displaces != "" {
		if err := w.exec(ctx, displace(w.dialect, version, *w.fill, " FROM "+w.fill.Table.String(), where)); err != nil {
			return err
		}
	}
	return w.exec(ctx, update(w.fill, where))
}

func update(f *plan.Fill, where string) string {
	var set []string
	for _, a := range f.Set {
		set = append(set, quote(a.Column)+" = "+a.Expr)
	}
	return fmt.Sprintf("UPDATE %s SET %s WHERE %s", f.Table, strings.Join(set, ", "), where)
}

// count runs a statement that yields one number, under the long timeout: it locks nothing.
func (s *session) count(ctx context.Context, query string) (n int64, err error) {
	return countOn(ctx, s.Engine, s.conn, query)
}

func countOn(ctx context.Context, e *Engine, c *sql.Conn, query string) (n int64, err error) {
	limited, stop, err := e.limit(ctx, c, e.opts.ScanTimeout)
	if err != nil {
		return 0, err
	}
	defer stop()
	return n, scan(limited, c, query, nil, &n)
}
