package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/migration"
	"github.com/sluice-ci/sluice/internal/task"
)

type options struct {
	*migration.Gate
	application string
	reads       migration.Choice
}

func newCommand() *task.Command {
	c := task.New("migrate-switch", "Record that applications read the new shape of the database, and start the retreat window.")
	o := options{Gate: migration.DeclareGate(c, "reads go to a shape of which every row is verified"), reads: migration.OneOf("new", "old")}
	c.Required(&o.application, "application", "Image digest of the application version that reads the new shape (or the old one again), as sha256:….")
	c.Var(&o.reads, "reads", "Which shape is read: new, or old to retreat, which stops the window.")
	c.Result("changes", "The changes that are switched, comma-separated.")
	c.Example("migrate-switch --source=. --database=./secret --application=sha256:2222222222222222222222222222222222222222222222222222222222222222")
	c.Run = o.Judge(func(ctx context.Context, r *task.Run) error { return switchReads(ctx, r, &o) })
	return c
}

func main() { task.Main(newCommand()) }
