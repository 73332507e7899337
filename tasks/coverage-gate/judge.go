package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/sluice-ci/sluice/internal/coverage"
	"github.com/sluice-ci/sluice/internal/predicate"
)

// ruling is one rule applied to one number.
type ruling struct {
	rule    string // the param that asks for it
	subject string // what it is about: "" for everything, else a package or file
	minimum coverage.Percent
	coverage.Counts
	wants   string // what the rule asks for, in words
	verdict predicate.Verdict
}

func (r ruling) holds() bool { return r.verdict == predicate.Pass }

func atLeast(rule, subject string, minimum coverage.Percent, counts coverage.Counts) ruling {
	r := ruling{rule: rule, subject: subject, minimum: minimum, Counts: counts, wants: minimum.String() + " %", verdict: predicate.Fail}
	if counts.Reaches(minimum) {
		r.verdict = predicate.Pass
	}
	return r
}

// judge applies every rule. The verdict is pass only if all hold, and fail if any is broken.
func judge(o *options, m *measurement) (rulings []ruling, verdict predicate.Verdict) {
	if !o.minimum.IsZero() {
		rulings = append(rulings, atLeast("minimum", "", o.minimum, m.report.Counts()))
	}
	for _, p := range m.report.Packages() {
		if minimum := m.rules.PackageMinimum(p.Path, o.minimumPackage); !minimum.IsZero() && p.Total > 0 {
			rulings = append(rulings, atLeast("minimum-package", p.Path, minimum, p.Counts))
		}
	}
	for _, f := range m.report.Files {
		if minimum := m.rules.FileMinimum(f.Path, o.minimumFile); !minimum.IsZero() && f.Counts().Total > 0 {
			rulings = append(rulings, atLeast("minimum-file", f.Path, minimum, f.Counts()))
		}
	}
	if !o.minimumPatch.IsZero() {
		rulings = append(rulings, judgePatch(o.minimumPatch, m.change))
	}
	if m.baseline != nil {
		rulings = append(rulings, judgeBaseline(m.baseline, m.report.Counts()))
	}
	verdict = predicate.Pass
	for _, r := range rulings {
		if r.verdict == predicate.Fail || r.verdict == predicate.Insufficient && verdict == predicate.Pass {
			verdict = r.verdict
		}
	}
	return rulings, verdict
}

// judgePatch passes a patch that changes nothing that counts, such as one of documents, and does not decide about one
// whose only changes are in source files that no report knows.
func judgePatch(minimum coverage.Percent, change *coverage.Change) ruling {
	r := atLeast("minimum-patch", "the patch", minimum, change.Counts())
	if r.Total == 0 {
		r.verdict = predicate.Pass
		if len(change.Unmeasured) > 0 {
			r.verdict = predicate.Insufficient
		}
	}
	return r
}

func judgeBaseline(b *baseline, now coverage.Counts) ruling {
	r := ruling{rule: "baseline", subject: b.name, Counts: now, verdict: predicate.Pass}
	if b.before != nil {
		r.wants = fmt.Sprintf("%s %% (%s) as before", b.before.Percent(), b.before)
		if now.Below(*b.before) {
			r.verdict = predicate.Fail
		}
		return r
	}
	r.wants = "nothing lost"
	if len(b.lost) > 0 {
		r.verdict = predicate.Fail
	}
	return r
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
