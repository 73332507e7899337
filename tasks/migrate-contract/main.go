package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/migration"
	"github.com/sluice-ci/sluice/internal/task"
)

type options struct {
	*migration.Gate
	running, oldNames, waive []string
	reason                   string
}

func newCommand() *task.Command {
	c := task.New("migrate-contract", "Take the old shape of the database away, in two steps, once its window is over and nothing reads it.")
	o := options{Gate: migration.DeclareGate(c, "the window is over, every row holds, and nothing that runs uses the old shape")}
	o.Found.Threshold["windowLeftSeconds"] = 0
	c.Strings(&o.running, "application", "", "Image digests of every application version that runs now, comma-separated, as the deployer says.")
	c.Strings(&o.oldNames, "old-names", "", "Values of application_name that only old versions connect with, comma-separated; % stands for any text.")
	c.Strings(&o.waive, "waive", "", "Evidence that may be missing, comma-separated: running, readers. Needs a reason.")
	c.String(&o.reason, "waive-reason", "", "Why that evidence is not needed; it is recorded in the history.")
	c.Result("changes", "The changes that were worked on, comma-separated.")
	c.Result("phases", "The phase of each after the run, comma-separated.")
	c.Example("migrate-contract --source=. --database=./secret --application=sha256:2222222222222222222222222222222222222222222222222222222222222222")
	c.Run = o.Judge(func(ctx context.Context, r *task.Run) error { return takeAway(ctx, r, o) })
	return c
}

func main() { task.Main(newCommand()) }
