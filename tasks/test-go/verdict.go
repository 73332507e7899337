package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/task"
)

// outcome is what one run of vet and tests gave.
type outcome struct {
	began, finished time.Time
	vet             string // findings; "" for none
	failed          bool   // go test ended with an error
	tally           *tally
}

// failure is one thing that failed: a test, or a package as a whole.
type failure struct{ pkg, test, output string }

func (f failure) name() string {
	if f.test == "" {
		return f.pkg
	}
	return f.pkg + "." + f.test
}

// failures lists tests that failed, but for parents that failed only because of a subtest, and broken packages.
func (o *outcome) failures() (list []failure) {
	for _, p := range o.tally.packages {
		for _, test := range p.tests {
			if test.state == failed && !(strings.TrimSpace(test.output.String()) == "" && p.hasFailedBelow(test)) {
				list = append(list, failure{p.path, test.name, test.output.String()})
			}
		}
		if p.broken() {
			list = append(list, failure{pkg: p.path, output: p.output.String()})
		}
	}
	return list
}

// counts are of tests and subtests; a broken package counts as one failure.
func (o *outcome) counts() (passedTests, failedTests, skippedTests int) {
	for _, p := range o.tally.packages {
		a, b, c := p.counts()
		if p.broken() {
			b++
		}
		passedTests, failedTests, skippedTests = passedTests+a, failedTests+b, skippedTests+c
	}
	return passedTests, failedTests, skippedTests
}

// word is the verdict. No test that passed and none that failed is no evidence of anything.
func (o *outcome) word() predicate.Verdict {
	passedTests, failedTests, _ := o.counts()
	switch {
	case o.failed, failedTests > 0, o.vet != "":
		return predicate.Fail
	case passedTests == 0:
		return predicate.Insufficient
	default:
		return predicate.Pass
	}
}

const (
	maxNamed = 10 // failures that a refusal names
	maxLines = 5  // of each one's output
)

// verdict is nil, or the refusal.
func (o *outcome) verdict(options *options) error {
	passedTests, failedTests, skippedTests := o.counts()
	switch o.word() {
	case predicate.Pass:
		return nil
	case predicate.Insufficient:
		return task.Undecided("no test ran in %s (%d skipped)", strings.Join(options.packages, " "), skippedTests).
			WithRemedy("a change without tests is not a tested one: do the packages have _test.go files, and does -run match any?")
	}
	var what []string
	if failedTests > 0 || o.failed {
		what = append(what, fmt.Sprintf("%d of %s failed", failedTests, plural(passedTests+failedTests+skippedTests, "test")))
	}
	if o.vet != "" {
		what = append(what, "go vet has findings")
	}
	no := task.Refuse("%s", strings.Join(what, " and "))
	list := o.failures()
	for _, f := range list[:min(maxNamed, len(list))] {
		no.WithRemedy("%s", strings.TrimRight(f.name()+"\n"+indent(lastLines(f.output, maxLines)), "\n"))
	}
	if len(list) > maxNamed {
		no.WithRemedy("and %d more: see %sjunit.xml in reports", len(list)-maxNamed, options.prefix)
	}
	if o.vet != "" {
		no.WithRemedy("%s", strings.TrimRight("go vet\n"+indent(lastLines(o.vet, maxLines)), "\n"))
	}
	return no
}
