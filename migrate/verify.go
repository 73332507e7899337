package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// maxPasses bounds how often a verification that finds something starts again.
const maxPasses = 5

// verifyRows is how many rows one statement of a verification reads at least.
const verifyRows = 50_000

// Verify goes over every row of a change that is filled. Rows that break the invariant are repaired, and the pass starts again until one
// full pass is clean: a verification that resumes after a failure trusts nothing that it has seen before it.
func (e *Engine) Verify(ctx context.Context, c *change.Change) (*Revision, error) {
	var r *Revision
	err := e.withLease(ctx, func(s *session) error {
		var err error
		if r, err = s.begun(s.ctx, c); err != nil {
			return err
		}
		if !r.Phase.Reached(Filled) || r.Phase.Reached(Burying) {
			return refusal.New("change %s is %s", c.ID(), r.Phase).Remedy("verify between backfill and contract")
		}
		return s.verify(s.ctx, r)
	})
	return r, err
}

func (s *session) verify(ctx context.Context, r *Revision) error {
	detail, err := s.verifyAll(ctx, r, true)
	if err != nil {
		return err
	}
	if r.Phase.Reached(Verified) {
		return s.evidence(ctx, r.Version, "verify", "pass", detail)
	}
	if err := s.evidence(ctx, r.Version, "verify", "pass", detail); err != nil {
		return err
	}
	return s.enter(ctx, r, Verified, "every row holds")
}

// verified is what a verification found, kept as evidence.
type verified struct {
	Rows     int64            `json:"rows"`
	Repaired int64            `json:"repaired"`
	Passes   int              `json:"passes"`
	Checks   map[string]int64 `json:"checks,omitempty"`
	Seconds  float64          `json:"seconds"`
}

// verifyAll goes over every fill and every check; without repair a row that breaks the invariant is a refusal.
func (s *session) verifyAll(ctx context.Context, r *Revision, repair bool) (verified, error) {
	v := verified{Checks: map[string]int64{}}
	began := time.Now()
	for n := range r.Plan.Fills {
		if err := s.verifyFill(ctx, r.Plan, n, repair, &v); err != nil {
			return v, fmt.Errorf("verifying %s for %s: %w", r.Plan.Fills[n].Table.Plain(), r.Plan.Change, err)
		}
	}
	for _, c := range r.Plan.Checks {
		n, err := s.count(ctx, r.Plan, c.Count)
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

func (s *session) verifyFill(ctx context.Context, p *plan.Plan, n int, repair bool, v *verified) error {
	for {
		pass, repaired, rows, err := s.pass(ctx, p, n, repair)
		if err != nil {
			return err
		}
		v.Repaired += repaired
		v.Passes = max(v.Passes, pass)
		switch {
		case repaired == 0:
			v.Rows += rows
			return nil
		case pass >= maxPasses:
			return refusal.New("pass %d still finds %d rows of %s whose new columns fit the old ones in neither direction", pass, repaired, p.Fills[n].Table.Plain()).
				Remedy("something writes them against the triggers: look for session_replication_role, disabled triggers, or an up that depends on more than the row")
		}
	}
}

// pass goes over all rows once, on from where a killed pass stopped when nothing was found until then.
func (s *session) pass(ctx context.Context, p *plan.Plan, n int, repair bool) (pass int, found, rows int64, err error) {
	err = s.write(ctx, func(tx pgx.Tx) error {
		// A pass that is over (clean, or with repairs) is followed by a fresh one.
		return tx.QueryRow(ctx, `UPDATE sluice.fill f SET repaired = CASE WHEN o.over THEN 0 ELSE repaired END, pass = CASE WHEN o.over THEN pass + 1 ELSE pass END, clean = false
			FROM (SELECT pass = 0 OR clean OR repaired > 0 OR NOT EXISTS (SELECT FROM sluice.range r WHERE r.version = $1 AND r.fill = $2 AND r.pass < f2.pass) AS over
				FROM sluice.fill f2 WHERE version = $1 AND fill = $2) o
			WHERE version = $1 AND fill = $2 RETURNING pass`, p.Version, n).Scan(&pass)
	})
	if err != nil {
		return 0, 0, 0, err
	}
	m := s.newMeter(ctx, p, n, "verify")
	defer m.stop()
	group, gctx := errgroup.WithContext(ctx)
	for range s.opts.Workers {
		w := &verifier{worker: worker{session: s, plan: p, n: n, fill: &p.Fills[n], meter: m, pace: newPace(s.opts)}, pass: pass, repair: repair}
		group.Go(func() error { return w.loop(gctx) })
	}
	if err := group.Wait(); err != nil {
		return pass, 0, 0, err
	}
	err = s.write(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "UPDATE sluice.fill SET clean = repaired = 0 WHERE version = $1 AND fill = $2 RETURNING repaired", p.Version, n).Scan(&found)
	})
	m.mu.Lock()
	rows = m.p.Done
	m.mu.Unlock()
	return pass, found, rows, err
}

// A verifier reads spans of the ledger, the first without lower and the last without upper bound: together they hold every row.
type verifier struct {
	worker
	pass   int
	repair bool
}

