package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/migration"
	"github.com/sluice-ci/sluice/internal/task"
)

func newCommand() *task.Command {
	c := task.New("migrate-plan", "Say what the pending database changes would do, statement by statement, and refuse what could lose data or block writers.")
	o := migration.DeclareGate(c, "no pending change holds a hazard that it does not allow with a reason")
	o.Found.Threshold["refused"] = 0
	var write bool
	c.Local().Bool(&write, "write", false, "Write the SQL of each plan beside its change, as plan.sql, and the sum over it.")
	c.Result("digest", "Digest of the plan of all pending changes, as sha256:…; expand refuses another.")
	c.Result("changes", "The pending changes, comma-separated.")
	c.Result("hazards", "How many hazards the plan names.")
	c.Result("longest-lock", "The strongest table lock that any step takes.")
	c.Example("migrate-plan --source=. --database=./secret --reports=/tmp/reports")
	c.Sub(newChange())
	c.Sub(hashChanges())
	c.Sub(schema())
	c.Sub(baseline())
	c.Sub(importHistory())
	c.Run = o.Judge(func(ctx context.Context, r *task.Run) error { return planRun(ctx, r, o, write) })
	return c
}

func main() { task.Main(newCommand()) }
