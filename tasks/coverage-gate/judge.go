package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/sluice-ci/sluice/internal/coverage"
	"github.com/sluice-ci/sluice/internal/evidence"
)

// ruling is one rule applied to one number.
type ruling struct {
	rule    string // the param that asks for it
	subject string // what it is about: "" for everything, else a package or file
	minimum coverage.Percent
	coverage.Counts
}

func (r ruling) holds() bool { return r.Reaches(r.minimum) }

// judge applies every rule; the verdict is pass only if all hold.
func judge(o *options, m *measurement) (rulings []ruling, verdict evidence.Verdict) {
	if !o.minimum.IsZero() {
		rulings = append(rulings, ruling{"minimum", "", o.minimum, m.report.Counts()})
	}
	for _, p := range m.report.Packages() {
		if minimum := m.rules.PackageMinimum(p.Path, o.minimumPackage); !minimum.IsZero() && p.Total > 0 {
			rulings = append(rulings, ruling{"minimum-package", p.Path, minimum, p.Counts})
		}
	}
	for _, f := range m.report.Files {
		if minimum := m.rules.FileMinimum(f.Path, o.minimumFile); !minimum.IsZero() && f.Counts().Total > 0 {
			rulings = append(rulings, ruling{"minimum-file", f.Path, minimum, f.Counts()})
		}
	}
	if slices.ContainsFunc(rulings, func(r ruling) bool { return !r.holds() }) {
		return rulings, evidence.Fail
	}
	return rulings, evidence.Pass
}

// byShare sorts packages by their share, the worst first; of equal ones the one with the most uncovered.
func byShare(packages []coverage.Package) []coverage.Package {
	packages = slices.DeleteFunc(packages, func(p coverage.Package) bool { return p.Total == 0 })
	slices.SortStableFunc(packages, func(a, b coverage.Package) int {
		switch {
		case a.Below(b.Counts):
			return -1
		case b.Below(a.Counts):
			return 1
		}
		return cmp.Compare(b.Uncovered(), a.Uncovered())
	})
	return packages
}

func worst(report *coverage.Report) coverage.Package { return byShare(report.Packages())[0] }

func describeWorst(p coverage.Package) string {
	return fmt.Sprintf("%s %s %% (%d uncovered)", p.Path, p.Percent(), p.Uncovered())
}
