package tree_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-ci/sluice/catalog/tree"
)

const text = `# A comment
apiVersion: tekton.dev/v1
kind: Task
metadata:
  name: a
  annotations:
    tekton.dev/tags: x
spec:
  params: &params
    - name: one
    - {name: two,
       description: second}
  steps:
    - name: s
      image: i
---
# nothing
---
kind: ConfigMap
metadata: {generateName: c-}
`

func parse(t *testing.T) []*tree.Document {
	t.Helper()
	docs, problems := tree.Parse("a.yaml", []byte(text))
	require.Empty(t, problems)
	return docs
}

func TestFieldsKeepTheirPlace(t *testing.T) {
	d := parse(t)[0]
	for _, c := range []struct {
		at           tree.Path
		line, column int
	}{
		{nil, 2, 1},
		{tree.At("metadata", "name"), 5, 3},
		{tree.At("metadata", "annotations", "tekton.dev/tags"), 7, 5},
		{tree.At("metadata", "annotations", "tekton.dev/none"), 6, 3},
		{tree.At("spec", "params", 0), 10, 7},
		{tree.At("spec", "params", 1, "description"), 12, 8},
		{tree.At("spec", "params", 2), 9, 3},
		{tree.At("spec", "steps", 0, "image"), 15, 7},
		{tree.At("spec", "steps", "zero"), 13, 3},
		{tree.At("nowhere", 3, "x"), 2, 1},
	} {
		line, column := d.Position(c.at)
		require.Equal(t, []int{c.line, c.column}, []int{line, column}, c.at.String())
	}
}

func TestEveryDocumentOfAFileIsRead(t *testing.T) {
	docs := parse(t)
	require.Len(t, docs, 2)
	require.Equal(t, "one", docs[0].Task.Spec.Params[0].Name)
	require.Equal(t, "ConfigMap", docs[1].Kind)
	require.Equal(t, "c-x", docs[1].Name)
	require.Equal(t, 19, docs[1].Line())
}

func TestPathsAreWrittenAsKubernetesDoes(t *testing.T) {
	for _, text := range []string{"spec.steps[0].image", "spec", "spec.tasks[1].params[2]"} {
		require.Equal(t, text, tree.ParsePath(text).String())
	}
}

func TestThenLeavesThePathAsItWas(t *testing.T) {
	at := tree.At("spec", "steps")
	first, second := at.Then(0), at.Then(1)
	require.Equal(t, "spec.steps[0]", first.String())
	require.Equal(t, "spec.steps[1]", second.String())
	require.Equal(t, "spec.steps", at.String())
}

func TestWhatCannotBeReadIsAProblemWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"kind: Task\nspec:\n  stepz: []\n":        `a.yaml:3: unknown field "spec.stepz"`,
		"kind: Task\nkind: Task\n":                `a.yaml:2: not valid YAML: mapping key "kind" already defined at line 1`,
		"kind: Task\nspec: [\n":                   "a.yaml:2: not valid YAML: yaml: did not find expected node content",
		"kind: Task\nspec:\n  steps: x\n":         "a.yaml:3: cannot unmarshal string into Go struct field TaskSpec.spec.steps of type []v1.Step",
		"- a\n- b\n":                              "a.yaml:1: not a Kubernetes object: no kind",
		"kind: Task\nspec: &a\n  steps: [*a]\n":   "a.yaml:1: not valid YAML: yaml: anchor 'a' value contains itself",
		"kind: Task\nspec: {1: 2, steps: [{}]}\n": "",
	} {
		_, problems := tree.Parse("a.yaml", []byte(text))
		if want == "" {
			require.NotEmpty(t, problems)
			continue
		}
		require.Len(t, problems, 1, text)
		require.Equal(t, want, problems[0].Error())
	}
}

func TestAFolderWithoutACatalogIsRefused(t *testing.T) {
	root := t.TempDir()
	_, err := tree.Load(root)
	require.ErrorContains(t, err, "no folder in tasks/ or pipelines/")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "tasks", "a"), 0o755))
	loaded, err := tree.Load(root)
	require.NoError(t, err)
	require.Nil(t, loaded.Task("a").Main)
}

// FuzzParse holds that no text makes the parser panic, and that every document has a kind and a first line.
func FuzzParse(f *testing.F) {
	f.Add(text)
	f.Add("kind: PipelineRun\nspec: {pipelineSpec: {tasks: [{taskSpec: {steps: [{}]}}]}}")
	f.Add("a: &a [*a, {<<: *a}]")
	f.Fuzz(func(t *testing.T, text string) {
		docs, problems := tree.Parse("a.yaml", []byte(text))
		for _, d := range docs {
			if d.Kind == "" || d.Line() < 1 {
				t.Fatalf("%+v", d)
			}
		}
		for _, p := range problems {
			if p.Line < 0 || p.What == "" {
				t.Fatalf("%+v", p)
			}
		}
	})
}
