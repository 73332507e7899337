package migrate

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/refusal"
)

// SwitchRequest says which side applications read from now on.
type SwitchRequest struct {
	Change *change.Change
	// Application is the image digest of the version that reads the new shape (or, with Back, the old one again).
	Application string
	// Back retreats: applications read the old shape again, and the window is over for now.
	Back bool
}

// Switch records that applications read the new shape, and starts the retreat window by the database's clock. Old and new columns stay in
// step both ways. Called again with another digest it adds that version to those that are ready, and leaves the clock alone.
func (e *Engine) Switch(ctx context.Context, q SwitchRequest) (*Revision, error) {
	if q.Application == "" {
		return nil, refusal.Misconfigure("the application's image digest is missing").Remedy("give the digest of the version that reads the new shape")
	}
	var r *Revision
	err := e.withLease(ctx, func(s *session) error {
		var err error
		if r, err = s.begun(s.ctx, q.Change); err != nil {
			return err
		}
		if q.Back {
			return s.retreat(s.ctx, r, q.Application)
		}
		switch {
		case r.Phase.Reached(Burying):
			return refusal.New("change %s is %s already", q.Change.ID(), r.Phase).Remedy("nothing is left to switch")
		case !r.Phase.Reached(Verified):
			return refusal.New("change %s is %s, not verified", q.Change.ID(), r.Phase).Remedy("run backfill, which also verifies; new columns may still be empty")
		}
		return s.forward(s.ctx, r, q.Application)
	})
	if err != nil {
		return nil, err
	}
	return e.revision(ctx, q.Change.Version)
}

func (s *session) forward(ctx context.Context, r *Revision, digest string) error {
	first := r.Phase != Switched
	readers, err := s.readers(ctx, r.Plan)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx pgx.Tx) error {
		if err := s.record(ctx, tx, r.Version, "new", digest); err != nil {
			return err
		}
		if !first {
			return nil
		}
		if err := s.keepReaders(ctx, tx, r.Version, readers); err != nil {
			return err
		}
		return s.enterIn(ctx, tx, r, Switched, "reads the new shape: "+digest)
	})
	if err != nil {
		return fmt.Errorf("recording the switch of %s: %w", r.Plan.Change, err)
	}
	return nil
}

// retreat goes back to reading the old shape: nothing is undone, the clock is stopped.
func (s *session) retreat(ctx context.Context, r *Revision, digest string) error {
	if r.Phase != Switched {
		return refusal.New("change %s is %s, not switched", r.Plan.Change, r.Phase).Remedy("for a tombstone use migrate-rollback --to=switched first")
	}
	return s.write(ctx, func(tx pgx.Tx) error {
		if err := s.record(ctx, tx, r.Version, "old", digest); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE sluice.revision SET switched_at = NULL WHERE version = $1", r.Version); err != nil {
			return err
		}
		return s.enterIn(ctx, tx, r, Verified, "retreat: reads the old shape again: "+digest)
	})
}
