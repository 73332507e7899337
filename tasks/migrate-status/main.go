package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/migration"
	"github.com/sluice-ci/sluice/internal/task"
)

type options struct {
	*migration.Options
	reports string
	json    bool
}

func newCommand() *task.Command {
	c := task.New("migrate-status", "Show where each database change stands: its phase, its window, its backfill and its evidence.")
	o := options{Options: migration.Declare(c)}
	c.OutputWorkspace(&o.reports, "reports", "Where the status is written, as text and as JSON.")
	c.Local().Bool(&o.json, "json", false, "Print the status as JSON.")
	c.Result("in-flight", "How many changes are between two shapes.")
	c.Example("migrate-status --source=. --database=./secret --reports=/tmp/reports")
	c.Run = func(ctx context.Context, r *task.Run) error { return status(ctx, r, &o) }
	return c
}

func main() { task.Main(newCommand()) }
