package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/migration"
	"github.com/sluice-ci/sluice/internal/task"
)

type options struct {
	*migration.Gate
	to     migration.Choice
	accept int
}

func newCommand() *task.Command {
	c := task.New("migrate-rollback", "Undo a database change from any phase before the drop, and say first what the old shape cannot hold.")
	o := options{Gate: migration.DeclareGate(c, "no more rows lose what the old shape cannot hold than were accepted"), to: migration.OneOf("start", "switched")}
	c.Var(&o.to, "to", "How far: start undoes the change, switched only lifts its tombstone.")
	c.Int(&o.accept, "accept-loss", 0, "How many rows may lose what the old shape cannot hold.")
	c.Result("lost", "How many rows lost something.")
	c.Example("migrate-rollback --source=. --database=./secret --change=20260301120000")
	c.Run = o.Judge(func(ctx context.Context, r *task.Run) error { return rollback(ctx, r, &o) })
	return c
}

func main() { task.Main(newCommand()) }
