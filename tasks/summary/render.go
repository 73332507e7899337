package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// text is the summary for a terminal and a log.
func (s *summary) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", plain(s.headline()))
	table := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "TASK\tSTATUS\tVERDICT\tTOOK\tWHAT")
	for _, r := range s.rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", plain(r.task), r.statusText(), plain(r.verdict()), r.duration(), plain(r.facts()))
	}
	table.Flush()
	b.WriteString("\n")
	for _, r := range s.rows {
		for i, line := range r.refusal() {
			if i == 0 {
				line = r.task + ": " + line
			}
			fmt.Fprintf(&b, "%s%s\n", strings.Repeat("  ", min(i, 1)), plain(line))
		}
		if len(r.refusal()) > 0 {
			b.WriteString("\n")
		}
	}
	for _, line := range s.lines() {
		fmt.Fprintf(&b, "%-9s %s\n", line[0], plain(line[1]))
	}
	for _, note := range s.reports.notes {
		fmt.Fprintf(&b, "note      %s\n", plain(note))
	}
	return b.String()
}

// markdown is the summary for a page.
func (s *summary) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", escape(s.headline()))
	b.WriteString("| task | status | verdict | took | what |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range s.rows {
		status := r.statusText()
		if r.status == "Failed" {
			status = "**failed**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", escape(r.task), status, escape(r.verdict()), r.duration(), escape(r.facts()))
	}
	b.WriteString("\n")
	for _, r := range s.rows {
		if refusal := r.refusal(); len(refusal) > 0 {
			fmt.Fprintf(&b, "> **%s**: %s\n\n", escape(r.task), escape(strings.Join(refusal, " ")))
		}
	}
	for _, line := range s.lines() {
		fmt.Fprintf(&b, "- %s: `%s`\n", line[0], strings.ReplaceAll(plain(line[1]), "`", "'"))
	}
	for _, note := range s.reports.notes {
		fmt.Fprintf(&b, "- note: %s\n", escape(note))
	}
	b.WriteString("\nRead from the tasks' statuses and the files in reports, which anything in the run may write: signed evidence is on the image.\n")
	return b.String()
}

// lines are the facts below the table.
func (s *summary) lines() [][2]string {
	took := "not known"
	if d := s.reports.span(); d > 0 {
		took = d.Round(time.Second).String() + ", from the first report's start to the last one's end"
	}
	known := func(v string) string {
		if v == "" {
			return "not known"
		}
		return v
	}
	return [][2]string{{"commit", known(s.reports.commit())}, {"digest", known(s.reports.digest())}, {"took", took}}
}

// plain keeps control characters out of a log.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) && r != ' ' {
			return ' '
		}
		return r
	}, s)
}

// escape makes a text harmless in a Markdown table.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`).Replace(plain(s))
}
