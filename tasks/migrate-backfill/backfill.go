// Command migrate-backfill fills the rows that were there before expand and verifies all rows. It can be killed at any time: each batch
// commits its rows together with its progress, and the next run goes on from there.
//
//	migrate-backfill --source=. --database=./secret
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sluice-ci/sluice/internal/migration"
	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/migrate"
	"github.com/sluice-ci/sluice/migrate/change"
)

func backfill(ctx context.Context, r *task.Run, o *migration.Gate) error {
	o.Engine().Progress = narrate(r)
	w, err := o.Begin(ctx, r)
	if err != nil {
		return err
	}
	defer w.Engine.Close()
	due, err := o.Due(ctx, w.Engine, w.Directory, migrate.Expanded, migrate.Filled)
	if err != nil {
		return err
	}
	if len(due) == 0 {
		r.Printf("no change waits for its backfill")
	}
	return w.Each(ctx, due, func(c *change.Change) (*migrate.Revision, error) { return w.Engine.Backfill(ctx, c) })
}

// narrateEvery is how often a line of progress is written.
const narrateEvery = 10 * time.Second

// narrate writes a line when a phase begins, ends or pauses, and now and then between.
func narrate(r *task.Run) func(migrate.Progress) {
	var last migrate.Progress
	var at time.Time
	var before int64
	return func(p migrate.Progress) {
		began := p.Since != last.Since
		if began {
			before = p.Done
		}
		if !began && p.Paused == last.Paused && p.Done < p.Total && time.Since(at) < narrateEvery {
			return
		}
		line := fmt.Sprintf("%s %s %s %d of %d rows", p.Phase, p.Table, migrate.Bar(p.Done, p.Total), p.Done, p.Total)
		if eta := p.ETA(before); eta > 0 && p.Done < p.Total {
			line += fmt.Sprintf(", %s left", eta.Round(time.Second))
		}
		if p.Paused != "" {
			line += ", paused: " + p.Paused
		}
		r.Printf("%s", line)
		last, at = p, time.Now()
	}
}
