package main

import (
	"path/filepath"

	"github.com/sluice-ci/sluice/internal/coverage"
	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/task"
)

// options are what a run was asked for; fields have the names of their params.
type options struct {
	source           string
	evidence         *evidence.Options
	profiles         []string
	minimum          coverage.Percent
	minimumPackage   coverage.Percent
	minimumFile      coverage.Percent
	rules            string
	exclude          []string
	excludeGenerated bool
}

func newOptions() *options {
	o := &options{}
	if err := o.minimum.Set("80"); err != nil {
		panic(err)
	}
	return o
}

func declareResults(c *task.Command) {
	c.Result("coverage", "Coverage of all files in percent, rounded down to two decimals, such as 81.25; none when there is no number.")
	c.Result("covered", "Covered statements (Go) or lines (other languages).")
	c.Result("total", "All statements or lines.")
	c.Result("verdict", "One of pass, fail, insufficient, misconfigured.")
	c.Result("worst", "The package with the lowest coverage and how much of it is uncovered.")
	evidence.DeclareResult(c)
}

// inReports is where a report lies: relative paths are in the workspace reports, wherever the gate runs.
func (o *options) inReports(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(o.evidence.Reports, name)
}

// asksNothing is true where no rule could ever refuse.
func (o *options) asksNothing() bool {
	return o.minimum.IsZero() && o.minimumPackage.IsZero() && o.minimumFile.IsZero()
}
