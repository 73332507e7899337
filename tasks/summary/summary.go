// Command summary tells people what a pipeline ran, how long it took and what was decided, also when a gate refused.
//
// It is the finally task of a pipeline, so it knows no more than the tasks' statuses and the files in reports. It promises
// to say "not known" where those do not tell, and to leave out reports of another run. What it tells comes from files
// that the code under test could have written: it is for people, and no evidence.
//
//	summary --reports=/tmp/reports -- test-go=Succeeded coverage-gate=Failed build-go=None
package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/task"
)

// options are what a run was asked for; fields have the names of their params.
type options struct {
	reports  string
	runName  string
	statuses []string
}

// row is one task of the pipeline.
type row struct {
	task, status string
	report       *report      // nil where the task left none
	record       *task.Record // likewise
}

func summarize(r *task.Run, o *options) error {
	rows, err := readStatuses(o.statuses)
	if err != nil {
		return err
	}
	found, err := readReports(o.reports, o.runName)
	if err != nil {
		return err
	}
	for i := range rows {
		if status := rows[i].status; status == "Succeeded" || status == "Failed" {
			rows[i].report = found.of(rows[i].task)
			if record, ok := found.records[rows[i].task]; ok {
				rows[i].record = &record
			}
		}
	}
	s := &summary{run: o.runName, rows: rows, reports: found}
	if err := task.WriteFile(filepath.Join(o.reports, "summary.md"), []byte(s.markdown()), 0o644); err != nil {
		return task.Misconfigured("writing summary.md: %w", err)
	}
	fmt.Fprint(r.Stdout, s.text())
	for _, result := range []struct{ name, value string }{
		{"outcome", s.outcome()}, {"stopped-at", orNone(strings.Join(s.failed(), ","))}, {"digest", orNone(found.digest())},
	} {
		if err := r.Result(result.name, result.value); err != nil {
			return err
		}
	}
	return nil
}

// readStatuses reads name=Status; the statuses are Tekton's: Succeeded, Failed, and None for a task that did not run.
func readStatuses(list []string) ([]row, error) {
	if len(list) == 0 {
		return nil, task.Misconfigured("statuses is empty").WithRemedy("pass name=$(tasks.name.status) for each task of the pipeline")
	}
	var rows []row
	for _, entry := range list {
		name, status, ok := strings.Cut(entry, "=")
		if !ok || name == "" || strings.Contains(status, "$(") {
			return nil, task.Misconfigured("statuses: %q is not name=status", entry).
				WithRemedy("pass name=$(tasks.name.status); Tekton fills that in for tasks of the same pipeline, in finally")
		}
		switch status {
		case "Succeeded", "Failed", "None", "":
		default:
			return nil, task.Misconfigured("statuses: %q is no status of Tekton's", entry).WithRemedy("it is one of Succeeded, Failed and None")
		}
		rows = append(rows, row{task: name, status: status})
	}
	return rows, nil
}

// summary is what people are told.
type summary struct {
	run     string
	rows    []row
	reports *reports
}

func (s *summary) failed() (names []string) {
	for _, r := range s.rows {
		if r.status == "Failed" {
			names = append(names, r.task)
		}
	}
	return names
}

func (s *summary) outcome() string {
	if len(s.failed()) > 0 {
		return "stopped"
	}
	return "done"
}

// headline is one line: how the run ended, and where.
func (s *summary) headline() string {
	run := s.run
	if run == "" {
		run = "this run"
	}
	if failed := s.failed(); len(failed) > 0 {
		return fmt.Sprintf("%s stopped at %s", run, strings.Join(failed, ", "))
	}
	ran := 0
	for _, r := range s.rows {
		if r.status == "Succeeded" {
			ran++
		}
	}
	if ran < len(s.rows) {
		return fmt.Sprintf("%s is done: %d of %d tasks ran, and succeeded", run, ran, len(s.rows))
	}
	return fmt.Sprintf("%s is done: all %d tasks succeeded", run, ran)
}

func (r row) statusText() string {
	if r.status == "None" || r.status == "" {
		return "did not run"
	}
	return strings.ToLower(r.status)
}

func (r row) verdict() string {
	if r.report == nil {
		return ""
	}
	return r.report.verdict
}

func (r row) duration() string {
	if r.status != "Succeeded" && r.status != "Failed" {
		return ""
	}
	var started, finished time.Time
	switch {
	case r.record != nil:
		started, finished = r.record.StartedOn, r.record.FinishedOn
	case r.report != nil:
		started, finished = r.report.started, r.report.finished
	}
	d := finished.Sub(started)
	switch {
	case started.IsZero() || d < 0:
		return "not known"
	case d < time.Second:
		return "under 1s"
	}
	return d.Round(time.Second).String()
}

// facts are what the task found; of one that only leaves a record, what it made.
func (r row) facts() string {
	switch {
	case r.report != nil:
		return strings.Join(r.report.facts, "; ")
	case r.record != nil:
		return cmp.Or(r.record.Results["IMAGE_REF"], r.record.Results["commit"])
	}
	return ""
}

// refusal is what a failed task said last, and its remedy.
func (r row) refusal() []string {
	if r.status != "Failed" || r.record == nil {
		return nil
	}
	return r.record.Refusal
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
