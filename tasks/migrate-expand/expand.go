// Command migrate-expand runs the additive part of each pending change: new columns, triggers that keep both shapes in step, tables and
// indexes. Each step is one short transaction under a lock timeout; run again it goes on where it stopped.
//
//	migrate-expand --source=. --database=./secret --application=sha256:…
package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/migration"
	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
	"github.com/sluice-ci/sluice/migrate/plan"
)

func expand(ctx context.Context, r *task.Run, o options) error {
	if err := migration.CheckDigest("application", o.application); err != nil {
		return err
	}
	o.Input("application", o.application)
	w, err := o.Begin(ctx, r)
	if err != nil {
		return err
	}
	defer w.Engine.Close()
	due, err := o.Release(ctx, w.Engine, w.Directory)
	if err != nil {
		return err
	}
	if err := reviewed(ctx, w.Engine, due, o.plan); err != nil {
		return err
	}
	if len(due) == 0 {
		r.Printf("no change is pending")
	}
	return w.Each(ctx, due, func(c *change.Change) (*migrate.Revision, error) {
		return w.Engine.Expand(ctx, migrate.ExpandRequest{Change: c, Directory: w.Directory, Application: o.application})
	})
}

// reviewed refuses plans that are not the ones whose digest was given.
func reviewed(ctx context.Context, e migration.Engine, due []*change.Change, digest string) error {
	if digest == "" {
		return nil
	}
	var plans []*plan.Plan
	for _, c := range due {
		p, err := e.Plan(ctx, c)
		if err != nil {
			return migration.Err(err)
		}
		plans = append(plans, p)
	}
	if now := plan.DigestAll(plans); now != digest {
		return task.Refuse("the plan is no longer the one that was reviewed: %s, not %s", now, digest).
			WithRemedy("the database or a change differs since; run migrate-plan and review again")
	}
	return nil
}
