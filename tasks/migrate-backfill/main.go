package main

import (
	"context"
	"time"

	"github.com/sluice-ci/sluice/internal/migration"
	"github.com/sluice-ci/sluice/internal/task"
)

func newCommand() *task.Command {
	c := task.New("migrate-backfill", "Fill the new shape for rows that were there before, in small batches, then verify every row.")
	o := migration.DeclareGate(c, "every row that was there is filled, and one full pass finds every row to hold what its old shape says")
	e := o.Engine()
	c.Int(&e.Workers, "workers", 2, "Parallel writers.")
	c.Duration(&e.BatchTime, "batch-time", 100*time.Millisecond, "Aim for one batch; writers wait for its rows no longer than the lock timeout.")
	c.Int(&e.Load, "load", 50, "Percent of its time that a writer works; 100 does not rest.")
	c.Duration(&e.MaxLag, "max-lag", 10*time.Second, "Pause while a replica lags more; 0s for no limit.")
	c.Var((*migration.Bytes)(&e.MaxWAL), "max-wal", "Pause while more WAL is written a second, such as 64MiB; 0 for no limit.")
	c.Int(&e.MaxSessions, "max-sessions", 0, "Pause while more sessions of applications are active; 0 for no limit.")
	c.Result("changes", "The changes that are filled and verified, comma-separated.")
	c.Example("migrate-backfill --source=. --database=./secret --load=100")
	c.Run = o.Judge(func(ctx context.Context, r *task.Run) error { return backfill(ctx, r, o) })
	return c
}

func main() { task.Main(newCommand()) }
