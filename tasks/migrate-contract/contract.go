// Command migrate-contract takes the old shape away: first it renames it (the tombstone, which migrate-rollback undoes at once), and in a
// later run, after a second window, it drops it. It checks everything again each time, and refuses inside a window with the time
// that is left: run it again later, it never sleeps.
//
//	migrate-contract --source=. --database=./secret --application=sha256:…
package main

import (
	"context"
	"strings"

	"github.com/sluice-ci/sluice/internal/migration"
	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
)

func takeAway(ctx context.Context, r *task.Run, o options) error {
	for _, d := range o.running {
		if err := migration.CheckDigest("application", d); err != nil {
			return err
		}
		o.Input("application", d)
	}
	w, err := o.Begin(ctx, r)
	if err != nil {
		return err
	}
	defer w.Engine.Close()
	due, err := o.Due(ctx, w.Engine, w.Directory, migrate.Switched, migrate.Burying, migrate.Tombstoned, migrate.Dropping)
	if err != nil {
		return err
	}
	if len(due) == 0 {
		return task.Refuse("no change is switched and waits for contract").WithRemedy("look at migrate-status for the phase of each change")
	}
	var phases []string
	err = w.Each(ctx, due, func(c *change.Change) (*migrate.Revision, error) {
		rev, err := w.Engine.Contract(ctx, migrate.ContractRequest{Change: c, Running: o.running, OldNames: o.oldNames, Waive: o.waive, WaiveReason: o.reason})
		if err == nil {
			phases = append(phases, string(rev.Phase))
		}
		return rev, err
	})
	if err != nil {
		return err
	}
	return r.Result("phases", strings.Join(phases, ","))
}
