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
	d, err := o.Load()
	if err != nil {
		return err
	}
	e, err := o.Open(ctx, r)
	if err != nil {
		return err
	}
	defer e.Close()
	due, err := o.Release(ctx, e, d)
	if err != nil {
		return err
	}
	if err := reviewed(ctx, e, due, o.plan); err != nil {
		return err
	}
	for _, c := range due {
		rev, err := e.Expand(ctx, migrate.ExpandRequest{Change: c, Directory: d, Application: o.application})
		if err != nil {
			return migration.Err(err)
		}
		r.Printf("%s is %s", c.ID(), rev.Phase)
	}
	if len(due) == 0 {
		r.Printf("no change is pending")
	}
	return r.Result("changes", migration.Names(due))
}

// reviewed refuses plans that are not the ones whose digest was given.
func reviewed(ctx context.Context, e *migrate.Engine, due []*change.Change, digest string) error {
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
