package portable

import (
	"context"
	"fmt"
	"time"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// maxPasses bounds how often a verification that finds something starts again.
const maxPasses = 5

func (s *session) verify(ctx context.Context, r *migrate.Revision) error {
	detail, err := s.verifyAll(ctx, r, true)
	if err != nil {
		return err
	}
	if err := s.evidence(ctx, r.Version, "verify", "pass", detail); err != nil || r.Phase.Reached(migrate.Verified) {
		return err
	}
	return s.enter(ctx, r, migrate.Verified, "every row holds")
}

// verified is what a verification found, kept as evidence.
type verified struct {
	Rows     int64            `json:"rows"`
	Repaired int64            `json:"repaired"`
	Passes   int64            `json:"passes"`
	Checks   map[string]int64 `json:"checks,omitempty"`
	Seconds  float64          `json:"seconds"`
}

// verifyAll goes over every fill and every check; without repair a row that breaks the invariant is a refusal.
func (s *session) verifyAll(ctx context.Context, r *migrate.Revision, repair bool) (verified, error) {
	v := verified{Checks: map[string]int64{}}
	began := time.Now()
	for n := range r.Plan.Fills {
		if err := s.verifyFill(ctx, r.Plan, n, repair, &v); err != nil {
			return v, fmt.Errorf("verifying %s for %s: %w", r.Plan.Fills[n].Table.Plain(), r.Plan.Change, err)
		}
	}
	for _, c := range r.Plan.Checks {
		n, err := s.count(ctx, c.Count)
		if err != nil {
			return v, fmt.Errorf("counting %s: %w", c.What, err)
		}
		v.Checks[c.What] = n
		if n > 0 {
			return v, refusal.New("verifying %s: %d %s", r.Plan.Change, n, c.What).Remedy("%s", c.Remedy)
		}
	}
	v.Seconds = time.Since(began).Seconds()
	return v, nil
}

// verifyFill goes over all rows until one full pass is clean. A pass that a crash has cut short goes on where it stopped, unless it had
// found something by then.
func (s *session) verifyFill(ctx context.Context, p *plan.Plan, n int, repair bool, v *verified) error {
	for {
		st, err := s.beginPass(ctx, p, n)
		if err != nil {
			return err
		}
		if err := s.pass(ctx, p, n, st, repair); err != nil {
			return err
		}
		v.Repaired, v.Passes = v.Repaired+st.repaired, max(v.Passes, st.number)
		switch {
		case st.repaired == 0:
			v.Rows += st.rows
			return s.write(ctx, func() error {
				return s.exec(ctx, "UPDATE sluice_fill SET clean = 1 WHERE version = ? AND fill = ?", p.Version, n)
			})
		case st.number >= maxPasses:
			return refusal.New("pass %d still finds %d rows of %s whose new columns fit the old ones in neither direction", st.number, st.repaired, p.Fills[n].Table.Plain()).
				Remedy("something writes them past the triggers, or up depends on more than the row")
		}
	}
}

// A passState is how far one pass has come.
type passState struct {
	number, repaired, rows int64
	at                     position
	clean                  bool
}

func (s *session) beginPass(ctx context.Context, p *plan.Plan, n int) (*passState, error) {
	st := &passState{}
	return st, s.write(ctx, func() error {
		err := scan(ctx, s.conn, "SELECT pass, repaired, pass_key, clean FROM sluice_fill WHERE version = ? AND fill = ?", []any{p.Version, n},
			&st.number, &st.repaired, &st.at, &st.clean)
		if err != nil {
			return err
		}
		if st.number == 0 || st.clean || st.repaired > 0 {
			*st = passState{number: st.number + 1}
		}
		return s.exec(ctx, "UPDATE sluice_fill SET pass = ?, repaired = 0, pass_key = ?, clean = 0 WHERE version = ? AND fill = ?", st.number, st.at.value(), p.Version, n)
	})
}

// pass goes over the rows above where it stands. The last part has no upper end: together the parts hold every row.
func (s *session) pass(ctx context.Context, p *plan.Plan, n int, st *passState, repair bool) error {
	w := s.walk(&p.Fills[n], 5000, 100_000, s.opts.BatchTime)
	for {
		began := time.Now()
		hi, broken, err := w.part(ctx, p, n, st)
		if err == nil && broken > 0 {
			if !repair {
				return refusal.New("%d rows of %s have new columns that fit the old ones in neither direction", broken, w.fill.Table.Plain()).
					Remedy("run migrate-backfill for this change again: it repairs them; find out what wrote them past the triggers")
			}
			err = w.repair(ctx, p, n, st, hi)
		}
		if err != nil {
			return err
		}
		w.adapt(time.Since(began))
		w.tell(p, "verify", st.rows, w.fill.EstRows)
		if hi == nil {
			return nil
		}
		st.at = hi
	}
}

// part compares the next rows, a version of a row at a time, so that concurrent writers cannot make a mismatch.
func (w *walk) part(ctx context.Context, p *plan.Plan, n int, st *passState) (hi position, broken int64, err error) {
	if hi, err = w.find(ctx, w.fill, st.at, nil, "", w.rows-1); err != nil {
		return nil, 0, err
	}
	var rows int64
	limited, stop, err := w.limit(ctx, w.conn, w.opts.ScanTimeout)
	if err != nil {
		return nil, 0, err
	}
	defer stop()
	err = scan(limited, w.conn, fmt.Sprintf("SELECT count(*), coalesce(sum(CASE WHEN %s THEN 1 ELSE 0 END), 0) FROM %s WHERE %s", w.fill.Mismatch, w.fill.Table, within(w.fill, st.at, hi)), nil, &rows, &broken)
	if err != nil || broken > 0 {
		return hi, broken, err
	}
	st.rows += rows
	return hi, 0, w.write(ctx, func() error {
		return w.exec(ctx, "UPDATE sluice_fill SET pass_key = ? WHERE version = ? AND fill = ?", hi.value(), p.Version, n)
	})
}

// repair computes the broken rows of a part anew, in small batches, and notes that this pass is no proof.
func (w *walk) repair(ctx context.Context, p *plan.Plan, n int, st *passState, hi position) error {
	if err := w.write(ctx, func() error {
		return w.exec(ctx, "UPDATE sluice_fill SET repaired = repaired + 1 WHERE version = ? AND fill = ?", p.Version, n)
	}); err != nil {
		return err
	}
	small := w.walk(w.fill, 200, 200, w.aim)
	lo := st.at
	for {
		next := hi
		err := w.patiently(ctx, plan.Step{What: "repairing rows", Table: w.fill.Table.Plain()}, func() error {
			return small.write(ctx, func() error {
				found, err := small.find(ctx, w.fill, lo, hi, "", small.rows-1)
				if err != nil {
					return err
				}
				if found != nil {
					next = found
				}
				broken := within(w.fill, lo, next) + " AND (" + w.fill.Mismatch + ")"
				var rows int64
				if err := scan(ctx, small.conn, fmt.Sprintf("SELECT count(*) FROM %s WHERE %s", w.fill.Table, broken), nil, &rows); err != nil {
					return err
				}
				st.repaired += rows
				if err := small.rewrite(ctx, p.Version, broken); err != nil || found != nil {
					return err
				}
				next = nil
				return nil
			})
		})
		if err != nil || next == nil {
			return err
		}
		lo = next
	}
}
