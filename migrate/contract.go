package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// ContractRequest says what is known about the applications that run.
type ContractRequest struct {
	Change *change.Change
	// Running lists the image digests of every application version that runs now, as the deployer says.
	Running []string
	// OldNames lists application_name values (with % as wildcard) that only old versions use.
	OldNames []string
	// Waive names kinds of evidence that may be missing ("running", "readers"), with WaiveReason recorded in the history.
	Waive       []string
	WaiveReason string
}

// The kinds of evidence that a waiver can stand in for.
const (
	EvidenceRunning = "running"
	EvidenceReaders = "readers"
)

// Contract takes the old shape away in two steps, one a call: first the tombstone (a rename, undone at once by Rollback), then, after a
// second window, the drop. Before each it checks everything again: the window by the database's clock, every row, and the evidence
// that nobody reads the old shape. It refuses inside a window with the time that is left.
func (e *Engine) Contract(ctx context.Context, q ContractRequest) (*Revision, error) {
	err := e.withLease(ctx, func(s *session) error {
		r, err := s.begun(s.ctx, q.Change)
		if err != nil {
			return err
		}
		switch {
		case r.Phase == Completed:
			return nil
		case r.Phase == Dropping:
			return s.drop(s.ctx, r)
		case !r.Plan.Contracts() && r.Phase.Reached(Verified):
			return s.enter(s.ctx, r, Completed, "nothing to contract")
		case r.Phase == Switched, r.Phase == Burying:
			return s.bury(s.ctx, r, q)
		case r.Phase == Tombstoned:
			return s.finish(s.ctx, r, q)
		}
		return refusal.New("change %s is %s; reads are not switched", q.Change.ID(), r.Phase).Remedy("run migrate-switch when the application reads the new shape")
	})
	if err != nil {
		return nil, err
	}
	return e.revision(ctx, q.Change.Version)
}

func (s *session) bury(ctx context.Context, r *Revision, q ContractRequest) error {
	if r.Phase == Switched {
		if err := s.elapsed(ctx, r, "switched_at", "switch of reads", r.Plan.Window); err != nil {
			return err
		}
		if err := s.unread(ctx, r, q); err != nil {
			return err
		}
		v, err := s.verifyAll(ctx, r, false)
		if err != nil {
			return err
		}
		if err := s.evidence(ctx, r.Version, "verify before tombstone", "pass", v); err != nil {
			return err
		}
		if err := s.enter(ctx, r, Burying, "the window is over"); err != nil {
			return err
		}
	}
	if err := s.run(ctx, r.Plan, plan.StageTombstone); err != nil {
		return err
	}
	if len(r.Plan.Drop) == 0 {
		return s.enter(ctx, r, Completed, "nothing to drop")
	}
	return s.enter(ctx, r, Tombstoned, "the old shape is renamed away")
}

func (s *session) finish(ctx context.Context, r *Revision, q ContractRequest) error {
	if err := s.elapsed(ctx, r, "tombstoned_at", "tombstone", r.Plan.DropWindow); err != nil {
		return err
	}
	if err := s.unread(ctx, r, q); err != nil {
		return err
	}
	if err := s.enter(ctx, r, Dropping, "past the point of no return"); err != nil {
		return err
	}
	return s.drop(ctx, r)
}

func (s *session) drop(ctx context.Context, r *Revision) error {
	if err := s.run(ctx, r.Plan, plan.StageDrop); err != nil {
		return err
	}
	return s.write(ctx, func(tx pgx.Tx) error {
		for _, t := range []string{"range", "fill", "displaced"} {
			if _, err := tx.Exec(ctx, "DELETE FROM sluice."+t+" WHERE version = $1", r.Version); err != nil {
				return err
			}
		}
		return s.enterIn(ctx, tx, r, Completed, "only the new shape is left")
	})
}

// elapsed refuses while a window runs, by the database's clock alone.
func (s *session) elapsed(ctx context.Context, r *Revision, since, what string, window time.Duration) error {
	var left float64
	err := s.pool.QueryRow(ctx, "SELECT extract(epoch FROM "+since+" - clock_timestamp())::float8 FROM sluice.revision WHERE version = $1", r.Version).Scan(&left)
	if err != nil {
		return fmt.Errorf("reading the clock of %s: %w", r.Plan.Change, err)
	}
	return InsideWindow(r.Plan.Change, what, window, window+time.Duration(left*float64(time.Second)))
}

// InsideWindow refuses while something is left of a window.
func InsideWindow(id, what string, window, rest time.Duration) error {
	if rest <= 0 {
		return nil
	}
	return refusal.New("the window of %s after the %s is not over for %s: %s left", window, what, id, minutes(rest)).
		Remedy("run again after that; until then everything can be undone with migrate-rollback")
}

func minutes(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(d.Seconds())+1)
	}
	return fmt.Sprintf("%d min", int(d.Minutes()+0.999))
}

