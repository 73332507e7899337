package lint_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/sluice-ci/sluice/catalog/lint"
	"github.com/sluice-ci/sluice/catalog/tree"
)

// FuzzCheck holds that no document, however odd, makes a rule panic or point outside the document.
func FuzzCheck(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/good.txtar")
	require.NoError(f, err)
	for _, file := range archive.Files {
		if strings.HasSuffix(file.Name, ".yaml") {
			f.Add(string(file.Data))
		}
	}
	f.Add("kind: Task\nspec: &a {steps: [*a]}")
	f.Add("kind: Pipeline\nspec: {tasks: [{taskSpec: {steps: [{}]}, matrix: {include: [{}]}}]}")
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		docs, problems := tree.Parse("x.yaml", []byte(text))
		loaded := &tree.Tree{Root: root, Module: "example.com/catalog", Problems: problems}
		for _, d := range docs {
			u := &tree.Unit{Kind: d.Kind, Name: "x", Dir: "tasks/x", Samples: []*tree.Document{d}}
			switch {
			case d.Task != nil:
				u.Main = d
				loaded.Tasks = append(loaded.Tasks, u)
			case d.Pipeline != nil:
				u.Main = d
				loaded.Pipelines = append(loaded.Pipelines, u)
			default:
				loaded.Tasks = append(loaded.Tasks, u)
			}
		}
		lines := 2
		for _, r := range text {
			if strings.ContainsRune("\n\r\u0085\u2028\u2029", r) { // what YAML 1.1 breaks lines at
				lines++
			}
		}
		for _, finding := range lint.Check(loaded) {
			if finding.Line < 1 || finding.Line > lines {
				t.Fatalf("%s is outside a text of %d lines", finding, lines)
			}
		}
	})
}
