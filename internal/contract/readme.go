package contract

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/internal/task"
)

const (
	tableBegin = "<!-- params -->\n"
	tableEnd   = "<!-- /params -->"
)

// readme keeps the table of params, workspaces and results in README.md.
func readme(t *testing.T, c *task.Command) {
	data, err := os.ReadFile("README.md")
	require.NoError(t, err, "each task has a README.md")
	text := string(data)
	begin, end := strings.Index(text, tableBegin), strings.Index(text, tableEnd)
	require.Truef(t, begin >= 0 && end > begin, "README.md has the lines %s and %s", strings.TrimSpace(tableBegin), tableEnd)
	fresh := text[:begin] + tableBegin + table(c) + text[end:]
	if fresh == text {
		return
	}
	if !Update() {
		require.Equal(t, fresh, text, "the table in README.md is stale: go test ./tasks/%s -update", c.Name)
	}
	require.NoError(t, os.WriteFile("README.md", []byte(fresh), 0o644))
}

func table(c *task.Command) string {
	var b strings.Builder
	rows := func(title, head string, row func(f *task.Flag) []string) {
		first := true
		for _, f := range c.Flags {
			cells := row(f)
			if cells == nil {
				continue
			}
			if first {
				fmt.Fprintf(&b, "\n| %s |%s\n", title, head)
				fmt.Fprintf(&b, "| --- |%s\n", strings.Repeat(" --- |", strings.Count(head, "|")))
				first = false
			}
			fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
		}
	}
	rows("param", " default | what it is |", func(f *task.Flag) []string {
		if f.Kind != task.KindParam && f.Kind != task.KindList {
			return nil
		}
		def := "`" + f.Default + "`"
		switch {
		case f.Required:
			def = "required"
		case f.Kind == task.KindList:
			def = "`[]`"
		case f.Default == "":
			def = "empty"
		}
		return []string{"`" + f.Name + "`", def, cell(f.Usage)}
	})
	rows("workspace", " | what it is |", func(f *task.Flag) []string {
		if f.Kind != task.KindWorkspace {
			return nil
		}
		need := "optional"
		if f.Required {
			need = "required"
		}
		return []string{"`" + f.Name + "`", need, cell(f.Usage)}
	})
	if len(c.Results) > 0 {
		fmt.Fprintf(&b, "\n| result | what it is |\n| --- | --- |\n")
		for _, r := range c.Results {
			fmt.Fprintf(&b, "| `%s` | %s |\n", r.Name, cell(r.Usage))
		}
	}
	b.WriteString("\n")
	return b.String()
}

// cell keeps a text within its table cell.
func cell(s string) string { return strings.ReplaceAll(fold(s), "|", `\|`) }
