// Command migrate-switch records which application version reads the new shape. Old and new columns stay in step both ways, so
// going back is another call. The window before contract is counted by the database's clock from the first switch.
//
//	migrate-switch --source=. --database=./secret --application=sha256:…
package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/migration"
	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
)

func switchReads(ctx context.Context, r *task.Run, o *options) error {
	if err := migration.CheckDigest("application", o.application); err != nil {
		return err
	}
	o.Input("application", o.application)
	w, err := o.Begin(ctx, r)
	if err != nil {
		return err
	}
	defer w.Engine.Close()
	back := o.reads.String() == "old"
	phases := []migrate.Phase{migrate.Verified, migrate.Switched}
	if back {
		phases = phases[1:]
	}
	due, err := o.Due(ctx, w.Engine, w.Directory, phases...)
	if err != nil {
		return err
	}
	if len(due) == 0 {
		return task.Refuse("no change is verified and waits to be switched").WithRemedy("look at migrate-status for the phase of each change")
	}
	return w.Each(ctx, due, func(c *change.Change) (*migrate.Revision, error) {
		return w.Engine.Switch(ctx, migrate.SwitchRequest{Change: c, Application: o.application, Back: back})
	})
}