func (v *verifier) loop(ctx context.Context) error {
	for {
		if err := v.meter.wait(ctx); err != nil {
			return err
		}
		began := time.Now()
		rows, err := v.span(ctx)
		if err != nil {
			return err
		}
		if rows < 0 {
			return nil
		}
		v.meter.add(rows)
		if err := sleep(ctx, v.pace.rest(time.Since(began))); err != nil {
			return err
		}
	}
}

// span verifies the next ranges. Their rows are compared one version of a row at a time, so concurrent writers cannot make a mismatch.
func (v *verifier) span(ctx context.Context) (int64, error) {
	rows, broken := int64(-1), int64(0)
	var sp *span
	err := v.write(ctx, func(tx pgx.Tx) error {
		if err := setLocal(ctx, tx, v.plan.SearchPath, v.opts.LockTimeout, v.opts.ScanTimeout); err != nil {
			return err
		}
		var err error
		if sp, err = v.take(ctx, tx); err != nil || sp == nil {
			return err
		}
		within, args := v.fill.Within(sp.lo != nil, sp.hi != nil), append(texts(sp.lo), texts(sp.hi)...)
		if err := tx.QueryRow(ctx, v.fill.Mismatches(within), args...).Scan(&rows, &broken); err != nil || broken > 0 {
			return err
		}
		return v.seen(ctx, tx, sp.ids, 0)
	})
	switch {
	case err != nil || broken == 0:
		return rows, err
	case v.repair:
		return rows, v.mend(ctx, sp)
	}
	if err := v.write(ctx, func(tx pgx.Tx) error { return v.seen(ctx, tx, nil, broken) }); err != nil {
		return rows, err
	}
	return rows, refusal.New("%d rows of %s have new columns that fit the old ones in neither direction", broken, v.fill.Table.Plain()).
		Remedy("run migrate-backfill for this change again: it repairs them; find out what wrote them past the triggers")
}

// seen notes ranges as looked at in this pass, and how many rows were broken: a pass that found any is no proof.
func (v *verifier) seen(ctx context.Context, tx pgx.Tx, ids []int64, broken int64) error {
	if _, err := tx.Exec(ctx, "UPDATE sluice.range SET pass = $4 WHERE version = $1 AND fill = $2 AND id = ANY($3)", v.plan.Version, v.n, ids, v.pass); err != nil {
		return err
	}
	if broken == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, "UPDATE sluice.fill SET repaired = repaired + $3 WHERE version = $1 AND fill = $2", v.plan.Version, v.n, broken)
	return err
}

// mend repairs range by range: a repair locks rows, and writers wait for it no longer than for any other batch.
func (v *verifier) mend(ctx context.Context, sp *span) error {
	for i, part := range sp.parts {
		step := plan.Step{What: "repairing rows", Table: v.fill.Table.String()}
		err := v.patiently(ctx, step, func() error {
			return v.write(ctx, func(tx pgx.Tx) error {
				if err := setLocal(ctx, tx, v.plan.SearchPath, v.opts.LockTimeout, v.opts.LockTimeout); err != nil {
					return err
				}
				n, err := v.rewrite(ctx, tx, v.fill.Repair(v.fill.Within(part.lo != nil, part.hi != nil)), append(texts(part.lo), texts(part.hi)...))
				if err != nil {
					return err
				}
				return v.seen(ctx, tx, sp.ids[i:i+1], n)
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) take(ctx context.Context, tx pgx.Tx) (*span, error) {
	rows, err := tx.Query(ctx, `SELECT id, lo, hi, NOT EXISTS (SELECT FROM sluice.range x WHERE x.version = r.version AND x.fill = r.fill AND x.id > r.id)
		FROM sluice.range r WHERE version = $1 AND fill = $2 AND pass < $3 ORDER BY id LIMIT $4 FOR UPDATE OF r SKIP LOCKED`,
		v.plan.Version, v.n, v.pass, 1+verifyRows/grain(v.fill.EstRows))
	if err != nil {
		return nil, err
	}
	sp := &span{}
	for rows.Next() {
		var id int64
		var lo, hi []string
		var last bool
		if err := rows.Scan(&id, &lo, &hi, &last); err != nil {
			return nil, err
		}
		if len(sp.ids) > 0 && !equal(sp.hi, lo) {
			continue
		}
		if len(sp.ids) == 0 {
			sp.lo = lo
		}
		if last {
			hi = nil
		}
		sp.ids, sp.hi, sp.parts = append(sp.ids, id), hi, append(sp.parts, span{lo: lo, hi: hi})
	}
	if err := rows.Err(); err != nil || len(sp.ids) == 0 {
		return nil, err
	}
	return sp, nil
}

// count runs a check that yields one number, marked as the engine's own for whoever looks for readers.
func (s *session) count(ctx context.Context, p *plan.Plan, sql string) (n int64, err error) {
	err = inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := setLocal(ctx, tx, p.SearchPath, s.opts.LockTimeout, s.opts.ScanTimeout); err != nil {
			return err
		}
		return tx.QueryRow(ctx, strings.Replace(sql, "SELECT", "SELECT /* sluice */", 1)).Scan(&n)
	})
	return n, err
}

// evidence records what a phase found.
func (s *session) evidence(ctx context.Context, version, kind, verdict string, detail any) error {
	b, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("recording evidence: %w", err)
	}
	return s.write(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO sluice.evidence (version, kind, verdict, detail, run) VALUES ($1, $2, $3, $4, $5)", version, kind, verdict, string(b), s.opts.Run)
		return err
	})
}
