package main

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/internal/evidence"
)

// predicate is the evidence: numbers under the same names in measured and threshold.
func (d *decision) predicate() evidence.Gate {
	p := evidence.Gate{
		Gate: "coverage-gate", Verdict: d.verdict, Inputs: d.inputs,
		Measured: map[string]any{}, Threshold: map[string]any{},
	}
	if d.report == nil {
		p.Rule = "none applied: " + d.reason
		return p
	}
	counts := d.report.Counts()
	p.Measured["unit"] = d.report.Unit
	p.Measured["coverage"], p.Measured["covered"], p.Measured["total"] = counts.Float(), counts.Covered, counts.Total
	p.Measured["excludedFiles"] = len(d.excluded)
	var rules []string
	for _, kind := range []struct{ rule, name, text string }{
		{"minimum", "coverage", "coverage"},
		{"minimum-package", "packageCoverage", "coverage of every package"},
		{"minimum-file", "fileCoverage", "coverage of every file"},
	} {
		lowest, ok := d.tightest(kind.rule)
		if !ok {
			continue
		}
		p.Measured[kind.name], p.Threshold[kind.name] = lowest.Float(), lowest.minimum.Float()
		rules = append(rules, fmt.Sprintf("%s >= %s %%", kind.text, lowest.minimum))
	}
	p.Rule = strings.Join(rules, "; ")
	return p
}

// tightest is the ruling of a rule that decides: one that fails if any does, else the lowest.
func (d *decision) tightest(rule string) (found ruling, ok bool) {
	for _, r := range d.rulings {
		if r.rule != rule {
			continue
		}
		if !ok || found.holds() && !r.holds() || found.holds() == r.holds() && r.Below(found.Counts) {
			found, ok = r, true
		}
	}
	return found, ok
}
