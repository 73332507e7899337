package main

import (
	"fmt"
	"strings"

	"github.com/sluice-ci/sluice/internal/coverage"
	"github.com/sluice-ci/sluice/internal/predicate"
)

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
	if d.verdict == predicate.Misconfigured {
		fmt.Fprintf(&b, "%s\n", escape(d.reason))
		return []byte(b.String())
	}
	fmt.Fprintf(&b, "%s.\n", escape(d.sentence()))
	d.tableOfRulings(&b)
	d.listConcessions(&b)
	d.tableOfPatch(&b)
	d.listRegressions(&b)
	d.tableOfPackages(&b)
	d.tableOfExclusions(&b)
	list(&b, "Notes", d.notes)
	return []byte(b.String())
}

func (d *decision) tableOfRulings(b *strings.Builder) {
	rows := 0
	for _, r := range d.rulings {
		if r.holds() && (r.rule == "minimum-package" || r.rule == "minimum-file") {
			continue // there are too many of those
		}
		if rows++; rows == 1 {
			b.WriteString("\n| rule | of | covered | asked for | verdict |\n| --- | --- | --- | --- | --- |\n")
		}
		if rows > listed {
			continue
		}
		verdict := string(r.verdict)
		if !r.holds() {
			verdict = "**" + verdict + "**"
		}
		covered := r.Percent()
		if r.Total > 0 {
			covered += fmt.Sprintf(" %% (%s)", r.Counts)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", r.rule, cell(r.subject, "everything"), covered, r.wants, verdict)
	}
	if rows > listed {
		fmt.Fprintf(b, "\n%d more do not hold.\n", rows-listed)
	}
}

// listConcessions tells the reviewer what makes coverage easier to reach without a test.
func (d *decision) listConcessions(b *strings.Builder) {
	var items []string
	for _, c := range d.concessions {
		items = append(items, place(c.Path, c.Line)+": "+c.What)
	}
	list(b, "This change makes coverage easier to reach without a test", items)
}

func (d *decision) tableOfPatch(b *strings.Builder) {
	if d.change == nil {
		return
	}
	b.WriteString("\nChanged:\n\n| file | covered | uncovered lines |\n| --- | --- | --- |\n")
	for i, f := range d.change.Files {
		if i == listed {
			fmt.Fprintf(b, "\nand %d more files.\n", len(d.change.Files)-listed)
			break
		}
		lines := strings.Join(ranges(f.Uncovered), ", ")
		if f.Unknown {
			lines += " (in no profile)"
		}
		fmt.Fprintf(b, "| %s | %s %% (%s) | %s |\n", cell(f.Path, ""), f.Percent(), f.Counts, lines)
	}
	list(b, "Changed, and in no report", d.change.Unmeasured)
}

func (d *decision) listRegressions(b *strings.Builder) {
	if d.baseline == nil {
		return
	}
	places := func(all []coverage.Regression) (items []string) {
		for _, r := range all {
			items = append(items, place(r.Path, r.Line))
		}
		return items
	}
	list(b, "Unchanged, ran in the baseline and not any more", places(d.baseline.lost))
	list(b, "Flaky: did not run this time, but in the second run", places(d.baseline.flaky))
}

// list writes a titled list, if there is anything in it.
func list(b *strings.Builder, title string, items []string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n\n", title)
	for i, item := range items {
		if i == listed {
			fmt.Fprintf(b, "- and %d more\n", len(items)-listed)
			return
		}
		fmt.Fprintf(b, "- %s\n", escape(item))
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
	if len(d.exclusions.files) == 0 {
		return
	}
	fmt.Fprintf(b, "\nLeft out of every number, by rule:\n\n| file | covered | reason |\n| --- | --- | --- |\n")
	for i, e := range d.exclusions.files {
		if i == listed {
			fmt.Fprintf(b, "\nand %d more files.\n", len(d.exclusions.files)-listed)
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
