package portable

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// Contract takes the old shape away in two steps, one a call: first the tombstone, then, after a second window, the drop. Before each it
// checks everything again, and refuses inside a window with the time that is left.
func (e *Engine) Contract(ctx context.Context, q migrate.ContractRequest) (*migrate.Revision, error) {
	err := e.withLease(ctx, func(ctx context.Context, s *session) error {
		r, err := s.begun(ctx, q.Change)
		switch {
		case err != nil:
			return err
		case r.Phase == migrate.Completed:
			return nil
		case r.Phase == migrate.Dropping:
			return s.drop(ctx, r)
		case !r.Plan.Contracts() && r.Phase.Reached(migrate.Verified):
			return s.enter(ctx, r, migrate.Completed, "nothing to contract")
		case r.Phase == migrate.Switched, r.Phase == migrate.Burying:
			return s.bury(ctx, r, q)
		case r.Phase == migrate.Tombstoned:
			return s.finish(ctx, r, q)
		}
		return refusal.New("change %s is %s; reads are not switched", q.Change.ID(), r.Phase).Remedy("run migrate-switch when the application reads the new shape")
	})
	if err != nil {
		return nil, err
	}
	return e.revision(ctx, q.Change.Version)
}

func (s *session) bury(ctx context.Context, r *migrate.Revision, q migrate.ContractRequest) error {
	if r.Phase == migrate.Switched {
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
		if err := s.enter(ctx, r, migrate.Burying, "the window is over"); err != nil {
			return err
		}
	}
	if err := s.run(ctx, r.Plan, plan.StageTombstone); err != nil {
		return err
	}
	if len(r.Plan.Drop) == 0 {
		return s.enter(ctx, r, migrate.Completed, "nothing to drop")
	}
	return s.enter(ctx, r, migrate.Tombstoned, "the old shape is renamed away")
}

func (s *session) finish(ctx context.Context, r *migrate.Revision, q migrate.ContractRequest) error {
	if err := s.elapsed(ctx, r, "tombstoned_at", "tombstone", r.Plan.DropWindow); err != nil {
		return err
	}
	if err := s.unread(ctx, r, q); err != nil {
		return err
	}
	if err := s.enter(ctx, r, migrate.Dropping, "past the point of no return"); err != nil {
		return err
	}
	return s.drop(ctx, r)
}

func (s *session) drop(ctx context.Context, r *migrate.Revision) error {
	if err := s.run(ctx, r.Plan, plan.StageDrop); err != nil {
		return err
	}
	return s.write(ctx, func() error {
		if err := s.forget(ctx, r.Version, "sluice_fill", "sluice_displaced"); err != nil {
			return err
		}
		return s.enterIn(ctx, r, migrate.Completed, "only the new shape is left")
	})
}

func (s *session) forget(ctx context.Context, version string, tables ...string) error {
	for _, t := range tables {
		if err := s.exec(ctx, "DELETE FROM "+t+" WHERE version = ?", version); err != nil {
			return err
		}
	}
	return nil
}

// elapsed refuses while a window runs, by the database's clock alone.
func (s *session) elapsed(ctx context.Context, r *migrate.Revision, since, what string, window time.Duration) error {
	passed, err := s.since(ctx, r, since)
	if err != nil {
		return err
	}
	return migrate.InsideWindow(r.Plan.Change, what, window, window-passed)
}

func (e *Engine) since(ctx context.Context, r *migrate.Revision, column string) (time.Duration, error) {
	var ms int64
	if err := scan(ctx, e.db, "SELECT "+e.now()+" - "+column+" FROM sluice_revision WHERE version = ?", []any{r.Version}, &ms); err != nil {
		return 0, fmt.Errorf("reading the clock of %s: %w", r.Plan.Change, err)
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// unread gathers the evidence that nobody uses the old shape any more. These databases keep no count of statements by default, so
// evidence about readers is always missing.
func (s *session) unread(ctx context.Context, r *migrate.Revision, q migrate.ContractRequest) error {
	if len(r.Plan.Old) == 0 && len(q.Running) == 0 && len(r.Plan.Tombstone) == 0 {
		return nil
	}
	if len(q.Waive) > 0 && strings.TrimSpace(q.WaiveReason) == "" {
		return refusal.Misconfigure("a waiver needs a reason").Remedy("say why the evidence is not needed; it is recorded in the history")
	}
	if len(q.OldNames) > 0 {
		return refusal.Misconfigure("sessions of this database bear no application_name").Remedy("leave old-names empty; say which image digests run")
	}
	if err := s.onlyReady(ctx, r, q); err != nil || len(r.Plan.Old) == 0 {
		return err
	}
	return s.waived(ctx, r, q, migrate.EvidenceReaders, "this database keeps no count of statements that read the old shape", "look at the application's own log of queries")
}

// onlyReady refuses when the deployer or the history names a version that does not read the new shape. What the last declaration of each
// version says counts, and so does every version that shipped with a later change.
func (s *session) onlyReady(ctx context.Context, r *migrate.Revision, q migrate.ContractRequest) error {
	ready, err := collect(ctx, s.db, `SELECT a.digest FROM sluice_application a, sluice_revision r WHERE r.version = ? AND a.version = r.version AND a.shape = 'new' AND a.at >= r.expanded_at
			AND NOT EXISTS (SELECT 1 FROM sluice_application l WHERE l.version = a.version AND l.digest = a.digest AND l.id > a.id)
		UNION SELECT digest FROM sluice_application WHERE version <> ? AND shape <> 'old'
			AND id > (SELECT max(id) FROM sluice_application WHERE version = ? AND shape = 'new')`, []any{r.Version, r.Version, r.Version}, text)
	if err != nil {
		return fmt.Errorf("reading the application versions: %w", err)
	}
	if len(q.Running) == 0 {
		return s.waived(ctx, r, q, migrate.EvidenceRunning, "nobody says which application versions run", "give the image digests that run now")
	}
	for _, d := range q.Running {
		if !slices.Contains(ready, d) {
			return refusal.New("application version %s runs, and is not known to read the new shape of %s", d, r.Plan.Change).
				Remedy("take it out of service; if it does read the new shape, record it with migrate-switch")
		}
	}
	return s.evidence(ctx, r.Version, migrate.EvidenceRunning, "pass", map[string]any{"running": q.Running, "ready": ready})
}

// waived accepts missing evidence only with a recorded waiver; otherwise it could not be decided.
func (s *session) waived(ctx context.Context, r *migrate.Revision, q migrate.ContractRequest, kind, what, remedy string) error {
	if slices.Contains(q.Waive, kind) {
		return s.evidence(ctx, r.Version, kind, "waived", map[string]string{"missing": what, "reason": q.WaiveReason})
	}
	return refusal.Undecide("%s (%s)", what, r.Plan.Change).Remedy("%s; or waive %q with a reason, which is recorded", remedy, kind)
}