// unread gathers the evidence that nobody uses the old shape any more.
func (s *session) unread(ctx context.Context, r *Revision, q ContractRequest) error {
	if len(r.Plan.Old) == 0 && len(q.Running) == 0 && len(r.Plan.Tombstone) == 0 {
		return nil
	}
	if len(q.Waive) > 0 && strings.TrimSpace(q.WaiveReason) == "" {
		return refusal.Misconfigure("a waiver needs a reason").Remedy("say why the evidence is not needed; it is recorded in the history")
	}
	if err := s.onlyReady(ctx, r, q); err != nil {
		return err
	}
	if err := s.noOldNames(ctx, q); err != nil {
		return err
	}
	return s.noReaders(ctx, r, q)
}

// onlyReady refuses when the deployer or the history names a version that does not read the new shape.
func (s *session) onlyReady(ctx context.Context, r *Revision, q ContractRequest) error {
	// What the last declaration of each version says counts, and so does every version that shipped with a later change.
	rows, err := s.pool.Query(ctx, `WITH mine AS (
			SELECT DISTINCT ON (digest) digest, reads, id FROM sluice.application
			WHERE version = $1 AND at >= (SELECT expanded_at FROM sluice.revision WHERE version = $1) ORDER BY digest, id DESC)
		SELECT digest FROM mine WHERE reads = 'new'
		UNION SELECT digest FROM sluice.application WHERE version <> $1 AND reads <> 'old' AND id > (SELECT max(id) FROM mine WHERE reads = 'new')`, r.Version)
	if err != nil {
		return fmt.Errorf("reading the application versions: %w", err)
	}
	ready, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("reading the application versions: %w", err)
	}
	if len(q.Running) == 0 {
		return s.waived(ctx, r, q, EvidenceRunning, "nobody says which application versions run", "give the image digests that run now")
	}
	for _, d := range q.Running {
		if !slices.Contains(ready, d) {
			return refusal.New("application version %s runs, and is not known to read the new shape of %s", d, r.Plan.Change).
				Remedy("take it out of service; if it does read the new shape, record it with migrate-switch")
		}
	}
	return s.evidence(ctx, r.Version, EvidenceRunning, "pass", map[string]any{"running": q.Running, "ready": ready})
}

// noOldNames refuses while a session bears the name of an old version.
func (s *session) noOldNames(ctx context.Context, q ContractRequest) error {
	for _, name := range q.OldNames {
		var n int64
		var since *time.Time
		err := s.pool.QueryRow(ctx, "SELECT count(*), min(backend_start) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE $1", name).Scan(&n, &since)
		if err != nil {
			return fmt.Errorf("reading sessions: %w", err)
		}
		if n > 0 {
			return refusal.New("%d sessions named %q are connected, the oldest since %s", n, name, since.Format(time.RFC3339)).Remedy("take the old version out of service")
		}
	}
	return nil
}

// noReaders refuses when a statement that names the old shape was called since the switch.
func (s *session) noReaders(ctx context.Context, r *Revision, q ContractRequest) error {
	if len(r.Plan.Old) == 0 {
		return nil
	}
	before, err := s.readersAtSwitch(ctx, r.Version)
	if err != nil {
		return fmt.Errorf("reading the evidence of %s: %w", r.Plan.Change, err)
	}
	now, err := s.readers(ctx, r.Plan)
	if err != nil {
		return err
	}
	switch {
	case !now.Available || !before.Available:
		return s.waived(ctx, r, q, EvidenceReaders, "pg_stat_statements gives no evidence about readers of the old shape",
			"load the extension and grant pg_read_all_stats, switch back and forth once, and let the window pass")
	case !now.Reset.Equal(before.Reset) || now.Evictions > before.Evictions:
		return s.waived(ctx, r, q, EvidenceReaders, "pg_stat_statements was reset or evicted entries since the switch",
			"raise pg_stat_statements.max, then switch back and forth once and let the window pass")
	}
	if late := now.since(before); len(late) > 0 {
		return refusal.New("the old shape of %s was still used since the switch: %s", r.Plan.Change, strings.Join(late, "; ")).
			Remedy("find that application; then switch back and forth once, which starts the window anew")
	}
	return s.evidence(ctx, r.Version, EvidenceReaders, "pass", map[string]any{"since": before.Reset, "statements": len(now.Calls)})
}

// waived accepts missing evidence only with a recorded waiver; otherwise it could not be decided.
func (s *session) waived(ctx context.Context, r *Revision, q ContractRequest, kind, what, remedy string) error {
	if slices.Contains(q.Waive, kind) {
		return s.evidence(ctx, r.Version, kind, "waived", map[string]string{"missing": what, "reason": q.WaiveReason})
	}
	return refusal.Undecide("%s (%s)", what, r.Plan.Change).Remedy("%s; or waive %q with a reason, which is recorded", remedy, kind)
}
