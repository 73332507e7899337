package main

import (
	"fmt"
	"path/filepath"

	"github.com/sluice-ci/sluice/internal/task"
)

// writeReports writes what people and other tools read: Markdown for the pipeline's summary, a page for the developer,
// SARIF for the code review.
func (d *decision) writeReports() error {
	for _, report := range []struct {
		name   string
		render func() ([]byte, error)
	}{
		{"coverage-gate.md", func() ([]byte, error) { return d.summary(), nil }},
		{"coverage-gate.html", d.page},
		{"coverage-gate.sarif", d.sarif},
	} {
		data, err := report.render()
		if err == nil {
			err = task.WriteFile(filepath.Join(d.options.evidence.Reports, report.name), data, 0o644)
		}
		if err != nil {
			return fmt.Errorf("writing report %q: %w", report.name, err)
		}
	}
	return nil
}
