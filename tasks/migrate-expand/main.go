package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/migration"
	"github.com/sluice-ci/sluice/internal/task"
)

type options struct {
	*migration.Gate
	plan, application string
}

func newCommand() *task.Command {
	c := task.New("migrate-expand", "Add the new shape of the database beside the old one, so that old and new application versions work.")
	o := options{Gate: migration.DeclareGate(c, "every pending change adds its new shape beside the old one, by the plan that was reviewed")}
	c.String(&o.plan, "plan", "", "Digest that migrate-plan returned; another plan is refused. Empty accepts the plan as it comes out now.")
	c.Required(&o.application, "application", "Image digest of the application version that ships with the changes, as sha256:….")
	c.Result("changes", "The changes that are expanded, comma-separated.")
	c.Example("migrate-expand --source=. --database=./secret --application=sha256:2222222222222222222222222222222222222222222222222222222222222222")
	c.Run = o.Judge(func(ctx context.Context, r *task.Run) error { return expand(ctx, r, o) })
	return c
}

func main() { task.Main(newCommand()) }
