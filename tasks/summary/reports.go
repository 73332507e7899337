package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/task"
)

const (
	maxFiles  = 1000
	maxReport = 8 << 20 // bytes
	maxListed = 10      // failed tests of one task
)

// report is what one file in reports says of a task.
type report struct {
	task, verdict     string
	facts             []string // for people: numbers and the rule
	started, finished time.Time
	commit, digest    string
}

// reports are the files of this run, and what was left out.
type reports struct {
	list    []report
	records map[string]task.Record // by task
	notes   []string
}

// document is any of the files that tasks write: a predicate under its type, or what sbom tells of its image.
type document struct {
	PredicateType string `json:"predicateType"`
	Predicate     struct {
		stamp
		Gate      string         `json:"gate"`
		Rule      string         `json:"rule"`
		Verdict   string         `json:"verdict"`
		Measured  map[string]any `json:"measured"`
		Threshold map[string]any `json:"threshold"`

		Result      string   `json:"result"`
		FailedTests []string `json:"failedTests"`
		Counts      *struct {
			Passed  int `json:"passed"`
			Failed  int `json:"failed"`
			Skipped int `json:"skipped"`
		} `json:"counts"`
	} `json:"predicate"`

	stamp
	Task     string `json:"task"`
	Digest   string `json:"digest"`
	Packages int    `json:"packages"`
}

// stamp says of which commit and run a file speaks, and when it was made.
type stamp struct {
	Commit     string               `json:"commit"`
	Run        predicate.Invocation `json:"run"`
	StartedOn  time.Time            `json:"startedOn"`
	FinishedOn time.Time            `json:"finishedOn"`
}

// readReports reads the JSON files in a directory. Files of other runs, of other kinds, and what is no regular file are
// left out; a note tells of what a person might look for.
func readReports(dir, runName string) (*reports, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, task.Misconfigured("opening reports: %w", err)
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, task.Misconfigured("listing reports: %w", err)
	}
	found := &reports{records: map[string]task.Record{}}
	for i, entry := range entries {
		if i == maxFiles {
			found.notes = append(found.notes, fmt.Sprintf("reports holds more than %d files; the rest was not read", maxFiles))
			break
		}
		name := entry.Name()
		if !entry.Type().IsRegular() || path.Ext(name) != ".json" {
			continue
		}
		data, err := readFile(root, name)
		if err != nil {
			found.notes = append(found.notes, fmt.Sprintf("%s was not read: %v", name, err))
			continue
		}
		found.add(name, data, runName)
	}
	slices.SortStableFunc(found.list, func(a, b report) int { return a.finished.Compare(b.finished) })
	return found, nil
}

func readFile(root *os.Root, name string) ([]byte, error) {
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxReport+1))
	if err == nil && len(data) > maxReport {
		return nil, errors.New("it is larger than 8 MiB")
	}
	return data, err
}

// add takes one file. One that is no report of a task is nobody's mistake.
func (r *reports) add(name string, data []byte, runName string) {
	if strings.HasSuffix(name, ".run.json") {
		r.addRecord(name, data, runName)
		return
	}
	var d document
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var foreign *json.UnmarshalTypeError // a document of another shape, such as an SBOM
	if err := decoder.Decode(&d); errors.As(err, &foreign) {
		return
	} else if err != nil {
		r.notes = append(r.notes, fmt.Sprintf("%s is not JSON", name))
		return
	}
	one, at := d.report(name)
	if one.task == "" {
		return
	}
	if other := at.Run.PipelineRun; other != "" && runName != "" && other != runName {
		r.notes = append(r.notes, fmt.Sprintf("%s is of the run %s and was left out", name, other))
		return
	}
	one.started, one.finished, one.commit = at.StartedOn, at.FinishedOn, at.Commit
	r.list = append(r.list, one)
}

// addRecord takes what the runtime of a task wrote when the run ended.
func (r *reports) addRecord(name string, data []byte, runName string) {
	var one task.Record
	if err := json.Unmarshal(data, &one); err != nil || one.Task == "" {
		r.notes = append(r.notes, name+" is no record of a run")
		return
	}
	if other := one.Run.PipelineRun; other != "" && runName != "" && other != runName {
		return // the report beside it has its note
	}
	r.records[one.Task] = one
}

func (d *document) report(name string) (report, stamp) {
	p := &d.Predicate
	switch d.PredicateType {
	case predicate.GateType:
		one := report{task: p.Gate, verdict: p.Verdict}
		one.facts = append(one.facts, p.Rule)
		for _, key := range slices.Sorted(maps.Keys(p.Threshold)) {
			if measured, ok := p.Measured[key]; ok {
				one.facts = append(one.facts, fmt.Sprintf("%s %s, asked for %s", key, number(measured), number(p.Threshold[key])))
			}
		}
		return one, p.stamp
	case predicate.TestResultType:
		one := report{task: strings.TrimSuffix(name, ".json"), verdict: map[string]string{"PASSED": "pass", "FAILED": "fail"}[p.Result]}
		if i := strings.LastIndex(one.task, "test-"); i > 0 {
			one.task = one.task[i:] // the prefix of one of several modules
		}
		if p.Counts != nil {
			one.facts = append(one.facts, fmt.Sprintf("%d passed, %d failed, %d skipped", p.Counts.Passed, p.Counts.Failed, p.Counts.Skipped))
		}
		one.facts = append(one.facts, p.FailedTests[:min(maxListed, len(p.FailedTests))]...)
		return one, p.stamp
	case "":
		if d.Task != "" {
			return report{task: d.Task, facts: []string{fmt.Sprintf("%d packages", d.Packages)}, digest: d.Digest}, d.stamp
		}
	}
	return report{}, stamp{}
}

// number writes a number as the report has it, without the tail that a float64 drags along.
func number(v any) string {
	text := fmt.Sprint(v)
	if whole, fraction, ok := strings.Cut(text, "."); ok && len(fraction) > 4 && !strings.ContainsAny(fraction, "eE") {
		return whole + "." + fraction[:4]
	}
	return text
}

// of is the newest report of a task, nil where there is none.
func (r *reports) of(name string) *report {
	for i := len(r.list) - 1; i >= 0; i-- {
		if r.list[i].task == name {
			return &r.list[i]
		}
	}
	return nil
}

func (r *reports) digest() string { return r.last(func(one report) string { return one.digest }) }
func (r *reports) commit() string { return r.last(func(one report) string { return one.commit }) }

func (r *reports) last(value func(report) string) (found string) {
	for _, one := range r.list {
		found = cmp.Or(value(one), found)
	}
	return found
}

// span is from the first start to the last end that the reports and records tell; 0 where they do not.
func (r *reports) span() time.Duration {
	var first, last time.Time
	cover := func(started, finished time.Time) {
		if !started.IsZero() && (first.IsZero() || started.Before(first)) {
			first = started
		}
		if finished.After(last) {
			last = finished
		}
	}
	for _, one := range r.list {
		cover(one.started, one.finished)
	}
	for _, one := range r.records {
		cover(one.StartedOn, one.FinishedOn)
	}
	if first.IsZero() || last.Before(first) {
		return 0
	}
	return last.Sub(first)
}
