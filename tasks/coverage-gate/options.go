package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-ci/sluice/internal/coverage"
	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/registry"
	"github.com/sluice-ci/sluice/internal/task"
)

// options are what a run was asked for; fields have the names of their params.
type options struct {
	source           string
	evidence         *predicate.Options
	profiles         []string
	minimum          coverage.Percent
	minimumPackage   coverage.Percent
	minimumFile      coverage.Percent
	minimumPatch     coverage.Percent
	patch            string
	base             string
	baseline         string
	baselineImage    string
	baselineKeys     string // directory of the workspace; "" when it is not bound
	registry         *registry.Options
	budget           time.Duration
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
	c.Result("verdict", "One of pass, fail, insufficient, unavailable, misconfigured.")
	c.Result("worst", "The package with the lowest coverage and how much of it is uncovered.")
	predicate.DeclareResult(c)
}

func declareExamples(c *task.Command) {
	c.Example(
		"coverage-gate --source=. --reports=. --profile=cover.out --minimum=80",
		"coverage-gate --source=. --reports=. --base=origin/main --minimum-patch=80",
		"coverage-gate --source=. --reports=coverage --profile=lcov.info --minimum=80",
	)
}

// within opens the directory in which a report lies, and gives its name there: the workspace reports for a relative path,
// its own directory for an absolute one. No link leads out of it.
func (o *options) within(name string) (dir *os.Root, base string, err error) {
	parent, base := o.evidence.Reports, name
	if filepath.IsAbs(name) {
		parent, base = filepath.Split(filepath.Clean(name))
	}
	if dir, err = os.OpenRoot(parent); err != nil {
		return nil, "", fmt.Errorf("reading %q: %w", name, err)
	}
	return dir, base, nil
}
