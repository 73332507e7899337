//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/sluice-ci/sluice/tests/team"
)

// expectation is what a sample's first comment lines say of its run:
//
//	# Expect: Succeeded
//	# Expect: Failed at coverage-gate: below the minimum
//	# Expect result coverage-gate.coverage: 9\d\.\d\d
//
// A TaskRun's result is named without the task.
type expectation struct {
	succeeded bool
	failedAt  string // task of the pipeline; "" in a TaskRun
	words     string // of the refusal
	results   map[string]*regexp.Regexp
}

var (
	expectFailure = regexp.MustCompile(`^Failed(?: at ([a-z0-9-]+))?: (.+)$`)
	expectResult  = regexp.MustCompile(`^# Expect result ([A-Za-z0-9_.-]+): (.+)$`)
)

func readExpectation(path string) (*expectation, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	e := &expectation{results: map[string]*regexp.Regexp{}}
	said := false
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if m := expectResult.FindStringSubmatch(line); m != nil {
			pattern, err := regexp.Compile("^(?:" + m[2] + ")$")
			if err != nil {
				return nil, fmt.Errorf("%s: expectation of result %s: %w", path, m[1], err)
			}
			e.results[m[1]] = pattern
			continue
		}
		text, ok := strings.CutPrefix(line, "# Expect: ")
		if !ok {
			continue
		}
		said = true
		if text == "Succeeded" {
			e.succeeded = true
			continue
		}
		m := expectFailure.FindStringSubmatch(text)
		if m == nil {
			return nil, fmt.Errorf("%s: %q is neither Succeeded nor Failed at TASK: WORDS", path, text)
		}
		e.failedAt, e.words = m[1], m[2]
	}
	if !said {
		return nil, fmt.Errorf("%s says nowhere how it ends: begin it with the line # Expect: Succeeded, or # Expect: Failed at TASK: WORDS", path)
	}
	return e, nil
}

// differences says where a run ended otherwise than expected.
func (e *expectation) differences(o *team.Outcome) (found []string) {
	if o.Succeeded != e.succeeded {
		found = append(found, fmt.Sprintf("succeeded is %t, expected %t", o.Succeeded, e.succeeded))
	}
	if !e.succeeded {
		t, ok := o.Task(e.failedAt)
		switch {
		case !ok || t.Status != "Failed":
			found = append(found, fmt.Sprintf("task %q did not fail", e.failedAt))
		case !strings.Contains(t.Log, e.words):
			found = append(found, fmt.Sprintf("the log of %q does not say %q", e.failedAt, e.words))
		}
	}
	for name, pattern := range e.results {
		got, ok := result(o, name)
		if !ok {
			found = append(found, fmt.Sprintf("there is no result %s", name))
		} else if !pattern.MatchString(got) {
			found = append(found, fmt.Sprintf("result %s is %q, expected %s", name, got, pattern))
		}
	}
	return found
}

func result(o *team.Outcome, name string) (string, bool) {
	task, key, ok := strings.Cut(name, ".")
	if !ok {
		task, key = "", name
	}
	if task == "" && o.Kind == "PipelineRun" {
		value, ok := o.Results[key]
		return value, ok
	}
	t, ok := o.Task(task)
	if !ok {
		return "", false
	}
	value, ok := t.Results[key]
	return value, ok
}
