package portable

import (
	"context"
	"fmt"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// Switch records that applications read the new shape, and starts the retreat window by the database's clock. Called again with another
// digest it adds that version to those that are ready, and leaves the clock alone.
func (e *Engine) Switch(ctx context.Context, q migrate.SwitchRequest) (*migrate.Revision, error) {
	if q.Application == "" {
		return nil, refusal.Misconfigure("the application's image digest is missing").Remedy("give the digest of the version that reads the new shape")
	}
	err := e.withLease(ctx, func(ctx context.Context, s *session) error {
		r, err := s.begun(ctx, q.Change)
		switch {
		case err != nil:
			return err
		case q.Back:
			return s.retreat(ctx, r, q.Application)
		case r.Phase.Reached(migrate.Burying):
			return refusal.New("change %s is %s already", q.Change.ID(), r.Phase).Remedy("nothing is left to switch")
		case !r.Phase.Reached(migrate.Verified):
			return refusal.New("change %s is %s, not verified", q.Change.ID(), r.Phase).Remedy("run backfill, which also verifies; new columns may still be empty")
		}
		return s.forward(ctx, r, q.Application)
	})
	if err != nil {
		return nil, err
	}
	return e.revision(ctx, q.Change.Version)
}

func (s *session) forward(ctx context.Context, r *migrate.Revision, digest string) error {
	err := s.write(ctx, func() error {
		if err := s.record(ctx, r.Version, "new", digest); err != nil || r.Phase == migrate.Switched {
			return err
		}
		return s.enterIn(ctx, r, migrate.Switched, "reads the new shape: "+digest)
	})
	if err != nil {
		return fmt.Errorf("recording the switch of %s: %w", r.Plan.Change, err)
	}
	return nil
}

// retreat goes back to reading the old shape: nothing is undone, the clock is stopped.
func (s *session) retreat(ctx context.Context, r *migrate.Revision, digest string) error {
	if r.Phase != migrate.Switched {
		return refusal.New("change %s is %s, not switched", r.Plan.Change, r.Phase).Remedy("for a tombstone use migrate-rollback --to=switched first")
	}
	return s.write(ctx, func() error {
		if err := s.record(ctx, r.Version, "old", digest); err != nil {
			return err
		}
		if err := s.exec(ctx, "UPDATE sluice_revision SET switched_at = NULL WHERE version = ?", r.Version); err != nil {
			return err
		}
		return s.enterIn(ctx, r, migrate.Verified, "retreat: reads the old shape again: "+digest)
	})
}
