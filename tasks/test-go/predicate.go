package main

import (
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/predicate"
)

// testResult is the in-toto test-result predicate v0.1, with four fields beside it that its consumers ignore.
// Source: https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md
type testResult struct {
	Result        string       `json:"result"` // PASSED or FAILED
	Configuration []descriptor `json:"configuration"`
	PassedTests   []string     `json:"passedTests,omitempty"` // without subtests
	FailedTests   []string     `json:"failedTests,omitempty"`

	Counts     counts               `json:"counts"`
	Commit     string               `json:"commit,omitempty"`
	Run        predicate.Invocation `json:"run"`
	StartedOn  time.Time            `json:"startedOn"`
	FinishedOn time.Time            `json:"finishedOn"`
}

type counts struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
}

// descriptor is an in-toto ResourceDescriptor.
type descriptor struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
}

func (o *options) predicate(out *outcome) testResult {
	p := testResult{
		Result: "PASSED",
		Commit: o.evidence.Commit, Run: predicate.Invocation{PipelineRun: o.evidence.RunName, TaskRun: o.evidence.RunUID},
		StartedOn: out.began.UTC().Truncate(time.Second), FinishedOn: out.finished.UTC().Truncate(time.Second),
	}
	p.Counts.Passed, p.Counts.Failed, p.Counts.Skipped = out.counts()
	if out.word() != predicate.Pass {
		p.Result = "FAILED"
	}
	if o.evidence.Commit != "" {
		p.Configuration = append(p.Configuration, descriptor{Name: "source", Digest: map[string]string{"gitCommit": o.evidence.Commit}})
	}
	toolchain := descriptor{Name: "toolchain", URI: o.golang.Toolchain}
	if _, hex, ok := strings.Cut(o.golang.Toolchain, "@sha256:"); ok {
		toolchain.Digest = map[string]string{"sha256": hex}
	}
	p.Configuration = append(p.Configuration, toolchain)
	for _, pkg := range out.tally.packages {
		for _, test := range pkg.tests {
			if test.state == passed && !strings.Contains(test.name, "/") {
				p.PassedTests = append(p.PassedTests, pkg.path+"."+test.name)
			}
		}
	}
	for _, f := range out.failures() {
		p.FailedTests = append(p.FailedTests, f.name())
	}
	if out.vet != "" {
		p.FailedTests = append(p.FailedTests, "go vet")
	}
	return p
}
