package main

import (
	"strings"

	"github.com/sluice-ci/sluice/internal/predicate"
)

// predicate is the evidence: numbers under the same names in measured and threshold.
func (d *decision) predicate() predicate.Gate {
	p := predicate.Gate{
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
	p.Measured["partlyCovered"], p.Measured["excludedFiles"] = counts.Partial, len(d.exclusions.files)
	var rules []string
	for _, kind := range []struct{ rule, name, text string }{
		{"minimum", "coverage", "coverage >= "},
		{"minimum-package", "packageCoverage", "coverage of every package >= "},
		{"minimum-file", "fileCoverage", "coverage of every file >= "},
		{"minimum-patch", "patchCoverage", "coverage of the patch >= "},
	} {
		if lowest, ok := d.tightest(kind.rule); ok {
			p.Measured[kind.name], p.Threshold[kind.name] = lowest.Float(), lowest.minimum.Float()
			rules = append(rules, kind.text+lowest.wants)
		}
	}
	if d.change != nil {
		patch := d.change.Counts()
		p.Measured["patchCovered"], p.Measured["patchTotal"] = patch.Covered, patch.Total
		p.Measured["concessions"] = len(d.concessions)
	}
	if r, ok := d.ofRule("baseline"); ok {
		rules = append(rules, "baseline: "+r.wants)
		if b := d.baseline.before; b != nil {
			p.Threshold["covered"], p.Threshold["total"] = b.Covered, b.Total
		} else {
			p.Measured["lost"], p.Threshold["lost"] = len(d.baseline.lost), 0
			p.Measured["flaky"] = len(d.baseline.flaky)
		}
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
