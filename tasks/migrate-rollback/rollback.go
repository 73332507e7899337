// Command migrate-rollback undoes one change. It counts the rows whose new columns hold what the old ones cannot before it acts, and
// refuses when there are more than were accepted.
//
//	migrate-rollback --source=. --database=./secret --change=20260301120000
package main

import (
	"context"
	"fmt"

	"github.com/sluice-ci/sluice/internal/migration"
	"github.com/sluice-ci/sluice/internal/task"
	"github.com/sluice-ci/sluice/migrate"
)

func rollback(ctx context.Context, r *task.Run, o *options) error {
	if o.Change == "" {
		return task.Misconfigured("--change is missing").WithRemedy("name the version of the change to undo; migrate-status lists them")
	}
	o.Found.Threshold["rowsLost"] = o.accept
	w, err := o.Begin(ctx, r)
	if err != nil {
		return err
	}
	defer w.Engine.Close()
	c, err := w.Directory.Find(o.Change)
	if err != nil {
		return task.Misconfigured("%w", err)
	}
	lost, err := w.Engine.Rollback(ctx, migrate.RollbackRequest{Change: c, ToSwitched: o.to.String() == "switched", AcceptLoss: int64(o.accept)})
	var rows int64
	for _, l := range lost {
		r.Printf("%d %s", l.Rows, l.What)
		rows += l.Rows
	}
	o.Found.Measured["rowsLost"] = rows
	if err != nil {
		return migration.Err(err)
	}
	r.Printf("%s is undone", c.ID())
	return r.Result("lost", fmt.Sprint(rows))
}
