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
)

func switchReads(ctx context.Context, r *task.Run, o *options) error {
	if err := migration.CheckDigest("application", o.application); err != nil {
		return err
	}
	d, err := o.Load()
	if err != nil {
		return err
	}
	e, err := o.Open(ctx, r)
	if err != nil {
		return err
	}
	defer e.Close()
	back := o.reads.String() == "old"
	phases := []migrate.Phase{migrate.Verified, migrate.Switched}
	if back {
		phases = phases[1:]
	}
	due, err := o.Due(ctx, e, d, phases...)
	if err != nil {
		return err
	}
	if len(due) == 0 {
		return task.Refuse("no change is verified and waits to be switched").WithRemedy("look at migrate-status for the phase of each change")
	}
	for _, c := range due {
		rev, err := e.Switch(ctx, migrate.SwitchRequest{Change: c, Application: o.application, Back: back})
		if err != nil {
			return migration.Err(err)
		}
		r.Printf("%s is %s", c.ID(), rev.Phase)
	}
	return r.Result("changes", migration.Names(due))
}
