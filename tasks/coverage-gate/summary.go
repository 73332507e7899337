package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/task"
)

// writeReports writes what people and other tools read.
func (d *decision) writeReports() error {
	for _, report := range []struct {
		name   string
		render func() []byte
	}{
		{"coverage-gate.md", d.summary},
	} {
		path := filepath.Join(d.options.evidence.Reports, report.name)
		if err := task.WriteFile(path, report.render(), 0o644); err != nil {
			return fmt.Errorf("writing report %q: %w", report.name, err)
		}
	}
	return nil
}

// listed bounds the tables of the summary; the rest is counted.
const listed = 20

// summary is the Markdown that a pipeline shows beside its verdict.
func (d *decision) summary() []byte {
	var b strings.Builder
	if d.report == nil {
		fmt.Fprintf(&b, "## Coverage: %s\n\nNo number: %s\n", d.verdict, escape(d.reason))
		return []byte(b.String())
	}
	fmt.Fprintf(&b, "## Coverage: %s\n\n", d.verdict)
	if d.verdict == evidence.Misconfigured {
		fmt.Fprintf(&b, "%s\n", escape(d.reason))
		return []byte(b.String())
	}
	fmt.Fprintf(&b, "%s.\n", d.headline())
	d.tableOfRulings(&b)
	d.tableOfPackages(&b)
	d.tableOfExclusions(&b)
	if len(d.notes) > 0 {
		b.WriteString("\nNotes:\n\n")
		for i, note := range d.notes {
			if i == listed {
				fmt.Fprintf(&b, "- and %d more\n", len(d.notes)-listed)
				break
			}
			fmt.Fprintf(&b, "- %s\n", escape(note))
		}
	}
	return []byte(b.String())
}

func (d *decision) tableOfRulings(b *strings.Builder) {
	rows := 0
	for _, r := range d.rulings {
		if r.holds() && r.rule != "minimum" {
			continue
		}
		if rows++; rows == 1 {
			b.WriteString("\n| rule | of | covered | minimum | holds |\n| --- | --- | --- | --- | --- |\n")
		}
		if rows > listed {
			continue
		}
		holds := "yes"
		if !r.holds() {
			holds = "**no**"
		}
		fmt.Fprintf(b, "| %s | %s | %s %% (%s) | %s %% | %s |\n", r.rule, cell(r.subject, "everything"), r.Percent(), r.Counts, r.minimum, holds)
	}
	if rows > listed {
		fmt.Fprintf(b, "\n%d more do not hold.\n", rows-listed)
	}
}

func (d *decision) tableOfPackages(b *strings.Builder) {
	packages := byShare(d.report.Packages())
	b.WriteString("\n| package | covered | uncovered |\n| --- | --- | --- |\n")
	for i, p := range packages {
		if i == listed {
			fmt.Fprintf(b, "\n%d more packages are covered better.\n", len(packages)-listed)
			break
		}
		fmt.Fprintf(b, "| %s | %s %% (%s) | %d |\n", cell(p.Path, ""), p.Percent(), p.Counts, p.Uncovered())
	}
}

func (d *decision) tableOfExclusions(b *strings.Builder) {
	if len(d.excluded) == 0 {
		return
	}
	fmt.Fprintf(b, "\nLeft out of every number, by rule:\n\n| file | covered | reason |\n| --- | --- | --- |\n")
	for i, e := range d.excluded {
		if i == listed {
			fmt.Fprintf(b, "\nand %d more files.\n", len(d.excluded)-listed)
			break
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", cell(e.path, ""), e.Counts, cell(e.reason, ""))
	}
}

// cell shows a name in a table, or other when it is empty.
func cell(name, other string) string {
	if name == "" {
		return other
	}
	return "`" + strings.NewReplacer("`", "'", "|", `\|`, "\n", " ").Replace(name) + "`"
}

// escape keeps a text from being read as markup.
func escape(text string) string {
	return strings.NewReplacer("<", "&lt;", "`", "'", "|", `\|`, "\n", " ").Replace(text)
}
