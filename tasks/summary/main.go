package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/task"
)

func newCommand() *task.Command {
	c := task.New("summary", "Tell people what a pipeline ran, how long it took and what was decided.")
	o := &options{}
	c.OutputWorkspace(&o.reports, "reports", "What the tasks reported; summary.md is written beside it.")
	c.Context(&o.runName, "run-name", task.PipelineRunName, "Name of the PipelineRun; reports of another run are left out.")
	c.List(&o.statuses, "statuses", "The pipeline's tasks in order, each as name=$(tasks.name.status).")
	c.Result("outcome", "Whether all tasks that ran succeeded: done or stopped.")
	c.Result("stopped-at", "The tasks that failed, comma-separated; none where there is none.")
	c.Result("digest", "Digest of the image that the reports speak of; none where they do not.")
	c.Example("summary --reports=/tmp/reports -- test-go=Succeeded coverage-gate=Failed build-go=None")
	c.Run = func(_ context.Context, r *task.Run) error { return summarize(r, o) }
	return c
}

func main() { task.Main(newCommand()) }
