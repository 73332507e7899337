package lint_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/sluice-ci/sluice/catalog/lint"
	"github.com/sluice-ci/sluice/catalog/tree"
)

// good lays out the catalog that keeps every rule.
func good(t testing.TB) string {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/good.txtar")
	require.NoError(t, err)
	root := t.TempDir()
	for _, f := range archive.Files {
		write(t, root, f.Name, string(f.Data))
	}
	return root
}

func write(t testing.TB, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func check(t testing.TB, root string) []lint.Finding {
	t.Helper()
	loaded, err := tree.Load(root)
	require.NoError(t, err)
	return lint.Check(loaded)
}

func TestAGoodCatalogHasNoFindings(t *testing.T) {
	require.Empty(t, check(t, good(t)))
}

const (
	gate     = "tasks/size-gate/task.yaml"
	compile  = "tasks/compile/task.yaml"
	lane     = "pipelines/lane/pipeline.yaml"
	gateRun  = "tasks/size-gate/samples/run.yaml"
	laneRun  = "pipelines/lane/samples/run.yaml"
	otherRun = "tasks/compile/samples/run.yaml"
)

// broken is a catalog in which text of a file was replaced, and the finding that it has to give. The line is that of the text "at" in the changed file, or 1.
type broken struct {
	rule     string
	file     string
	old, new string
	at       string
	want     string
}

func (b broken) name(i int) string { return fmt.Sprintf("%s/%d", b.rule, i) }

func (b broken) check(t *testing.T) {
	root := good(t)
	path := filepath.Join(root, filepath.FromSlash(b.file))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	changed := string(data)
	if b.old == "" {
		require.NoError(t, os.RemoveAll(path))
	} else {
		require.Contains(t, changed, b.old, "the case is stale")
		changed = strings.Replace(changed, b.old, b.new, 1)
		require.NoError(t, os.WriteFile(path, []byte(changed), 0o644))
	}
	line := 1
	if b.at != "" {
		before, _, ok := strings.Cut(changed, b.at)
		require.True(t, ok, "the case is stale: %q", b.at)
		line = strings.Count(before, "\n") + 1
	}
	findings := check(t, root)
	for _, f := range findings {
		if f.Rule != b.rule || !strings.Contains(f.What, b.want) {
			continue
		}
		require.Equal(t, line, f.Line, "line of: %s", f)
		require.NotEmpty(t, f.Remedy)
		return
	}
	require.Failf(t, "no such finding", "want [%s] %s\ngot %v", b.rule, b.want, findings)
}

func TestEveryRuleFindsWhatItIsFor(t *testing.T) {
	shown := map[string]bool{}
	for i, b := range cases {
		shown[b.rule] = true
		t.Run(b.name(i), b.check)
	}
	for _, r := range lint.Rules {
		require.True(t, shown[r.Name], "no case shows that rule %q finds anything", r.Name)
	}
}

func TestRulesHaveOneNameAndAReason(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range lint.Rules {
		require.False(t, seen[r.Name], r.Name)
		seen[r.Name] = true
		require.Regexp(t, `^[A-Z].*\.$`, r.Doc, "%s has a reason in one sentence", r.Name)
	}
}

func TestFormatsSayTheSame(t *testing.T) {
	findings := []lint.Finding{{File: "a,b.yaml", Line: 3, Column: 5, Rule: "name", What: "100% wrong", Remedy: "mend\nit"}}
	var text, github, js bytes.Buffer
	require.NoError(t, lint.Print(&text, "text", findings))
	require.Equal(t, "a,b.yaml:3: 100% wrong [name]\n  mend\nit\n", text.String())
	require.NoError(t, lint.Print(&github, "github", findings))
	require.Equal(t, "::error file=a%2Cb.yaml,line=3,col=5,title=name::100%25 wrong%0Amend%0Ait\n", github.String())
	require.NoError(t, lint.Print(&js, "json", findings))
	var back []lint.Finding
	require.NoError(t, json.Unmarshal(js.Bytes(), &back))
	require.Equal(t, findings, back)
}
