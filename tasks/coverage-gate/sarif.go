package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path"

	"github.com/sluice-ci/sluice/internal/coverage"
)

// The part of SARIF 2.1.0 (OASIS, 2020) that code review tools read.
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool struct {
		Driver sarifDriver `json:"driver"`
	} `json:"tool"`
	Results []sarifResult `json:"results"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID               string    `json:"id"`
	ShortDescription sarifText `json:"shortDescription"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations,omitempty"`
}

type sarifLocation struct {
	PhysicalLocation struct {
		ArtifactLocation struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region *sarifRegion `json:"region,omitempty"`
	} `json:"physicalLocation"`
}

type sarifRegion struct {
	StartLine uint32 `json:"startLine"`
	EndLine   uint32 `json:"endLine,omitempty"`
}

// sarif reports each uncovered stretch of the patch, lost statement, concession and broken rule at its place.
func (d *decision) sarif() ([]byte, error) {
	run := sarifRun{Results: []sarifResult{}}
	run.Tool.Driver = sarifDriver{Name: "coverage-gate", InformationURI: "https://github.com/sluice-ci/sluice", Rules: []sarifRule{
		{"uncovered", sarifText{"A changed statement or line did not run in any test."}},
		{"lost", sarifText{"An unchanged statement or line ran in the baseline and does not any more."}},
		{"concession", sarifText{"The change makes coverage easier to reach without a test."}},
		{"below-minimum", sarifText{"A package or file is covered less than its minimum."}},
	}}
	add := func(rule, level, path string, first, last uint32, format string, args ...any) {
		r := sarifResult{RuleID: rule, Level: level, Message: sarifText{fmt.Sprintf(format, args...)}}
		if path != "" {
			r.Locations = []sarifLocation{at(path, first, last)}
		}
		run.Results = append(run.Results, r)
	}
	if d.change != nil {
		d.sarifOfPatch(add)
	}
	if d.baseline != nil {
		for _, l := range d.baseline.lost {
			add("lost", "error", l.Path, l.Line, l.Line, "ran in the baseline and does not any more")
		}
	}
	for _, c := range d.concessions {
		add("concession", "note", c.Path, c.Line, c.Line, "%s", c.What)
	}
	for _, r := range d.failed("minimum-file") {
		add("below-minimum", "error", r.subject, 1, 1, "%s %% of %s covered, below the minimum %s %%", r.Percent(), d.report.Unit, r.minimum)
	}
	for _, r := range d.failed("minimum-package") {
		add("below-minimum", "error", d.firstFile(r.subject), 1, 1, "%s %% of the %s of package %s covered, below the minimum %s %%", r.Percent(), d.report.Unit, r.subject, r.minimum)
	}
	data, err := json.MarshalIndent(sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	}, "", " ")
	return append(data, '\n'), err
}

func (d *decision) sarifOfPatch(add func(rule, level, path string, first, last uint32, format string, args ...any)) {
	level := "warning"
	if len(d.failed("minimum-patch")) > 0 {
		level = "error"
	}
	for _, f := range d.change.Files {
		for i := 0; i < len(f.Uncovered); {
			j := i
			for j+1 < len(f.Uncovered) && f.Uncovered[j+1] == f.Uncovered[j]+1 {
				j++
			}
			add("uncovered", level, f.Path, f.Uncovered[i], f.Uncovered[j], "changed, and no test runs it")
			i = j + 1
		}
	}
}

// firstFile stands for a package, which has no place of its own.
func (d *decision) firstFile(pkg string) string {
	kept, _ := d.report.Split(func(f *coverage.File) bool { return path.Dir(f.Path) == pkg })
	return kept.Files[0].Path
}

func at(name string, first, last uint32) (l sarifLocation) {
	l.PhysicalLocation.ArtifactLocation.URI = (&url.URL{Path: name}).EscapedPath()
	if first > 0 {
		l.PhysicalLocation.Region = &sarifRegion{StartLine: first, EndLine: max(first, last)}
	}
	return l
}
