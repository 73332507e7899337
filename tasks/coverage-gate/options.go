package main

import (
	"fmt"
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
	minimumPatch     coverage.Percent
	patch            string
	base             string
	baseline         string
	rerun            []string
	rules            string
	exclude          []string
	excludeGenerated bool
	partly           partialLines
}

func newOptions() *options {
	o := &options{partly: "covered"}
	if err := o.minimum.Set("80"); err != nil {
		panic(err)
	}
	return o
}

// partialLines is covered or uncovered.
type partialLines string

func (p *partialLines) String() string { return string(*p) }

func (p *partialLines) Set(s string) error {
	if s != "covered" && s != "uncovered" {
		return fmt.Errorf("%q is neither covered nor uncovered", s)
	}
	*p = partialLines(s)
	return nil
}

func declareResults(c *task.Command) {
	c.Result("coverage", "Coverage of all files in percent, rounded down to two decimals, such as 81.25; none when there is no number.")
	c.Result("covered", "Covered statements (Go) or lines (other languages).")
	c.Result("total", "All statements or lines.")
	c.Result("verdict", "One of pass, fail, insufficient, misconfigured.")
	c.Result("worst", "The package with the lowest coverage and how much of it is uncovered.")
	evidence.DeclareResult(c)
}

func declareExamples(c *task.Command) {
	c.Example(
		"coverage-gate --source=. --reports=. --profile=cover.out --minimum=80",
		"coverage-gate --source=. --reports=. --base=origin/main --minimum-patch=80",
		"coverage-gate --source=. --reports=coverage --profile=lcov.info --minimum=80",
	)
}

// inReports is where a report lies: relative paths are in the workspace reports, wherever the gate runs.
func (o *options) inReports(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(o.evidence.Reports, name)
}
