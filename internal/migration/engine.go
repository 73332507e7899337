package migration

import (
	"context"

	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
	"github.com/sluice-ci/sluice/migrate/portable"
)

// An Engine carries changes through their phases on one kind of database.
type Engine interface {
	Plan(ctx context.Context, c *change.Change) (*plan.Plan, error)
	Expand(ctx context.Context, q migrate.ExpandRequest) (*migrate.Revision, error)
	Backfill(ctx context.Context, c *change.Change) (*migrate.Revision, error)
	Switch(ctx context.Context, q migrate.SwitchRequest) (*migrate.Revision, error)
	Contract(ctx context.Context, q migrate.ContractRequest) (*migrate.Revision, error)
	Rollback(ctx context.Context, q migrate.RollbackRequest) ([]migrate.Lost, error)
	Status(ctx context.Context, d *change.Directory) (*migrate.Status, error)
	Stands(ctx context.Context, c *change.Change) (*migrate.ChangeStatus, error)
	Due(ctx context.Context, d *change.Directory, phases ...migrate.Phase) ([]*change.Change, error)
	Release(ctx context.Context, d *change.Directory) ([]*change.Change, error)
	Baseline(ctx context.Context, d *change.Directory, upTo string) (int, error)
	Close()
}

// open chooses the engine by the scheme of the DSN.
func open(ctx context.Context, dsn string, o migrate.Options) (Engine, error) {
	if portable.Handles(dsn) {
		return portable.Open(ctx, dsn, o)
	}
	return migrate.Open(ctx, dsn, o)
}
